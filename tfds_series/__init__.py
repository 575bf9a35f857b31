"""TFDS builders of photo series; importing it makes `tfds.load("photo_triage")` work."""

from tfds_series import photo_triage, synthetic_series

__all__ = ["photo_triage", "synthetic_series"]
