"""A ranking as a text for the screen and as a CSV table."""

import csv
import dataclasses
import os
import pathlib
import re

import pytest

from keras_series.ranking.results import SERIES, RankedPhoto, RankedSeries
from keras_series.ranking.table import COLUMNS, format_series, printable, write_table
from tests.ranked_series import draw_ranking

ROOT = pathlib.Path(__file__).parents[1]


def read(path):
    """The rows of a table, by column."""
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_the_text_of_a_series(tmp_path):
    series, bracket, single = draw_ranking(tmp_path)
    assert format_series(series).splitlines() == [
        "",
        f"{tmp_path}, 2024-05-04 10:11:12.34+02:00",
        "    rank   score   sure  verdict            photo",
        "*      1   0.750    55%  too close to call  IMG_1.JPG + .NEF + 1 copy",
        "*      2   0.700    60%  too close to call  IMG_2.JPG",
        "       3   0.650    90%  clear              IMG_3.JPG",
        "       4   0.200                            IMG_4.JPG",
        "       -       -                            IMG_5.JPG (truncated)",
    ]
    assert format_series(bracket).splitlines()[1:4:2] == [
        f"{tmp_path}, bracket (bracket)",
        "*      -   0.500                            IMG_6.JPG",
    ]
    assert format_series(single).splitlines()[3][:8] == "*      1"


def test_the_text_has_printable_characters_only(tmp_path):
    names = b"caf\xe9.jpg", b"a b#%.jpg", b"<i>\x1b.jpg"
    paths = [tmp_path / os.fsdecode(name) for name in names]
    photos = (
        RankedPhoto(paths[0], 0.5, other_files=(paths[2],)),
        *(RankedPhoto(p, 0.1) for p in paths[1:]),
    )
    lines = format_series(RankedSeries("a\nb", SERIES, photos)).splitlines()
    assert lines[1] == r"a\nb"
    assert [line[44:] for line in lines[3:]] == [
        r"caf\udce9.jpg + <i>\x1b.jpg", "a b#%.jpg", r"<i>\x1b.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("latin-1", "\\u65e5\xe9"), ("ascii", "\\u65e5\\xe9"), ("utf-8", "\u65e5\xe9")],
)
def test_characters_that_the_encoding_lacks_are_escaped(encoding, expected):
    assert printable("\u65e5\xe9", encoding) == expected


def test_the_rows_of_a_table(tmp_path):
    series = draw_ranking(tmp_path)
    write_table(series, tmp_path / "a.csv")
    rows = read(tmp_path / "a.csv")
    assert tuple(rows[0]) == COLUMNS
    assert rows[0] == {
        "series": series[0].name, "rank": "1", "path": str(tmp_path / "IMG_1.JPG"),
        "score": "0.75", "sure": "0.55", "reason": "", "kind": "series",
        "verdict": "too close to call", "keep": "yes",
        "time": "2024-05-04T10:11:12.340000+02:00", "camera": "NIKON Z 6",
        "other_files": str(tmp_path / "IMG_1.NEF"),
        "copies": str(tmp_path / "copies" / "again.jpg"),
    }  # fmt: skip
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "", "", "", "1"]
    assert [row["keep"] for row in rows] == ["yes", "yes", *["no"] * 3, *["yes"] * 3]
    assert rows[4]["reason"] == "truncated"
    assert {row["path"] for row in rows} == {str(p.path) for each in series for p in each.photos}


def test_the_page_describes_every_column():
    page = (ROOT / "docs" / "sidecars.md").read_text(encoding="utf-8")
    section = page.split("## The table")[1].split("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == COLUMNS


def test_a_table_keeps_every_byte_of_a_path(tmp_path):
    names = b"caf\xe9.jpg", b'a,\n"b.jpg', b"\xff"
    paths = [tmp_path / os.fsdecode(name) for name in names]
    photos = tuple(RankedPhoto(path, 0.5, other_files=tuple(paths)) for path in paths)
    write_table([RankedSeries("a", SERIES, photos)], tmp_path / "a.csv")
    rows = read(tmp_path / "a.csv")
    assert [row["path"] for row in rows] == list(map(str, paths))
    assert rows[0]["other_files"].split("|") == list(map(str, paths))


@pytest.mark.parametrize("camera", ["=HYPERLINK(1)", "+1", "-1", "@a"])
def test_the_name_of_a_camera_is_no_formula(tmp_path, camera):
    series = draw_ranking(tmp_path)[2]
    photos = (dataclasses.replace(series.photos[0], camera=camera),)
    write_table([dataclasses.replace(series, photos=photos)], tmp_path / "a.csv")
    assert read(tmp_path / "a.csv")[0]["camera"] == f"'{camera}"
