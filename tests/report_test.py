"""The report of an evaluation: metrics, findings, leaks, groups and mistakes."""

import json

import numpy as np
import pytest

from keras_series.data import Annotations
from keras_series.evaluation import Predictions, draw_report, evaluate, find_leaks, format_report
from keras_series.training import RunFolder
from tests.examples import dataset, many_series, one_series


class FixedPredictor:
    """Predicts a function of each pair's preference."""

    temperature = 1.0

    def __init__(self, answer, swapped=None):
        self.answer = answer
        self.swapped = swapped or (lambda p: 1 - answer(p))

    def predict(self, examples, first, second):
        examples = list(examples.as_numpy_iterator())
        preferences = np.concatenate([each["pairs"]["preference"] for each in examples])
        photos = sum(len(each["photos"]["rank"]) for each in examples)
        return Predictions(
            np.array([self.answer(p) for p in preferences]),
            np.array([self.swapped(p) for p in preferences]),
            np.zeros(photos),
            np.ones(photos, bool),
        )


def report_of(answer, **settings):
    return evaluate(FixedPredictor(answer, **settings), many_series(), resamples=200)


def test_a_good_predictor_beats_the_baselines():
    report = report_of(lambda p: float(p))
    assert report["predictors"]["model"]["pair_accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert report["predictors"]["coin"]["pair_accuracy"]["value"] == 0.5
    assert report["findings"] == []
    assert report["verdict"].startswith("The model beats all baselines")
    assert report["predictors"]["model"]["calibration_error"]["value"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (lambda p: 0.5, "Constant output: every pair gets 0.500"),
        (lambda p: 1 - float(p), "labels look swapped"),
        (lambda p: 0.6 + 0.1 * float(p), "prefers the first photo in 100.0% of the pairs"),
    ],
)
def test_a_broken_predictor_is_reported(answer, finding):
    report = report_of(answer)
    assert any(finding in each for each in report["findings"])
    assert "NOT" in report["verdict"]


def test_a_predictor_that_is_not_symmetric_is_reported():
    report = report_of(lambda p: float(p), swapped=lambda p: 1.1 - float(p))
    assert report["symmetry_gap"] == pytest.approx(0.1, abs=1e-6)
    assert any("Not swap-symmetric" in each for each in report["findings"])


def test_planted_leaks_are_found():
    # Number 40 is in both; of 41 the training data has a photo under other names.
    train = [one_series(40, 0.9), one_series(41, 0.9)]
    train[1]["series_id"], train[1]["photos"]["file_name"] = "other", ["x.png", "y.png"]
    leaks = find_leaks(*map(Annotations.from_examples, (dataset(train), many_series(3, start=40))))
    assert {kind: leak["count"] for kind, leak in leaks.items()} == {
        "series_id": 1, "file_name": 2, "photo": 4
    }  # fmt: skip
    assert leaks["series_id"]["examples"] == ["series 40"]
    report = evaluate(
        FixedPredictor(float), many_series(40, start=40), dataset(train), resamples=100
    )
    assert sum("Leak" in each for each in report["findings"]) == 3


def test_different_series_have_no_leaks():
    leaks = find_leaks(*map(Annotations.from_examples, (many_series(5), many_series(5, start=50))))
    assert all(leak == {"count": 0, "examples": []} for leak in leaks.values())


def test_groups_are_by_the_worse_photo_and_the_gap():
    examples = []
    for number, (kind, severity, preference) in enumerate(
        [("noise", 0.05, 0.9), ("noise", 0.3, 0.9), ("defocus", 0.3, 0.2)]
    ):
        one = one_series(number, preference)
        one["photos"]["degradation"] = ["none", kind]
        one["photos"]["severity"] = np.array([0.0, severity], np.float32)
        examples.append(one)
    report = evaluate(FixedPredictor(lambda p: 0.9), dataset(examples), resamples=100)
    kinds = report["groups"]["degradation of the worse photo"]
    assert {kind: (each["pairs"], each["value"]) for kind, each in kinds.items()} == {
        "noise": (2, 1.0), "defocus": (1, 0.0)
    }  # fmt: skip
    gaps = report["groups"]["severity gap"]
    assert [each["pairs"] for each in gaps.values()] == [1, 0, 2, 0]
    assert gaps["0.2 to 0.4"]["value"] == 0.5


def test_the_most_confident_mistakes_are_listed():
    report = report_of(lambda p: 0.99 if p > 0.5 else 0.7)  # Wrong on every second pair.
    assert len(report["mistakes"]) == 12
    assert report["mistakes"][0] == {
        "series_id": "series 1",
        "first": 0,
        "second": 1,
        "prediction": 0.7,
        "preference": pytest.approx(0.2),
    }


def test_split_without_labels_is_refused():
    with pytest.raises(ValueError, match="published preferences"):
        evaluate(FixedPredictor(float), dataset([one_series(0, -1.0)]))


def test_report_is_written_and_shown(tmp_path):
    report = report_of(lambda p: float(p))
    folder = RunFolder(tmp_path)
    folder.write_evaluation(report)
    assert json.loads((tmp_path / "evaluation.json").read_text()) == report
    draw_report(report, folder.evaluation_plots)
    assert (tmp_path / "evaluation.png").stat().st_size > 1000
    text = format_report(report)
    for part in ("1.000 (1.000-1.000)", "coin", "40 untied pairs", report["verdict"]):
        assert part in text


def test_another_predictor_stands_beside_the_baselines():
    others = {"start": FixedPredictor(lambda p: 1 - float(p))}
    report = evaluate(
        FixedPredictor(lambda p: float(p)), many_series(), resamples=200, others=others
    )
    assert report["predictors"]["start"]["pair_accuracy"]["value"] == 0.0
    assert report["margins"]["start"]["value"] == 1.0
    assert "start" in format_report(report)


def test_groups_by_how_far_ratings_are_apart():
    examples = []
    for number, (apart, preference) in enumerate([(0.2, 0.9), (0.07, 0.8), (0.01, 0.6)]):
        one = one_series(number, preference)
        one["photos"]["rating"] = [0.5 + apart, 0.5]
        examples.append(one)
    # Right where the preference is over 0.7.
    report = evaluate(
        FixedPredictor(lambda p: 0.9 if p > 0.7 else 0.1), dataset(examples), resamples=100
    )
    groups = report["groups"]["ratings apart"]
    assert [groups[name]["pairs"] for name in ("more than 0.05", "more than 0.1")] == [2, 1]
    assert groups["more than 0.05"]["value"] == 1.0
    assert report["predictors"]["model"]["pair_accuracy"]["value"] == pytest.approx(2 / 3)
