"""The order of the photos within a series, by preferences that are a table or drawn at random."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from keras_series.export import ExportedHead, ExportedModel, bradley_terry_strengths
from keras_series.ranking import order
from keras_series.ranking.order import order_series, verdict
from keras_series.ranking.strengths import bradley_terry, strengths_beside
from tests.shared_export import shared_export

# P(row is preferred to column). 0 beats 1, 1 beats 2, and 2 beats 0.
PREFERENCES = np.array(
    [
        [0.5, 0.9, 0.3, 0.6],
        [0.1, 0.5, 0.8, 0.9],
        [0.7, 0.2, 0.5, 0.9],
        [0.4, 0.1, 0.1, 0.5],
    ]
)


def by_table(embedding_a, embedding_b):
    """Compares embeddings whose first number is a row of the table."""
    rows_a, rows_b = (each[:, 0].astype(int) for each in (embedding_a, embedding_b))
    return PREFERENCES[rows_a, rows_b]


def by_number(embedding_a, embedding_b):
    """Compares embeddings whose first number is a strength."""
    return special.expit(embedding_a[:, 0] - embedding_b[:, 0])


def embeddings(numbers):
    return np.reshape(numbers, (-1, 1)).astype("float32")


def order_rows(rows):
    """Returns the rows of the table in order, and P(better than the next)."""
    (found,) = order_series(by_table, [embeddings(rows)])
    return [rows[place] for place in found.places], found.sure.round(6).tolist()


def test_order_is_by_all_comparisons():
    # Among 1, 2 and 3 the rows' sums are 2.2, 1.6 and 0.7.
    assert order_rows([3, 2, 1]) == ([1, 2, 3], [0.8, 0.9])


def test_cyclic_preferences():
    # Among 0, 1 and 2 the rows' sums are 1.7, 1.4 and 1.4.
    assert order_rows([1, 2, 0]) == ([0, 1, 2], [0.9, 0.8])


def test_ties_are_in_the_order_given():
    (found,) = order_series(by_table, [embeddings([2, 2, 2])])
    assert found.places.tolist() == [0, 1, 2]
    assert found.sure.tolist() == [0.5, 0.5]


def test_series_of_every_size_at_once():
    rng = np.random.default_rng(0)
    series = [embeddings(rng.normal(size=size)) for size in (0, 3, 1, 3, 0, 40, 1, 2)]
    for photos, found in zip(series, order_series(by_number, series), strict=True):
        expected = np.sort(photos[:, 0] - (photos.mean() if len(photos) else 0))[::-1]
        np.testing.assert_allclose(found.strengths, expected, atol=1e-5)
        np.testing.assert_allclose(found.sure, special.expit(-np.diff(expected)), atol=1e-5)


def test_series_beyond_the_bound(monkeypatch):
    monkeypatch.setattr(order, "_MOST_COMPARED", 7)
    numbers = np.random.default_rng(1).normal(size=30)
    (found,) = order_series(by_number, [embeddings(numbers)])
    np.testing.assert_array_equal(found.places, np.argsort(-numbers))
    np.testing.assert_allclose(found.strengths, np.sort(numbers - numbers.mean())[::-1], atol=1e-5)


def test_series_of_one_size_beyond_the_bound(monkeypatch):
    monkeypatch.setattr(order, "_MOST_COMPARED", 7)
    numbers = np.random.default_rng(1).normal(size=(3, 9))
    found = order_series(by_number, [embeddings(row) for row in numbers])
    np.testing.assert_array_equal([each.places for each in found], np.argsort(-numbers))


@pytest.mark.parametrize("scale", [0, 0.5, 5, 1000])
def test_strengths_are_those_of_the_exported_model(scale):
    logits = scale * np.random.default_rng(2).normal(size=(4, 6, 6))
    p = special.expit(logits - logits.swapaxes(1, 2))
    expected = bradley_terry_strengths(tf.constant(p, tf.float32), tf.ones([4, 6], tf.bool))
    np.testing.assert_allclose(bradley_terry(p), expected, atol=1e-3, rtol=1e-3)


def test_strengths_beside_others():
    others, strengths = np.array([-2.0, 0.5, 3.0]), np.array([1.0, -4.0])
    p = special.expit(strengths[:, np.newaxis] - others)
    np.testing.assert_allclose(strengths_beside(p, others), strengths, atol=1e-6)


def test_the_head_in_numpy_answers_as_the_model(tmp_path_factory):
    version = shared_export(tmp_path_factory)
    a, b = np.random.default_rng(3).normal(size=(2, 50, 128)).astype("float32")
    expected = ExportedModel(version).compare(a, b)
    np.testing.assert_allclose(ExportedHead(version).compare(a, b), expected, atol=1e-6)
    reference = np.linspace(-1, 1, 128).astype("float32")  # As `make_model` has it.
    expected = ExportedModel(version).compare(a, np.broadcast_to(reference, a.shape))
    np.testing.assert_allclose(ExportedHead(version).score(a), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("sure", "expected"),
    [(0.9, "clear"), (0.89, "likely"), (0.7, "likely"), (0.69, "too close to call")],
)
def test_verdicts(sure, expected):
    assert verdict(sure) == expected
