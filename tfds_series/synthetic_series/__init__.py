"""Series of photos with faults of known severity. See README.md."""

from tfds_series.synthetic_series.synthetic_series_dataset_builder import (
    Builder,
    SyntheticSeriesConfig,
)

__all__ = ["Builder", "SyntheticSeriesConfig"]
