"""TFDS builders of photo series; importing it makes `tfds.load("synthetic_series")` work."""

from tfds_series import synthetic_series

__all__ = ["synthetic_series"]
