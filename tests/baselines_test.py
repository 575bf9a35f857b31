"""Baseline predictions: the sharpness of photos."""

import numpy as np
import tensorflow as tf

from keras_series.evaluation import baseline_predictions, sharpness
from tests.examples import many_series


def test_sharpness_is_the_variance_of_the_laplacian():
    photo = np.random.default_rng(0).uniform(0, 255, (7, 9, 3)).astype("float32")
    grey = photo @ np.array([0.299, 0.587, 0.114])
    laplacian = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, 6)
        for x in range(1, 8)
    ]
    actual = sharpness(tf.constant(photo[None]))
    np.testing.assert_allclose(actual, [np.var(laplacian)], rtol=1e-4)


def test_sharpness_prefers_the_photo_with_an_edge():
    series = many_series(3, start=20)
    predictions = baseline_predictions(series, np.array([0, 3]), np.array([1, 2]))
    np.testing.assert_array_equal(predictions["sharpness"], [1.0, 0.0])
