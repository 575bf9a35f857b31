"""The features of an example, shared by all builders."""

from __future__ import annotations

import numpy as np
import tensorflow_datasets.public_api as tfds


def series_features(
    photo: dict | None = None, pair: dict | None = None, series: dict | None = None
) -> tfds.features.FeaturesDict:
    """Returns the features of a series, its photos and their pairs.

    Args:
        photo: Dictionary of additional features of each photo. Defaults to `None`.
        pair: Dictionary of additional features of each pair. Defaults to `None`.
        series: Dictionary of additional features of the series. Defaults to `None`.

    Returns:
        A `tfds.features.FeaturesDict` with `series_id`; `photos`, a sequence of `photo_bytes`
        (encoded), `file_name` and `rank` (1 is best, 0 is not published); and `pairs`, a sequence
        of `first` and `second` (0-based indices into `photos`) and `preference` (P(first is
        preferred) in [0, 1], -1 where it is not published).
    """
    return tfds.features.FeaturesDict({
        "series_id": tfds.features.Text(),
        "photos": tfds.features.Sequence({
            # Encoded, because the photos of a series differ in size.
            "photo_bytes": tfds.features.Tensor(shape=(), dtype=np.object_),
            "file_name": tfds.features.Text(),
            "rank": np.int32,
            **(photo or {}),
        }),
        "pairs": tfds.features.Sequence({
            "first": np.int32,
            "second": np.int32,
            "preference": np.float32,
            **(pair or {}),
        }),
        **(series or {}),
    })  # fmt: skip
