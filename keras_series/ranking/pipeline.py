"""From folders of photos to ranked series."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from keras_series.export import pretrained_export
from keras_series.ranking.cache import Cache, default_cache
from keras_series.ranking.encoding import KnownFiles, encode_photos, find_known_shots
from keras_series.ranking.folders import find_files
from keras_series.ranking.grouping import MAX_GAP, MIN_SIMILARITY, group_shots
from keras_series.ranking.groups import complete_shots, group_by_folder, rank_groups
from keras_series.ranking.keep import Keep
from keras_series.ranking.lazy_model import BATCH_SIZE, LazyModel
from keras_series.ranking.results import RankedSeries
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
        options: `RankingOptions`.
    """

    series: list[RankedSeries]
    found: FoundFiles
    model: str
    options: RankingOptions


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
    network = LazyModel(model or pretrained_export(), batch_size)
    kept = Cache(cache or default_cache(), network.identity)
    used: list[bytes] = []
    try:
        known = KnownFiles.find(found.photos, kept)
        used += [photo.content for photo in known.photos.values()]
        shots = find_known_shots(found.photos, known, kept)
        encoded = encode_photos([shot.path for shot in shots], known, network, kept)
    finally:
        kept.close(used)
    shots = complete_shots(shots, encoded)
    if options.by_folder:
        groups = group_by_folder(shots)
    else:
        groups = group_shots(shots, options.max_gap, options.min_similarity)
    series = rank_groups(groups, encoded, network.compare, options.keep)
    return Ranking(series, found, network.identity, options)
