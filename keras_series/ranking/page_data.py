"""What the review page knows of a ranking, as a structure for JSON."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence

from keras_series.ranking.results import (
    BRACKET,
    PANORAMA,
    SERIES,
    SINGLE,
    RankedPhoto,
    RankedSeries,
)
from keras_series.ranking.table import printable

# Formats that browsers show, by suffix. The others are converted by the server.
_SHOWN_BY_BROWSERS = (".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".gif", ".bmp")


@dataclasses.dataclass(frozen=True)
class Picture:
    """Where the page finds a photo.

    Attributes:
        small: String, address of the thumbnail. `None` if there is none.
        full: String, address of the photo at full size. `None` if a browser cannot show it.
        width: Integer, width of the thumbnail in pixels, 0 if it is unknown.
        height: Integer, height of the thumbnail in pixels, 0 if it is unknown.
        reason: String, why there is no thumbnail. `None` if there is one.
        difference: Where the photo differs from the next one, see
            `keras_series.ranking.difference.as_json`. `None` if it is unknown.
    """

    small: str | None = None
    full: str | None = None
    width: int = 0
    height: int = 0
    reason: str | None = None
    difference: dict | None = None


def count_series(series: Iterable[RankedSeries]) -> str:
    """Returns how many photos and series of each kind there are, as a line of text.

    Args:
        series: `RankedSeries`.
    """
    series = list(series)
    photos = [photo for one in series for photo in one.photos]
    kinds = collections.Counter(one.kind for one in series)
    unreadable = sum(photo.reason is not None for photo in photos)
    counts = [
        _counted(kinds[SERIES], "series", "series"),
        _counted(kinds[BRACKET], "bracket", "brackets"),
        _counted(kinds[PANORAMA], "panorama", "panoramas"),
        _counted(kinds[SINGLE], "single photo", "single photos"),
        f"{unreadable} not readable" if unreadable else "",
    ]
    total = _counted(len(photos), "photo", "photos") or "No photos"
    return f"{total}: {', '.join(filter(None, counts))}" if photos else total


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}" if number else ""


def rows(
    series: Sequence[RankedSeries], picture_of: Callable[[RankedPhoto], Picture]
) -> list[dict]:
    """Returns the rows of the page. Single photos that follow each other share one.

    Args:
        series: `RankedSeries`, as shot.
        picture_of: Function from a photo to its `Picture`.
    """
    common = common_folder(series)
    found = []
    for is_single, group in itertools.groupby(series, lambda one: one.kind == SINGLE):
        for members in [list(group)] if is_single else ([one] for one in group):
            photos = [photo for one in members for photo in one.photos]
            found.append(
                {
                    "name": printable(_shortened(members[0].name, common), "utf-8"),
                    "kind": members[0].kind,
                    "photos": [_photo(photo, picture_of(photo)) for photo in photos],
                }
            )
    return found


def _photo(photo: RankedPhoto, picture: Picture) -> dict:
    """Returns a photo without what is empty or unknown, which is most in a large folder."""
    fields = {
        "name": printable(photo.path.name, "utf-8"),
        "uri": photo.path.resolve().as_uri(),
        "small": picture.small,
        "full": picture.full,
        "width": picture.width,
        "height": picture.height,
        "reason": photo.reason or picture.reason,
        "ranked": photo.reason is None,
        "sure": None if photo.sure is None else round(photo.sure, 4),
        "verdict": photo.verdict,
        "keep": photo.keep,
        "files": [printable(path.name, "utf-8") for path in photo.other_files],
        "copies": [printable(path.name, "utf-8") for path in photo.copies],
        "time": str(photo.time) if photo.time else None,
        "difference": picture.difference,
        "camera": printable(photo.camera, "utf-8"),
        "others": uris_of_others(photo),
    }
    return {name: value for name, value in fields.items() if value}


def uris_of_others(photo: RankedPhoto) -> dict[str, list[str]]:
    """Returns the URIs of the other files and of the copies of a photo, as a choice has them.

    Args:
        photo: `RankedPhoto`.
    """
    files = {"other_files": photo.other_files, "copies": photo.copies}
    return {
        name: [path.resolve().as_uri() for path in paths] for name, paths in files.items() if paths
    }


def common_folder(series: Iterable[RankedSeries]) -> pathlib.Path | None:
    """Returns the folder that all photos lie in, at any depth, and `None` if there is none.

    Args:
        series: `RankedSeries`.
    """
    folders = {os.path.abspath(photo.path.parent) for one in series for photo in one.photos}
    try:
        return pathlib.Path(os.path.commonpath(folders)) if folders else None
    except ValueError:  # They are on several drives.
        return None


def _shortened(name: str, folder: pathlib.Path | None) -> str:
    """Returns the name of a series, from the folder that all photos share."""
    start = str(folder.parent) + os.sep if folder else ""
    return name.removeprefix(start)


def browser_file(photo: RankedPhoto) -> pathlib.Path | None:
    """Returns the file of a shot that a browser can show, and `None` if there is none.

    Args:
        photo: `RankedPhoto`.
    """
    paths = (photo.path, *photo.other_files)
    return next((path for path in paths if _is_shown(path)), None)


def _is_shown(path: pathlib.Path) -> bool:
    return path.suffix.lower() in _SHOWN_BY_BROWSERS
