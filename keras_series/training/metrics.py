"""The metric that training watches, on logits and labels `[B, N, N]` of pairs."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_series")
class PairAccuracy(keras.metrics.Mean):
    """Fraction of pairs with nonzero weight that are predicted correctly.

    A pair is correct if `(logit > 0) == (label > 0.5)`. Pass it in `weighted_metrics`; the call
    arguments are those of `PairCrossentropy`.

    Example:

    >>> import numpy as np
    >>> from keras_series.training import PairAccuracy
    >>> accuracy = PairAccuracy()
    >>> accuracy.update_state(np.array([0.9, 0.2]), np.array([3.0, 1.0]), np.array([1.0, 1.0]))
    >>> float(accuracy.result())
    0.5
    """

    def __init__(self, name="pair_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        correct = ops.equal(ops.greater(y_pred, 0.0), ops.greater(y_true, 0.5))
        super().update_state(ops.cast(correct, self.dtype), sample_weight)
