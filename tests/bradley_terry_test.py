"""Strengths and ranks from preferences, against the likeliest that SciPy finds."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special

from keras_series.export import bradley_terry_strengths, rank_by


def random_preferences(seed, photos, scale):
    logits = scale * np.random.default_rng(seed).normal(size=(photos, photos))
    return special.expit(logits - logits.T).astype("float32")


def likeliest(p):
    """Strengths by SciPy, from the likelihood of Bradley and Terry alone."""
    off_diagonal = ~np.eye(len(p), dtype=bool)

    def unlikelihood(strengths):
        differences = strengths[:, None] - strengths[None, :]
        return -(p * special.log_expit(differences))[off_diagonal].sum()

    strengths = optimize.minimize(unlikelihood, np.zeros(len(p)), tol=1e-10).x
    return strengths - strengths.mean()


@pytest.mark.parametrize(
    ("seed", "photos", "scale"), [(0, 2, 1), (1, 5, 0.5), (2, 8, 2), (3, 12, 1)]
)
def test_strengths_are_the_likeliest(seed, photos, scale):
    p = random_preferences(seed, photos, scale).astype(float)
    actual = bradley_terry_strengths(
        tf.constant(p[None], tf.float32), tf.ones([1, photos], tf.bool)
    )[0]
    np.testing.assert_allclose(actual, likeliest(p), atol=1e-3)


def test_strengths_that_made_the_preferences_are_found():
    strengths = np.array([2.0, -1.5, 0.5, -1.0])
    p = special.expit(strengths[:, None] - strengths[None, :])[None].astype("float32")
    actual = bradley_terry_strengths(tf.constant(p), tf.ones([1, 4], tf.bool))
    np.testing.assert_allclose(actual[0], strengths, atol=1e-4)


@pytest.mark.parametrize("scale", [0, 10, 1000])
def test_order_is_that_of_summed_preferences(scale):
    p = np.stack([random_preferences(seed, 6, scale) for seed in range(50)])
    actual = bradley_terry_strengths(tf.constant(p), tf.ones([50, 6], tf.bool)).numpy()
    assert np.isfinite(actual).all()
    sums = np.clip(p, 1e-5, 1 - 1e-5).astype(float).sum(axis=-1)
    differences = actual[:, :, None] - actual[:, None, :]
    expected = sums[:, :, None] - sums[:, None, :]
    clear = np.abs(expected) > 1e-3
    np.testing.assert_array_equal(np.sign(differences)[clear], np.sign(expected)[clear])


def test_others_take_no_part():
    p = random_preferences(4, 5, 1)
    kept = [0, 2, 3]
    valid = np.isin(np.arange(5), kept)
    alone = bradley_terry_strengths(
        tf.constant(p[np.ix_(kept, kept)][None]), tf.ones([1, 3], tf.bool)
    )
    actual = bradley_terry_strengths(tf.constant(p[None]), tf.constant(valid[None]))[0].numpy()
    np.testing.assert_allclose(actual[kept], alone[0], atol=1e-5)
    np.testing.assert_array_equal(actual[~valid], 0)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 1)])
def test_nothing_to_compare(shape):
    strengths = bradley_terry_strengths(tf.fill([*shape, shape[1]], 0.5), tf.ones(shape, tf.bool))
    np.testing.assert_array_equal(strengths, np.zeros(shape))


def test_ranks_by_hand():
    strengths = tf.constant([[0.5, 2.0, 0.5, 9.0, 9.0]])
    valid = tf.constant([[True, True, True, False, False]])
    counted = tf.constant([[True, True, True, True, False]])
    np.testing.assert_array_equal(rank_by(strengths, valid, counted), [[2, 1, 3, 4, 0]])
