"""The photos of a series in order, best first."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from keras_series.export import ExportedModel


@dataclasses.dataclass(frozen=True)
class RankedPhoto:
    """A photo in the order of its series.

    Attributes:
        path: `pathlib.Path` of the file.
        score: Float in (0, 1), P(the photo is preferred to the mean training photo), comparable
            across series. `None` for a file that cannot be read as a photo; those come last.
        sure: Float in (0, 1), P(the photo is preferred to the next one of the order). `None` for
            the last photo.
    """

    path: pathlib.Path
    score: float | None
    sure: float | None = None


def rank_series(
    model: ExportedModel, paths: Sequence[pathlib.Path], progress: tqdm | None = None
) -> list[RankedPhoto]:
    """Orders the photos of a series by their mean preference over the others.

    Args:
        model: `ExportedModel`.
        paths: Files of any format.
        progress: `tqdm` bar, updated by the number of photos. Defaults to none.

    Returns:
        List of `RankedPhoto`, best first.
    """
    embeddings, scores, valid = model.embed(map(_read, paths), progress)
    places = np.flatnonzero(valid)
    others = embeddings[places]
    mean_preferences = [
        model.compare(np.broadcast_to(embeddings[place], others.shape), others).mean()
        for place in places
    ]
    order = places[np.argsort(-np.asarray(mean_preferences), kind="stable")]
    sure = [float(p) for p in model.compare(embeddings[order[:-1]], embeddings[order[1:]])]
    ranked = [
        RankedPhoto(paths[place], float(scores[place]), next_sure)
        for place, next_sure in itertools.zip_longest(order, sure)
    ]
    return ranked + [RankedPhoto(paths[place], None) for place in np.flatnonzero(~valid)]


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""  # The model marks it as not valid, like any file that is not a photo.
