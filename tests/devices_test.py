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

start, count, result, *host = sys.argv[1:]
hosts = ("127.0.0.1:8479", "127.0.0.1") if host else ()
cluster = Cluster(count or None, hosts, int(*host) if host else None)
with distributed(cluster, batch_size=4):
    model = load_model(start)
    compile_model(model, Recipe(learning_rate=1e-3))
    rng = np.random.default_rng(0)
    photos = rng.uniform(0, 255, (80, 4, 32, 32, 3)).astype("float32")
    labels = rng.integers(0, 2, (80, 4, 4)).astype("float32")
    weights = np.triu(np.ones((80, 4, 4), "float32"), 1) * (rng.random((80, 1, 1)) > 0.3)
    data = tf.data.Dataset.from_tensor_slices((photos, labels, weights)).batch(4)
    own = slice(cluster.index * 4 // cluster.count, (cluster.index + 1) * 4 // cluster.count)
    data = data.map(lambda *batch: tuple(part[own] for part in batch))
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


def start_training(count, start, result, *host, virtual=4, backend="jax"):
    environment = {
        **os.environ, "KERAS_BACKEND": backend,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={virtual}",
    }  # fmt: skip
    command = [sys.executable, "-c", TRAIN, start, count, result, *host]
    return subprocess.Popen(command, env=environment)


def train_on(count, start, folder):
    assert start_training(count, start, folder / f"{count}.npz").wait() == 0
    return list(np.load(folder / f"{count}.npz").values())


def train_on_hosts(start, folder):
    processes = [
        start_training("all", start, folder / f"host{host}.npz", str(host), virtual=2)
        for host in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    return [list(np.load(folder / f"host{host}.npz").values()) for host in range(2)]


@pytest.mark.slow
def test_the_number_of_devices_does_not_change_the_result(tmp_path):
    pytest.importorskip("jax")
    start = tmp_path / "start.keras"
    from_preset("tiny", image_size=32).save(start)
    expected = train_on("1", start, tmp_path)
    others = [train_on(count, start, tmp_path) for count in ("2", "all")]
    for other in [*others, *train_on_hosts(start, tmp_path)]:
        for a, b in zip(expected, other, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_result_of_tensorflow(backend, tmp_path):
    pytest.importorskip(backend)
    start = tmp_path / "start.keras"
    from_preset("tiny", image_size=32).save(start)
    results = []
    for name in ("tensorflow", backend):
        result = tmp_path / f"{name}.npz"
        assert start_training("", start, result, backend=name).wait() == 0
        results.append(list(np.load(result).values()))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize(
    ("cluster", "variables", "index"),
    [
        (Cluster(), {}, 0),
        (Cluster(hosts=("a:1", "b"), host_index=1), {"SLURM_PROCID": "0"}, 1),
        (Cluster(hosts=("a:1", "b")), {"SLURM_PROCID": "1"}, 1),
        (Cluster(hosts=("a:1", "b")), {"JOB_COMPLETION_INDEX": "0"}, 0),
    ],
)
def test_the_place_among_the_hosts(cluster, variables, index, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cluster.index == index


def test_a_place_that_is_not_known_is_refused():
    for cluster in (Cluster(hosts=("a:1", "b")), Cluster(hosts=("a:1", "b"), host_index=2)):
        with pytest.raises(ValueError, match="Expected --host_index from 0 to 1"):
            _ = cluster.index
