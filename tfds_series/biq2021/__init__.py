"""BIQ2021: real photo series, and single photos, with people's scores. See README.md."""

from tfds_series.biq2021.biq2021_dataset_builder import Biq2021Config, Builder

__all__ = ["Biq2021Config", "Builder"]
