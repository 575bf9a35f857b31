"""The order of the photos of series, best first, and how sure it is."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keras_series.ranking.results import CLEAR, CLOSE, LIKELY
from keras_series.ranking.strengths import bradley_terry, strengths_beside

# The least preference of a verdict.
CLEAR_FROM = 0.9
LIKELY_FROM = 0.7
# Series of more photos compare each photo with this many of them, so that the work of a series
# grows with its photos and not with its pairs.
_MOST_COMPARED = 512
# So many pairs are compared at once, and so many preferences are in memory.
_PAIRS_PER_CALL = 1 << 15
_PREFERENCES_AT_ONCE = 1 << 20
# Photos whose strengths differ by less are equal, such as copies of one photo.
_DIGITS = 6

Compare = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Order:
    """The order of the N photos of a series.

    Attributes:
        places: Integer array `[N]`, the places of the photos as they were given, best first.
        strengths: float64 array `[N]`, the Bradley-Terry log-odds of the photos in this order.
        sure: float64 array `[N - 1]`, P(the photo is preferred to the next one of this order). It
            is empty for one photo or none.
    """

    places: np.ndarray
    strengths: np.ndarray
    sure: np.ndarray


def order_series(compare: Compare, series: Sequence[np.ndarray]) -> list[Order]:
    """Orders the photos of series by their strengths, in which each pair of a series counts.

    Up to 512 photos are compared with each other. Of more, 512 that are spread evenly over the
    series are compared with each other, and the rest with those.

    Args:
        compare: Function of two float32 arrays of embeddings `[P, 128]` that returns a float array
            `[P]`, P(first is preferred to second), as `ExportedModel.compare`.
        series: For each series a float32 array of embeddings `[N, 128]`.

    Returns:
        An `Order` for each series. Photos of equal strength are in the order given.
    """
    strengths = [np.zeros(len(embeddings)) for embeddings in series]
    for places in _of_one_size(series):
        batch = np.stack([series[place] for place in places])
        for place, found in zip(places, _strengths(compare, batch), strict=True):
            strengths[place] = found
    orders = [np.argsort(-found.round(_DIGITS), kind="stable") for found in strengths]
    ordered = [embeddings[order] for embeddings, order in zip(series, orders, strict=True)]
    columns = orders, map(np.take, strengths, orders), _sure(compare, ordered)
    return [Order(*row) for row in zip(*columns, strict=True)]


def verdict(sure: float) -> str:
    """Returns in words how sure the order of two photos is: `CLEAR`, `LIKELY` or `CLOSE`.

    Args:
        sure: Float in (0, 1), P(the first is preferred to the second).

    Example:

    >>> [verdict(sure) for sure in (0.93, 0.8, 0.55, 0.4)]
    ['clear', 'likely', 'too close to call', 'too close to call']
    """
    if sure >= CLEAR_FROM:
        return CLEAR
    return LIKELY if sure >= LIKELY_FROM else CLOSE


def _of_one_size(series: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """Yields the places of series of two and more photos, those of one size together."""
    by_size = collections.defaultdict(list)
    for place, embeddings in enumerate(series):
        by_size[len(embeddings)].append(place)
    for size, places in sorted(by_size.items()):
        at_once = max(1, _PREFERENCES_AT_ONCE // (size * size)) if size > 1 else 0
        if size > _MOST_COMPARED:
            at_once = 1
        for start in range(0, len(places) if at_once else 0, at_once or 1):
            yield places[start : start + at_once]


def _strengths(compare: Compare, embeddings: np.ndarray) -> np.ndarray:
    """Returns the strengths `[B, N]` of series of one size, by their embeddings `[B, N, 128]`."""
    if embeddings.shape[1] <= _MOST_COMPARED:
        return bradley_terry(_preferences(compare, embeddings))
    (photos,) = embeddings  # There is one series at a time of this size.
    chosen = np.linspace(0, len(photos) - 1, _MOST_COMPARED).astype(int)
    compared = bradley_terry(_preferences(compare, photos[chosen][np.newaxis]))[0]
    rows = np.array_split(np.arange(len(photos)), -(-len(photos) // _MOST_COMPARED))
    strengths = np.concatenate(
        [strengths_beside(_cross(compare, photos[row], photos[chosen]), compared) for row in rows]
    )
    strengths[chosen] = compared
    return (strengths - strengths.mean())[np.newaxis]


def _preferences(compare: Compare, embeddings: np.ndarray) -> np.ndarray:
    """Returns P(i is preferred to j), `[B, N, N]`, from embeddings `[B, N, 128]`."""
    batch, count, _ = embeddings.shape
    first, second = np.triu_indices(count, 1)
    starts = count * np.arange(batch)[:, np.newaxis]
    flat = embeddings.reshape(-1, embeddings.shape[-1])
    upper = _pairs(compare, flat, (starts + first).ravel(), (starts + second).ravel())
    preferences = np.full((batch, count, count), 0.5)
    preferences[:, first, second] = upper.reshape(batch, -1)
    # Swapping two photos swaps the answer exactly.
    preferences[:, second, first] = 1 - preferences[:, first, second]
    return preferences


def _cross(compare: Compare, photos: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns P(photo is preferred to other), `[N, M]`."""
    first, second = np.indices((len(photos), len(others))).reshape(2, -1)
    both = np.concatenate([photos, others])
    return _pairs(compare, both, first, len(photos) + second).reshape(len(photos), -1)


def _sure(compare: Compare, ordered: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns P(each photo is preferred to the next) of series in order."""
    sizes = [len(embeddings) for embeddings in ordered]
    if not sum(sizes):
        return [np.zeros(0) for _ in sizes]
    # Embeddings of no photos may have another length.
    flat = np.concatenate([embeddings for embeddings in ordered if len(embeddings)])
    ends = np.cumsum(sizes)
    firsts = np.setdiff1d(np.arange(len(flat)), ends - 1)
    sure = _pairs(compare, flat, firsts, firsts + 1)
    return np.split(sure, np.cumsum([max(size - 1, 0) for size in sizes])[:-1])


def _pairs(compare: Compare, embeddings: np.ndarray, first, second) -> np.ndarray:
    preferences = np.empty(len(first))
    for start in range(0, len(first), _PAIRS_PER_CALL):
        part = slice(start, start + _PAIRS_PER_CALL)
        preferences[part] = compare(embeddings[first[part]], embeddings[second[part]])
    return preferences
