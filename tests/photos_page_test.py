"""The page docs/photos.md says what the code does."""

import pathlib
import re

from keras_series.photos import MAX_PIXELS, Reason
from keras_series.photos.jpeg import MAX_MISSING, MAX_SCANS

PAGE = (pathlib.Path(__file__).parents[1] / "docs" / "photos.md").read_text(encoding="utf-8")


def test_the_table_of_reasons():
    rows = re.findall(r"^\| (\d) \| ([a-z ]+) \|", PAGE, re.MULTILINE)
    assert rows == [(str(int(reason)), str(reason)) for reason in Reason]


def test_the_limits():
    assert f"up to {MAX_PIXELS // 1_000_000} megapixels" in PAGE
    assert f"up to {MAX_MISSING:.0%} of the rows" in PAGE
    assert f"more than {MAX_SCANS} scans" in PAGE
