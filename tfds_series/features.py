"""The form of an example, which all builders share."""

from __future__ import annotations

import numpy as np
import tensorflow_datasets.public_api as tfds


def series_features(
    photo: dict | None = None, pair: dict | None = None, series: dict | None = None
) -> tfds.features.FeaturesDict:
    """Features of a series: its photos and the pairs of them.

    Args:
        photo: further features of each photo.
        pair: further features of each pair.
        series: further features of the series.

    Returns:
        `series_id`; `photos`, a sequence of `photo_bytes` (encoded), `file_name` and `rank` (1 is
        best, 0 not published); `pairs`, a sequence of `first` and `second` (0-based places in
        `photos`) and `preference` (P(first is preferred) in [0, 1], -1 not published).
    """
    return tfds.features.FeaturesDict({
        "series_id": tfds.features.Text(),
        "photos": tfds.features.Sequence({
            # Encoded, since the photos of a series differ in size.
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
