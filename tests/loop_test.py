"""The training loop: the phases of a run, and a run that starts with a trained model."""

import keras
import numpy as np
import pytest

from keras_series.data import SeriesDataset
from keras_series.models import from_preset
from keras_series.training import Recipe, RunFolder, load_model, train
from tests.examples import FewSeries

RECIPE = {
    "optimizer": "adamw", "learning_rate": 1e-3, "head_learning_rate": 1e-2,
    "freeze_backbone_epochs": 1, "pack_size": 4, "freeze_batch_norm": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    builder = FewSeries(data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return SeriesDataset("few_series", builder)


def run(workdir, dataset, epochs, **settings):
    recipe = Recipe(epochs=epochs, **{**RECIPE, **settings.pop("recipe", {})})
    settings.setdefault("overrides", {"image_size": 32})
    train(workdir, dataset, "tiny", recipe=recipe, **settings)
    return RunFolder(workdir)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, dataset):
    """The folder of a run that stopped after its first phase, and its model then and at the end."""
    workdir = tmp_path_factory.mktemp("interrupted")
    first = run(workdir, dataset, 1).load_best()
    return run(workdir, dataset, 2), first


def backbone_weights(model):
    return model.encoder.get_layer("tiny").get_weights()


def test_the_head_is_trained_first(interrupted):
    keras.utils.set_random_seed(0)
    start, (_, trained) = from_preset("tiny", image_size=32), interrupted
    for before, after in zip(backbone_weights(start), backbone_weights(trained), strict=True):
        np.testing.assert_array_equal(before, after)
    before, after = (model.head.hidden.get_weights()[0] for model in (start, trained))
    assert np.abs(after - before).max() > 0


def test_a_run_goes_on_with_the_whole_model(interrupted, tmp_path, dataset):
    rows = [folder.read_metrics() for folder in (interrupted[0], run(tmp_path, dataset, 2))]
    for row, other in zip(*rows, strict=True):
        assert row["epoch"] == other["epoch"]
        assert row["learning_rate"] == pytest.approx([1e-2, 1e-3][row["epoch"] - 1])
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-2)


def test_a_run_starts_with_a_trained_model(interrupted, tmp_path, dataset):
    folder, _ = interrupted
    of_start = {"interpolation": 0.0}
    second = run(tmp_path, dataset, 1, init_from=folder.path, recipe=of_start, overrides={})
    before, after = folder.load_best(), load_model(second.path)
    for a, b in zip(before.trainable_weights, after.trainable_weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert second.provenance()["training"]["init_from"] == str(folder.path)
