"""Baselines: predictions that need no training, to set a model's accuracy beside."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_series.data import encoded_photos, map_photos

# What the model sees may be smaller; a photographer sees focus at this size.
_SIZE = 512
_MID_GREY = 127.5
# ITU-R BT.601.
_GREY = (0.299, 0.587, 0.114)


def baseline_predictions(
    examples: tf.data.Dataset, first: np.ndarray, second: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns baseline predictions, keyed by name.

    Args:
        examples: `tf.data.Dataset` of TFDS examples.
        first: Integer array `[P]`, numbers of photos, counted through all series.
        second: Integer array `[P]`, likewise.

    Returns:
        Float arrays `[P]`, P(first is preferred): 1, 0, or 0.5 for equal photos.

        - `first_photo` always prefers the first photo of a pair.
        - `sharpness` prefers the photo with the greater variance of the Laplacian at 512 x 512
          pixels.
        - `brightness` prefers the photo whose mean is nearer to mid-grey, 127.5.
        - `file_size` prefers the larger file.
        - `coin` is the mean of tossing a coin, 0.5.
    """
    (sharp, grey), _ = map_photos(
        lambda photos: (sharpness(photos), brightness(photos)), examples, _SIZE
    )
    sizes = np.array([len(photo) for photo in encoded_photos(examples).as_numpy_iterator()])
    qualities = {
        "sharpness": sharp,
        "brightness": -np.abs(grey - _MID_GREY),
        "file_size": sizes,
    }
    return {
        "first_photo": np.ones(len(first)),
        **{
            name: (np.sign(quality[first] - quality[second]) + 1) / 2
            for name, quality in qualities.items()
        },
        "coin": np.full(len(first), 0.5),
    }


def brightness(photos: tf.Tensor) -> tf.Tensor:
    """Returns the mean of the grey photos.

    Args:
        photos: float32 tensor `[b, S, S, 3]`, RGB 0-255.

    Returns:
        float32 tensor `[b]`, 0-255.
    """
    return tf.reduce_mean(tf.linalg.matvec(photos, _GREY), axis=[1, 2])


def sharpness(photos: tf.Tensor) -> tf.Tensor:
    """Returns the variance of the Laplacian of the grey photos.

    Args:
        photos: float32 tensor `[b, S, S, 3]`, RGB 0-255.

    Returns:
        float32 tensor `[b]`.
    """
    grey = tf.linalg.matvec(photos, _GREY)
    centre = grey[:, 1:-1, 1:-1]
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return tf.math.reduce_variance(neighbours - 4 * centre, axis=[1, 2])
