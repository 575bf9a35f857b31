"""TFDS builders of photo series. Importing it registers them for `tfds.load("photo_triage")`."""

from tfds_series import photo_triage, synthetic_series

__all__ = ["photo_triage", "synthetic_series"]
