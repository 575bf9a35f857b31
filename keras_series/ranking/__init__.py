"""Folders of photos to ranked series.

TensorFlow is imported once photos must be encoded, and not with this package.
"""

from keras_series.ranking.capture_time import CaptureTime, capture_time
from keras_series.ranking.grouping import MAX_GAP, MIN_SIMILARITY, group_shots
from keras_series.ranking.metadata import read_metadata
from keras_series.ranking.pairing import file_hash, find_copies, find_shots, pair_files
from keras_series.ranking.photo_bytes import read_photo
from keras_series.ranking.pipeline import Ranking, RankingOptions, rank_photos
from keras_series.ranking.results import RankedPhoto, RankedSeries
from keras_series.ranking.shots import Metadata, Shot
from keras_series.ranking.similarity import describe_content, thumbnail

__all__ = [
    "MAX_GAP",
    "MIN_SIMILARITY",
    "CaptureTime",
    "Metadata",
    "RankedPhoto",
    "RankedSeries",
    "Ranking",
    "RankingOptions",
    "Shot",
    "capture_time",
    "describe_content",
    "file_hash",
    "find_copies",
    "find_shots",
    "group_shots",
    "pair_files",
    "rank_photos",
    "read_metadata",
    "read_photo",
    "thumbnail",
]
