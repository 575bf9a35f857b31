"""A small drawn trip as a ranking, and a browser to look at its page with."""

import contextlib
import os
import pathlib
import shutil
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from keras_series.ranking.results import (
    BRACKET,
    CLEAR,
    CLOSE,
    LIKELY,
    PANORAMA,
    SERIES,
    SINGLE,
    RankedPhoto,
    RankedSeries,
)
from tests.drawn_photos import draw_photo, encode

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
_PLAN = [
    (SERIES, 4),
    (SERIES, 3),
    (SINGLE, 1),
    (SINGLE, 1),
    (BRACKET, 3),
    (SERIES, 6),
    (PANORAMA, 3),
]
_SURE = {CLEAR: 0.95, LIKELY: 0.8, CLOSE: 0.55}
# It is not UTF-8, and would begin a script.
STRANGE_NAME = b"caf\xe9 <script>.jpg"


def draw_trip(folder: pathlib.Path) -> list[RankedSeries]:
    """Draws 22 photos, one of them broken and one with a strange name, and ranks them at will.

    The first two photos of the second series are too close to call.
    """
    series = []
    for number, (kind, size) in enumerate(_PLAN):
        photos = []
        for place in range(size):
            path = folder / f"IMG_{number}{place}.jpg"
            path.write_bytes(encode(draw_photo(600, 400, seed=10 * number + place), "JPEG"))
            verdict = None
            if kind == SERIES and place < size - 1:
                verdict = CLOSE if (number, place) == (1, 0) else (CLEAR, LIKELY)[place % 2]
            keep = kind == SERIES and place == 0
            photos.append(RankedPhoto(path, 0.5, _SURE.get(verdict), verdict, keep=keep))
        series.append(RankedSeries(f"{folder}, {number}", kind, tuple(photos)))
    broken = folder / os.fsdecode(STRANGE_NAME)
    broken.write_bytes(b"\xff\xd8\xff no photo")
    first = series[0]
    photos = (*first.photos, RankedPhoto(broken, None, reason="truncated"))
    return [RankedSeries(f"{first.name} </script>", first.kind, photos), *series[1:]]


class FakeDifferences:
    """The first photo is better at the top, the second at the bottom."""

    covers = "crop"

    def __call__(self, first, second):
        return np.asarray([[0.5, 0.5], [-1, -1]])


@contextlib.contextmanager
def open_browser() -> Iterator[Any]:
    """Yields a headless Chromium; skips the test where it or Playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def watched_page(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Yields a page, on which nothing may be loaded from elsewhere and no error may appear."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
    page = context.new_page()
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    start = "file:" if address.startswith("file:") else address
    assert [url for url in requests if not url.startswith((start, "blob:", "data:"))] == []
    assert messages == [], messages


def wait_until(page: Any, expression: str, seconds: float = 20) -> None:
    """Waits until JavaScript is true. Playwright's own function is stopped by the page's policy."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(30)


def press(page: Any, keys: str) -> None:
    """Presses keys, separated by blanks."""
    for key in keys.split():
        page.keyboard.press(key)


def current(page: Any) -> str:
    """Returns the name of the photo that has the focus."""
    return page.evaluate("document.activeElement.querySelector('.name')?.firstChild.textContent")


def serious_findings(page: Any) -> list[str]:
    """Returns what axe-core finds wrong, of the kinds that keep people from using a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    violations = axe.run(page).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html']}"
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
