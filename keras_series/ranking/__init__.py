"""Folders of photos to ranked series."""

from keras_series.ranking.capture_time import CaptureTime, capture_time
from keras_series.ranking.folders import find_series
from keras_series.ranking.metadata import read_metadata
from keras_series.ranking.order import RankedPhoto, rank_series
from keras_series.ranking.output import format_series, printable, write_page, write_table
from keras_series.ranking.pipeline import rank_folder
from keras_series.ranking.shots import Metadata

__all__ = [
    "CaptureTime",
    "Metadata",
    "RankedPhoto",
    "capture_time",
    "find_series",
    "format_series",
    "printable",
    "rank_folder",
    "rank_series",
    "read_metadata",
    "write_page",
    "write_table",
]
