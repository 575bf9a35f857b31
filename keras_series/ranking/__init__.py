"""Folders of photos to ranked series.

TensorFlow is imported once photos must be encoded, and not with this package.
"""

from keras_series.ranking.capture_time import CaptureTime, capture_time
from keras_series.ranking.metadata import read_metadata
from keras_series.ranking.pipeline import Ranking, RankingOptions, rank_photos
from keras_series.ranking.results import RankedPhoto, RankedSeries
from keras_series.ranking.shots import Metadata, Shot

__all__ = [
    "CaptureTime",
    "Metadata",
    "RankedPhoto",
    "RankedSeries",
    "Ranking",
    "RankingOptions",
    "Shot",
    "capture_time",
    "rank_photos",
    "read_metadata",
]
