"""A ranking of small photos in a folder, without a network."""

import datetime
import os

from PIL import Image

from keras_series.ranking.capture_time import CaptureTime
from keras_series.ranking.results import (
    BRACKET,
    CLEAR,
    CLOSE,
    SERIES,
    SINGLE,
    RankedPhoto,
    RankedSeries,
)  # fmt: skip

ZONE = datetime.timezone(datetime.timedelta(hours=2))
TIME = CaptureTime(datetime.datetime(2024, 5, 4, 10, 11, 12, 340000, ZONE), "DateTimeOriginal")


def draw(path, shade=0):
    """Draws a small photo, whose bytes its shade decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, shade // 2, 99)).save(path, "JPEG")
    os.utime(path, (1_600_000_000 + shade, 1_600_000_000 + shade))
    return path


def draw_ranking(folder):
    """Draws a series of four photos and a broken one, a bracket and a single, and ranks them."""
    names = [f"IMG_{n}.JPG" for n in range(1, 9)]
    paths = [draw(folder / name, shade) for shade, name in enumerate(names)]
    raw = draw(folder / "IMG_1.NEF", 100)
    copy = draw(folder / "copies" / "again.jpg", 0)
    paths[4].write_bytes(paths[4].read_bytes()[:200])
    photos = (
        RankedPhoto(
            paths[0], 0.75, 0.55, CLOSE, 0.4, True, None, (raw,), (copy,), TIME, "NIKON Z 6"
        ),
        RankedPhoto(paths[1], 0.7, 0.6, CLOSE, 0.2, True),
        RankedPhoto(paths[2], 0.65, 0.9, CLEAR, -0.2),
        RankedPhoto(paths[3], 0.2, None, None, -3.0),
        RankedPhoto(paths[4], None, reason="truncated"),
    )
    bracket = tuple(RankedPhoto(path, 0.5, keep=True) for path in paths[5:7])
    return [
        RankedSeries(f"{folder}, {TIME}", SERIES, photos),
        RankedSeries(f"{folder}, bracket", BRACKET, bracket),
        RankedSeries(f"{folder}, single", SINGLE, (RankedPhoto(paths[7], 0.5, keep=True),)),
    ]


def snapshot(folder):
    """The bytes of every file in a folder, hidden ones too, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
