"""Groups of shots to ranked series."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keras_series.ranking.cache import EncodedPhoto
from keras_series.ranking.keep import Keep
from keras_series.ranking.order import Compare, Order, order_series, verdict
from keras_series.ranking.results import SERIES, SINGLE, RankedPhoto, RankedSeries
from keras_series.ranking.shots import Shot

Group = tuple[str, Sequence[Shot]]


def complete_shots(
    shots: Iterable[Shot], encoded: Mapping[pathlib.Path, EncodedPhoto]
) -> list[Shot]:
    """Returns shots with the metadata and the thumbnails of their photos.

    Args:
        shots: `Shot`s.
        encoded: `EncodedPhoto` by the path of the shot.
    """
    photos = ((shot, encoded[shot.path]) for shot in shots)
    return [
        dataclasses.replace(shot, metadata=photo.metadata, thumbnail=photo.thumbnail)
        for shot, photo in photos
    ]


def group_by_folder(shots: Iterable[Shot]) -> list[Group]:
    """Returns each folder as a group.

    Args:
        shots: `Shot`s.
    """
    folders: dict[pathlib.Path, list[Shot]] = {}
    for shot in shots:
        folders.setdefault(shot.path.parent, []).append(shot)
    return [(SERIES if len(group) > 1 else SINGLE, group) for group in folders.values()]


def rank_groups(
    groups: Sequence[Group],
    encoded: Mapping[pathlib.Path, EncodedPhoto],
    compare: Compare,
    keep: Keep,
) -> list[RankedSeries]:
    """Ranks the photos of groups.

    Args:
        groups: For each group its kind, see `RankedSeries`, and its shots.
        encoded: `EncodedPhoto` by the path of the shot.
        compare: Function of two arrays of embeddings, see `order_series`.
        keep: `Keep`, how many photos of a series are to be kept.

    Returns:
        List of `RankedSeries` in the order of the groups.
    """
    valid = [[shot for shot in shots if encoded[shot.path].reason is None] for _, shots in groups]
    orders = iter(
        order_series(
            compare,
            [
                np.stack([encoded[shot.path].embedding for shot in shots])
                if shots
                else np.zeros((0, 1), "float32")
                for (kind, _), shots in zip(groups, valid, strict=True)
                if kind == SERIES
            ],
        )
    )
    names = _names(groups)
    ranked = []
    for name, (kind, shots), readable in zip(names, groups, valid, strict=True):
        if kind == SERIES:
            photos = _rank(readable, next(orders), encoded, keep)
        else:
            strength = 0.0 if kind == SINGLE else None
            photos = [_photo(shot, encoded, strength=strength, keep=True) for shot in readable]
        broken = [shot for shot in shots if encoded[shot.path].reason is not None]
        photos += [_photo(shot, encoded) for shot in broken]
        ranked.append(RankedSeries(name, kind, tuple(photos)))
    return ranked


def _rank(
    shots: Sequence[Shot], order: Order, encoded: Mapping[pathlib.Path, EncodedPhoto], keep: Keep
) -> list[RankedPhoto]:
    kept = keep.of(len(shots))
    photos = []
    for rank, place in enumerate(order.places):
        sure = float(order.sure[rank]) if rank < len(order.sure) else None
        photos.append(
            _photo(
                shots[place],
                encoded,
                sure=sure,
                verdict=None if sure is None else verdict(sure),
                strength=float(order.strengths[rank]),
                keep=rank < kept,
            )
        )
    return photos


def _photo(
    shot: Shot, encoded: Mapping[pathlib.Path, EncodedPhoto], **fields: object
) -> RankedPhoto:
    photo = encoded[shot.path]
    return RankedPhoto(
        path=shot.path,
        score=photo.score,
        reason=photo.reason,
        other_files=shot.other_files,
        copies=shot.copies,
        time=shot.metadata.time,
        camera=shot.metadata.camera,
        **fields,
    )


def _names(groups: Sequence[Group]) -> list[str]:
    """Returns names that tell groups apart: the folder, and the first time or file name."""
    counts: collections.Counter[str] = collections.Counter()
    names = []
    for _, shots in groups:
        path, time = shots[0].path, shots[0].metadata.time
        name = f"{path.parent}, {time or path.stem}"
        counts[name] += 1
        names.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return names
