"""Which photos of a folder are a series."""

from __future__ import annotations

import collections
import datetime
import os
import pathlib
import warnings

from PIL import ExifTags, Image
from tqdm import tqdm

# The formats that an exported model decodes.
SUFFIXES = {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp"}
# Folder of thumbnails on Synology servers. Other programs keep theirs in hidden folders.
_THUMBNAILS = "@eaDir"


def find_series(
    folder: str | os.PathLike, gap: float | None = None
) -> tuple[dict[str, list[pathlib.Path]], collections.Counter[str]]:
    """Finds the photos below a folder, at any depth, as series.

    Hidden files and folders (`.name`) and folders of thumbnails are skipped.

    Args:
        folder: Folder of photos.
        gap: Float, at least 0, in seconds. With it the photos of a folder are sorted by capture
            time, and a new series begins wherever more than `gap` seconds lie between two photos.
            Photos without a capture time form a separate series. Defaults to `None`: each folder
            with photos is a series, sorted by name.

    Returns:
        Lists of paths by the name of the series, and a `collections.Counter` of the suffixes of
        other files.

    Raises:
        ValueError: If `folder` is not a folder or has no photos.
    """
    folder = pathlib.Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"Expected a folder of photos. Received: {str(folder)!r}")
    series, others = {}, collections.Counter()
    for path in sorted(folder.rglob("*")):
        if _is_hidden(path.relative_to(folder)) or not path.is_file():
            continue
        if path.suffix.lower() in SUFFIXES:
            series.setdefault(str(path.parent), []).append(path)
        else:
            others[path.suffix.lower() or "without a suffix"] += 1
    if not series:
        expected = ", ".join(sorted(SUFFIXES))
        received = ", ".join(sorted(others)) or "none"
        raise ValueError(f"Expected photos ({expected}) in {str(folder)!r}. Received: {received}")
    if gap is not None:
        split = (_split_at_gaps(parent, paths, gap) for parent, paths in series.items())
        series = {name: paths for part in split for name, paths in part.items()}
    return series, others


def capture_time(path: str | os.PathLike) -> datetime.datetime | None:
    """Returns when a photo was taken according to its EXIF data, without a time zone.

    Args:
        path: File of any format.

    Returns:
        A naive `datetime.datetime`, or `None` if the time is unknown.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Oddities of a file do not matter here.
            with Image.open(path) as image:
                exif = image.getexif()
                taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
                taken = taken or exif.get(ExifTags.Base.DateTime)
        # Some add a time zone or zeros; some write the date with dashes.
        return datetime.datetime.strptime(taken[:19].replace("-", ":"), "%Y:%m:%d %H:%M:%S")
    except (OSError, SyntaxError, TypeError, ValueError, Image.DecompressionBombError):
        return None


def _is_hidden(path):
    return any(part.startswith(".") or part == _THUMBNAILS for part in path.parts)


def _split_at_gaps(parent, paths, gap):
    shown = tqdm(paths, unit=" photos looked at", disable=None, leave=False)
    times = {path: capture_time(path) for path in shown}
    series = {}
    latest = None
    for path in sorted(filter(times.get, paths), key=times.get):
        if latest is None or (times[path] - latest).total_seconds() > gap:
            name = f"{parent}, {times[path]}"
        latest = times[path]
        series.setdefault(name, []).append(path)
    unknown = [path for path in paths if times[path] is None]
    return series | ({f"{parent}, time unknown": unknown} if unknown else {})
