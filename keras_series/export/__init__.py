"""Exported models: written, checked and loaded."""
