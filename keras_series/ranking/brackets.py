"""Exposure brackets: photos of one subject that differ in exposure on purpose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_series.ranking.shots import Shot

# Cameras take brackets of 2, 3, 5, 7 and 9 photos.
_SIZES = (9, 7, 5, 3, 2)
# In seconds, not counting the exposure, which may take half a minute at night.
_LONGEST_WAIT = 3.0
# So fast, steps of the bias alone are a sure sign: over-exposed photos may show hardly anything.
_SURE_WAIT = 1.0
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
_LEAST_SIMILARITY, _LEAST_SIMILARITY_WITH_BIAS = 0.3, 0.15


def find_brackets(
    shots: Sequence[Shot], seconds: np.ndarray, content: np.ndarray
) -> list[tuple[int, int]]:
    """Finds the exposure brackets among the shots of a camera.

    A bracket is two, three, five, seven or nine shots in a row, at most three seconds and the
    exposure apart, with a step of the same size from each exposure to the next larger one, in any
    order. The step shows in the exposure bias. Where that is missing or does not change, it shows
    in the exposure, and the photos have to become brighter with it. The photos show the same
    content, which is not asked for if the bias changes within a second.

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
    if stop > len(shots):
        return False
    some = shots[start:stop]
    # How much longer the gaps are than the exposures.
    waits = np.diff(seconds[start:stop]) - [_exposure_seconds(shot) for shot in some[:-1]]
    if (waits > _LONGEST_WAIT).any():
        return False
    if _has_bias_steps(some):
        in_a_burst = bool((waits <= _SURE_WAIT).all())
        return in_a_burst or _are_alike(content[start:stop], _LEAST_SIMILARITY_WITH_BIAS)
    return _has_exposure_steps(some) and _are_alike(content[start:stop], _LEAST_SIMILARITY)


def _are_alike(content: np.ndarray, least: float) -> bool:
    """Returns whether each photo is like another one; the extremes hardly are like one another."""
    alike = content @ content.T
    np.fill_diagonal(alike, -1)
    known = np.abs(content).any(axis=1)
    return bool((alike.max(axis=1) >= least)[known].all())


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
