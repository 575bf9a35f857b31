"""Evaluation: what the report says of good judges and of broken ones."""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_series.evaluation import page as evaluation_page
from keras_series.evaluation import predictors as judges
from keras_series.evaluation import report as evaluation
from keras_series.evaluation import text as evaluation_report
from keras_series.evaluation.predictors import ExportedJudge, Judgement, ModelJudge
from keras_series.export.saved_model import export
from keras_series.models import from_preset
from tests.input_pipeline_test import dataset, encode, example


class FixedJudge:
    """Says of each pair what it is told to, as a function of the preference."""

    temperature = 1.0

    def __init__(self, answer, swapped=None):
        self.answer = answer
        self.swapped = swapped or (lambda p: 1 - answer(p))

    def judge(self, series, first, second):
        examples = list(series.as_numpy_iterator())
        preferences = np.concatenate([each["pairs"]["preference"] for each in examples])
        photos = sum(len(each["photos"]["rank"]) for each in examples)
        return Judgement(
            np.array([self.answer(p) for p in preferences]),
            np.array([self.swapped(p) for p in preferences]),
            np.zeros(photos),
            np.ones(photos, bool),
        )


def one_series(number, preference):
    photos = [encode(3 * number + place, mirror_mark=place == 0) for place in range(2)]
    one = example(f"series {number}", photos, [(0, 1, preference)])
    one["photos"]["rank"] = [1, 2] if preference > 0.5 else [2, 1]
    one["photos"]["file_name"] = [f"{number}-{place}.png" for place in range(2)]
    return one


def many_series(count=40, start=0):
    """Series of two photos; people prefer the first in every second one."""
    return dataset([one_series(start + n, (0.9, 0.2)[n % 2]) for n in range(count)])


def report_of(answer, **settings):
    return evaluation.evaluate(FixedJudge(answer, **settings), many_series(), resamples=200)


def test_a_good_judge_beats_the_trivial_ones():
    report = report_of(lambda p: float(p))
    assert report["judges"]["model"]["pair_accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert report["judges"]["coin"]["pair_accuracy"]["value"] == 0.5
    assert report["findings"] == []
    assert report["verdict"].startswith("The model beats all trivial judges")
    assert report["judges"]["model"]["calibration_error"]["value"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (lambda p: 0.5, "Constant output: every pair gets 0.500"),
        (lambda p: 1 - float(p), "labels look swapped"),
        (lambda p: 0.6 + 0.1 * float(p), "prefers the first photo in 100.0% of the pairs"),
    ],
)
def test_a_broken_judge_is_called_so(answer, finding):
    report = report_of(answer)
    assert any(finding in each for each in report["findings"])
    assert "NOT" in report["verdict"]


def test_a_judge_that_minds_the_order_is_called_so():
    report = report_of(lambda p: float(p), swapped=lambda p: 1.1 - float(p))
    assert report["symmetry_gap"] == pytest.approx(0.1, abs=1e-6)
    assert any("Not swap-symmetric" in each for each in report["findings"])


def test_planted_leaks_are_found():
    # Number 40 is in both; of 41 the training data has a photo under other names.
    train = [one_series(40, 0.9), one_series(41, 0.9)]
    train[1]["series_id"], train[1]["photos"]["file_name"] = "other", ["x.png", "y.png"]
    leaks = evaluation.find_leaks(dataset(train), many_series(3, start=40))
    assert {kind: leak["count"] for kind, leak in leaks.items()} == {
        "series_id": 1, "file_name": 2, "photo": 4
    }  # fmt: skip
    assert leaks["series_id"]["examples"] == ["series 40"]
    report = evaluation.evaluate(
        FixedJudge(float), many_series(40, start=40), dataset(train), resamples=100
    )
    assert sum("Leak" in each for each in report["findings"]) == 3


def test_no_leak_is_made_up():
    leaks = evaluation.find_leaks(many_series(5), many_series(5, start=50))
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
    report = evaluation.evaluate(FixedJudge(lambda p: 0.9), dataset(examples), resamples=100)
    kinds = report["groups"]["degradation of the worse photo"]
    assert {kind: (each["pairs"], each["value"]) for kind, each in kinds.items()} == {
        "noise": (2, 1.0), "defocus": (1, 0.0)
    }  # fmt: skip
    gaps = report["groups"]["severity gap"]
    assert [each["pairs"] for each in gaps.values()] == [1, 0, 2, 0]
    assert gaps["0.2 to 0.4"]["value"] == 0.5


@pytest.fixture(scope="module")
def model():
    model = from_preset("tiny", image_size=32)
    model.set_temperature(2.0)
    return model


def test_an_exported_model_gives_the_same_numbers(model, tmp_path):
    series = many_series(9)
    live = evaluation.evaluate(ModelJudge(model), series, resamples=100)
    path = export(model, tmp_path)
    exported = evaluation.evaluate(ExportedJudge(path, batch_size=4), series, resamples=100)
    assert exported["counts"] == live["counts"]
    for judge, estimates in live["judges"].items():
        for metric, estimate in estimates.items():
            assert exported["judges"][judge][metric] == pytest.approx(estimate, abs=1e-4)


def test_calibration_is_reported_before_and_after(model):
    judge = ModelJudge(model)
    series = many_series(9)
    report = evaluation.evaluate(judge, series, resamples=100)
    assert report["calibration"]["temperature"] == 2.0
    model.set_temperature(1.0)
    raw = evaluation.evaluate(judge, series, resamples=100)
    model.set_temperature(2.0)
    before = report["calibration"]["before"]["log_loss"]
    assert before == pytest.approx(raw["judges"]["model"]["log_loss"], abs=1e-5)


def test_no_exported_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"saved_model\.pb"):
        ExportedJudge(tmp_path)


def test_another_saved_model_is_refused(tmp_path):
    module = tf.Module()
    module.answer = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path), signatures={"answer": module.answer})
    with pytest.raises(ValueError, match="without the signatures compare, embed, score"):
        ExportedJudge(tmp_path)


def test_nothing_but_broken_photos_is_refused(model):
    broken = example("broken", [b"", b"<html>"], [(0, 1, 0.9)])
    broken["photos"]["file_name"] = ["a", "b"]
    with pytest.raises(ValueError, match="2 photos cannot be decoded"):
        evaluation.evaluate(ModelJudge(model), dataset([broken]))


def test_sharpness_is_the_variance_of_the_laplacian():
    photo = np.random.default_rng(0).uniform(0, 255, (7, 9, 3)).astype("float32")
    grey = photo @ np.array([0.299, 0.587, 0.114])
    laplacian = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, 6)
        for x in range(1, 8)
    ]
    actual = judges.sharpness(tf.constant(photo[None]))
    np.testing.assert_allclose(actual, [np.var(laplacian)], rtol=1e-4)


def test_sharpness_prefers_the_photo_with_an_edge():
    series = many_series(3, start=20)
    predictions = judges.trivial_predictions(series, np.array([0, 3]), np.array([1, 2]))
    np.testing.assert_array_equal(predictions["sharpness"], [1.0, 0.0])


def test_report_is_written_and_shown(tmp_path):
    report = report_of(lambda p: float(p))
    evaluation_report.write_report(report, tmp_path / "new")
    assert json.loads((tmp_path / "new/evaluation.json").read_text()) == report
    assert (tmp_path / "new/evaluation.png").stat().st_size > 1000
    text = evaluation_report.format_report(report)
    for part in ("1.000 (1.000-1.000)", "coin", "40 untied pairs", report["verdict"]):
        assert part in text


def test_the_surest_mistakes_are_told():
    report = report_of(lambda p: 0.99 if p > 0.5 else 0.7)  # Wrong on every second pair.
    assert len(report["mistakes"]) == 12
    assert report["mistakes"][0] == {
        "series_id": "series 1",
        "first": 0,
        "second": 1,
        "prediction": 0.7,
        "preference": pytest.approx(0.2),
    }


def test_the_page_has_all_in_it(model, tmp_path):
    series = many_series(9)
    report = evaluation.evaluate(ModelJudge(model), series, resamples=100)
    report |= {"dataset": "<few>", "split": "test"}
    evaluation_report.write_report(report, tmp_path)
    evaluation_page.write_page(report, series, tmp_path / "page.html", model.encoder)
    page = (tmp_path / "page.html").read_text()
    assert report["mistakes"]
    # The plots, and of each photo of a mistake itself and its gates.
    assert page.count("<img src='data:image/") == 1 + 4 * len(report["mistakes"])
    assert "http" not in page
    assert "&lt;few&gt;" in page
    assert report["verdict"] in page


def test_gates_differ_where_the_photos_do(model):
    photos = np.full((2, 32, 32, 3), 128.0, "float32")
    assert np.abs(evaluation_page.gate_difference(model.encoder, photos)).max() < 1e-3
    photos[1, :16] = np.random.default_rng(0).uniform(0, 255, (16, 32, 3))
    difference = evaluation_page.gate_difference(model.encoder, photos)
    np.testing.assert_array_equal(difference[0], -difference[1])
    assert np.abs(difference).max() == pytest.approx(1)
    flat = from_preset("tiny", image_size=32, arrangement="channel").encoder
    assert evaluation_page.gate_difference(flat, photos) is None


def test_split_without_labels_is_refused():
    with pytest.raises(ValueError, match="published preferences"):
        evaluation.evaluate(FixedJudge(float), dataset([one_series(0, -1.0)]))


def test_undecodable_photo_is_counted(model):
    broken = example("broken", [b"", encode(9)], [(0, 1, 0.9)])
    broken["photos"]["file_name"] = ["a", "b"]
    series = dataset([broken, one_series(1, 0.9)])
    report = evaluation.evaluate(ModelJudge(model), series, resamples=100)
    assert report["counts"]["undecodable_photos"] == 1
    assert report["counts"]["pairs"] == 1
