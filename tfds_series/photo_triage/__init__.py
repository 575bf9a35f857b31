"""PhotoTriage: series of personal photos with people's preferences. See README.md."""

from tfds_series.photo_triage.photo_triage_dataset_builder import Builder, PhotoTriageConfig

__all__ = ["Builder", "PhotoTriageConfig"]
