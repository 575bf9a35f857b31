"""Baseline predictions: the sharpness of photos."""

import numpy as np
import tensorflow as tf

from keras_series.evaluation import baseline_predictions, brightness, sharpness
from tests.examples import dataset, example, many_series


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


def test_the_baselines_of_two_photos():
    photos = [np.full((20, 20, 3), value, np.uint8) for value in (40, 120, 250)]
    rng = np.random.default_rng(0)
    photos[2] = np.where(rng.random((20, 20, 1)) < 0.5, photos[2], 200).astype(np.uint8)
    encoded = [tf.io.encode_png(photo).numpy() for photo in photos]
    examples = dataset([example("a", encoded, [(0, 1, 0.5)])])
    first, second = np.array([0, 1, 0]), np.array([1, 2, 2])
    found = baseline_predictions(examples, first, second)
    assert found["first_photo"].tolist() == [1, 1, 1]
    assert found["coin"].tolist() == [0.5, 0.5, 0.5]
    assert found["sharpness"].tolist()[1:] == [0, 0]
    assert found["file_size"].tolist()[1:] == [0, 0]
    # 40, 120 and about 225 are 87.5, 7.5 and about 97.5 from the middle.
    assert found["brightness"].tolist() == [0, 1, 1]


def test_brightness_is_the_mean_of_the_grey_photo():
    photo = np.random.default_rng(0).uniform(0, 255, (5, 6, 3)).astype("float32")
    expected = (photo @ np.array([0.299, 0.587, 0.114])).mean()
    np.testing.assert_allclose(brightness(tf.constant(photo[None])), [expected], rtol=1e-5)


def test_sharpness_prefers_the_photo_with_an_edge():
    series = many_series(3, start=20)
    predictions = baseline_predictions(series, np.array([0, 3]), np.array([1, 2]))
    np.testing.assert_array_equal(predictions["sharpness"], [1.0, 0.0])
