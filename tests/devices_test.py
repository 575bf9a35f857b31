"""Which devices a run may ask for. What they compute is tested on virtual ones, where JAX is."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_series.models import from_preset
from keras_series.training import Cluster, distributed

# Trains a model for 20 steps on so many devices.
TRAIN = """
import sys
import keras, numpy as np, tensorflow as tf
from keras_series.training import Cluster, Recipe, compile_model, distributed, load_model

start, count, result = sys.argv[1:]
with distributed(Cluster(count), batch_size=4):
    model = load_model(start)
    compile_model(model, Recipe(learning_rate=1e-3))
    rng = np.random.default_rng(0)
    photos = rng.uniform(0, 255, (80, 4, 32, 32, 3)).astype("float32")
    labels = rng.integers(0, 2, (80, 4, 4)).astype("float32")
    weights = np.triu(np.ones((80, 4, 4), "float32"), 1) * (rng.random((80, 1, 1)) > 0.3)
    data = tf.data.Dataset.from_tensor_slices((photos, labels, weights)).batch(4)
    model.fit(data, shuffle=False, verbose=0)
    np.savez(result, *[keras.ops.convert_to_numpy(weight) for weight in model.weights])
"""


def test_nothing_is_changed_by_default():
    with distributed(Cluster(), batch_size=1):
        assert keras.distribution.distribution() is None


def test_several_devices_need_jax():
    with (
        pytest.raises(ValueError, match="Expected KERAS_BACKEND=jax"),
        distributed(Cluster("2"), 2),
    ):
        pass


def train_on(count, start, folder):
    environment = {
        **os.environ, "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
    }  # fmt: skip
    result = folder / f"{count}.npz"
    command = [sys.executable, "-c", TRAIN, start, str(count), result]
    subprocess.run(command, env=environment, check=True)
    return list(np.load(result).values())


@pytest.mark.slow
def test_the_number_of_devices_does_not_change_the_result(tmp_path):
    pytest.importorskip("jax")
    from_preset("tiny", image_size=32).save(tmp_path / "start.keras")
    expected = train_on(1, tmp_path / "start.keras", tmp_path)
    for count in (2, "all"):
        for a, b in zip(expected, train_on(count, tmp_path / "start.keras", tmp_path), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
