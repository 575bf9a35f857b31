import json

import numpy as np
import pytest
import tensorflow as tf

from keras_series import evaluation
from keras_series.evaluation import Annotations, pair_accuracy, series_top_1
from keras_series.models import from_preset
from tests.input_pipeline_test import dataset, encode, example

# Two series, of three photos and of two.
ANNOTATIONS = Annotations(
    series=np.array([0, 0, 0, 1, 1]),
    ranks=np.array([2, 1, 3, 1, 2]),
    first=np.array([0, 0, 1, 3]),
    second=np.array([1, 2, 2, 4]),
    preferences=np.array([0.2, 0.7, 0.9, 0.6]),
)


def test_pair_accuracy_by_hand():
    predictions = np.array([0.4, 0.4, 0.8, 0.1])  # Right, wrong, right, wrong.
    assert pair_accuracy(predictions, ANNOTATIONS.preferences) == 0.5
    # 0.2, 0.7 and 0.9 agree on at least 0.7.
    assert pair_accuracy(predictions, ANNOTATIONS.preferences, 0.7) == pytest.approx(2 / 3)


def test_pair_accuracy_leaves_ties_and_unlabelled_pairs_out():
    preferences = np.array([0.5, -1.0, 0.9])
    assert pair_accuracy(np.array([0.9, 0.9, 0.9]), preferences) == 1.0
    assert pair_accuracy(np.array([0.1, 0.1, 0.1]), preferences[:2]) is None


def test_undecided_prediction_counts_half():
    assert pair_accuracy(np.array([0.5, 0.9]), np.array([0.9, 0.9])) == 0.75


def test_top_1_by_hand():
    # Strengths 0.4 + 0.9, 0.6 + 0.8, 0.1 + 0.2: photo 1 is found; photo 4 is taken for the best.
    predictions = np.array([0.4, 0.9, 0.8, 0.3])
    assert series_top_1(predictions, ANNOTATIONS) == 0.5


def test_top_1_of_a_coin_is_one_in_the_number_of_photos():
    assert series_top_1(np.full(4, 0.5), ANNOTATIONS) == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_lost_photo_takes_its_pairs_and_the_best_of_its_series():
    rest = ANNOTATIONS.without(np.array([False, False, True, False, False]))
    np.testing.assert_array_equal(rest.preferences, [0.2, 0.6])
    np.testing.assert_array_equal(rest.ranks, [0, 0, 0, 1, 2])
    assert series_top_1(np.array([0.9, 0.9]), rest) == 1.0


def test_sharpness_is_the_variance_of_the_laplacian():
    photo = np.random.default_rng(0).uniform(0, 255, (7, 9, 3)).astype("float32")
    grey = photo @ np.array([0.299, 0.587, 0.114])
    laplacian = [
        grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1] - 4 * grey[y, x]
        for y in range(1, 6)
        for x in range(1, 8)
    ]
    actual = evaluation.sharpness(tf.constant(photo[None]))
    np.testing.assert_allclose(actual, [np.var(laplacian)], rtol=1e-4)


@pytest.fixture(scope="module")
def model():
    return from_preset("tiny", image_size=32)


def series_of(ranks, preference):
    photos = [encode(40 * (place + 1), mirror_mark=place == 0) for place in range(2)]
    one = example("one", photos, [(0, 1, preference)])
    one["photos"]["rank"] = ranks
    return one


def test_report_has_the_judges_on_the_same_pairs(model, tmp_path):
    # Photo 0 has the only edge: sharpness prefers it, as people do in the first series only.
    series = dataset([series_of([1, 2], 0.9), series_of([2, 1], 0.4)])
    report = evaluation.evaluate(model, series)
    judges = report["judges"]
    assert judges["sharpness"] == judges["first_photo"]
    assert judges["sharpness"]["pair_accuracy"] == 0.5
    assert judges["sharpness"]["strong_pair_accuracy"] == 1.0
    assert judges["coin"] == dict.fromkeys(evaluation.METRICS, 0.5)
    assert report["counts"]["pairs"] == report["counts"]["series"] == 2
    evaluation.write_report(report, tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text()) == report
    assert (tmp_path / "evaluation.png").stat().st_size > 1000


def test_report_shows_every_judge():
    metrics = dict.fromkeys(evaluation.METRICS, 0.25)
    report = {"counts": {"untied_pairs": 7}, "judges": {"model": metrics, "coin": metrics}}
    text = evaluation.format_report(report)
    assert "coin" in text
    assert "7 untied pairs" in text
    assert text.count("0.250") == 6


def test_split_without_labels_is_refused(model):
    with pytest.raises(ValueError, match="published preferences"):
        evaluation.evaluate(model, dataset([series_of([0, 0], -1.0)]))


def test_undecodable_photo_is_counted(model):
    broken = example("broken", [b"", encode(9)], [(0, 1, 0.9)])
    report = evaluation.evaluate(model, dataset([broken, series_of([1, 2], 0.9)]))
    assert report["counts"]["undecodable_photos"] == 1
    assert report["counts"]["pairs"] == 1
