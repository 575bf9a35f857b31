"""Runs that are interrupted: what a checkpoint keeps, and that the same command goes on."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_series.data import SeriesDataset
from keras_series.training import (
    TERMINATED,
    Checkpoints,
    Place,
    Recipe,
    RunFolder,
    RunRecorder,
    train,
)
from tests.examples import FewSeries


def make_model(weight=1.0):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.layers[0].kernel.assign([[weight], [weight]])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


def fit_a_little(model):
    data = tf.data.Dataset.from_tensors((np.ones((4, 2)), np.zeros((4, 1)))).repeat(3)
    model.fit(data, shuffle=False, verbose=0)


def test_weights_optimiser_and_metrics_come_back(tmp_path):
    model, other = make_model(), make_model(5.0)
    fit_a_little(model)
    other.evaluate(np.zeros((1, 2)), np.zeros((1, 1)), verbose=0)  # Creates its metrics.
    other.reset_metrics()
    checkpoints = Checkpoints(tmp_path, "model")
    checkpoints.save(model, Place(2, 7))
    place, metrics = checkpoints.restore(other)
    checkpoints.add_metrics(other, metrics)
    assert place == Place(2, 7)
    for name in ("weights", "metrics_variables"):
        for a, b in zip(getattr(model, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="seeds TensorFlow alone")
def test_random_generators_go_on(tmp_path):
    def make():
        dropout = keras.layers.Dropout(0.5, seed=3)
        model = keras.Sequential([keras.Input((64,)), dropout, keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.build((None, 64))
        return model

    model, other = make(), make()
    model(np.ones((1, 64)), training=True)
    Checkpoints(tmp_path, "model").save(model, Place(1))
    Checkpoints(tmp_path, "model").restore(other)
    masks = [each.layers[0](np.ones((1, 64)), training=True) for each in (model, other, make())]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert np.any(np.asarray(masks[0]) != np.asarray(masks[2]))


def test_the_optimiser_of_another_phase_stays(tmp_path):
    model, other = make_model(), make_model(5.0)
    fit_a_little(model)
    Checkpoints(tmp_path, "head").save(model, Place(1))
    place, _ = Checkpoints(tmp_path, "model").restore(other)
    assert place == Place(1)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])
    assert other.optimizer.iterations == 0


def test_two_are_kept_in_order(tmp_path):
    checkpoints = Checkpoints(tmp_path, "model")
    for place in (Place(0, 9), Place(0, 10), Place(1), Place(9, 3), Place(10)):
        checkpoints.save(make_model(), place)
    assert len(list(tmp_path.iterdir())) == 2
    assert checkpoints.restore(make_model())[0] == Place(10)


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b""])
def test_a_damaged_one_is_left_out(tmp_path, damage):
    checkpoints = Checkpoints(tmp_path, "model")
    checkpoints.save(make_model(3.0), Place(1))
    checkpoints.save(make_model(4.0), Place(2))
    paths = sorted(tmp_path.iterdir())
    paths[-1].write_bytes(damage(paths[-1].read_bytes()))
    model = make_model()
    assert checkpoints.restore(model)[0] == Place(1)
    assert model.get_weights()[0][0, 0] == 3.0
    paths[0].write_bytes(damage(paths[0].read_bytes()))
    with pytest.raises(ValueError, match=r"Expected a whole checkpoint in .* 2 damaged ones"):
        checkpoints.restore(model)


def test_a_flipped_bit_is_found(tmp_path):
    checkpoints = Checkpoints(tmp_path, "model")
    checkpoints.save(make_model(3.0), Place(1))
    checkpoints.save(make_model(4.0), Place(2))
    path = sorted(tmp_path.iterdir())[-1]
    data = bytearray(path.read_bytes())
    place = data.index(np.float32(4.0).tobytes())
    data[place + 1] ^= 1
    path.write_bytes(data)
    assert checkpoints.restore(make_model())[0] == Place(1)


def test_what_a_killed_run_was_writing_is_removed(tmp_path):
    (tmp_path / ".000001-00000000.partial.npz").write_bytes(b"half")
    Checkpoints(tmp_path, "model").save(make_model(), Place(2))
    assert [path.name for path in tmp_path.iterdir()] == ["000002-00000000.npz"]


def test_checkpoints_of_an_earlier_release_are_refused(tmp_path):
    (tmp_path / "ckpt-2.index").write_bytes(b"")
    with pytest.raises(ValueError, match="Expected checkpoints of this release"):
        Checkpoints(tmp_path, "model").restore(make_model())


def test_weights_that_are_not_finite_are_refused(tmp_path):
    checkpoints = Checkpoints(tmp_path, "model")
    checkpoints.save(make_model(), Place(1))
    with pytest.raises(ValueError, match="Expected finite weights"):
        checkpoints.save(make_model(np.nan), Place(2))
    assert checkpoints.restore(make_model())[0] == Place(1)


def test_a_full_disk_keeps_the_last_one(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, "model")
    checkpoints.save(make_model(), Place(1))

    def fail(path, **arrays):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(make_model(), Place(2))
    assert [path.name for path in tmp_path.iterdir()] == ["000001-00000000.npz"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    builder = FewSeries(data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return SeriesDataset("few_series", builder)


@pytest.fixture
def deterministic():
    tf.config.experimental.enable_op_determinism()
    yield
    from tensorflow.python.framework import config

    config.disable_op_determinism()


def run(workdir, dataset, **settings):
    settings = {"epochs": 2, "pack_size": 4, "learning_rate": 1e-3, **settings}
    recipe = Recipe(deterministic=True, **settings)
    train(workdir, dataset, "tiny", {"image_size": 32}, recipe)
    return RunFolder(workdir)


def terminate_at(monkeypatch, step):
    """Sends this process the signal to terminate, in a certain step of all that are trained."""
    on_train_batch_end, steps = RunRecorder.on_train_batch_end, []

    def count(self, batch, logs=None):
        steps.append(batch)
        if len(steps) == step:
            os.kill(os.getpid(), signal.SIGTERM)
        on_train_batch_end(self, batch, logs)

    monkeypatch.setattr(RunRecorder, "on_train_batch_end", count)


def test_a_terminated_run_goes_on_as_if_nothing_had_been(
    tmp_path, dataset, deterministic, monkeypatch, capsys
):
    whole = run(tmp_path / "whole", dataset)
    with monkeypatch.context() as patch:
        terminate_at(patch, step=2)
        with pytest.raises(SystemExit) as exit_info:
            run(tmp_path / "parts", dataset)
    assert exit_info.value.code == TERMINATED
    assert "Terminated after epoch 0, step 2. The same command goes on." in capsys.readouterr().out
    parts = run(tmp_path / "parts", dataset)
    assert "after epoch 0, step 2" in capsys.readouterr().out
    assert whole.read_metrics() == parts.read_metrics()
    for a, b in zip(whole.load_best().weights, parts.load_best().weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path, dataset):
    with pytest.raises(ValueError, match=r"finite (loss|weights).*epoch \d+, step \d+.*lower"):
        run(tmp_path, dataset, learning_rate=1e30, dense_multiplier=1e8, epochs=3)
