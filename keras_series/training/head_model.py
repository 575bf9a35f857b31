"""A head that is trained alone, on features that a frozen encoder computed once.

Such a head can keep its answers where the labels do not speak against them: Li and Hoiem, *Learning
without forgetting* (ECCV 2016), with the squared difference of logits of Ba and Caruana, *Do deep
nets really need to be deep?* (NeurIPS 2014).
"""

from __future__ import annotations

import os

import keras
from keras import ops

from keras_series.models import SeriesPreferenceModel
from keras_series.training.losses import PairCrossentropy
from keras_series.training.metrics import PairAccuracy


class HeadModel(keras.Model):
    """The head of a model in training, and the head that it was before.

    Args:
        model: `SeriesPreferenceModel`, whose head is trained.

    Call arguments:
        features: Tensor of shape `[batch, photos, D]`, the features of its encoder.

    Output:
        Logits of shape `[batch, photos, photos, 2]`: those of the head, and those of the head at
        the start.
    """

    def __init__(self, model: SeriesPreferenceModel):
        super().__init__(autocast=False)
        self.model = model
        self.start = type(model.head).from_config(model.head.get_config())
        self.start.build_from_config(model.head.get_build_config())
        self.start.set_weights(model.head.get_weights())
        self.start.trainable = False

    def call(self, features):
        heads = (self.model.head, self.start)
        return ops.stack([head(head.embed(features)) for head in heads], axis=-1)

    def save(self, path: str | os.PathLike) -> None:
        """Saves the whole model."""
        self.model.save(path)


class HeadCrossentropy(PairCrossentropy):
    """Binary cross-entropy over pairs, and how far their logits are from those at the start.

    `-(y log(p) + (1 - y) log(1 - p)) + distillation * (logit - start) ** 2`, averaged as
    `PairCrossentropy` does.

    Args:
        distillation: Float, at least 0.

    Call arguments:
        y_true: Labels in [0, 1], `[B, N, N]`.
        y_pred: Logits of a `HeadModel`, `[B, N, N, 2]`.
        sample_weight: Weights of at least 0, `[B, N, N]`.
    """

    def __init__(self, distillation: float):
        super().__init__(name="head_crossentropy")
        self._distillation = distillation

    def call(self, y_true, y_pred):
        logits, start = ops.unstack(y_pred, axis=-1)
        return super().call(y_true, logits) + self._distillation * ops.square(logits - start)


class HeadAccuracy(PairAccuracy):
    """`PairAccuracy` of the logits of a `HeadModel`, `[B, N, N, 2]`."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred[..., 0], sample_weight)
