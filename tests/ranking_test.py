"""Series in order, by a model whose answers are a table."""

import csv
import os
import types

import numpy as np
import pytest
import tensorflow as tf
from tqdm import tqdm

from keras_series.ranking.order import (
    RankedPhoto,
    format_series,
    rank_series,
    write_page,
    write_table,
)

# P(row is preferred to column). 0 beats 1, 1 beats 2, and 2 beats 0.
PREFERENCES = np.array(
    [
        [0.5, 0.9, 0.3, 0.6],
        [0.1, 0.5, 0.8, 0.9],
        [0.7, 0.2, 0.5, 0.9],
        [0.4, 0.1, 0.1, 0.5],
    ]
)


def score_and_embed(photo_bytes):
    """A photo is the digit of its row; its score is a tenth of it."""
    valid = np.array([photo.isdigit() for photo in photo_bytes.numpy()])
    rows = np.array([int(photo) if photo.isdigit() else 0 for photo in photo_bytes.numpy()])
    outputs = {"score": rows / 10, "embedding": rows[:, None].astype("float32"), "valid": valid}
    return {name: tf.constant(value) for name, value in outputs.items()}


def compare(embedding_a, embedding_b):
    rows_a, rows_b = (each.numpy()[:, 0].astype(int) for each in (embedding_a, embedding_b))
    return {"preference": tf.constant(PREFERENCES[rows_a, rows_b])}


MODEL = types.SimpleNamespace(signatures={"score_and_embed": score_and_embed, "compare": compare})


def rank(folder, contents):
    """The photos of a series in order: content, score, and how sure it is."""
    paths = [folder / f"{place}.jpg" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    ranked = rank_series(MODEL, paths, 2, tqdm(disable=True))
    return [(photo.path.read_bytes(), photo.score, photo.sure) for photo in ranked]


def test_order_is_by_all_comparisons(tmp_path):
    # Among 1, 2 and 3 the rows' sums are 2.2, 1.6 and 0.7.
    assert rank(tmp_path, [b"3", b"2", b"x", b"1"]) == [
        (b"1", 0.1, 0.8), (b"2", 0.2, 0.9), (b"3", 0.3, None), (b"x", None, None),
    ]  # fmt: skip


def test_photos_that_beat_one_another_in_turn(tmp_path):
    # Among 0, 1 and 2 the rows' sums are 1.7, 1.4 and 1.4.
    assert rank(tmp_path, [b"1", b"2", b"0"]) == [
        (b"0", 0.0, 0.9), (b"1", 0.1, 0.8), (b"2", 0.2, None),
    ]  # fmt: skip


def test_ties_are_in_the_order_given(tmp_path):
    assert rank(tmp_path, [b"2", b"2"]) == [(b"2", 0.2, 0.5), (b"2", 0.2, None)]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [([b"1"], [(b"1", 0.1, None)]), ([b"x", b""], [(b"x", None, None), (b"", None, None)])],
)
def test_one_photo_or_none(contents, expected, tmp_path):
    assert rank(tmp_path, contents) == expected


@pytest.fixture
def series(tmp_path):
    """Two photos and a file that is none, under names that need care."""
    names = b"caf\xe9.jpg", b"a b#%.jpg", b"<i>\x1b.jpg"
    paths = [tmp_path / os.fsdecode(name) for name in names]
    photos = [
        RankedPhoto(paths[0], 0.7, 0.8),
        RankedPhoto(paths[1], 0.3),
        RankedPhoto(paths[2], None),
    ]
    return {"beach & sea": photos}


def test_text_has_no_character_that_cannot_be_printed(series):
    (text,) = (format_series(name, photos) for name, photos in series.items())
    assert text.splitlines()[3:] == [
        r"     1   0.700    80%  caf\udce9.jpg",
        "     2   0.300         a b#%.jpg",
        r"     -       -      -  <i>\x1b.jpg (could not be read as a photo)",
    ]


def test_table_keeps_every_path(series, tmp_path):
    write_table(series, tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(photo.path) for photo in series["beach & sea"]]
    assert [(row["rank"], row["score"], row["sure"]) for row in rows] == [
        ("1", "0.7", "0.8"), ("2", "0.3", ""), ("", "", ""),
    ]  # fmt: skip


def test_page_shows_the_photos_in_order(series, tmp_path):
    write_page(series, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<h2>beach &amp; sea</h2>" in text
    assert r"<p>&lt;i&gt;\x1b.jpg could not be read as a photo.</p>" in text
    first, second = (
        text.index(f"src='{photo.path.as_uri()}'") for photo in series["beach & sea"][:2]
    )
    assert first < text.index("better than the next: 80%") < second
