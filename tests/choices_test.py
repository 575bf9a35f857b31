"""The choices of the user: what a file of them may say, and what becomes of it."""

import json
import os

import pytest

from keras_series.ranking.changes import COPY, CREATE, UPDATE
from keras_series.ranking.choices import Choice, mark_choices, read_choices
from keras_series.ranking.copies import plan_copies
from keras_series.ranking.sidecars import plan_sidecars
from keras_series.ranking.writing import carry_out
from keras_series.ranking.xmp import Marks, new_xmp
from tests.ranked_series import draw


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The home folder of the journals."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))


def write(folder, *choices, **fields):
    """Writes a file of choices and returns its path."""
    content = {"format": "keras-series choices", "version": 1, "choices": list(choices)} | fields
    (folder / "choices.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "choices.json"


def entry(path, choice=None, stars=None, **fields):
    """A choice as the page writes it."""
    return {"uri": path.as_uri(), "choice": choice, "stars": stars} | fields


def test_choices_of_photos(tmp_path):
    photos = [draw(tmp_path / os.fsdecode(name)) for name in (b"a #%.jpg", b"caf\xe9", b"c.jpg")]
    raw, gone = draw(tmp_path / "a #%.NEF"), tmp_path / "gone.NEF"
    path = write(
        tmp_path,
        entry(photos[0], "keep", 4, other_files=[raw.as_uri(), gone.as_uri()]),
        entry(photos[1], "keep"),
        entry(photos[2], None, 0, shown="long"),
        entry(photos[1], "skip"),
    )
    assert read_choices(path).choices == [
        Choice(photos[0], "keep", 4, (raw,)),
        Choice(photos[1], "skip"),
        Choice(photos[2], None, 0),
    ]


def test_photos_that_are_gone_or_no_photos_are_left_out(tmp_path):
    photo, other = draw(tmp_path / "a.jpg"), tmp_path / "passwords.txt"
    other.write_text("secret")
    gone = tmp_path / "gone.jpg"
    choices = read_choices(write(tmp_path, *(entry(each, "keep") for each in (photo, other, gone))))
    assert choices.choices == [Choice(photo, "keep")]
    assert choices.left_out == {other: "not an image", gone: "not found"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expected a JSON file of choices"),
        (b"\xff\xfe{", "Expected a JSON file of choices"),
        (b"[" * 100_000, "Expected a JSON file of choices"),
        (b"[]", r"Expected the format 'keras-series choices' in .*Received: None"),
        (b'{"format": "keras-series ranking"}', "Received: 'keras-series ranking'"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_choices(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"version": 2}, r"Expected version 1 of .*Received: 2"),
        ({"choices": None}, "Expected a list of choices"),
        ({"choices": ["a"]}, "Choice 1 of .*Expected an object. Received: 'a'"),
        ({"choices": [{}]}, "Expected the URI of a file, file:///... Received: None"),
        ({"choices": [{"uri": "http://a/b"}]}, "Expected the URI of a file"),
        ({"choices": [{"uri": "file:///a", "choice": "best"}]}, "Received: 'best'"),
        ({"choices": [{"uri": "file:///a", "choice": ["keep"]}]}, r"Received: \['keep'\]"),
        ({"choices": [{"uri": "file:///a", "stars": -1}]}, "Expected `stars` to be 0 to 5 or null"),
        ({"choices": [{"uri": "file:///a", "stars": True}]}, "Received: True"),
        ({"choices": [{"uri": "file:///a", "copies": "a"}]}, "Expected `copies` to be a list"),
    ],
)
def test_choices_that_are_none(tmp_path, fields, message):
    with pytest.raises(ValueError, match=message):
        read_choices(write(tmp_path, **fields))


def test_choices_become_sidecars_and_copies(tmp_path):
    photos = [draw(tmp_path / "trip" / f"{name}.jpg", n) for n, name in enumerate("abcd")]
    for photo in photos[1:3]:
        photo.with_suffix(".xmp").write_bytes(new_xmp(Marks(3, "Yellow")))
    choices = [("keep", 5), ("keep", None), (None, 1), (None, None)]
    path = write(tmp_path, *(entry(p, *each) for p, each in zip(photos, choices, strict=True)))
    shots = mark_choices(read_choices(path).choices)
    done = carry_out(plan_sidecars(shots) + plan_copies(shots, tmp_path / "best"))
    assert [(each.path.name, each.kind, each.detail) for each in done[:3]] == [
        ("a.xmp", CREATE, "rating 5, label Green"),
        ("b.xmp", UPDATE, "label Green instead of Yellow"),
        ("c.xmp", UPDATE, "rating 1 instead of 3"),
    ]
    assert [(each.path.name, each.kind) for each in done[3:]] == [("a.jpg", COPY), ("b.jpg", COPY)]


def test_a_photo_to_skip_is_labelled_and_never_rejected(tmp_path):
    (shot,) = mark_choices([Choice(tmp_path / "a.jpg", "skip")])
    assert shot.marks == Marks(None, "Red", overwrite=True)
    assert not shot.keep
