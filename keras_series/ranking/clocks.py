"""When shots were taken, in seconds that can be compared, and the order of file names."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

import numpy as np

from keras_series.ranking.shots import Shot

_START = datetime.datetime(1970, 1, 1)


def capture_seconds(shots: Sequence[Shot]) -> np.ndarray:
    """Returns when each shot was taken, on one scale for all of them.

    The time zone counts where it is known. A time without one is taken for a time of the same zone
    as the nearest of the same camera with a zone, by the clock; if there is none, as the nearest of
    any camera.

    Args:
        shots: N shots, of any cameras.

    Returns:
        float64 array `[N]`, NaN where the time is unknown.
    """
    clocks = np.asarray([_clock(shot) for shot in shots], float)
    offsets = np.asarray([_offset(shot) for shot in shots], float)
    cameras = np.asarray([shot.metadata.camera for shot in shots], object)
    for camera in dict.fromkeys(cameras):
        _fill_nearest(clocks, offsets, cameras == camera)
    _fill_nearest(clocks, offsets, np.ones(len(shots), bool))
    return clocks - np.nan_to_num(offsets)


def has_full_seconds_only(shots: Sequence[Shot]) -> bool:
    """Returns whether the times of a camera have no fractions of a second.

    Args:
        shots: Shots of one camera.
    """
    times = (shot.metadata.time for shot in shots)
    return not any(time.time.microsecond for time in times if time is not None)


def name_order(shot: Shot) -> tuple:
    """Returns a key that sorts shots by name, numbers in it by their value.

    Args:
        shot: A shot.
    """
    # Every other part is a number. The whole name decides between `1.jpg` and `01.jpg`.
    parts = re.split(r"(\d+)", shot.path.name, flags=re.ASCII)
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts), shot.path.name


def name_number(shot: Shot) -> tuple[str, int] | None:
    """Returns what stands before the last number of a name, and the number.

    Args:
        shot: A shot.

    Returns:
        Tuple `(text, number)`, or `None` if there is no number.
    """
    found = re.match(r"(.*?)(\d{1,18})\D*$", shot.path.stem, re.ASCII | re.DOTALL)
    return (found[1], int(found[2])) if found else None


def _clock(shot: Shot) -> float:
    time = shot.metadata.time
    return (time.clock - _START).total_seconds() if time else np.nan


def _offset(shot: Shot) -> float:
    time = shot.metadata.time
    return time.time.utcoffset().total_seconds() if time and time.has_zone else np.nan


def _fill_nearest(clocks: np.ndarray, offsets: np.ndarray, among: np.ndarray) -> None:
    """Gives the shots without an offset that of the nearest with one."""
    known = np.flatnonzero(among & ~np.isnan(offsets))
    unknown = np.flatnonzero(among & np.isnan(offsets) & ~np.isnan(clocks))
    if not len(known) or not len(unknown):
        return
    known = known[np.argsort(clocks[known], kind="stable")]
    after = np.searchsorted(clocks[known], clocks[unknown]).clip(0, len(known) - 1)
    before = (after - 1).clip(0)
    is_before = clocks[unknown] - clocks[known[before]] <= clocks[known[after]] - clocks[unknown]
    offsets[unknown] = offsets[known[np.where(is_before, before, after)]]
