"""Panoramas: photos that overlap sideways, to be joined to one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from keras_series.ranking.shots import Shot

_FEWEST = 3
# In seconds. The camera is turned between the photos, which takes longer than a frame of a burst.
_SHORTEST_GAP, _LONGEST_GAP = 0.4, 15.0
# In stops.
_EXPOSURE_TOLERANCE = 0.4
# In shares of the photo's width and height.
_LEAST_SHIFT, _LARGEST_SHIFT, _LARGEST_DRIFT = 0.18, 0.82, 0.1
_LARGEST_STEP_RATIO = 2.5
# The correlation of the parts that overlap, and how much it exceeds that of the whole photos.
_LEAST_CORRELATION, _LEAST_GAIN = 0.6, 0.15
# Photos that are so much alike have not moved.
_AT_REST = 0.9
_POINTS = 32


def find_panoramas(
    shots: Sequence[Shot], seconds: np.ndarray, content: np.ndarray
) -> list[tuple[int, int]]:
    """Finds the panoramas among the shots of a camera.

    A panorama is three or more shots in a row of the same exposure, of which each shows a part of
    the one before, moved by 18% to 82% of the width, always in the same direction and about as far.
    Shots as fast as in a burst are none: there the camera follows a subject.

    Args:
        shots: N shots in the order of capture.
        seconds: float64 array `[N]`, capture times. NaN where unknown, for shots whose names have
            numbers in a row.
        content: float32 array `[N, D]`, see `describe_content`.

    Returns:
        List of tuples `(start, stop)`, the places of each panorama in `shots`. They do not overlap.
    """
    shifts = _shifts(shots, seconds, content)
    panoramas, start = [], 0
    while start < len(shifts):
        stop = start + 1
        while stop < len(shifts) and _continues(shifts[start:stop], shifts[stop]):
            stop += 1
        if shifts[start] and stop + 1 - start >= _FEWEST:
            panoramas.append((start, stop + 1))
            stop += 1  # The last photo of one panorama is not the first of the next.
        start = stop
    return panoramas


def _continues(shifts: np.ndarray, shift: float) -> bool:
    steps = np.abs([*shifts, shift])
    same_direction = (np.sign(shifts) == np.sign(shift)).all()
    return bool(shift and same_direction and steps.max() <= _LARGEST_STEP_RATIO * steps.min())


def _shifts(shots: Sequence[Shot], seconds: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Returns how far each shot shows the content of the one before moved, 0 where it does not."""
    shifts = np.zeros(max(len(shots) - 1, 0))
    alike = np.einsum("nd,nd->n", content[:-1], content[1:])
    for place, (before, after) in enumerate(itertools.pairwise(shots)):
        gap = seconds[place + 1] - seconds[place]
        if gap < _SHORTEST_GAP or gap > _LONGEST_GAP or alike[place] > _AT_REST:
            continue
        if not _are_exposed_alike(before, after):
            continue
        if before.thumbnail is not None and after.thumbnail is not None:
            shifts[place] = _shift(_points(before.thumbnail), _points(after.thumbnail))
    return shifts


def _are_exposed_alike(before: Shot, after: Shot) -> bool:
    exposures = before.metadata.exposure, after.metadata.exposure
    if None in exposures:
        return True
    return abs(exposures[0] - exposures[1]) <= _EXPOSURE_TOLERANCE


def _points(thumbnail: np.ndarray) -> np.ndarray:
    """Returns how the brightness changes sideways: a horizon looks the same wherever it is cut."""
    size = len(thumbnail) // _POINTS
    blocks = thumbnail.reshape(_POINTS, size, _POINTS, size).astype(np.float32)
    return np.gradient(blocks.mean(axis=(1, 3)), axis=1)


def _shift(before: np.ndarray, after: np.ndarray) -> float:
    """Returns the shift at which two photos are most alike, as a share of the width; 0 for none."""
    drift = round(_LARGEST_DRIFT * _POINTS)
    down = np.arange(-drift, drift + 1)
    across = np.arange(-_POINTS + 1, _POINTS)
    found = _correlations(before, after, down, across).max(axis=0)
    share = np.abs(across) / _POINTS
    moved = (share >= _LEAST_SHIFT) & (share <= _LARGEST_SHIFT)
    best = int(np.argmax(np.where(moved, found, -1)))
    at_rest = found[share < _LEAST_SHIFT].max()
    if found[best] < _LEAST_CORRELATION or found[best] < at_rest + _LEAST_GAIN:
        return 0.0
    return float(across[best] / _POINTS)


def _correlations(
    before: np.ndarray, after: np.ndarray, down: np.ndarray, across: np.ndarray
) -> np.ndarray:
    """Returns the correlation of the parts that overlap, for each shift, `[down, across]`."""
    size = (2 * _POINTS, 2 * _POINTS)
    spectrum = np.conj(np.fft.rfft2(after, size)) * np.fft.rfft2(before, size)
    products = np.fft.irfft2(spectrum, size)[np.ix_(down % size[0], across % size[1])]
    counts = (_POINTS - np.abs(down))[:, None] * (_POINTS - np.abs(across))
    # An even part, such as a sky, is like every other.
    squares = np.maximum(_overlap_sums(before**2, down, across), counts)
    squares_after = np.maximum(_overlap_sums(after**2, -down, -across), counts)
    return products / np.sqrt(squares * squares_after)


def _overlap_sums(values: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Returns the sums over the part that overlaps with a photo at each shift."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    top, left = np.maximum(down, 0), np.maximum(across, 0)
    bottom, right = _POINTS + np.minimum(down, 0), _POINTS + np.minimum(across, 0)
    lower = sums[np.ix_(bottom, right)] - sums[np.ix_(bottom, left)]
    return lower - sums[np.ix_(top, right)] + sums[np.ix_(top, left)]
