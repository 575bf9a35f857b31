"""A shot: one press of the shutter, with all the files it left."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from keras_series.ranking.capture_time import CaptureTime


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What a file says of its capture.

    Attributes:
        time: `CaptureTime`. `None` if it is unknown.
        camera: String, maker, model and serial number. Empty if they are unknown.
        exposure_bias: Float, in stops (EV). `None` if it is unknown.
        exposure: Float, the logarithm to base 2 of the light that the exposure time, the aperture
            and the ISO speed let in, in stops. `None` if it is unknown.
    """

    time: CaptureTime | None = None
    camera: str = ""
    exposure_bias: float | None = None
    exposure: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Shot:
    """One press of the shutter.

    Attributes:
        path: `pathlib.Path` of the file that is judged.
        metadata: `Metadata` of the shot.
        thumbnail: uint8 array `[64, 64]`, the upright photo in grey, squeezed to a square. `None`
            if the photo cannot be decoded.
        other_files: Paths of the other files of the shot, such as the RAW file of a JPEG.
        copies: Paths of exact copies of the file.
    """

    path: pathlib.Path
    metadata: Metadata = Metadata()
    thumbnail: np.ndarray | None = None
    other_files: tuple[pathlib.Path, ...] = ()
    copies: tuple[pathlib.Path, ...] = ()
