"""Draws a trip, ranks it and takes the picture of the review page that the README shows.

    python tools/draw_review.py --folder=review --picture=docs/review.png

The trip has two series, a bracket and single photos. Chromium must be installed; Playwright is of
the extra `tests`.
"""

from __future__ import annotations

import datetime
import io
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image

from keras_series import cli
from keras_series.utils import replacing
from tfds_series.synthetic_series.degradations import degrade
from tfds_series.synthetic_series.scenes import draw_scene
from tfds_series.synthetic_series.series import take_photo

_FOLDER = cli.define_path("folder", "Folder for the trip, which must not exist, and its page.")
_PICTURE = cli.define_path("picture", "PNG file to write.")

ROOT = pathlib.Path(__file__).parents[1]
_SIDE = 1600
# The generators' seeds of the scenes, and what is wrong with each photo of them.
_SERIES = {
    20: [
        ("camera_shake", 0.5),
        ("none", 0),
        ("tilted_horizon", 0.35),
        ("defocus", 0.4),
        ("none", 0),
    ],
    8: [
        ("none", 0),
        ("defocus", 0.25),
        ("under_exposure", 0.5),
        ("cut_off", 0.5),
        ("defocus", 0.7),
    ],
}
_BRACKETED, _SINGLE = 1, (12, 26, 24)
_BIASES = (0.0, -2.0, 2.0)
_WIDTH, _HEIGHT = 1330, 985
# Two photos are kept and one is skipped.
_KEYS = (
    "ArrowRight", "p", "5", "ArrowLeft", "x", "ArrowDown", "ArrowDown", "p", "4", "ArrowUp",
    "ArrowUp", "ArrowRight",
)  # fmt: skip


def draw_trip(folder: pathlib.Path) -> None:
    """Draws the photos of the trip.

    Args:
        folder: Folder to create.
    """
    folder.mkdir(parents=True)
    start = datetime.datetime(2026, 6, 1, 9, 30)
    for number, (minutes, photo, bias) in enumerate(_photos(), start=1041):
        time = start + datetime.timedelta(minutes=minutes, seconds=number % 7)
        content = io.BytesIO()
        Image.fromarray(photo).save(content, "JPEG", quality=90, exif=_exif(time, bias))
        (folder / f"IMG_{number}.jpg").write_bytes(content.getvalue())


def _photos() -> Iterator[tuple[int, np.ndarray, float]]:
    """Yields the minute, the pixels and the exposure bias of each photo."""
    rng = np.random.default_rng(0)
    first, second = (_scene(seed) for seed in _SERIES)
    for kind, severity in _SERIES[20]:
        yield 0, degrade(take_photo(first, rng), kind, severity, rng), 0.0
    bracketed = _scene(_BRACKETED)
    for bias in _BIASES:
        light = 2.0 ** (bias / 2.2)
        yield 20, np.clip(bracketed * light, 0, 255).astype(np.uint8), bias
    for kind, severity in _SERIES[8]:
        yield 50, degrade(take_photo(second, rng), kind, severity, rng), 0.0
    for place, seed in enumerate(_SINGLE):
        yield 80 + 30 * place, _scene(seed), 0.0


def _scene(seed: int) -> np.ndarray:
    return draw_scene(np.random.default_rng(seed), _SIDE)


def _exif(time: datetime.datetime, bias: float) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Drawn camera"
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: f"{time:%Y:%m:%d %H:%M:%S}",
            ExifTags.Base.ExposureTime: 2.0**bias / 125,
            ExifTags.Base.FNumber: 8.0,
            ExifTags.Base.ISOSpeedRatings: 100,
            ExifTags.Base.ExposureBiasValue: bias,
        }
    )
    return exif


def take_picture(page: pathlib.Path, picture: pathlib.Path) -> None:
    """Takes a picture of a review page after some choices, and reduces its colours.

    Args:
        page: HTML file.
        picture: PNG file to create or replace.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        opened = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
        opened.goto(page.resolve().as_uri())
        for key in _KEYS:
            opened.keyboard.press(key)
        opened.evaluate("scrollTo(0, 0)")
        opened.wait_for_timeout(1000)
        image = Image.open(io.BytesIO(opened.screenshot()))
        browser.close()
    with replacing(picture) as partial:
        image.convert("RGB").quantize(256).save(partial, optimize=True)


def main() -> None:
    """Draws the trip, ranks it and takes the picture."""
    folder = pathlib.Path(_FOLDER.value)
    trip, page = folder / "Lake trip", folder / "review.html"
    draw_trip(trip)
    subprocess.run([sys.executable, ROOT / "rank.py", trip, f"--html={page}"], check=True)
    take_picture(page, pathlib.Path(_PICTURE.value))
    print(f"{_PICTURE.value} ({pathlib.Path(_PICTURE.value).stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    cli.run(main, "folder", "picture")
