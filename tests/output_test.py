"""Ranked series as text, as a CSV table and as an HTML page."""

import csv
import os

import pytest

from keras_series.ranking import RankedPhoto, format_series, printable, write_page, write_table


@pytest.fixture
def series(tmp_path):
    """Two photos and a broken file, with names that must be escaped."""
    names = b"caf\xe9.jpg", b"a b#%.jpg", b"<i>\x1b.jpg"
    paths = [tmp_path / os.fsdecode(name) for name in names]
    photos = [
        RankedPhoto(paths[0], 0.7, 0.8),
        RankedPhoto(paths[1], 0.3),
        RankedPhoto(paths[2], None, reason="truncated"),
    ]
    return {"beach & sea": photos}


def test_text_has_printable_characters_only(series):
    (text,) = (format_series(name, photos) for name, photos in series.items())
    assert text.splitlines()[3:] == [
        r"     1   0.700    80%  caf\udce9.jpg",
        "     2   0.300         a b#%.jpg",
        r"     -       -      -  <i>\x1b.jpg (truncated)",
    ]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("latin-1", "\\u65e5\xe9"), ("ascii", "\\u65e5\\xe9"), ("utf-8", "\u65e5\xe9")],
)
def test_characters_that_the_encoding_lacks_are_escaped(encoding, expected):
    assert printable("\u65e5\xe9", encoding) == expected


def test_table_keeps_every_path(series, tmp_path):
    write_table(series, tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(photo.path) for photo in series["beach & sea"]]
    assert [tuple(row.values())[3:] for row in rows] == [
        ("0.7", "0.8", ""), ("0.3", "", ""), ("", "", "truncated"),
    ]  # fmt: skip


def test_page_shows_the_photos_in_order(series, tmp_path):
    write_page(series, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<h2>beach &amp; sea</h2>" in text
    assert r"<p>&lt;i&gt;\x1b.jpg: truncated</p>" in text
    first, second = (
        text.index(f"src='{photo.path.as_uri()}'") for photo in series["beach & sea"][:2]
    )
    assert first < text.index("better than the next: 80%") < second
