"""Baselines: predictions that need no training, to set a model's accuracy beside."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_series.data import map_photos

# Sharpness is measured at this size, whatever size the model sees.
_SHARPNESS_SIZE = 224


def baseline_predictions(
    examples: tf.data.Dataset, first: np.ndarray, second: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns baseline predictions, keyed by name.

    Args:
        examples: `tf.data.Dataset` of TFDS examples.
        first: Integer array `[P]`, numbers of photos, counted through all series.
        second: Integer array `[P]`, likewise.

    Returns:
        Float arrays `[P]`, P(first is preferred). `first_photo` always prefers the first photo of a
        pair. `sharpness` prefers the photo with the greater variance of the Laplacian at 224 x 224
        pixels. `coin` is the mean of tossing a coin, 0.5.
    """
    (sharp,), _ = map_photos(lambda photos: (sharpness(photos),), examples, _SHARPNESS_SIZE)
    return {
        "first_photo": np.ones(len(first)),
        "sharpness": (np.sign(sharp[first] - sharp[second]) + 1) / 2,
        "coin": np.full(len(first), 0.5),
    }


def sharpness(photos: tf.Tensor) -> tf.Tensor:
    """Returns the variance of the Laplacian of the grey photos.

    Args:
        photos: float32 tensor `[b, S, S, 3]`, RGB 0-255.

    Returns:
        float32 tensor `[b]`.
    """
    grey = tf.linalg.matvec(photos, [0.299, 0.587, 0.114])
    centre = grey[:, 1:-1, 1:-1]
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return tf.math.reduce_variance(neighbours - 4 * centre, axis=[1, 2])
