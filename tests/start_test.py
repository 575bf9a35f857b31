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
    precision,
    save_model,
)


@pytest.fixture
def model():
    return from_preset("tiny", image_size=32)


def one_pair():
    photos = np.random.default_rng(0).uniform(0, 255, (1, 2, 32, 32, 3)).astype("float32")
    labels = np.array([[[0.0, 1.0], [0.0, 0.0]]], np.float32)
    return photos, labels, labels


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
    model.train_on_batch(*one_pair())
    np.testing.assert_array_equal(kept.get_weights()[0], before[0])
    assert np.abs(trained.get_weights()[0] - before[1]).max() > 0


def test_a_frozen_encoder_leaves_the_head(model, tmp_path):
    compile_model(model, Recipe(optimizer="adamw", learning_rate=0.1, freeze_encoder=True))
    assert {id(weight) for weight in model.trainable_weights} == {
        id(weight) for weight in model.head.weights
    }
    features = model.encoder(one_pair()[0][0])
    np.testing.assert_array_equal(model.encoder(one_pair()[0][0], training=True), features)
    everything = len(from_preset("tiny", image_size=32).trainable_weights)
    save_model(model, tmp_path / "best.keras")
    assert len(load_model(tmp_path / "best.keras").trainable_weights) == everything
    compile_model(model, Recipe())
    assert len(model.trainable_weights) == everything


def test_accumulated_gradients_are_averaged(model):
    start, ends = model.get_weights(), []
    for steps in (1, 2):
        model.set_weights(start)
        recipe = Recipe(learning_rate=0.1, gradient_accumulation_steps=steps)
        compile_model(model, recipe)
        for _ in range(steps):  # The same pair, so the mean of the gradients is each of them.
            model.train_on_batch(*one_pair())
        ends.append([weight.numpy() for weight in model.trainable_weights])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_bfloat16_is_for_the_encoder_while_it_trains(tmp_path):
    with precision("bfloat16"):
        model = from_preset("tiny", image_size=32)
    assert model.encoder(one_pair()[0][0]).dtype == "bfloat16"
    assert model(one_pair()[0]).dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    save_model(model, tmp_path / "best.keras")
    assert load_model(tmp_path / "best.keras").encoder(one_pair()[0][0]).dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


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
