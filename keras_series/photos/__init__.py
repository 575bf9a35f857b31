"""Encoded photo bytes to model pixels, in TensorFlow core operations."""
