"""Series among the photos of a folder."""

import datetime
import pathlib
import warnings

from PIL import ExifTags, Image
from tqdm import tqdm

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}


def find_series(folder, gap=None):
    """Finds the photos below a folder, at any depth, as series.

    Args:
        folder: Is only read.
        gap: Seconds. Without it each folder that has photos is a series, in order of name. With it
            the photos of a folder stand in the order in which they were taken, and wherever more
            than `gap` seconds lie between two, a new series begins; photos that do not tell when
            they were taken are a series of their own.

    Returns:
        Dictionary of names to lists of paths.

    Raises:
        ValueError: If it is no folder or has no photos.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ValueError(f"Expected a folder of photos. Received: {str(folder)!r}")
    series = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            series.setdefault(str(path.parent), []).append(path)
    if not series:
        expected = ", ".join(sorted(SUFFIXES))
        raise ValueError(f"Expected photos ({expected}) in {str(folder)!r}. Received: none")
    if gap is None:
        return series
    return {
        name: photos
        for parent, paths in series.items()
        for name, photos in _split_at_gaps(parent, paths, gap).items()
    }


def capture_time(path):
    """When a photo was taken by its EXIF data, a naive `datetime.datetime`; `None` if unknown."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What is odd in a file is of no matter here.
            with Image.open(path) as image:
                exif = image.getexif()
                text = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
        return datetime.datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except (OSError, SyntaxError, TypeError, ValueError, Image.DecompressionBombError):
        return None


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
