"""The loss, on logits and labels `[B, N, N]` of pairs."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_series")
class PairCrossentropy(keras.losses.Loss):
    """Binary cross-entropy over the pairs with nonzero weight.

    `-(y log(p) + (1 - y) log(1 - p))` with `p = sigmoid(logit)`. This is equation 1 of Huang et al.
    (ICASSP 2020), whose second term is misprinted there. With soft labels, y is the fraction of
    people who prefer the first photo. The sum is divided by the sum of the weights, so spare places
    and pairs that nobody compared do not count. It is computed in float32 from the logits.

    Call arguments:
        y_true: Labels in [0, 1], `[B, N, N]`.
        y_pred: Logits, `[B, N, N]`.
        sample_weight: Weights of at least 0, `[B, N, N]`. If all are zero, so is the loss.

    Example:

    >>> import numpy as np
    >>> from keras_series.training import PairCrossentropy
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
