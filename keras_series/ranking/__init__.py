"""Folders of photos to ranked series."""

from keras_series.ranking.capture_time import CaptureTime, capture_time
from keras_series.ranking.folders import find_series
from keras_series.ranking.order import RankedPhoto, rank_series
from keras_series.ranking.output import format_series, printable, write_page, write_table
from keras_series.ranking.pipeline import rank_folder
from keras_series.ranking.server import serve

__all__ = [
    "CaptureTime",
    "RankedPhoto",
    "capture_time",
    "find_series",
    "format_series",
    "printable",
    "rank_folder",
    "rank_series",
    "serve",
    "write_page",
    "write_table",
]
