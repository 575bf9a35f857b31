"""Resizing to a square, by cropping and by padding, compared with Pillow and TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from keras_series.photos import resize_photo
from tests.drawn_photos import draw_photo
from tests.pillow_photos import PILLOW_TOLERANCE, SIZE, TURN_TOLERANCE, differs_by, pillow_resize


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (48, 48), (31, 47), (47, 31), (49, 48), (300, 97), (97, 300), (1, 700)]
)
def test_sizes_match_pillow(size, resize):
    photo = draw_photo(*size)
    actual = resize_photo(np.asarray(photo), SIZE, resize)
    assert differs_by(actual, pillow_resize(photo, SIZE, resize)) < PILLOW_TOLERANCE


@pytest.mark.parametrize("size", [1, 7, 224])
def test_crop_equals_the_centre_of_a_whole_resize(size):
    pixels = np.asarray(draw_photo(5 * 64, 64))
    whole = tf.image.resize(pixels, [size, 5 * size], antialias=True)
    actual = resize_photo(pixels, size)
    assert differs_by(actual, whole[:, 2 * size : 3 * size]) < TURN_TOLERANCE


def test_extreme_shape_is_not_resized_whole():
    pixels = tf.zeros([1, 3_000_000, 3], tf.uint8)
    # Resized whole, this would take 1.8 TB.
    assert resize_photo(pixels, 224).shape == [224, 224, 3]
    assert resize_photo(pixels, 224, "pad").shape == [224, 224, 3]


def test_resize_of_a_batch():
    pixels = np.stack([np.asarray(draw_photo(seed=seed)) for seed in range(3)])
    batch = resize_photo(pixels, SIZE)
    for photo, expected in zip(batch, pixels, strict=True):
        assert differs_by(photo, resize_photo(expected, SIZE)) == 0


def test_resize_of_floats():
    pixels = np.asarray(draw_photo())
    floats = resize_photo(pixels.astype(np.float64), SIZE)
    assert differs_by(floats, resize_photo(pixels, SIZE)) < TURN_TOLERANCE
