"""From folders of photos to ranked series."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from keras_series.export import pretrained_export
from keras_series.ranking.cache import Cache, EncodedPhoto, default_cache
from keras_series.ranking.encoding import encode_photos
from keras_series.ranking.folders import find_files
from keras_series.ranking.grouping import MAX_GAP, MIN_SIMILARITY, group_shots, pair_files
from keras_series.ranking.groups import Group, group_by_folder, make_shots, rank_groups
from keras_series.ranking.keep import Keep
from keras_series.ranking.lazy_model import BATCH_SIZE, LazyModel
from keras_series.ranking.results import RankedSeries
from keras_series.ranking.shots import Shot
from keras_series.utils import FoundFiles


@dataclasses.dataclass(frozen=True)
class RankingOptions:
    """What is a series, and how many of its photos are to be kept.

    Attributes:
        keep: `Keep`.
        max_gap: Float, at least 0, in seconds, see `group_shots`.
        min_similarity: Float, see `group_shots`.
        by_folder: Whether each folder is a series.
    """

    keep: Keep = dataclasses.field(default_factory=Keep)
    max_gap: float = MAX_GAP
    min_similarity: float = MIN_SIMILARITY
    by_folder: bool = False


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The photos of folders in ranked series, and the files that are not among them.

    Attributes:
        series: List of `RankedSeries`.
        found: `FoundFiles`.
        model: String, identity of the network.
    """

    series: list[RankedSeries]
    found: FoundFiles
    model: str


def rank_photos(
    places: Sequence[str | os.PathLike],
    model: str | os.PathLike | None = None,
    options: RankingOptions | None = None,
    cache: str | os.PathLike | None = None,
    batch_size: int = BATCH_SIZE,
) -> Ranking:
    """Ranks the photos of folders with an exported model. Photos are read and never changed.

    Args:
        places: Folders of photos, and photos.
        model: Folder of an exported version. Defaults to the network that comes with the package,
            which is exported on first use, once photos are found.
        options: `RankingOptions`. Defaults to theirs.
        cache: File that keeps what is known of photos for the next run. Defaults to
            `default_cache()`.
        batch_size: Integer, number of photos per call. Defaults to 4.

    Returns:
        A `Ranking`.

    Raises:
        ValueError: If there are no photos, or none can be read.
        FileNotFoundError: If there is no exported model.
    """
    options = options or RankingOptions()
    found = find_files(places)
    pairs = pair_files(found.photos)
    network = LazyModel(model or pretrained_export(), batch_size)
    known = Cache(cache or default_cache(), network.identity)
    encoded: dict[pathlib.Path, EncodedPhoto] = {}
    try:
        encoded = encode_photos([path for path, _ in pairs], network, known)
    finally:
        known.close([photo.content for photo in encoded.values()])
    shots = make_shots(pairs, encoded)
    groups = _group(shots, encoded, options)
    return Ranking(
        rank_groups(groups, encoded, network.compare, options.keep), found, network.identity
    )


def _group(
    shots: Sequence[Shot], encoded: Mapping[pathlib.Path, EncodedPhoto], options: RankingOptions
) -> list[Group]:
    if options.by_folder:
        return group_by_folder(shots)
    found = (encoded[shot.path].embedding for shot in shots)
    size = next((len(each) for each in found if each is not None), 0)
    embeddings = np.full((len(shots), size), np.nan, "float32")
    for row, shot in zip(embeddings, shots, strict=True):
        if encoded[shot.path].embedding is not None:
            row[:] = encoded[shot.path].embedding
    return group_shots(shots, embeddings, options.max_gap, options.min_similarity)
