"""Whole series, shuffled and packed into packs of a fixed number of photos."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

# Enough packs are filled at the same time that hardly a place stays empty, and enough series are
# shuffled at the same time to mix well (TFDS shuffles when it writes). Both are few enough to hold
# less than 400 MB of encoded photos.
_OPEN_PACKS = 8
_SHUFFLE_BUFFER = 1000


def shuffled(
    items: Iterable[Item], generator: np.random.Generator, buffer_size: int = _SHUFFLE_BUFFER
) -> Iterator[Item]:
    """Shuffles a stream: each item takes the place of a random one in a buffer.

    Args:
        items: Iterable to shuffle.
        generator: `numpy.random.Generator`, which determines the order.
        buffer_size: Integer, at least 1. Number of items in the buffer. Defaults to 1000.

    Yields:
        The items.

    Example:

    >>> import numpy as np
    >>> sorted(shuffled("series", np.random.default_rng(0), buffer_size=3))
    ['e', 'e', 'i', 'r', 's', 's']
    """
    held = []
    for item in items:
        if len(held) < buffer_size:
            held.append(item)
            continue
        place = generator.integers(buffer_size)
        yield held[place]
        held[place] = item
    for place in generator.permutation(len(held)):
        yield held[place]


def pack_series(
    series: Iterable[Item], pack_size: int, size_of: Callable[[Item], int]
) -> Iterator[list[Item]]:
    """Packs whole series by best fit: each into the fullest pack that has room for it.

    Args:
        series: Iterable of series.
        pack_size: Integer, at least 1. Largest number of photos in a pack.
        size_of: Function that returns the number of photos of a series.

    Yields:
        Lists of series.

    Raises:
        ValueError: If a series has more photos than a pack.

    Example:

    >>> list(pack_series(["abc", "de", "fg", "h", "ijkl"], pack_size=4, size_of=len))
    [['de', 'fg'], ['abc', 'h'], ['ijkl']]
    """
    packs = []  # Pairs of the number of photos in a pack and the list of its series.
    for each in series:
        size = size_of(each)
        if size > pack_size:
            raise ValueError(
                f"Expected series of at most {pack_size} photos, the size of a pack. "
                f"Received: one of {size} photos. Increase pack_size."
            )
        fitting = [pack for pack in packs if pack[0] + size <= pack_size]
        if not fitting and len(packs) == _OPEN_PACKS:
            yield packs.pop(max(range(len(packs)), key=lambda place: packs[place][0]))[1]
        if not fitting:
            packs.append(fresh := [0, []])
            fitting = [fresh]
        pack = max(fitting, key=lambda pack: pack[0])
        pack[0] += size
        pack[1].append(each)
        if pack[0] == pack_size:
            packs = [other for other in packs if other is not pack]
            yield pack[1]
    yield from (members for _, members in packs)
