"""Groups of shots as ranked series, and how many photos are to be kept."""

import datetime
import pathlib

import numpy as np
import pytest
from scipy import special

from keras_series.ranking import CaptureTime, Metadata, Shot
from keras_series.ranking.cache import EncodedPhoto
from keras_series.ranking.groups import complete_shots, group_by_folder, rank_groups
from keras_series.ranking.keep import Keep
from keras_series.ranking.results import BRACKET, SERIES, SINGLE

NOON = CaptureTime(datetime.datetime(2024, 5, 3, 12), "DateTimeOriginal")


def compare(embedding_a, embedding_b):
    return special.expit(embedding_a[:, 0] - embedding_b[:, 0])


def photo(strength, name="", **fields):
    """A photo of a strength; `None` for one that is truncated."""
    fields = {"content": name.encode(), "metadata": Metadata(NOON, "Canon")} | fields
    if strength is None:
        return EncodedPhoto(reason="truncated", **fields)
    embedding = np.full(128, strength, "float32")
    return EncodedPhoto(embedding=embedding, score=float(special.expit(strength)), **fields)


def rank(strengths, kind=SERIES, keep="1"):
    """Ranks photos by name, of which each has a strength."""
    encoded = {pathlib.Path(name): photo(each, name) for name, each in strengths.items()}
    shots = complete_shots(map(Shot, encoded), encoded)
    (series,) = rank_groups([(kind, shots)], encoded, compare, Keep.parse(keep))
    assert series.kind == kind
    return series.photos


def test_a_series():
    photos = rank({"a/1": 0, "a/2": None, "a/3": 3, "a/4": 1, "a/5": 0.9}, keep="50%")
    assert [str(each.path) for each in photos] == ["a/3", "a/4", "a/5", "a/1", "a/2"]
    assert [each.keep for each in photos] == [True, True, False, False, False]
    assert [each.verdict for each in photos] == [
        "likely", "too close to call", "likely", None, None,
    ]  # fmt: skip
    assert photos[0].sure == pytest.approx(special.expit(2))
    assert photos[0].strength - photos[3].strength == pytest.approx(3, abs=1e-4)
    assert (photos[4].score, photos[4].strength, photos[4].reason) == (None, None, "truncated")
    assert (photos[0].time, photos[0].camera) == (NOON, "Canon")


@pytest.mark.parametrize(("kind", "strength"), [(BRACKET, None), (SINGLE, 0)])
def test_others_are_kept_whole_in_their_order(kind, strength):
    names = ["a/1", "a/2", "a/3"] if kind == BRACKET else ["a/1"]
    photos = rank(dict(zip(names, (0, 2, 1), strict=False)), kind)
    assert [str(each.path) for each in photos] == names
    for each in photos:
        assert (each.keep, each.sure, each.verdict, each.strength) == (True, None, None, strength)


def test_series_without_a_valid_photo():
    assert [each.keep for each in rank({"a/1": None, "a/2": None})] == [False, False]


def test_a_series_without_a_valid_photo_beside_others():
    encoded = {pathlib.Path(name): photo(0, name) for name in ("a/1", "a/2")}
    encoded |= {pathlib.Path(name): photo(None, name) for name in ("b/1", "b/2")}
    groups = group_by_folder(complete_shots(map(Shot, encoded), encoded))
    good, bad = rank_groups(groups, encoded, compare, Keep())
    assert [each.keep for each in good.photos] == [True, False]
    assert [each.reason for each in bad.photos] == ["truncated", "truncated"]


def test_folders_as_series_with_names_of_their_own():
    encoded = {pathlib.Path(name): photo(0, name) for name in ("a/1", "b/1", "a/2")}
    encoded[pathlib.Path("c/IMG_1.jpg")] = photo(0, "c", metadata=Metadata())
    groups = group_by_folder(complete_shots(map(Shot, encoded), encoded))
    groups.append(groups[0])
    found = rank_groups(groups, encoded, compare, Keep())
    assert [(series.name, series.kind) for series in found] == [
        ("a, 2024-05-03 12:00:00", SERIES),
        ("b, 2024-05-03 12:00:00", SINGLE),
        ("c, IMG_1", SINGLE),
        ("a, 2024-05-03 12:00:00 (2)", SERIES),
    ]


@pytest.mark.parametrize(
    ("keep", "counts"),
    [("1", [0, 1, 1, 1]), ("3", [0, 1, 3, 3]), ("25%", [0, 1, 1, 25]), ("7%", [0, 1, 1, 7]),
     ("0.5%", [0, 1, 1, 1]), ("100%", [0, 1, 4, 100])],
)  # fmt: skip
def test_how_many_to_keep(keep, counts):
    assert [Keep.parse(keep).of(number) for number in (0, 1, 4, 100)] == counts


@pytest.mark.parametrize("keep", ["0", "-1", "1.5", "0%", "101%", "", "all", "\u0661", "1%%"])
def test_other_numbers_are_refused(keep):
    with pytest.raises(ValueError, match="Expected --keep to be a number such as 2, or a share"):
        Keep.parse(keep)
