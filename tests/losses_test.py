"""The loss of training, compared with NumPy written from the paper's equation."""

import keras
import numpy as np

from keras_series.training import PairCrossentropy

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (2, 4, 4)).astype("float32")
LABELS = RNG.uniform(0, 1, (2, 4, 4)).astype("float32")
WEIGHTS = RNG.integers(0, 2, (2, 4, 4)).astype("float32")


def test_loss_is_the_weighted_mean_of_the_paper_equation():
    p = 1 / (1 + np.exp(-LOGITS.astype("float64")))
    each = -(LABELS * np.log(p) + (1 - LABELS) * np.log(1 - p))
    expected = np.sum(each * WEIGHTS) / np.sum(WEIGHTS)
    actual = PairCrossentropy()(LABELS, LOGITS, sample_weight=WEIGHTS)
    np.testing.assert_allclose(float(actual), expected, rtol=1e-5)


def test_loss_without_any_pair_is_zero():
    assert float(PairCrossentropy()(LABELS, LOGITS, sample_weight=0 * WEIGHTS)) == 0.0


def test_loss_of_confident_wrong_logits_is_finite():
    labels, logits = np.array([[[1.0, 0.0]]]), np.array([[[-1e4, 1e4]]])
    loss = PairCrossentropy()(labels, logits, sample_weight=np.ones((1, 1, 2)))
    np.testing.assert_allclose(float(loss), 1e4)


def test_loss_reloads_with_its_name():
    config = keras.saving.serialize_keras_object(PairCrossentropy(name="other"))
    assert keras.saving.deserialize_keras_object(config).name == "other"
