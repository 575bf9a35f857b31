"""Folders of photos to ranked series."""

from keras_series.ranking.capture_time import CaptureTime, capture_time
from keras_series.ranking.folders import find_series
from keras_series.ranking.grouping import MAX_GAP, MIN_SIMILARITY, group_shots
from keras_series.ranking.metadata import read_metadata
from keras_series.ranking.order import RankedPhoto, rank_series
from keras_series.ranking.output import format_series, printable, write_page, write_table
from keras_series.ranking.pairing import file_hash, find_copies, find_shots, pair_files
from keras_series.ranking.photo_bytes import read_photo
from keras_series.ranking.pipeline import rank_folder
from keras_series.ranking.shots import Metadata, Shot
from keras_series.ranking.similarity import describe_content, thumbnail

__all__ = [
    "MAX_GAP",
    "MIN_SIMILARITY",
    "CaptureTime",
    "Metadata",
    "RankedPhoto",
    "Shot",
    "capture_time",
    "describe_content",
    "file_hash",
    "find_copies",
    "find_series",
    "find_shots",
    "format_series",
    "group_shots",
    "pair_files",
    "printable",
    "rank_folder",
    "rank_series",
    "read_metadata",
    "read_photo",
    "thumbnail",
    "write_page",
    "write_table",
]
