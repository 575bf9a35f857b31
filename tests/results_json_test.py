"""A ranking as a JSON file."""

import dataclasses
import json
import os
import pathlib
import re

import pytest

from keras_series.ranking.journal import to_path
from keras_series.ranking.pipeline import RankingOptions
from keras_series.ranking.results import SERIES, RankedPhoto, RankedSeries
from keras_series.ranking.results_json import write_json
from tests.ranked_series import draw_ranking

ROOT = pathlib.Path(__file__).parents[1]


def test_every_field_of_a_ranking(tmp_path):
    series = draw_ranking(tmp_path)
    write_json(series, tmp_path / "a.json", "lite-0123", {"max_gap": 2.5})
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    (tmp_path / "a.json").unlink()
    listed = content.pop("series")
    assert content == {
        "format": "keras-series ranking", "version": 1, "model": "lite-0123",
        "options": {"max_gap": 2.5},
    }  # fmt: skip
    assert [(each["name"], each["kind"]) for each in listed] == [
        (each.name, each.kind) for each in series
    ]
    assert listed[0]["photos"][0] == {
        "uri": (tmp_path / "IMG_1.JPG").as_uri(), "path": str(tmp_path / "IMG_1.JPG"),
        "rank": 1, "score": 0.75, "sure": 0.55, "verdict": "too close to call",
        "strength": 0.4, "keep": True, "reason": None,
        "time": "2024-05-04T10:11:12.340000+02:00", "camera": "NIKON Z 6",
        "other_files": [(tmp_path / "IMG_1.NEF").as_uri()],
        "copies": [(tmp_path / "copies" / "again.jpg").as_uri()],
    }  # fmt: skip
    ranks = [photo["rank"] for each in listed for photo in each["photos"]]
    assert ranks == [1, 2, 3, 4, None, None, None, 1]


def test_the_page_describes_every_field(tmp_path):
    options = dataclasses.asdict(RankingOptions())
    write_json(draw_ranking(tmp_path), tmp_path / "a.json", options=options)
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    (series, *_) = content["series"]
    page = (ROOT / "docs" / "sidecars.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", page.split("## JSON")[1].split("\n## ")[0]))
    options = content["options"]
    assert described == {*content, *series, *series["photos"][0], *options, *options["keep"]}


def test_names_that_are_not_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9 \xe6\x97\xa5.jpg")
    series = RankedSeries(str(path.parent / path.name), SERIES, (RankedPhoto(path, 0.5),))
    write_json([series], tmp_path / "a.json")
    (listed,) = json.loads((tmp_path / "a.json").read_bytes().decode())["series"]
    assert to_path(listed["photos"][0]["uri"]) == path
    assert listed["photos"][0]["path"] == listed["name"] == f"{tmp_path}/caf\\xe9 \u65e5.jpg"


def test_a_file_that_fails_leaves_the_one_before(tmp_path):
    (tmp_path / "a.json").write_text("before")
    series = RankedSeries("a", SERIES, (RankedPhoto(tmp_path / "a", float("nan")),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json([series], tmp_path / "a.json")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
