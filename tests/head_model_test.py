"""A head that is trained alone, on features: its loss against NumPy, and runs with it."""

import keras
import numpy as np
import pytest

from keras_series.data import SeriesDataset
from keras_series.models import from_preset
from keras_series.training import (
    Cluster,
    Recipe,
    RunFolder,
    compile_model,
    load_model,
    loop,
    save_model,
    train,
)
from keras_series.training.head_model import HeadAccuracy, HeadCrossentropy, HeadModel
from tests.examples import FewSeries

RNG = np.random.default_rng(0)
LABELS = RNG.uniform(0, 1, (2, 4, 4)).astype("float32")
WEIGHTS = RNG.integers(0, 2, (2, 4, 4)).astype("float32")
LOGITS, START = RNG.normal(0, 3, (2, 2, 4, 4)).astype("float32")
BOTH = np.stack([LOGITS, START], axis=-1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    builder = FewSeries(data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare()
    return SeriesDataset("few_series", builder)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """The file of a model to start with."""
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("start") / "start.keras"
    save_model(from_preset("tiny", image_size=32), path)
    return path


def run(workdir, dataset, start, epochs=2, distillation=0.0):
    recipe = Recipe(
        epochs=epochs, optimizer="adamw", learning_rate=1e-3, pack_size=4, freeze_encoder=True,
        distillation=distillation, deterministic=True,
    )  # fmt: skip
    train(workdir, dataset, recipe=recipe, init_from=start)
    return RunFolder(workdir)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory, dataset, start):
    """The folder of a run that keeps its answers."""
    return run(tmp_path_factory.mktemp("distilled"), dataset, start, distillation=10)


def test_loss_adds_the_squared_difference_from_the_start():
    p = 1 / (1 + np.exp(-LOGITS.astype("float64")))
    each = -(LABELS * np.log(p) + (1 - LABELS) * np.log(1 - p)) + 0.7 * (LOGITS - START) ** 2
    expected = np.sum(each * WEIGHTS) / np.sum(WEIGHTS)
    actual = HeadCrossentropy(0.7)(LABELS, BOTH, sample_weight=WEIGHTS)
    np.testing.assert_allclose(float(actual), expected, rtol=1e-5)


def test_accuracy_is_that_of_the_model():
    accuracy = HeadAccuracy()
    accuracy.update_state(LABELS, BOTH, WEIGHTS)
    expected = np.sum(((LOGITS > 0) == (LABELS > 0.5)) * WEIGHTS) / np.sum(WEIGHTS)
    assert float(accuracy.result()) == pytest.approx(expected)
    assert accuracy.name == "pair_accuracy"


def test_only_the_head_is_trained(start):
    model = load_model(start)
    photos = RNG.uniform(0, 255, (1, 3, 32, 32, 3)).astype("float32")
    features = model.encoder(photos[0])[np.newaxis]
    ones = np.ones((1, 3, 3), "float32")
    before, encoder = np.asarray(model(photos)), model.encoder.get_weights()
    head = HeadModel(model)
    np.testing.assert_allclose(head(features)[..., 0], before, atol=1e-6)
    compile_model(head, Recipe(learning_rate=0.1, freeze_encoder=True, distillation=0.1))
    head.fit(features, ones, sample_weight=ones, epochs=2, verbose=0)
    after = np.asarray(head(features))
    np.testing.assert_allclose(after[..., 1], before, atol=1e-6)
    np.testing.assert_allclose(after[..., 0], model(photos), atol=1e-6)
    assert np.abs(after[..., 0] - before).max() > 1e-3
    for a, b in zip(model.encoder.get_weights(), encoder, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_on_features_is_training_on_photos(tmp_path, dataset, start, monkeypatch):
    on_features = run(tmp_path / "features", dataset, start)
    monkeypatch.setattr(loop, "_trains_on_features", lambda *_: False)
    on_photos = run(tmp_path / "photos", dataset, start)
    for a, b in zip(on_features.read_metrics(), on_photos.read_metrics(), strict=True):
        assert a == pytest.approx(b, rel=1e-4)
    models = (folder.load_best().weights for folder in (on_features, on_photos))
    for a, b in zip(*models, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_run_keeps_its_answers(tmp_path, dataset, start, distilled):
    photos = RNG.uniform(0, 255, (1, 8, 32, 32, 3)).astype("float32")
    folders = start, distilled.path, run(tmp_path, dataset, start).path
    before, kept, changed = (np.asarray(load_model(folder)(photos)) for folder in folders)
    assert np.abs(kept - before).mean() < 0.5 * np.abs(changed - before).mean()
    assert distilled.provenance()["training"]["recipe"]["distillation"] == 10


def test_a_run_with_distillation_resumes(tmp_path, dataset, start, distilled):
    run(tmp_path, dataset, start, epochs=1, distillation=10)
    resumed = run(tmp_path, dataset, start, distillation=10)
    assert resumed.read_metrics() == distilled.read_metrics()
    pairs = zip(resumed.load_best().weights, distilled.load_best().weights, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)


def test_a_finished_run_encodes_nothing(dataset, start, distilled, capsys):
    again = run(distilled.path, dataset, start, distillation=10)
    assert "Encoding" not in capsys.readouterr().out
    assert again.best.exists()


def test_the_encoder_must_be_frozen():
    with pytest.raises(ValueError, match=r"freeze_encoder=False, augment=False, distillation=0\.3"):
        Recipe(distillation=0.3)
    with pytest.raises(ValueError, match="augment=True"):
        Recipe(distillation=0.3, freeze_encoder=True, augment=True)


def test_distillation_needs_one_device(tmp_path, dataset, start):
    recipe = Recipe(freeze_encoder=True, distillation=0.3)
    with pytest.raises(ValueError, match=r"one device.*devices='2'"):
        train(tmp_path, dataset, recipe=recipe, init_from=start, cluster=Cluster("2"))
