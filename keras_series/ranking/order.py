"""The photos of a series in order, best first."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from keras_series.export import ExportedModel
from keras_series.photos import Reason
from keras_series.utils import with_srgb_colours


@dataclasses.dataclass(frozen=True)
class RankedPhoto:
    """A photo in the order of its series.

    Attributes:
        path: `pathlib.Path` of the file.
        score: Float in (0, 1), P(the photo is preferred to the mean training photo), comparable
            across series. `None` for a photo that is not valid; those come last.
        sure: Float in (0, 1), P(the photo is preferred to the next one of the order). `None` for
            the last photo.
        reason: String, why the photo is not valid. `None` for a valid photo.
    """

    path: pathlib.Path
    score: float | None
    sure: float | None = None
    reason: str | None = None


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
    unreadable = {}
    outputs = model.describe((_read(path, unreadable) for path in paths), progress)
    embeddings, scores, valid = (outputs[name] for name in ("embedding", "score", "valid"))
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
    for place in np.flatnonzero(~valid):
        reason = unreadable.get(paths[place], str(Reason(int(outputs["reason"][place]))))
        ranked.append(RankedPhoto(paths[place], None, reason=reason))
    return ranked


def _read(path, unreadable):
    try:
        return with_srgb_colours(path.read_bytes())
    except OSError as error:
        unreadable[path] = f"unreadable: {error.strerror}"
        return b""  # The model marks it as not valid.
