"""The average of a model's weights with those that its training started with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


class Interpolation(keras.callbacks.Callback):
    """Averages a model's weights with those that it has now, whenever it is validated.

    Training itself goes on with weights that are not averaged.

    Source: Wortsman et al., *Robust fine-tuning of zero-shot models* (CVPR 2022). Between its start
    and its end, a fine-tuned model is often better than at both, most of all on other data.

    Args:
        model: The model, before it is trained.
        share: Float in [0, 1], the share that the trained weights have in the average.
    """

    def __init__(self, model: keras.Model, share: float):
        super().__init__()
        self._share = share
        self._start = _values(model) if share < 1 else []

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Averages the weights while the block runs."""
        self.on_test_begin()
        try:
            yield
        finally:
            self.on_test_end()

    def on_test_begin(self, logs=None):
        if self._share < 1:
            self._trained = _values(self.model)
            share, both = self._share, zip(self._trained, self._start, strict=True)
            self._assign(share * trained + (1 - share) * start for trained, start in both)

    def on_test_end(self, logs=None):
        if self._share < 1:
            self._assign(self._trained)

    def _assign(self, values):
        for weight, value in zip(self.model.weights, values, strict=True):
            weight.assign(value)


def _values(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]
