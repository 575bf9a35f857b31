"""The pair accuracy that training shows, compared with NumPy."""

import numpy as np

from keras_series.training import PairAccuracy

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (2, 4, 4)).astype("float32")
LABELS = RNG.uniform(0, 1, (2, 4, 4)).astype("float32")
WEIGHTS = RNG.integers(0, 2, (2, 4, 4)).astype("float32")


def test_accuracy_counts_only_pairs_with_weight():
    accuracy = PairAccuracy()
    accuracy.update_state(LABELS, LOGITS, WEIGHTS)
    told = (LOGITS > 0) == (LABELS > 0.5)
    np.testing.assert_allclose(float(accuracy.result()), told[WEIGHTS > 0].mean(), rtol=1e-6)
