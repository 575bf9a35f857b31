"""The backbone EfficientNet-Lite0: its stages, its size, and its weights in the package."""

import keras
import numpy as np
import pytest

from keras_series.models import BACKBONES, PhotoEncoder
from keras_series.models.backbones import WEIGHTS
from keras_series.models.efficientnet_lite0 import efficientnet_lite0
from keras_series.models.weights_file import write_half_precision


def test_the_stages():
    network = efficientnet_lite0(input_shape=(64, 64, 3))
    shapes = [network.get_layer(f"stage{stage}_out").output.shape[1:] for stage in range(1, 6)]
    assert shapes == [(32, 32, 16), (16, 16, 24), (8, 8, 40), (4, 4, 112), (2, 2, 320)]


def test_the_size_of_the_published_network():
    network = efficientnet_lite0(include_top=True, input_shape=(64, 64, 3))
    # 296 tensors of the published file, without 49 counters of batches.
    assert network.count_params() == 4_694_024
    assert network.output_shape == (None, 1000)


def test_relu6_limits_and_the_last_stage_is_linear():
    network = efficientnet_lite0(input_shape=(64, 64, 3))
    limits = [layer.max_value for layer in network.layers if isinstance(layer, keras.layers.ReLU)]
    assert len(limits) == 1 + 15 + 16
    assert set(limits) == {6.0}
    last = network.predict(np.random.default_rng(0).normal(0, 1, (1, 64, 64, 3)), verbose=0)
    assert last.min() < 0


def test_imagenet_weights_need_no_download(monkeypatch):
    monkeypatch.setattr(keras.utils, "get_file", None)
    encoder = PhotoEncoder("efficientnet_lite0", image_size=64)
    weights = encoder.get_layer("efficientnet_lite0").get_layer("stem_conv").get_weights()[0]
    # Random weights of this layer would have a standard deviation of sqrt(2 / 27) = 0.27.
    assert not 0.2 < weights.std() < 0.35
    other = PhotoEncoder("efficientnet_lite0", image_size=64)
    again = other.get_layer("efficientnet_lite0").get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(weights, again)


def test_the_weights_are_small():
    assert BACKBONES["efficientnet_lite0"].weights_path.stat().st_size < 7.5e6
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 2 * 7.5e6


def test_half_precision_keeps_vectors_and_rounds_kernels(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    kernel, bias = np.array([[1.0001, 2], [3, 4], [5, 6]]), np.array([1e-9, 1.0001])
    model.set_weights([kernel, bias])
    write_half_precision(model, tmp_path / "half.weights.h5")
    copy = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    copy.load_weights(tmp_path / "half.weights.h5")
    np.testing.assert_array_equal(copy.get_weights()[0], kernel.astype(np.float16))
    np.testing.assert_array_equal(copy.get_weights()[1], bias.astype(np.float32))


@pytest.mark.parametrize("stages", [(3, 4, 5), (1, 5)])
def test_as_a_backbone(stages):
    encoder = PhotoEncoder("efficientnet_lite0", stages=stages, weights=None, image_size=64)
    channels = {1: 16, 2: 24, 3: 40, 4: 112, 5: 320}
    assert encoder.output_shape == (None, 2 * sum(channels[stage] for stage in stages))
