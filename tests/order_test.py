"""The order of the photos within a series, by a model whose answers are a table."""

import numpy as np
import pytest
from tqdm import tqdm

from keras_series.ranking import rank_series

# P(row is preferred to column). 0 beats 1, 1 beats 2, and 2 beats 0.
PREFERENCES = np.array(
    [
        [0.5, 0.9, 0.3, 0.6],
        [0.1, 0.5, 0.8, 0.9],
        [0.7, 0.2, 0.5, 0.9],
        [0.4, 0.1, 0.1, 0.5],
    ]
)


class TableModel:
    """A model whose photos are digits, the rows of the table; a score is a tenth of its digit."""

    def describe(self, photo_bytes, progress):
        photos = list(photo_bytes)
        progress.update(len(photos))
        valid = np.array([photo.isdigit() for photo in photos])
        rows = np.array([int(photo) if photo.isdigit() else 0 for photo in photos])
        return {
            "embedding": rows[:, None].astype("float32"),
            "score": rows / 10,
            "valid": valid,
            "reason": np.where(valid, 0, 2),
        }

    def compare(self, embedding_a, embedding_b):
        rows_a, rows_b = (each[:, 0].astype(int) for each in (embedding_a, embedding_b))
        return PREFERENCES[rows_a, rows_b]


def rank(folder, contents):
    """Returns the photos of a series in order: content, score, and P(better than the next)."""
    paths = [folder / f"{place}.jpg" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    ranked = rank_series(TableModel(), paths, tqdm(disable=True))
    return [(photo.path.read_bytes(), photo.score, photo.sure) for photo in ranked]


def test_order_is_by_all_comparisons(tmp_path):
    # Among 1, 2 and 3 the rows' sums are 2.2, 1.6 and 0.7.
    assert rank(tmp_path, [b"3", b"2", b"x", b"1"]) == [
        (b"1", 0.1, 0.8), (b"2", 0.2, 0.9), (b"3", 0.3, None), (b"x", None, None),
    ]  # fmt: skip


def test_cyclic_preferences(tmp_path):
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
