"""Batch normalization folded into convolutions: the model stays the same function."""

import keras
import numpy as np
import pytest

from keras_series.export import fold_batch_norms, fold_encoder
from keras_series.models import PhotoEncoder


def randomize(model):
    rng = np.random.default_rng(0)
    for variable in model.variables:
        kind = variable.path.split("/")[-1]
        if kind in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif kind in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.2, variable.shape))


def norms(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize(
    "backbone", ["tiny", "se_tiny", "resnet50", "efficientnetv2b0", "efficientnet_lite0"]
)
@pytest.mark.parametrize("stages", [(5,), (3, 5)])
def test_folded_is_the_same_function(backbone, stages):
    keras.utils.set_random_seed(0)
    encoder = PhotoEncoder(backbone, stages=stages, weights=None, image_size=64)
    randomize(encoder)
    photos = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(encoder(photos))
    actual = keras.ops.convert_to_numpy(fold_encoder(encoder)(photos))
    # Swish and depthwise convolutions pass rounding on more than a ResNet's additions do.
    tolerance = 1e-3 if backbone.startswith("efficientnet") else 1e-4
    np.testing.assert_allclose(actual, expected, atol=tolerance * np.abs(expected).max())


def test_bfloat16_halves_the_weights_and_stays_close():
    encoder = PhotoEncoder("tiny", weights=None, image_size=64)
    photos = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(encoder(photos))
    folded = fold_encoder(encoder, "bfloat16")
    actual = folded(photos)
    assert {variable.dtype for variable in folded.variables} == {"bfloat16"}
    assert keras.backend.standardize_dtype(actual.dtype) == "float32"
    # bfloat16 has 8 bits of precision, so an answer that had 32 would be closer.
    difference = np.abs(keras.ops.convert_to_numpy(actual) - expected).max()
    assert 1e-5 * np.abs(expected).max() < difference < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize(("backbone", "count"), [("resnet50", 53), ("efficientnet_lite0", 48)])
def test_every_norm_is_folded(backbone, count):
    encoder = PhotoEncoder(backbone, weights=None, image_size=64)
    network = encoder.get_layer(backbone)
    assert len(norms(network)) == count
    assert norms(fold_batch_norms(network)) == []


def test_what_does_not_follow_a_linear_convolution_stays():
    photos = keras.Input((8, 8, 3))
    activated = keras.layers.Conv2D(4, 3, activation="relu")(photos)
    shared = keras.layers.Conv2D(4, 3)(photos)
    outputs = [
        keras.layers.BatchNormalization()(activated),
        keras.layers.BatchNormalization()(shared),
        keras.layers.ReLU()(shared),
    ]
    network = keras.Model(photos, outputs)
    randomize(network)
    folded = fold_batch_norms(network)
    assert len(norms(folded)) == 2
    pixels = np.random.default_rng(2).normal(size=(1, 8, 8, 3)).astype("float32")
    for actual, expected in zip(folded(pixels), network(pixels), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)
