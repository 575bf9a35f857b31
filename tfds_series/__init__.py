"""TFDS builders of photo series. Importing it registers them for `tfds.load("photo_triage")`."""

from tfds_series import biq2021, photo_triage, synthetic_series

__all__ = ["biq2021", "photo_triage", "synthetic_series"]
