"""What a ranking is: series of photos, best first."""

from __future__ import annotations

import dataclasses
import pathlib

from keras_series.ranking.capture_time import CaptureTime

# The kinds of `RankedSeries`.
SERIES = "series"
BRACKET = "bracket"
PANORAMA = "panorama"
SINGLE = "single"

# The values of `RankedPhoto.verdict`.
CLEAR = "clear"
LIKELY = "likely"
CLOSE = "too close to call"


@dataclasses.dataclass(frozen=True)
class RankedPhoto:
    """A photo in the order of its series.

    Attributes:
        path: `pathlib.Path` of the file that was judged.
        score: Float in (0, 1), P(the photo is preferred to the mean training photo), comparable
            across series. `None` for a photo that is not valid; those come last.
        sure: Float in (0, 1), P(the photo is preferred to the next one of the order). `None` for
            the last photo.
        verdict: String, `sure` in words: `CLEAR`, `LIKELY` or `CLOSE`. `None` where `sure` is.
        strength: Float, the Bradley-Terry log-odds of the photo in its series. `None` for a photo
            that is not valid, and in a bracket or panorama, which is left whole.
        keep: Whether the photo is among those to keep, see `--keep`.
        reason: String, why the photo is not valid. `None` for a valid photo.
        other_files: Paths of the other files of the same shot, such as the RAW file of a JPEG.
        copies: Paths of exact copies of the file.
        time: `CaptureTime`. `None` if it is unknown.
        camera: String, maker, model and serial number. Empty if they are unknown.
    """

    path: pathlib.Path
    score: float | None
    sure: float | None = None
    verdict: str | None = None
    strength: float | None = None
    keep: bool = False
    reason: str | None = None
    other_files: tuple[pathlib.Path, ...] = ()
    copies: tuple[pathlib.Path, ...] = ()
    time: CaptureTime | None = None
    camera: str = ""


@dataclasses.dataclass(frozen=True)
class RankedSeries:
    """Photos that belong together.

    Attributes:
        name: String, the folder, and the capture time of the first photo if it is known. Unique
            among the series of a run.
        kind: `SERIES`, photos of one subject in order, best first; `BRACKET` or `PANORAMA`, which
            are left whole, in order of capture; or `SINGLE`, one photo.
        photos: Tuple of `RankedPhoto`.
    """

    name: str
    kind: str
    photos: tuple[RankedPhoto, ...]
