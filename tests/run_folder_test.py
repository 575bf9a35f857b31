"""The files of a run's folder: what is read from them, and what an empty or old folder gives."""

import json

import pytest

from keras_series.training import RunFolder


def test_provenance_is_the_training_and_the_metrics(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_training({"preset": "tiny"})
    metrics = {"pair_accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}}
    folder.write_evaluation({"split": "test", "predictors": {"model": metrics, "coin": {}}})
    provenance = folder.provenance()
    assert provenance["training"] == {"preset": "tiny"}
    assert provenance["evaluation"]["split"] == "test"
    assert provenance["evaluation"]["metrics"] == metrics


def test_the_evaluation_of_another_model_is_no_provenance(tmp_path):
    folder = RunFolder(tmp_path)
    names = "epoch", "loss", "val_loss", "pair_accuracy", "val_pair_accuracy"
    rows = [(1, 0.6, 0.6, 0.7, 0.7), (2, 0.5, 0.5, 0.8, 0.9), (3, 0.4, 0.6, 0.9, 0.8)]
    folder.write_metrics([dict(zip(names, row, strict=True)) for row in rows])
    report = {"predictors": {"model": {}}}
    for epoch, is_own in ((2, True), (None, False), (3, False)):
        folder.write_evaluation(report | {"best_epoch": epoch})
        assert (folder.provenance()["evaluation"] is not None) == is_own


@pytest.mark.parametrize("report", [None, {"judges": {"model": {}}}])
def test_provenance_without_a_report(report, tmp_path):
    if report is not None:
        (tmp_path / "evaluation.json").write_text(json.dumps(report))
    assert RunFolder(tmp_path).provenance() == {"training": None, "evaluation": None}


def test_a_new_folder_has_no_metrics_and_no_model(tmp_path):
    assert RunFolder(tmp_path).read_metrics() == []
    with pytest.raises(FileNotFoundError, match=r"best\.keras.*train\.py"):
        RunFolder(tmp_path).load_best()


def test_metrics_are_read_as_they_were_written(tmp_path):
    rows = [
        {"epoch": 1, "loss": 0.5, "val_loss": 0.6, "pair_accuracy": 0.7, "val_pair_accuracy": 0.8}
    ]
    RunFolder(tmp_path).write_metrics(rows)
    assert RunFolder(tmp_path).read_metrics() == rows
    assert (tmp_path / "curves.png").stat().st_size > 1000
