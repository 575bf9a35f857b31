"""Several datasets to train on together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

Item = TypeVar("Item")


class Mixture:
    """Several datasets, of each of which an epoch has a share.

    Args:
        parts: Sequence of `tf.data.Dataset`s of TFDS examples.
        shares: Sequence of positive floats, one for each part. With 1, an epoch has each series
            once; with 0.5, it has half of them, drawn anew for each epoch; with 2, it has each
            twice. Defaults to 1 for every part.

    Raises:
        ValueError: If there is no part, a share is not positive, or their number is another.
    """

    def __init__(self, parts: Sequence[tf.data.Dataset], shares: Sequence[float] | None = None):
        self.parts = tuple(parts)
        self.shares = (1.0,) * len(self.parts) if shares is None else tuple(map(float, shares))
        if not self.parts or len(self.shares) != len(self.parts) or min(self.shares) <= 0:
            raise ValueError(
                f"Expected a positive share for each of {len(self.parts)} datasets, at least one. "
                f"Received: shares={self.shares}"
            )

    def draw(
        self, streams: Sequence[Iterable[Item]], counts: Sequence[int], seed: int, epoch: int
    ) -> Iterator[Item]:
        """Draws the items of an epoch.

        Args:
            streams: Sequence of iterables, one for each part, with an item for each series.
            counts: Sequence of integers, the number of items of each stream.
            seed: Non-negative integer.
            epoch: Non-negative integer. Together with `seed` it determines what is drawn.

        Yields:
            Items in the order of their stream; the streams take turns at random.

        Example:

        >>> mixture = Mixture([tf.data.Dataset.range(3), tf.data.Dataset.range(2)], [1, 2])
        >>> list(mixture.draw(["abc", "XY"], [3, 2], seed=0, epoch=0))
        ['a', 'X', 'X', 'Y', 'Y', 'b', 'c']
        """
        generator = np.random.default_rng([seed, epoch, len(self.parts)])
        repeats = [
            _repeats(count, share, generator)
            for count, share in zip(counts, self.shares, strict=True)
        ]
        turns = np.repeat(range(len(repeats)), [each.sum() for each in repeats])
        if len(repeats) > 1:
            turns = generator.permutation(turns)
        drawn = [_repeated(*each) for each in zip(streams, repeats, strict=True)]
        return (next(drawn[turn]) for turn in turns)


def _repeats(count, share, generator):
    """How often an epoch has each of `count` series."""
    repeats = np.full(count, int(share))
    rest = round((share - int(share)) * count)
    repeats[generator.permutation(count)[:rest]] += 1
    return repeats


def _repeated(items, repeats):
    return itertools.chain.from_iterable(map(itertools.repeat, items, repeats.tolist()))
