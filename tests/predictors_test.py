"""Evaluation of a live and of an exported model: equal numbers, calibration, broken photos."""

import pytest

from keras_series.evaluation import KerasPredictor, SavedModelPredictor, evaluate
from keras_series.export import ExportedModel, export
from keras_series.models import from_preset
from tests.examples import dataset, encode_grey, example, many_series, one_series


@pytest.fixture(scope="module")
def model():
    model = from_preset("tiny", image_size=32)
    model.set_temperature(2.0)
    return model


def test_an_exported_model_gives_the_same_numbers(model, tmp_path):
    series = many_series(9)
    live = evaluate(KerasPredictor(model), series, resamples=100)
    path = export(model, tmp_path, check=False)
    exported = evaluate(
        SavedModelPredictor(ExportedModel(path, batch_size=4)), series, resamples=100
    )
    assert exported["counts"] == live["counts"]
    for name, estimates in live["predictors"].items():
        for metric, estimate in estimates.items():
            assert exported["predictors"][name][metric] == pytest.approx(estimate, abs=1e-4)


def test_calibration_is_reported_before_and_after(model):
    predictor = KerasPredictor(model)
    series = many_series(9)
    report = evaluate(predictor, series, resamples=100)
    assert report["calibration"]["temperature"] == 2.0
    model.set_temperature(1.0)
    raw = evaluate(predictor, series, resamples=100)
    model.set_temperature(2.0)
    before = report["calibration"]["before"]["log_loss"]
    assert before == pytest.approx(raw["predictors"]["model"]["log_loss"], abs=1e-5)


def test_a_dataset_of_broken_photos_is_refused(model):
    broken = example("broken", [b"", b"<html>"], [(0, 1, 0.9)])
    broken["photos"]["file_name"] = ["a", "b"]
    with pytest.raises(ValueError, match="2 photos cannot be decoded"):
        evaluate(KerasPredictor(model), dataset([broken]))


def test_undecodable_photo_is_counted(model):
    broken = example("broken", [b"", encode_grey(9)], [(0, 1, 0.9)])
    broken["photos"]["file_name"] = ["a", "b"]
    series = dataset([broken, one_series(1, 0.9)])
    report = evaluate(KerasPredictor(model), series, resamples=100)
    assert report["counts"]["undecodable_photos"] == 1
    assert report["counts"]["pairs"] == 1
