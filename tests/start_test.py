"""The model that a training starts with: where it comes from, and what of it is trained."""

import keras
import numpy as np
import pytest

from keras_series.models import from_preset
from keras_series.training import (
    Recipe,
    RunFolder,
    compile_model,
    freeze_backbone,
    load_model,
    save_model,
)


@pytest.fixture
def model():
    return from_preset("tiny", image_size=32)


def trainable_layers(model):
    network = model.encoder.get_layer(model.encoder.backbone)
    return {layer.name for layer in network.layers if layer.trainable_weights}


def test_nothing_is_frozen_unless_asked(model):
    before = trainable_layers(model)
    freeze_backbone(model, 0, batch_norm=False)
    assert trainable_layers(model) == before


@pytest.mark.parametrize("stages", [1, 2, 5])
def test_frozen_stages(model, stages):
    freeze_backbone(model, stages, batch_norm=False)
    kept = {int(name[4]) for name in trainable_layers(model)}
    assert kept == {stage for stage in (1, 2, 3, 4, 5) if stage > stages}
    assert model.encoder.get_layer("stage3_attention").trainable_weights


def test_frozen_batch_norms_use_and_keep_their_statistics(model):
    freeze_backbone(model, 0, batch_norm=True)
    assert not any(name.endswith("_bn") for name in trainable_layers(model))
    photos = np.random.default_rng(0).uniform(0, 255, (1, 2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(
        model(photos, training=True), model(photos, training=False), atol=1e-6
    )


def test_a_step_leaves_what_is_frozen(model):
    compile_model(model, Recipe(optimizer="adamw", learning_rate=0.1, freeze_stages=2))
    network = model.encoder.get_layer("tiny")
    kept, trained = (network.get_layer(f"conv{stage}_block1_1_conv") for stage in (2, 3))
    before = [layer.get_weights()[0].copy() for layer in (kept, trained)]
    photos = np.random.default_rng(0).uniform(0, 255, (1, 2, 32, 32, 3)).astype("float32")
    labels = np.array([[[0.0, 1.0], [0.0, 0.0]]], np.float32)
    model.train_on_batch(photos, labels, labels)
    np.testing.assert_array_equal(kept.get_weights()[0], before[0])
    assert np.abs(trained.get_weights()[0] - before[1]).max() > 0


@pytest.mark.parametrize(("name", "kind"), [("sgd", "MultiRateSGD"), ("adamw", "AdamW")])
def test_the_optimizer(model, name, kind):
    compile_model(model, Recipe(optimizer=name, learning_rate=0.5, weight_decay=0.25))
    assert type(model.optimizer).__name__ == kind
    assert float(model.optimizer.learning_rate) == 0.5


def test_a_run_and_a_file_are_loaded(model, tmp_path):
    model.set_temperature(3.0)
    save_model(model, RunFolder(tmp_path).best)
    for place in (tmp_path, tmp_path / "best.keras"):
        assert float(load_model(place).temperature) == 3.0


def test_what_is_not_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected one of lite, the folder of a run"):
        load_model("light")
    other = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"Expected a SeriesPreferenceModel.*a Sequential"):
        load_model(tmp_path / "other.keras")
