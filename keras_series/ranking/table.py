"""Ranked series as a text for the screen and as a CSV table."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable

from keras_series.ranking.results import SERIES, RankedPhoto, RankedSeries
from keras_series.utils import replacing

# The columns of the CSV table.
COLUMNS = (
    "series", "rank", "path", "score", "sure", "reason", "kind", "verdict", "keep", "time",
    "camera", "other_files", "copies",
)  # fmt: skip
# Between the paths of a cell. Windows allows it in no name, and others hardly have it.
_SEPARATOR = "|"
# Spreadsheets take a text that begins so for a formula, and any text can stand in a photo's EXIF.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text: object, encoding: str | None = None) -> str:
    """Returns a name as a text to print.

    Control characters, bytes that are not UTF-8 and characters that the encoding lacks are escaped.

    Args:
        text: String or path.
        encoding: String, encoding of the output. Defaults to that of the standard output.

    Example:

    >>> printable("a\\x1b[31m.jpg")
    'a\\\\x1b[31m.jpg'
    >>> printable("\u65e5.jpg", "latin-1")
    '\\\\u65e5.jpg'
    """
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    characters = (each if each.isprintable() else ascii(each)[1:-1] for each in str(text))
    return "".join(characters).encode(encoding, "backslashreplace").decode(encoding)


def photo_rank(series: RankedSeries, place: int) -> int | None:
    """Returns the rank of a photo, 1 for the best.

    Args:
        series: `RankedSeries`.
        place: Integer, place of the photo in it, from 0.

    Returns:
        `None` for a photo that is not valid, and in a bracket or panorama, which have no order.
    """
    is_ranked = series.kind == SERIES or len(series.photos) == 1
    return place + 1 if is_ranked and series.photos[place].score is not None else None


def format_series(series: RankedSeries) -> str:
    """Returns a series as a table for the screen.

    Photos to keep are marked with an asterisk.

    Args:
        series: `RankedSeries`.
    """
    kind = "" if series.kind == SERIES else f" ({series.kind})"
    lines = [
        f"\n{printable(series.name)}{kind}",
        f"  {'rank':>6}  {'score':>6}  {'sure':>5}  {'verdict':<17}  photo",
    ]
    lines += [_line(series, place) for place in range(len(series.photos))]
    return "\n".join(lines)


def _line(series: RankedSeries, place: int) -> str:
    photo = series.photos[place]
    rank = photo_rank(series, place) or "-"
    score = "-" if photo.score is None else f"{photo.score:.3f}"
    sure = "" if photo.sure is None else f"{photo.sure:.0%}"
    name = printable(photo.path.name) + "".join(f" + {ending}" for ending in _endings(photo))
    if photo.reason:
        name += f" ({photo.reason})"
    keep = "*" if photo.keep else " "
    return f"{keep} {rank:>6}  {score:>6}  {sure:>5}  {photo.verdict or '':<17}  {name}"


def _endings(photo: RankedPhoto) -> list[str]:
    """Returns what stands behind the name of a photo: its other files and the number of copies."""
    endings = [
        printable(other.suffix if other.stem == photo.path.stem else other.name)
        for other in photo.other_files
    ]
    if photo.copies:
        endings.append("1 copy" if len(photo.copies) == 1 else f"{len(photo.copies)} copies")
    return endings


def write_table(series: Iterable[RankedSeries], path: str | os.PathLike) -> None:
    """Writes series as a CSV file with the columns `COLUMNS`.

    Args:
        series: `RankedSeries`.
        path: File to create or replace.
    """
    # Names that are not UTF-8 keep their bytes.
    settings = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with replacing(path) as partial, open(partial, "w", **settings) as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for each in series:
            writer.writerows(_row(each, place) for place in range(len(each.photos)))


def _row(series: RankedSeries, place: int) -> list[object]:
    photo = series.photos[place]
    return [
        series.name, photo_rank(series, place), photo.path, photo.score, photo.sure, photo.reason,
        series.kind, photo.verdict, "yes" if photo.keep else "no",
        None if photo.time is None else photo.time.time.isoformat(),
        f"'{photo.camera}" if photo.camera.startswith(_FORMULA) else photo.camera,
        _SEPARATOR.join(map(str, photo.other_files)), _SEPARATOR.join(map(str, photo.copies)),
    ]  # fmt: skip
