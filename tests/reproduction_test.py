"""The paper's rows: each builds, trains a step, is saved, exported and scores; and reproduce.py."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_series import reproduction
from keras_series.export import export
from keras_series.models import BACKBONES, PRESETS, from_preset
from keras_series.training import Recipe, RunFolder, compile_model
from tests.examples import FewSeries, encode_grey

ROOT = pathlib.Path(__file__).parents[1]
SMALL = {"backbone": "tiny", "weights": None, "image_size": 32}
ROWS = [preset for preset in PRESETS if preset not in ("lite", "tiny")]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    FewSeries(data_dir=folder).download_and_prepare()
    return folder


def live_through(preset, overrides, folder):
    """A step of training; then the saved, reloaded and the exported model score alike."""
    model = from_preset(preset, **overrides)
    compile_model(model, Recipe(learning_rate=1e-3))
    size = model.encoder.image_size
    photos = np.random.default_rng(0).uniform(0, 255, (1, 2, size, size, 3)).astype("float32")
    labels = np.array([[[0.0, 1.0], [0.0, 0.0]]], "float32")
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    model.fit(photos, labels, sample_weight=labels, verbose=0)
    after = [weight.numpy() for weight in model.trainable_weights]
    assert any(np.any(a != b) for a, b in zip(after, before, strict=True))
    model.save(folder / "model.keras")
    reloaded = keras.saving.load_model(folder / "model.keras", compile=False)
    expected = keras.ops.convert_to_numpy(model(photos, training=False))
    np.testing.assert_allclose(reloaded(photos, training=False), expected, atol=1e-4)
    score = tf.saved_model.load(str(export(reloaded, folder / "base"))).signatures["score"]
    scored = score(photo_bytes=tf.constant([encode_grey(90), b"no photo"]))
    assert scored["valid"].numpy().tolist() == [True, False]
    assert 0 <= scored["score"].numpy()[0] <= 1


@pytest.mark.slow
def test_a_row_on_a_small_backbone(tmp_path):
    live_through("senet", reproduction.row_overrides("senet", SMALL), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ROWS)
def test_rows_at_their_real_size(preset, tmp_path):
    live_through(preset, {"weights": None}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_stages_of_backbones(backbone):
    encoder = from_preset("paper", backbone=backbone, weights=None).encoder
    shapes = [tap.shape[1:3] for tap in encoder.get_layer(backbone).outputs]
    assert shapes == [(28, 28), (14, 14), (7, 7)]


@pytest.mark.parametrize("preset", ROWS)
def test_every_row_has_its_flags(preset):
    text = (ROOT / "configs/paper" / f"{preset}.flags").read_text()
    assert f"--preset={preset}\n" in text


RECIPE = Recipe(epochs=1, pack_size=4, learning_rate=0.01)
EXPERIMENT = reproduction.Experiment("few_series", SMALL, RECIPE)


def test_a_table_is_made_and_finished_rows_are_taken(data_dir, tmp_path, capsys, monkeypatch):
    title, rows = reproduction.TABLES[4]
    monkeypatch.setitem(reproduction.TABLES, 4, (title, rows[:1]))
    page = reproduction.reproduce(tmp_path, EXPERIMENT, tables=[4], seeds=1, data_dir=data_dir)
    text = page.read_text()
    assert "| average | 73.01 |" in text
    assert "Measured on the split `test`.\n" in text
    assert (tmp_path / "table4.png").stat().st_size > 1000
    result = json.loads((tmp_path / "runs/average_pooling-0/result.json").read_text())
    assert (result["seed"], result["split"]) == (0, "test")
    capsys.readouterr()
    reproduction.reproduce(tmp_path, EXPERIMENT, tables=[4], seeds=1, data_dir=data_dir)
    assert "1 runs, 1 of them finished already." in capsys.readouterr().out
    assert page.read_text() == text


def test_another_experiment_in_the_same_folder_is_refused(tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps({"dataset": "another"}))
    (tmp_path / "runs/paper-0").mkdir(parents=True)
    (tmp_path / "runs/paper-0/metrics.csv").touch()
    with pytest.raises(ValueError, match="other values of: dataset, overrides"):
        reproduction.reproduce(tmp_path, EXPERIMENT)


def test_another_recipe_is_refused_after_a_checkpoint(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(reproduction, "run_row", lambda *arguments: None)
    monkeypatch.setattr(reproduction, "write_page", lambda *arguments: tmp_path)
    reproduction.reproduce(tmp_path, EXPERIMENT, data_dir=data_dir)
    checkpoints = RunFolder(tmp_path / "runs/paper-0").checkpoints
    checkpoints.mkdir(parents=True)
    (checkpoints / "000000-00000003.npz").touch()
    other = dataclasses.replace(EXPERIMENT, recipe=dataclasses.replace(RECIPE, labels="soft"))
    with pytest.raises(ValueError, match="other values of: recipe"):
        reproduction.reproduce(tmp_path, other, data_dir=data_dir)


def test_a_row_of_ones_own(data_dir, tmp_path, monkeypatch):
    def measured(folder, experiment, dataset, preset, seed):
        run = RunFolder(folder / "runs" / f"{preset}-{seed}")
        run.path.mkdir(parents=True)
        names = "epoch", "loss", "val_loss", "pair_accuracy", "val_pair_accuracy"
        run.write_metrics([dict(zip(names, (1, 0.6, 0.6, 0.7, 0.7), strict=True))])
        result = {"split": "test", "parameters": 9, "pair_accuracy": 0.7, "resampled": [0.7]}
        run.result.write_text(json.dumps(result))

    monkeypatch.setattr(reproduction, "run_row", measured)
    mine = {**PRESETS["average_pooling"], "arrangement": "channel"}
    monkeypatch.setitem(PRESETS, "mine", mine)
    rows = [reproduction.Row("mine", "mine")]
    monkeypatch.setitem(reproduction.TABLES, 5, ("My own", rows))
    page = reproduction.reproduce(tmp_path, EXPERIMENT, tables=[5], seeds=1, data_dir=data_dir)
    assert "\n| mine |  | 70.00 |" in page.read_text()
    # Another preset, which no run has used, may change.
    monkeypatch.setitem(PRESETS, "typo", mine)
    rows.append(reproduction.Row("typo", "typo"))
    monkeypatch.setattr(reproduction, "run_row", lambda *arguments: None)
    monkeypatch.setattr(reproduction, "write_page", lambda *arguments: tmp_path)
    for arrangement in ("channel", "spatial"):
        monkeypatch.setitem(PRESETS, "typo", {**mine, "arrangement": arrangement})
        reproduction.reproduce(tmp_path, EXPERIMENT, tables=[5], seeds=1, data_dir=data_dir)
    monkeypatch.setitem(PRESETS, "mine", {**mine, "arrangement": "spatial"})
    with pytest.raises(ValueError, match="other values of: preset mine"):
        reproduction.reproduce(tmp_path, EXPERIMENT, tables=[5], seeds=1, data_dir=data_dir)


def test_settings_that_failed_at_once_can_be_mended(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(reproduction, "run_row", lambda *arguments: None)
    monkeypatch.setattr(reproduction, "write_page", lambda *arguments: tmp_path)
    (tmp_path / "settings.json").write_text(json.dumps({"dataset": "mistyped"}))
    reproduction.reproduce(tmp_path, EXPERIMENT, data_dir=data_dir)
    assert json.loads((tmp_path / "settings.json").read_text())["dataset"] == "few_series"


def test_a_table_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Expected tables among"):
        reproduction.reproduce(tmp_path, EXPERIMENT, tables=[7])


def test_the_mean_over_seeds_by_hand():
    results = [
        {"pair_accuracy": 0.6, "resampled": [0.5, 0.7]},
        {"pair_accuracy": 0.8, "resampled": [0.7, 0.9]},
    ]
    summary = reproduction.summarise(results)
    assert summary["mean"] == pytest.approx(70)
    # 2.5% and 97.5% of the way from 60 to 80.
    assert (summary["low"], summary["high"]) == pytest.approx((60.5, 79.5))
    assert summary["seeds"] == pytest.approx([60, 80])


def test_senet_has_squeeze_and_excitation_on_any_backbone():
    assert reproduction.row_overrides("senet", SMALL)["backbone"] == "se_tiny"
    assert reproduction.row_overrides("na", SMALL)["backbone"] == "tiny"
    with pytest.raises(ValueError, match="se_vgg16"):
        reproduction.row_overrides("senet", {"backbone": "vgg16"})
