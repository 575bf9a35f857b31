"""What a file says of its capture: the time, the camera and the exposure."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

from PIL.ExifTags import Base

from keras_series.ranking.capture_time import find_capture_time
from keras_series.ranking.exif import read_exif
from keras_series.ranking.shots import Metadata

_CAMERA_TAGS = (Base.Make, Base.Model, Base.BodySerialNumber)
# Cameras correct the exposure by up to five stops, and some programs by up to ten.
_LARGEST_BIAS = 20.0


def read_metadata(path: str | os.PathLike) -> Metadata:
    """Returns what the EXIF data of a file say of its capture.

    Args:
        path: File of any format.

    Returns:
        `Metadata`. What is missing or damaged in the file is unknown; no file is an error.
    """
    tags = read_exif(path)
    return Metadata(
        time=find_capture_time(tags),
        camera=" ".join(filter(None, (_text(tags.get(tag)) for tag in _CAMERA_TAGS))),
        exposure_bias=_exposure_bias(tags),
        exposure=_exposure(tags),
    )


def _text(value: object) -> str:
    """Returns a text without what surrounds it; empty if the value is none."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return " ".join(value.replace("\0", " ").split()) if isinstance(value, str) else ""


def _exposure_bias(tags: Mapping[int, object]) -> float | None:
    bias = _number(tags.get(Base.ExposureBiasValue))
    return bias if bias is not None and abs(bias) <= _LARGEST_BIAS else None


def _exposure(tags: Mapping[int, object]) -> float | None:
    """Returns log2(time * speed / f-number^2), without the f-number if the lens states none."""
    time, speed, f_number = (
        _number(tags.get(tag)) for tag in (Base.ExposureTime, Base.ISOSpeedRatings, Base.FNumber)
    )
    if not time or not speed or min(time, speed) <= 0:
        return None
    # Lenses without contacts leave the f-number at zero. It is then the same for all their photos.
    opening = f_number if f_number and f_number > 0 else 1.0
    return math.log2(time) + math.log2(speed) - 2 * math.log2(opening)


def _number(value: object) -> float | None:
    """Returns a finite number; that of several which is first. `None` if there is none."""
    value = value[0] if isinstance(value, tuple) and value else value
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None
