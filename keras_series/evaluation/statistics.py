"""Metrics of preferences within series, each with what a bootstrap over series needs.

A metric here is a function of `weights`, float `[R, S]`: how often each of S series is drawn in
each of R resamples. It gives `[R]` values. All ones, `[1, S]`, give the value itself. Where nothing
counts, values are NaN.
"""

import dataclasses
import math

import numpy as np

BINS = 10
_EPSILON = 1e-7


@dataclasses.dataclass(frozen=True)
class Annotations:
    """What people said of a dataset's photos. F photos and P pairs, numbered through all series.

    Attributes:
        series: int `[F]`, number of a photo's series.
        ranks: int `[F]`, 1 is best, 0 where it is not published.
        first: int `[P]`, number of a pair's first photo.
        second: int `[P]`, number of its second photo.
        preferences: float `[P]`, P(first is preferred), -1 where it is not published.
    """

    series: np.ndarray
    ranks: np.ndarray
    first: np.ndarray
    second: np.ndarray
    preferences: np.ndarray

    @classmethod
    def from_series(cls, series):
        """Reads the annotations of a `tf.data.Dataset` of TFDS examples."""
        columns = [[] for _ in dataclasses.fields(cls)]
        photos = 0
        for number, example in enumerate(series.as_numpy_iterator()):
            ranks, pairs = example["photos"]["rank"], example["pairs"]
            row = (
                np.full(len(ranks), number),
                ranks,
                pairs["first"] + photos,
                pairs["second"] + photos,
                pairs["preference"],
            )
            for column, values in zip(columns, row, strict=True):
                column.append(values)
            photos += len(ranks)
        if not photos:
            raise ValueError("Expected a dataset with series. Received: one without any")
        return cls(*map(np.concatenate, columns))

    @property
    def series_count(self):
        """Number of series."""
        return int(self.series[-1]) + 1

    @property
    def pair_series(self):
        """Number of each pair's series, int `[P]`."""
        return self.series[self.first]

    @property
    def agreement(self):
        """max(p, 1 - p) of each pair, float32 `[P]`; of an unpublished one 2."""
        return np.maximum(self.preferences, 1 - self.preferences).astype(np.float32)

    @property
    def labelled(self):
        """Which pairs have a published preference, bool `[P]`."""
        return self.preferences >= 0

    @property
    def untied(self):
        """Which pairs have a published preference other than 0.5, bool `[P]`."""
        return self.labelled & (self.preferences != 0.5)

    def without(self, lost):
        """The annotations less the pairs and ranks that involve photos where `lost` `[F]` is true.

        A series that has lost a photo has no known best one.
        """
        kept = self.keeps(lost)
        ranks = np.where(np.isin(self.series, self.series[lost]), 0, self.ranks)
        pairs = self.first[kept], self.second[kept], self.preferences[kept]
        return Annotations(self.series, ranks, *pairs)

    def keeps(self, lost):
        """Which pairs `without` keeps, bool `[P]`."""
        return ~(lost[self.first] | lost[self.second])


def ratio(values, counts, series, series_count):
    """The metric `sum of values / sum of counts` over items, each of one series.

    Args:
        values: float `[I]`.
        counts: float `[I]`, how much each item counts.
        series: int `[I]`, number of its series.
        series_count: S.
    """
    totals = np.bincount(series, values * counts, series_count)
    sizes = np.bincount(series, counts, series_count)

    def metric(weights):
        with np.errstate(invalid="ignore"):
            return (weights @ totals) / (weights @ sizes)

    return metric


def pair_accuracy(predictions, annotations, among=None):
    """Share of the untied pairs whose preferred photo is told; 0.5, a coin's answer, counts half.

    Args:
        predictions: float `[P]`, P(first is preferred).
        annotations: `Annotations`.
        among: bool `[P]`, the pairs that count. Defaults to all.

    Example:

    >>> import numpy as np
    >>> annotations = Annotations(
    ...     series=np.array([0, 0, 1, 1]), ranks=np.array([1, 2, 1, 1]), first=np.array([0, 2]),
    ...     second=np.array([1, 3]), preferences=np.array([0.8, 0.5]))
    >>> pair_accuracy(np.array([0.6, 0.1]), annotations)(np.ones((1, 2)))
    array([1.])
    """
    counts = annotations.untied if among is None else annotations.untied & among
    told = (np.sign(predictions - 0.5) * np.sign(annotations.preferences - 0.5) + 1) / 2
    return ratio(told, counts, annotations.pair_series, annotations.series_count)


def paper_pair_accuracy(predictions, annotations):
    """Pair accuracy as Huang et al. count: `(prediction > 0.5) == (preference > 0.5)`.

    Ties stand among the pairs as if the second photo were preferred.
    """
    told = (predictions > 0.5) == (annotations.preferences > 0.5)
    return ratio(told, annotations.labelled, annotations.pair_series, annotations.series_count)


def strengths(predictions, annotations):
    """How strong each photo is in its series, float `[F]`: the mean P of being preferred there."""
    totals = np.zeros((2, len(annotations.series)))
    np.add.at(totals[0], annotations.first, predictions)
    np.add.at(totals[0], annotations.second, 1 - predictions)
    np.add.at(totals[1], np.concatenate([annotations.first, annotations.second]), 1)
    return totals[0] / np.maximum(totals[1], 1)


def series_top(predictions, annotations, k=1, least_photos=2):
    """Share of the series in which a best photo is among the k strongest.

    Photos of equal strength come in every order equally often. Series with an unpublished rank and
    those of fewer than `least_photos` are left out.

    Args:
        predictions: float `[P]`, P(first is preferred).
        annotations: `Annotations`.
        k: how many are chosen.
        least_photos: the smallest series that count; more than k, or all count as right.
    """
    strong = strengths(predictions, annotations)
    hits, counts = np.zeros((2, annotations.series_count))
    for number, photos in _photos_by_series(annotations):
        ranks = annotations.ranks[photos]
        if len(photos) >= least_photos and ranks.min() > 0:
            hits[number] = _chance_of_best(strong[photos], ranks == ranks.min(), k)
            counts[number] = 1
    return ratio(hits, counts, np.arange(len(hits)), len(hits))


def kendall_tau(predictions, annotations):
    """Mean over series of Kendall's tau between the order of strengths and the order of ranks.

    (concordant - discordant) / pairs of photos with different ranks; equal strengths are neither.
    """
    strong = strengths(predictions, annotations)
    taus, counts = np.zeros((2, annotations.series_count))
    for number, photos in _photos_by_series(annotations):
        ranks = annotations.ranks[photos]
        first, second = np.triu_indices(len(photos), 1)
        order = np.sign(ranks[second] - ranks[first])
        if ranks.min() > 0 and order.any():
            difference = strong[photos][first] - strong[photos][second]
            told = np.where(np.abs(difference) > 1e-9, np.sign(difference), 0)
            taus[number] = (told * order).sum() / np.abs(order).sum()
            counts[number] = 1
    return ratio(taus, counts, np.arange(len(taus)), len(taus))


def log_loss(predictions, annotations):
    """Mean of -(y log p + (1 - y) log(1 - p)) over labelled pairs; y is the share of people."""
    p = np.clip(predictions.astype(float), _EPSILON, 1 - _EPSILON)
    y = np.where(annotations.labelled, annotations.preferences, 0)
    losses = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return ratio(losses, annotations.labelled, annotations.pair_series, annotations.series_count)


def reliability(predictions, annotations):
    """What a reliability plot shows, by bins of confidence max(p, 1 - p) of equal width.

    Returns:
        Per bin of [0.5, 1]: the number of labelled pairs, their mean confidence, and the mean share
        of people who prefer the photo that is predicted. Three float arrays `[BINS]`, NaN where a
        bin is empty.
    """
    sums = _reliability_sums(predictions, annotations).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return sums[0], sums[1] / sums[0], sums[2] / sums[0]


def calibration_error(predictions, annotations):
    """Expected calibration error: mean |confidence - share of people| over bins, by their size.

    Source: Guo et al., *On calibration of modern neural networks* (ICML 2017), equation 5, with
    the share of people who agree for accuracy, and ten bins of [0.5, 1].
    """
    sums = _reliability_sums(predictions, annotations)

    def metric(weights):
        count, confidence, outcome = np.einsum("rs,skb->krb", weights, sums)
        with np.errstate(invalid="ignore"):
            return np.abs(confidence - outcome).sum(axis=1) / count.sum(axis=1)

    return metric


def risk_coverage(predictions, annotations):
    """Errors among the untied pairs that are decided, when the closest calls are left to a person.

    Pairs of equal confidence are decided together.

    Returns:
        Coverage and error rate, float arrays of the same length, from the surest pairs to all.
    """
    errors, groups, _ = _sorted_errors(predictions, annotations)
    counts = np.bincount(groups).cumsum()
    return counts / max(len(errors), 1), np.bincount(groups, errors).cumsum() / counts


def risk_coverage_area(predictions, annotations):
    """Area under the risk-coverage curve, the mean error rate over all coverages; less is better.

    Source: Geifman et al., *Bias-reduced uncertainty estimation for deep neural classifiers* (ICLR
    2019).
    """
    errors, groups, series = _sorted_errors(predictions, annotations)

    def metric(weights):
        values = np.full(len(weights), np.nan)
        for row, drawn in enumerate(weights):  # One at a time: P numbers each.
            counts = np.bincount(groups, drawn[series])
            if counts.sum():
                wrong = np.bincount(groups, drawn[series] * errors)
                risk = wrong.cumsum() / np.maximum(counts.cumsum(), 1)
                values[row] = (risk * counts).sum() / counts.sum()
        return values

    return metric


def score_agreement(predictions, scores, annotations):
    """Share of pairs that the order of `scores` `[F]` decides as the preference does."""
    difference = np.sign(scores[annotations.first] - scores[annotations.second])
    agreed = (difference * np.sign(predictions - 0.5) + 1) / 2
    everything = np.ones(len(agreed))
    return ratio(agreed, everything, annotations.pair_series, annotations.series_count)


def resample(series_count, resamples=1000, seed=0):
    """Weights `[resamples, series_count]` of a bootstrap that draws series, not pairs.

    The pairs of a series share photos and reviewers, so they are not independent.
    """
    rng = np.random.default_rng(seed)
    chances = np.full(series_count, 1 / series_count)
    return rng.multinomial(series_count, chances, size=resamples).astype(float)


def estimate(metric, weights):
    """The value of a metric and its 95% percentile bootstrap interval.

    Args:
        metric: a function of weights, as this module makes them; or the difference of two.
        weights: float `[R, S]`, of `resample`.

    Returns:
        `{"value": ..., "low": ..., "high": ...}`; all `None` where nothing counts.
    """
    value = metric(np.ones((1, weights.shape[1])))[0]
    if np.isnan(value):
        return {"value": None, "low": None, "high": None}
    low, high = np.nanpercentile(metric(weights), [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}


def fit_temperature(logits, preferences):
    """The temperature T that makes sigmoid(logit / T) fit the shares of people best.

    The minimum of the log loss over 1 / T, which is convex: found by halving. Source: Guo et al.
    (ICML 2017), section 4.2.

    Args:
        logits: float `[P]`.
        preferences: float `[P]` in [0, 1].

    Returns:
        Float in [0.01, 100]; 1 where all logits are 0.
    """
    if not np.any(logits):
        return 1.0
    low, high = math.log(0.01), math.log(100.0)
    for _ in range(60):
        middle = (low + high) / 2
        scaled = np.clip(logits / math.exp(middle), -500, 500)
        slope = np.mean((1 / (1 + np.exp(-scaled)) - preferences) * logits)
        # A positive slope by 1 / T says that a smaller 1 / T is better.
        low, high = (middle, high) if slope > 0 else (low, middle)
    return math.exp((low + high) / 2)


def _photos_by_series(annotations):
    starts = np.flatnonzero(np.diff(annotations.series, prepend=-1))
    parts = np.split(np.arange(len(annotations.series)), starts[1:])
    return ((annotations.series[photos[0]], photos) for photos in parts)


def _chance_of_best(strong, best, k):
    """The chance that a best photo is among the k strongest, equal ones in any order."""
    top = strong[best].max()
    tied = np.abs(strong - top) <= 1e-9
    places = k - np.count_nonzero((strong > top) & ~tied)
    tied_best, tied_count = np.count_nonzero(tied & best), np.count_nonzero(tied)
    if places <= 0:
        return 0.0
    places = min(places, tied_count)
    return 1 - math.comb(tied_count - tied_best, places) / math.comb(tied_count, places)


def _reliability_sums(predictions, annotations):
    """Per series and bin, `[S, 3, BINS]`: pairs, their confidence, and the share who agree."""
    confidence = np.maximum(predictions, 1 - predictions)
    share = np.where(predictions >= 0.5, annotations.preferences, 1 - annotations.preferences)
    places = np.clip(((confidence - 0.5) * 2 * BINS).astype(int), 0, BINS - 1)
    sums = np.zeros((annotations.series_count, 3, BINS))
    counts = annotations.labelled.astype(float)
    for place, values in enumerate((np.ones(len(share)), confidence, share)):
        np.add.at(sums, (annotations.pair_series, place, places), values * counts)
    return sums


def _sorted_errors(predictions, annotations):
    """Errors of the untied pairs, the surest first; numbers of equally sure groups; and series."""
    untied = annotations.untied
    predictions, preferences = predictions[untied], annotations.preferences[untied]
    errors = (1 - np.sign(predictions - 0.5) * np.sign(preferences - 0.5)) / 2
    confidence = np.abs(predictions - 0.5)
    order = np.argsort(-confidence, kind="stable")
    _, groups = np.unique(-confidence[order], return_inverse=True)
    return errors[order], groups, annotations.pair_series[untied][order]
