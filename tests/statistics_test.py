"""Metrics and their intervals, compared with cases worked out by hand, scikit-learn and SciPy."""

import dataclasses
import itertools

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from keras_series.data import Annotations
from keras_series.evaluation import statistics
from tests.annotated_series import ANNOTATIONS, value


def drawn_annotations(series_count=60, seed=0):
    """Returns series of two to five photos, with preferences drawn from strengths."""
    rng = np.random.default_rng(seed)
    columns = [[] for _ in range(5)]
    start = 0
    for number in range(series_count):
        strong = rng.normal(size=rng.integers(2, 6))
        pairs = np.array(list(itertools.combinations(range(len(strong)), 2)))
        difference = strong[pairs[:, 0]] - strong[pairs[:, 1]]
        row = (
            np.full(len(strong), number),
            np.argsort(np.argsort(-strong)) + 1,
            pairs[:, 0] + start,
            pairs[:, 1] + start,
            1 / (1 + np.exp(-difference)),
        )
        for column, values in zip(columns, row, strict=True):
            column.append(values)
        start += len(strong)
    return Annotations(*map(np.concatenate, columns))


def noisy(annotations, noise=1.0, seed=1):
    """Returns predictions of which some are wrong."""
    rng = np.random.default_rng(seed)
    p = annotations.preferences
    logits = np.log(p / (1 - p)) + rng.normal(0, noise, len(p))
    return 1 / (1 + np.exp(-logits))


def test_pair_accuracy_by_hand():
    predictions = np.array([0.4, 0.4, 0.8, 0.1])  # Right, wrong, right, wrong.
    assert value(statistics.pair_accuracy(predictions, ANNOTATIONS)) == 0.5
    strong = ANNOTATIONS.majority_share >= np.float32(0.7)  # The first three.
    accuracy = value(statistics.pair_accuracy(predictions, ANNOTATIONS, strong))
    assert accuracy == pytest.approx(2 / 3)


def pair(preference):
    """Returns one pair with this preference."""
    return Annotations(*map(np.array, ([0, 0], [1, 2], [0], [1], [preference])))


@pytest.mark.parametrize("preference", [0.5, -1.0])
def test_ties_and_unlabelled_pairs_have_no_weight(preference):
    assert np.isnan(value(statistics.pair_accuracy(np.array([0.9]), pair(preference)), 1))


@pytest.mark.parametrize(
    ("prediction", "preference", "told"),
    [(0.9, 0.8, 1.0), (0.9, 0.5, 0.0), (0.1, 0.5, 1.0), (0.5, 0.2, 1.0), (0.5, 0.8, 0.0)],
)
def test_paper_pair_accuracy_by_hand(prediction, preference, told):
    metric = statistics.paper_pair_accuracy(np.array([prediction]), pair(preference))
    assert value(metric, 1) == told


def test_undecided_prediction_counts_half():
    assert value(statistics.pair_accuracy(np.array([0.5]), pair(0.9)), 1) == 0.5


def test_top_1_by_hand():
    # Strengths 0.65, 0.7, 0.15: photo 1 is found; photo 4 is taken for the best.
    predictions = np.array([0.4, 0.9, 0.8, 0.3])
    assert value(statistics.series_top(predictions, ANNOTATIONS)) == 0.5
    # Among two, the best photo of the second series is found too; of three photos it was before.
    assert value(statistics.series_top(predictions, ANNOTATIONS, 2)) == 1.0
    assert value(statistics.series_top(predictions, ANNOTATIONS, 1, least_photos=3)) == 1.0


@pytest.mark.parametrize(("k", "chance"), [(1, (1 / 3 + 1 / 2) / 2), (2, (2 / 3 + 1) / 2)])
def test_top_k_of_a_coin_is_k_over_the_number_of_photos(k, chance):
    metric = statistics.series_top(np.full(4, 0.5), ANNOTATIONS, k)
    assert value(metric) == pytest.approx(chance)


def test_kendall_tau_matches_scipy():
    annotations = drawn_annotations()
    predictions = noisy(annotations)
    strong = statistics.mean_preferences(predictions, annotations)
    taus = [
        scipy.stats.kendalltau(strong[photos], -annotations.ranks[photos]).statistic
        for photos in (annotations.series_index == number for number in range(60))
    ]
    tau = value(statistics.kendall_tau(predictions, annotations), 60)
    assert tau == pytest.approx(np.mean(taus))


def test_log_loss_matches_scikit_learn_on_hard_labels():
    annotations = drawn_annotations()
    predictions = noisy(annotations)
    hard = (annotations.preferences > 0.5).astype(float)
    sure = Annotations(
        annotations.series_index, annotations.ranks, annotations.first, annotations.second, hard
    )
    expected = sklearn.metrics.log_loss(hard, predictions)
    assert value(statistics.log_loss(predictions, sure), 60) == pytest.approx(expected)


def test_log_loss_of_shares_by_hand():
    expected = -(0.8 * np.log(0.6) + 0.2 * np.log(0.4))
    assert value(statistics.log_loss(np.array([0.6]), pair(0.8)), 1) == pytest.approx(expected)


def test_calibration_error_by_hand():
    # Confidence 0.9 at a share of 0.6, and 0.62 (for the second) at 0.7: two bins.
    annotations = Annotations(
        *map(np.array, ([0, 0, 1, 1], [1, 2, 2, 1], [0, 2], [1, 3], [0.6, 0.3]))
    )
    predictions = np.array([0.9, 0.38])
    expected = (abs(0.9 - 0.6) + abs(0.62 - 0.7)) / 2
    metric = statistics.calibration_error(predictions, annotations)
    assert value(metric) == pytest.approx(expected)
    counts, confidence, share = statistics.reliability(predictions, annotations)
    np.testing.assert_array_equal(counts, [0, 0, 1, 0, 0, 0, 0, 0, 1, 0])
    np.testing.assert_allclose((confidence[2], share[2]), (0.62, 0.7))


def test_risk_coverage_by_hand():
    # From the surest: right, wrong, right. Errors 0, 1/2, 1/3 at a third, two thirds and all.
    annotations = Annotations(
        *map(np.array, ([0, 0, 1, 1, 2, 2], [1, 2] * 3, [0, 2, 4], [1, 3, 5], [0.9, 0.2, 0.8]))
    )
    predictions = np.array([0.95, 0.8, 0.6])
    coverage, risk = statistics.risk_coverage(predictions, annotations)
    np.testing.assert_allclose(coverage, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(risk, [0, 1 / 2, 1 / 3])
    area = value(statistics.risk_coverage_area(predictions, annotations), 3)
    assert area == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)


def test_pairs_of_equal_confidence_are_decided_together():
    annotations = Annotations(
        *map(np.array, ([0, 0, 1, 1], [1, 2, 1, 2], [0, 2], [1, 3], [0.9, 0.1]))
    )
    coverage, risk = statistics.risk_coverage(np.array([0.7, 0.7]), annotations)
    np.testing.assert_allclose((coverage, risk), ([1.0], [0.5]))


def test_score_consistency_by_hand():
    scores = np.array([0.3, 0.5, 0.4, 0.2, 0.2])
    predictions = np.array([0.4, 0.4, 0.4, 0.9])  # Agree, agree, not, half.
    assert value(statistics.score_consistency(predictions, scores, ANNOTATIONS)) == 2.5 / 4


def test_rating_correlation_matches_scipy_with_series_repeated():
    annotations = drawn_annotations(6)
    rng = np.random.default_rng(0)
    photo_count = len(annotations.series_index)
    ratings = rng.integers(0, 4, photo_count) / 4
    scores = ratings + rng.normal(0, 0.3, photo_count)
    metric = statistics.rating_correlation(
        scores, dataclasses.replace(annotations, ratings=ratings)
    )
    counts = np.array([2, 0, 1, 3, 0, 1])
    places = np.repeat(np.arange(photo_count), counts[annotations.series_index])
    expected = [
        scipy.stats.spearmanr(scores, ratings).statistic,
        scipy.stats.spearmanr(scores[places], ratings[places]).statistic,
    ]
    np.testing.assert_allclose(metric(np.stack([np.ones(6), counts])), expected)


def test_rating_correlation_is_without_lost_photos():
    annotations = drawn_annotations(6)
    photo_count = len(annotations.series_index)
    ratings = np.random.default_rng(0).random(photo_count)
    lost = np.arange(photo_count) % 4 == 0
    rest = dataclasses.replace(annotations, ratings=ratings).without(lost)
    metric = statistics.rating_correlation(np.where(lost, 0.5, ratings), rest)
    assert metric(np.ones((1, 6))) == pytest.approx(1)


def test_rating_correlation_needs_ratings():
    metric = statistics.rating_correlation(np.zeros(5), ANNOTATIONS)
    assert np.isnan(metric(np.ones((3, 2)))).all()


@pytest.mark.parametrize(
    "make",
    [
        statistics.pair_accuracy,
        statistics.kendall_tau,
        statistics.log_loss,
        statistics.calibration_error,
        statistics.risk_coverage_area,
    ],
)
def test_weights_are_repetitions(make):
    """Drawing a series twice is having it twice, under another number."""
    annotations = drawn_annotations(6)
    predictions = noisy(annotations)
    counts = np.array([2, 0, 1, 3, 0, 1])
    photos = [
        np.flatnonzero(annotations.series_index == number)
        for number in np.repeat(np.arange(6), counts)
    ]  # fmt: skip
    starts = np.cumsum([0, *map(len, photos)])
    pairs, columns = [], [[] for _ in range(3)]
    for start, each in zip(starts, photos, strict=False):
        chosen = np.flatnonzero(np.isin(annotations.first, each))
        pairs.append(chosen)
        for column, values in zip(
            columns,
            (
                annotations.first[chosen] - each[0] + start,
                annotations.second[chosen] - each[0] + start,
                annotations.preferences[chosen],
            ),
            strict=True,
        ):
            column.append(values)
    repeated = Annotations(
        np.repeat(np.arange(len(photos)), list(map(len, photos))),
        annotations.ranks[np.concatenate(photos)],
        *map(np.concatenate, columns),
    )
    expected = value(make(predictions[np.concatenate(pairs)], repeated), len(photos))
    actual = make(predictions, annotations)(counts[None].astype(float))[0]
    assert actual == pytest.approx(expected)


def test_the_interval_covers_the_truth_in_19_of_20_cases():
    """Series with an accuracy of their own: pairs of one series stand and fall together."""
    rng = np.random.default_rng(0)
    covered, cases, series_count, pairs = 0, 400, 120, 4
    for case in range(cases):
        accuracy = rng.beta(2, 1, series_count)  # Mean 2/3.
        told = rng.random((series_count, pairs)) < accuracy[:, None]
        series = np.repeat(np.arange(series_count), pairs)
        metric = statistics.ratio(told.ravel(), np.ones(told.size), series, series_count)
        found = statistics.estimate(metric, statistics.resample(series_count, 400, case))
        covered += found["low"] <= 2 / 3 <= found["high"]
    # Three standard errors of the count around 95%, and a little for the percentile method.
    assert 0.91 <= covered / cases <= 0.985


def test_estimate_of_nothing():
    metric = statistics.pair_accuracy(np.array([0.9]), pair(0.5))
    nothing = {"value": None, "low": None, "high": None}
    assert statistics.estimate(metric, statistics.resample(1, 10)) == nothing
