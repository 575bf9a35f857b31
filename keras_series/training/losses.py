"""What training minimises and watches, on logits and labels `[B, N, N]` of pairs."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_series")
class PairCrossentropy(keras.losses.Loss):
    """Binary cross-entropy over the pairs that weigh something.

    `-(y log(p) + (1 - y) log(1 - p))` with `p = sigmoid(logit)`: equation 1 of Huang et al. (ICASSP
    2020), whose second term is misprinted there. With soft labels, y is the share of people who
    prefer the first photo. The mean is over the sample weights, so that empty places and pairs that
    nobody compared do not count. Calculated in float32 from the logits.

    Call arguments:
        y_true: Labels in [0, 1], `[B, N, N]`.
        y_pred: Logits, `[B, N, N]`.
        sample_weight: `[B, N, N]`, at least 0. All zero gives a loss of zero.

    Example:

    >>> import numpy as np
    >>> from keras_series.training.losses import PairCrossentropy
    >>> labels, logits = np.array([[[0.0, 1.0], [0.0, 0.0]]]), np.zeros((1, 2, 2))
    >>> loss = PairCrossentropy()(labels, logits, sample_weight=labels)
    >>> round(float(loss), 4)
    0.6931
    """

    def __init__(self, reduction="mean_with_sample_weight", name="pair_crossentropy", **kwargs):
        super().__init__(reduction=reduction, name=name, **kwargs)

    def call(self, y_true, y_pred):
        # softplus(x) - y x is the cross-entropy of sigmoid(x), without overflow.
        return ops.softplus(y_pred) - y_true * y_pred


@keras.saving.register_keras_serializable(package="keras_series")
class PairAccuracy(keras.metrics.Mean):
    """Share of the weighing pairs whose preferred photo is told: `(logit > 0) == (label > 0.5)`.

    Call arguments as of `PairCrossentropy`; use it in `weighted_metrics`.

    Example:

    >>> import numpy as np
    >>> from keras_series.training.losses import PairAccuracy
    >>> accuracy = PairAccuracy()
    >>> accuracy.update_state(np.array([0.9, 0.2]), np.array([3.0, 1.0]), np.array([1.0, 1.0]))
    >>> float(accuracy.result())
    0.5
    """

    def __init__(self, name="pair_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        told = ops.equal(ops.greater(y_pred, 0.0), ops.greater(y_true, 0.5))
        super().update_state(ops.cast(told, self.dtype), sample_weight)
