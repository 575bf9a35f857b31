"""What a ranking, or the choices of the user, say of the files of each shot."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Sequence

from keras_series.ranking.results import CLOSE, SERIES, RankedPhoto, RankedSeries
from keras_series.ranking.xmp import CLOSE_LABEL, KEEP_LABEL, Marks

# The ratings of the first photo of a series, of the others to keep, of those that are too close to
# call with the first, and of the rest.
_FIRST, _KEPT, _CLOSE, _REST = 5, 4, 3, 2
# The log-odds from which P(the first is preferred), 0.7, is likely and not too close to call.
_LIKELY_STRENGTH = math.log(0.7 / 0.3)


@dataclasses.dataclass(frozen=True)
class MarkedShot:
    """The files of a shot, and what is to be done with them.

    Attributes:
        path: `pathlib.Path` of the file that was judged.
        other_files: Paths of the other files of the shot.
        copies: Paths of exact copies of the file.
        marks: `Marks` for the sidecars of all these files. `None` for a shot that gets none.
        keep: Whether the shot is to be kept.
    """

    path: pathlib.Path
    other_files: tuple[pathlib.Path, ...] = ()
    copies: tuple[pathlib.Path, ...] = ()
    marks: Marks | None = None
    keep: bool = False


def mark_ranking(series: Iterable[RankedSeries], overwrite: bool = False) -> list[MarkedShot]:
    """Returns the shots of a ranking with their ratings and labels.

    In a series the first photo has 5 stars, another one to keep 4, and the others 3 if they are too
    close to call with the first, else 2. Photos to keep are labelled "Green", and those too close
    to call "Yellow". Photos that are compared with none get nothing: singles, brackets, panoramas,
    photos that are not valid, and the only valid one of a series.

    Args:
        series: `RankedSeries`.
        overwrite: Whether existing ratings and labels are replaced. Defaults to `False`.
    """
    return [
        MarkedShot(
            photo.path,
            photo.other_files,
            photo.copies,
            _marks(photo, place, each.photos, overwrite) if _is_compared(each) else None,
            photo.keep,
        )
        for each in series
        for place, photo in enumerate(each.photos)
    ]


def _is_compared(series: RankedSeries) -> bool:
    # Valid photos come first.
    return series.kind == SERIES and any(photo.score is not None for photo in series.photos[1:2])


def _marks(
    photo: RankedPhoto, place: int, photos: Sequence[RankedPhoto], overwrite: bool
) -> Marks | None:
    if photo.score is None:
        return None
    close = _is_close(photo, place, photos)
    label = KEEP_LABEL if photo.keep else CLOSE_LABEL if close else ""
    if place == 0:
        rating = _FIRST
    elif photo.keep:
        rating = _KEPT
    else:
        rating = _CLOSE if close else _REST
    return Marks(rating, label, overwrite)


def _is_close(photo: RankedPhoto, place: int, photos: Sequence[RankedPhoto]) -> bool:
    """Returns whether a photo is too close to call with the first."""
    first = photos[0]
    if place < 2 or first.strength is None or photo.strength is None:
        return place == 1 and first.verdict == CLOSE
    return first.strength - photo.strength < _LIKELY_STRENGTH
