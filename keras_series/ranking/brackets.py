"""Exposure brackets: photos of one subject that differ in exposure on purpose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_series.ranking.shots import Shot

# Cameras take brackets of 2, 3, 5, 7 and 9 photos.
_SIZES = (9, 7, 5, 3, 2)
# In seconds, not counting the exposure, which may take half a minute at night.
_LONGEST_GAP = 3.0
_LONGEST_EXPOSURE = 30.0
_MUCH_FASTER = 0.5
# In stops. Cameras step by a third and more; exposure times are rounded.
_SMALLEST_STEP, _SMALLEST_STEP_OF_A_PAIR = 0.3, 0.6
_BIAS_TOLERANCE, _EXPOSURE_TOLERANCE = 0.12, 0.35
# Automatic exposure changes it as the light changes, by less than this for most photos, and keeps
# the photos equally bright. In a bracket they become so much brighter with each stop at least.
_SMALLEST_STEP_WITHOUT_BIAS = 0.6
_BRIGHTER = 1.06
# Dark and bright photos of one subject are less alike than others, and yet more than this.
_LEAST_SIMILARITY = 0.3


def find_brackets(
    shots: Sequence[Shot], seconds: np.ndarray, content: np.ndarray
) -> list[tuple[int, int]]:
    """Finds the exposure brackets among the shots of a camera.

    A bracket is two, three, five, seven or nine shots of the same content in a row, with a step of
    the same size from each exposure to the next larger one, in any order. The step shows in the
    exposure bias. Where that is missing or does not change, it shows in the exposure, and the
    photos have to become brighter with it.

    Args:
        shots: N shots in the order of capture.
        seconds: float64 array `[N]`, capture times. NaN where unknown, for shots whose names have
            numbers in a row.
        content: float32 array `[N, D]`, see `describe_content`.

    Returns:
        List of tuples `(start, stop)`, the places of each bracket in `shots`. They do not overlap.
    """
    brackets, start = [], 0
    while start < len(shots):
        stop = start + max(
            (size for size in _SIZES if _is_bracket(shots, seconds, content, start, start + size)),
            default=1,
        )
        if stop - start > 1 and not _is_better_later(shots, seconds, content, start, stop):
            brackets.append((start, stop))
        else:
            stop = start + 1
        start = stop
    return brackets


def _is_better_later(shots, seconds, content, start, stop):
    """Returns whether a bracket that begins one shot later is larger, or as large and much faster.

    The photo before a bracket often has an exposure that fits the bracket.
    """
    for size in _SIZES:
        if size >= stop - start and _is_bracket(
            shots, seconds, content, start + 1, start + 1 + size
        ):
            duration = seconds[stop - 1] - seconds[start]
            later = seconds[start + size] - seconds[start + 1]
            return size > stop - start or later < _MUCH_FASTER * duration
    return False


def _is_bracket(shots, seconds, content, start, stop):
    if stop > len(shots) or not _are_close(shots[start:stop], seconds[start:stop]):
        return False
    some = shots[start:stop]
    if not (_has_bias_steps(some) or _has_exposure_steps(some)):
        return False
    alike = content[start:stop] @ content[start:stop].T
    known = np.abs(content[start:stop]).any(axis=1)
    # Of each photo with the one that is most like it: the extremes of a bracket hardly are alike.
    np.fill_diagonal(alike, -1)
    return bool((alike.max(axis=1) >= _LEAST_SIMILARITY)[known].all())


def _are_close(shots: Sequence[Shot], seconds: np.ndarray) -> bool:
    gaps = np.diff(seconds)
    exposed = [_exposure_seconds(shot) for shot in shots[:-1]]
    return not (gaps > _LONGEST_GAP + np.asarray(exposed)).any()


def _exposure_seconds(shot: Shot) -> float:
    """Returns how long the exposure took if it was at f/10 and ISO 100."""
    light = shot.metadata.exposure
    return 0.0 if light is None else min(2.0 ** min(light, 5.0), _LONGEST_EXPOSURE)


def _has_bias_steps(shots: Sequence[Shot]) -> bool:
    smallest = _SMALLEST_STEP_OF_A_PAIR if len(shots) == 2 else _SMALLEST_STEP
    return _has_steps([shot.metadata.exposure_bias for shot in shots], smallest, _BIAS_TOLERANCE)


def _has_exposure_steps(shots: Sequence[Shot]) -> bool:
    exposures = [shot.metadata.exposure for shot in shots]
    if any(shot.thumbnail is None for shot in shots):
        return False
    if not _has_steps(exposures, _SMALLEST_STEP_WITHOUT_BIAS, _EXPOSURE_TOLERANCE):
        return False
    order = np.argsort(exposures)
    brightness = np.asarray([shots[place].thumbnail.mean() + 1 for place in order])
    return bool(
        (np.diff(np.log(brightness)) >= np.log(_BRIGHTER) * np.diff(np.sort(exposures))).all()
    )


def _has_steps(levels: Sequence[float | None], smallest: float, tolerance: float) -> bool:
    """Returns whether numbers are evenly spaced."""
    if any(level is None for level in levels):
        return False
    steps = np.diff(np.sort(np.asarray(levels, float)))
    return bool(steps.min() >= smallest and np.ptp(steps) <= tolerance)
