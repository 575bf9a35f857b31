"""The temperature that calibrates a model, compared with a search for the least log loss."""

import numpy as np
import pytest
import scipy.optimize
import sklearn.metrics

from keras_series.training import fit_temperature


def test_the_temperature_that_made_the_labels_is_found():
    logits = np.random.default_rng(0).normal(0, 3, 500)
    preferences = 1 / (1 + np.exp(-logits / 2.5))
    assert fit_temperature(logits, preferences) == pytest.approx(2.5, rel=1e-6)


def test_the_temperature_has_the_least_log_loss():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 500)
    labels = (rng.random(500) < 1 / (1 + np.exp(-logits / 3))).astype(float)

    def loss(temperature):
        return sklearn.metrics.log_loss(labels, 1 / (1 + np.exp(-logits / temperature)))

    best = scipy.optimize.minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=1e-3)


def test_temperature_is_one_without_logits():
    assert fit_temperature(np.zeros(3), np.array([0.1, 0.5, 0.9])) == 1.0
