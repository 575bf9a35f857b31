"""Metrics of preferences within series, and their bootstrap intervals.

A metric here is a function of `weights`, a float array `[R, S]`: how often each of S series is
drawn in each of R resamples. It returns an array `[R]`. Weights of one, `[1, S]`, give the metric
of the data itself. The value is NaN where nothing counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from keras_series.data import Annotations

Metric = Callable[[np.ndarray], np.ndarray]

BINS = 10
_EPSILON = 1e-7


def ratio(
    values: np.ndarray, counts: np.ndarray, series_index: np.ndarray, series_count: int
) -> Metric:
    """Returns the metric `sum(values * counts) / sum(counts)` over items that belong to series.

    Args:
        values: Float array `[I]`.
        counts: Float array `[I]`, how much each item counts.
        series_index: Integer array `[I]`, the series of each item.
        series_count: Integer S, the number of series.
    """
    totals = np.bincount(series_index, values * counts, series_count)
    sizes = np.bincount(series_index, counts, series_count)

    def metric(weights):
        with np.errstate(invalid="ignore"):
            return (weights @ totals) / (weights @ sizes)

    return metric


def pair_accuracy(
    predictions: np.ndarray, annotations: Annotations, among: np.ndarray | None = None
) -> Metric:
    """Fraction of untied pairs that are predicted correctly. A prediction of 0.5 counts half.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
        among: Boolean array `[P]`, the pairs that count. Defaults to all pairs.

    Example:

    >>> import numpy as np
    >>> annotations = Annotations(
    ...     series_index=np.array([0, 0, 1, 1]), ranks=np.array([1, 2, 1, 1]),
    ...     first=np.array([0, 2]), second=np.array([1, 3]), preferences=np.array([0.8, 0.5]))
    >>> pair_accuracy(np.array([0.6, 0.1]), annotations)(np.ones((1, 2)))
    array([1.])
    """
    counts = annotations.untied if among is None else annotations.untied & among
    correct = (np.sign(predictions - 0.5) * np.sign(annotations.preferences - 0.5) + 1) / 2
    return ratio(correct, counts, annotations.pair_series_index, annotations.series_count)


def paper_pair_accuracy(predictions: np.ndarray, annotations: Annotations) -> Metric:
    """Pair accuracy as Huang et al. count it: `(prediction > 0.5) == (preference > 0.5)`.

    Ties count as if the second photo were preferred.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
    """
    correct = (predictions > 0.5) == (annotations.preferences > 0.5)
    return ratio(
        correct, annotations.labelled, annotations.pair_series_index, annotations.series_count
    )


def mean_preferences(predictions: np.ndarray, annotations: Annotations) -> np.ndarray:
    """Returns the mean probability that each photo is preferred to the others of its series.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.

    Returns:
        Float array `[F]`; 0 for a photo that is in no pair.
    """
    totals = np.zeros((2, len(annotations.series_index)))
    np.add.at(totals[0], annotations.first, predictions)
    np.add.at(totals[0], annotations.second, 1 - predictions)
    np.add.at(totals[1], np.concatenate([annotations.first, annotations.second]), 1)
    return totals[0] / np.maximum(totals[1], 1)


def series_top(
    predictions: np.ndarray, annotations: Annotations, k: int = 1, least_photos: int = 2
) -> Metric:
    """Fraction of series in which a best photo is among the k with the highest mean preference.

    Photos with equal mean preferences are taken in every order equally often. Series with an
    unpublished rank and series of fewer than `least_photos` photos do not count.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
        k: Integer, at least 1. Number of photos that are chosen. Defaults to 1.
        least_photos: Integer. Size of the smallest series that count. It must be greater than k,
            else small series are always correct. Defaults to 2.
    """
    mean_preference = mean_preferences(predictions, annotations)
    hits, counts = np.zeros((2, annotations.series_count))
    for number, photos in _photos_by_series(annotations):
        ranks = annotations.ranks[photos]
        if len(photos) >= least_photos and ranks.min() > 0:
            hits[number] = _chance_of_best(mean_preference[photos], ranks == ranks.min(), k)
            counts[number] = 1
    return ratio(hits, counts, np.arange(len(hits)), len(hits))


def kendall_tau(predictions: np.ndarray, annotations: Annotations) -> Metric:
    """Mean over series of Kendall's tau between the order of mean preferences and of ranks.

    It is (concordant - discordant) / (pairs of photos with different ranks). Pairs with equal mean
    preferences are neither.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
    """
    mean_preference = mean_preferences(predictions, annotations)
    taus, counts = np.zeros((2, annotations.series_count))
    for number, photos in _photos_by_series(annotations):
        ranks = annotations.ranks[photos]
        first, second = np.triu_indices(len(photos), 1)
        order = np.sign(ranks[second] - ranks[first])
        if ranks.min() > 0 and order.any():
            difference = mean_preference[photos][first] - mean_preference[photos][second]
            predicted = np.where(np.abs(difference) > 1e-9, np.sign(difference), 0)
            taus[number] = (predicted * order).sum() / np.abs(order).sum()
            counts[number] = 1
    return ratio(taus, counts, np.arange(len(taus)), len(taus))


def log_loss(predictions: np.ndarray, annotations: Annotations) -> Metric:
    """Mean of -(y log p + (1 - y) log(1 - p)) over labelled pairs, where y is the preference.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
    """
    p = np.clip(predictions.astype(float), _EPSILON, 1 - _EPSILON)
    y = np.where(annotations.labelled, annotations.preferences, 0)
    losses = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return ratio(
        losses, annotations.labelled, annotations.pair_series_index, annotations.series_count
    )


def reliability(
    predictions: np.ndarray, annotations: Annotations
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns a reliability diagram: observed frequency by confidence max(p, 1 - p).

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.

    Returns:
        Three float arrays `[BINS]`, for bins of equal width in [0.5, 1]: the number of labelled
        pairs, their mean confidence, and the observed fraction of people who prefer the predicted
        photo. The last two are NaN where a bin is empty.
    """
    sums = _reliability_sums(predictions, annotations).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return sums[0], sums[1] / sums[0], sums[2] / sums[0]


def calibration_error(predictions: np.ndarray, annotations: Annotations) -> Metric:
    """Expected calibration error: mean of |confidence - observed|, weighted by the size of bins.

    Source: Guo et al., *On calibration of modern neural networks* (ICML 2017), equation 5, with ten
    bins in [0.5, 1]. The fraction of people who prefer the predicted photo replaces accuracy.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
    """
    sums = _reliability_sums(predictions, annotations)

    def metric(weights):
        count, confidence, observed = np.einsum("rs,skb->krb", weights, sums)
        with np.errstate(invalid="ignore"):
            return np.abs(confidence - observed).sum(axis=1) / count.sum(axis=1)

    return metric


def risk_coverage(
    predictions: np.ndarray, annotations: Annotations
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the error rate of the most confident pairs, by the fraction of pairs decided.

    Only untied pairs count. Pairs with equal confidence are decided together.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.

    Returns:
        Coverage and error rate, float arrays of the same length, by falling confidence.
    """
    errors, groups, _ = _sorted_errors(predictions, annotations)
    counts = np.bincount(groups).cumsum()
    return counts / max(len(errors), 1), np.bincount(groups, errors).cumsum() / counts


def risk_coverage_area(predictions: np.ndarray, annotations: Annotations) -> Metric:
    """Area under the risk-coverage curve: the mean error rate over all coverages. Less is better.

    Source: Geifman et al., *Bias-reduced uncertainty estimation for deep neural classifiers* (ICLR
    2019).

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
    """
    errors, groups, series_index = _sorted_errors(predictions, annotations)

    def metric(weights):
        values = np.full(len(weights), np.nan)
        for row, drawn in enumerate(weights):  # One at a time, since each needs P numbers.
            counts = np.bincount(groups, drawn[series_index])
            if counts.sum():
                wrong = np.bincount(groups, drawn[series_index] * errors)
                risk = wrong.cumsum() / np.maximum(counts.cumsum(), 1)
                values[row] = (risk * counts).sum() / counts.sum()
        return values

    return metric


def score_consistency(
    predictions: np.ndarray, scores: np.ndarray, annotations: Annotations
) -> Metric:
    """Fraction of pairs in which the higher score and the predicted preference are the same photo.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        scores: Float array `[F]`, scores of single photos.
        annotations: `Annotations`.
    """
    difference = np.sign(scores[annotations.first] - scores[annotations.second])
    consistent = (difference * np.sign(predictions - 0.5) + 1) / 2
    everything = np.ones(len(consistent))
    return ratio(consistent, everything, annotations.pair_series_index, annotations.series_count)


def rating_correlation(scores: np.ndarray, annotations: Annotations) -> Metric:
    """Spearman's rank correlation of scores with people's ratings, across all series.

    NaN for a dataset without ratings. Photos whose rating is NaN do not count.

    Args:
        scores: Float array `[F]`, scores of single photos.
        annotations: `Annotations`.
    """
    if annotations.ratings is None:
        return lambda weights: np.full(len(weights), np.nan)
    rated = ~np.isnan(annotations.ratings)
    scores, ratings = scores[rated], annotations.ratings[rated]

    def metric(weights):
        counts = weights[:, annotations.series_index[rated]].astype(int)
        return np.array([_spearman(scores, ratings, each) for each in counts])

    return metric


def resample(series_count: int, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """Draws the weights of a bootstrap over series.

    Series are drawn rather than pairs: the pairs of a series share photos and reviewers, so they
    are not independent.

    Args:
        series_count: Integer S, the number of series.
        resamples: Integer R, the number of resamples. Defaults to 1000.
        seed: Non-negative integer. Defaults to 0.

    Returns:
        Float array `[R, S]`, how often each series is drawn.
    """
    rng = np.random.default_rng(seed)
    chances = np.full(series_count, 1 / series_count)
    return rng.multinomial(series_count, chances, size=resamples).astype(float)


def estimate(metric: Metric, weights: np.ndarray) -> dict[str, float | None]:
    """Returns the value of a metric and its 95% percentile bootstrap interval.

    Args:
        metric: Function of weights, such as the metrics of this module or the difference of two.
        weights: Float array `[R, S]`, see `resample`.

    Returns:
        `{"value": ..., "low": ..., "high": ...}`; all `None` where nothing counts.
    """
    value = metric(np.ones((1, weights.shape[1])))[0]
    if np.isnan(value):
        return {"value": None, "low": None, "high": None}
    low, high = np.nanpercentile(metric(weights), [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}


def _photos_by_series(annotations):
    starts = np.flatnonzero(np.diff(annotations.series_index, prepend=-1))
    parts = np.split(np.arange(len(annotations.series_index)), starts[1:])
    return ((annotations.series_index[photos[0]], photos) for photos in parts)


def _chance_of_best(mean_preference, best, k):
    """The chance that a best photo is among the first k, with equal ones in any order."""
    top = mean_preference[best].max()
    tied = np.abs(mean_preference - top) <= 1e-9
    places = k - np.count_nonzero((mean_preference > top) & ~tied)
    tied_best, tied_count = np.count_nonzero(tied & best), np.count_nonzero(tied)
    if places <= 0:
        return 0.0
    places = min(places, tied_count)
    return 1 - math.comb(tied_count - tied_best, places) / math.comb(tied_count, places)


def _reliability_sums(predictions, annotations):
    """Sums by series and bin, `[S, 3, BINS]`: of pairs, confidence, and observed preference."""
    confidence = np.maximum(predictions, 1 - predictions)
    observed = np.where(predictions >= 0.5, annotations.preferences, 1 - annotations.preferences)
    places = np.clip(((confidence - 0.5) * 2 * BINS).astype(int), 0, BINS - 1)
    sums = np.zeros((annotations.series_count, 3, BINS))
    counts = annotations.labelled.astype(float)
    for place, values in enumerate((np.ones(len(observed)), confidence, observed)):
        np.add.at(sums, (annotations.pair_series_index, place, places), values * counts)
    return sums


def _sorted_errors(predictions, annotations):
    """Errors of untied pairs by falling confidence, groups of equal confidence, and series."""
    untied = annotations.untied
    predictions, preferences = predictions[untied], annotations.preferences[untied]
    errors = (1 - np.sign(predictions - 0.5) * np.sign(preferences - 0.5)) / 2
    confidence = np.abs(predictions - 0.5)
    order = np.argsort(-confidence, kind="stable")
    _, groups = np.unique(-confidence[order], return_inverse=True)
    return errors[order], groups, annotations.pair_series_index[untied][order]


def _spearman(first, second, counts):
    """Spearman's correlation of items that each occur so often."""
    ranks = np.stack([_mean_ranks(np.repeat(values, counts)) for values in (first, second)])
    return np.corrcoef(ranks)[0, 1] if ranks.std(axis=1).all() else np.nan


def _mean_ranks(values):
    """The ranks of values from 0; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[places]
