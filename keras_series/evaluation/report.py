"""Evaluation: how often a model prefers what people prefer, and how far that can be trusted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_series.data import Annotations
from keras_series.evaluation import statistics
from keras_series.evaluation.baselines import baseline_predictions
from keras_series.evaluation.predictors import Predictor
from keras_series.evaluation.statistics import Metric

CLEAR_MAJORITY = 0.7
# Name in the report, and title on the screen, of the metrics that every predictor has. To add a
# metric, add it here and to `order_metrics`.
METRICS = {
    "pair_accuracy": "pairs",
    "paper_pair_accuracy": "pairs, as the paper counts",
    "strong_pair_accuracy": f"pairs, majority share >= {CLEAR_MAJORITY}",
    "series_top_1": "best photo found",
    "series_top_1_of_3": "best photo found, of 3 or more",
    "series_top_2": "best among two, of 3 or more",
    "kendall_tau": "Kendall's tau",
}
# Likewise for the metrics of probabilities and scores, see `probability_metrics`.
PROBABILITY_METRICS = {
    "log_loss": "log loss",
    "calibration_error": "expected calibration error",
    "risk_coverage_area": "risk-coverage area",
    "score_consistency": "score consistency",
    "rating_correlation": "Spearman of scores and ratings",
}
_SEVERITY_GAPS = (0.0, 0.1, 0.2, 0.4, 1.0)
_RATING_GAPS = (0.05, 0.1)


def evaluate(
    predictor: Predictor,
    examples: tf.data.Dataset,
    train_examples: tf.data.Dataset | None = None,
    resamples: int = 1000,
    seed: int = 0,
    others: Mapping[str, Predictor] | None = None,
) -> dict:
    """Evaluates a predictor on a dataset of series, next to baselines on the same pairs.

    Intervals are 95% percentile intervals of a bootstrap over series. The baselines are those of
    `baseline_predictions`.

    Args:
        predictor: A `KerasPredictor` or `SavedModelPredictor`.
        examples: `tf.data.Dataset` of TFDS examples.
        train_examples: `tf.data.Dataset` of the examples that were trained on, to look for leaks.
            Defaults to `None`, which skips that.
        resamples: Integer, number of resamples of the bootstrap. Defaults to 1000.
        seed: Non-negative integer, seed of the bootstrap. Defaults to 0.
        others: Dictionary of more predictors to set beside the baselines, by name. Defaults to
            none.

    Returns:
        A dictionary that can be written as JSON:

        - `counts`: of series, photos and pairs.
        - `predictors`: for `model` and each baseline its metrics, as `{"value", "low", "high"}`.
        - `margins`: the pair accuracy of the model minus that of each baseline.
        - `reliability` and `risk_coverage`: curves to plot.
        - `calibration`: metrics before and after the temperature, or `None`.
        - `groups`: pair accuracy by degradation and severity gap, where these are known.
        - `mistakes`: the most confident wrong predictions, with series and places.
        - `symmetry_gap`: the largest |P(a, b) + P(b, a) - 1|.
        - `leaks`: see `find_leaks`, or `None`.
        - `findings`: what is wrong, in sentences.
        - `verdict`: whether the model beats all baselines.

    Raises:
        ValueError: If no pair has a published preference, or every pair has a photo that cannot be
            decoded.
    """
    annotations = Annotations.from_examples(examples)
    if not annotations.labelled.any():
        raise ValueError(
            "Expected a split with published preferences. Received: one in which every pair is "
            "unlabelled (-1), as in PhotoTriage's test split; evaluate on validation instead"
        )
    first, second = annotations.first, annotations.second
    predictions = predictor.predict(examples, first, second)
    kept = annotations.keeps(~predictions.valid)
    if not kept.any():
        raise ValueError(
            "Expected pairs of photos that can be decoded. Received: a dataset in which each pair "
            f"has a broken one; {np.count_nonzero(~predictions.valid)} photos cannot be decoded"
        )
    rest = annotations.without(~predictions.valid)
    weights = statistics.resample(rest.series_count, resamples, seed)
    preferences = {"model": predictions.preferences}
    for name, other in (others or {}).items():
        preferences[name] = other.predict(examples, first, second).preferences
    preferences |= baseline_predictions(examples, first, second)
    preferences = {name: values[kept].astype(float) for name, values in preferences.items()}
    ours = preferences["model"]
    asymmetry = ours + predictions.swapped_preferences[kept] - 1
    report = {
        "counts": _counts(rest, predictions.valid),
        "predictors": {
            name: _estimates(order_metrics(values, rest), weights)
            for name, values in preferences.items()
        },
        "margins": _margins(preferences, rest, weights),
        "reliability": _reliability(ours, rest),
        "risk_coverage": _risk_coverage(ours, rest),
        "calibration": _calibration(predictor.temperature, ours, rest, weights),
        "groups": _groups(ours, rest, weights),
        "mistakes": _mistakes(ours, rest),
        "symmetry_gap": float(np.abs(asymmetry).max(initial=0.0)),
        "leaks": None,
    }
    if train_examples is not None:
        report["leaks"] = find_leaks(Annotations.from_examples(train_examples), annotations)
    report["predictors"]["model"] |= _estimates(
        probability_metrics(ours, predictions.scores, rest), weights
    )
    report["findings"] = _findings(report, ours)
    report["verdict"] = _verdict(report["margins"])
    return report


def order_metrics(predictions: np.ndarray, annotations: Annotations) -> dict[str, Metric]:
    """Returns the functions of `METRICS`, by name.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        annotations: `Annotations`.
    """
    clear = annotations.majority_share >= np.float32(CLEAR_MAJORITY)
    return {
        "pair_accuracy": statistics.pair_accuracy(predictions, annotations),
        "paper_pair_accuracy": statistics.paper_pair_accuracy(predictions, annotations),
        "strong_pair_accuracy": statistics.pair_accuracy(predictions, annotations, clear),
        "series_top_1": statistics.series_top(predictions, annotations, 1),
        "series_top_1_of_3": statistics.series_top(predictions, annotations, 1, least_photos=3),
        "series_top_2": statistics.series_top(predictions, annotations, 2, least_photos=3),
        "kendall_tau": statistics.kendall_tau(predictions, annotations),
    }


def probability_metrics(
    predictions: np.ndarray, scores: np.ndarray, annotations: Annotations
) -> dict[str, Metric]:
    """Returns the functions of `PROBABILITY_METRICS`, by name.

    Args:
        predictions: Float array `[P]`, P(first is preferred).
        scores: Float array `[F]`, scores of single photos.
        annotations: `Annotations`.
    """
    return {
        "log_loss": statistics.log_loss(predictions, annotations),
        "calibration_error": statistics.calibration_error(predictions, annotations),
        "risk_coverage_area": statistics.risk_coverage_area(predictions, annotations),
        "score_consistency": statistics.score_consistency(predictions, scores, annotations),
        "rating_correlation": statistics.rating_correlation(scores, annotations),
    }


def find_leaks(train: Annotations, held_out: Annotations) -> dict[str, dict]:
    """Finds what two datasets have in common: series, file names, and photos byte for byte.

    Args:
        train: `Annotations` of the examples that were trained on.
        held_out: `Annotations` of the examples that are evaluated on.

    Returns:
        For `series_id`, `file_name` and `photo` the number of shared ones and up to five of them,
        `{"count", "examples"}`. Photos are listed by their file name in `held_out`.
    """
    identities = {
        "series_id": (train.series_ids, held_out.series_ids, held_out.series_ids),
        "file_name": (train.file_names, held_out.file_names, held_out.file_names),
        "photo": (train.photo_hashes, held_out.photo_hashes, held_out.file_names),
    }
    return {kind: _shared(*columns) for kind, columns in identities.items()}


def _shared(train_keys, keys, names):
    seen = set(train_keys)
    shared = {key: name for key, name in zip(keys, names, strict=True) if key and key in seen}
    return {"count": len(shared), "examples": list(shared.values())[:5]}


def _estimates(functions, weights):
    return {name: statistics.estimate(function, weights) for name, function in functions.items()}


def _counts(annotations, valid):
    return {
        "series": annotations.series_count,
        "photos": len(valid),
        "undecodable_photos": int(np.count_nonzero(~valid)),
        "pairs": len(annotations.preferences),
        "untied_pairs": int(np.count_nonzero(annotations.untied)),
    }


def _margins(predictions, annotations, weights):
    accuracies = {
        name: statistics.pair_accuracy(values, annotations) for name, values in predictions.items()
    }
    ours = accuracies.pop("model")
    return {
        name: statistics.estimate(lambda w, theirs=theirs: ours(w) - theirs(w), weights)
        for name, theirs in accuracies.items()
    }


def _reliability(predictions, annotations):
    rows = zip(*statistics.reliability(predictions, annotations), strict=True)
    return [
        {"pairs": int(pairs), "confidence": float(confidence), "observed": float(observed)}
        for pairs, confidence, observed in rows
        if pairs
    ]


def _risk_coverage(predictions, annotations, most=100):
    coverage, risk = statistics.risk_coverage(predictions, annotations)
    places = np.unique(np.linspace(0, len(risk) - 1, most).astype(int)) if len(risk) else []
    return [{"coverage": float(coverage[at]), "error": float(risk[at])} for at in places]


def _calibration(temperature, predictions, annotations, weights):
    """Log loss and calibration error without and with the model's temperature."""
    if temperature is None:
        return None
    p = np.clip(predictions, 1e-7, 1 - 1e-7)
    uncalibrated = 1 / (1 + np.exp(-temperature * np.log(p / (1 - p))))
    stages = {"before": uncalibrated, "after": predictions}
    return {"temperature": temperature} | {
        stage: _estimates(
            {
                "log_loss": statistics.log_loss(values, annotations),
                "calibration_error": statistics.calibration_error(values, annotations),
            },
            weights,
        )
        for stage, values in stages.items()
    }


def _groups(predictions, annotations, weights):
    """Pair accuracy by what is known of the photos."""
    masks = _severity_masks(annotations) | _rating_masks(annotations)
    return {
        title: _by_group(groups, predictions, annotations, weights)
        for title, groups in masks.items()
    }


def _severity_masks(annotations):
    """The pairs by the worse photo's degradation, and by how much worse it is."""
    kind, severity = annotations.degradations, annotations.severities
    if kind is None:
        return {}
    gap = severity[annotations.first] - severity[annotations.second]
    kinds = kind[np.where(gap > 0, annotations.first, annotations.second)]
    return {
        "degradation of the worse photo": {name: kinds == name for name in sorted(set(kinds))},
        "severity gap": {
            f"{low:g} to {high:g}": (np.abs(gap) > low) & (np.abs(gap) <= high)
            for low, high in itertools.pairwise(_SEVERITY_GAPS)
        },
    }


def _rating_masks(annotations):
    """The pairs by how far people's scores are apart."""
    if annotations.ratings is None:
        return {}
    gap = np.abs(annotations.ratings[annotations.first] - annotations.ratings[annotations.second])
    return {"ratings apart": {f"more than {least:g}": gap > least for least in _RATING_GAPS}}


def _by_group(masks, predictions, annotations, weights):
    return {
        name: {"pairs": int(np.count_nonzero(mask & annotations.untied))}
        | statistics.estimate(statistics.pair_accuracy(predictions, annotations, mask), weights)
        for name, mask in masks.items()
    }


def _mistakes(predictions, annotations, most=12):
    """The most confident wrong predictions."""
    wrong = annotations.untied & ((predictions > 0.5) != (annotations.preferences > 0.5))
    by_confidence = np.argsort(-np.abs(predictions - 0.5), kind="stable")
    starts = np.searchsorted(annotations.series_index, np.arange(annotations.series_count))
    mistakes = []
    for pair in by_confidence[wrong[by_confidence]][:most]:
        index = annotations.pair_series_index[pair]
        mistakes.append(
            {
                "series_id": str(annotations.series_ids[index]),
                "first": int(annotations.first[pair] - starts[index]),
                "second": int(annotations.second[pair] - starts[index]),
                "prediction": float(predictions[pair]),
                "preference": float(annotations.preferences[pair]),
            }
        )
    return mistakes


def _findings(report, predictions):
    """What is wrong with the model or with the data, in sentences."""
    findings = []
    accuracy = report["predictors"]["model"]["pair_accuracy"]
    if np.ptp(predictions) < 1e-6:
        findings.append(f"Constant output: every pair gets {predictions[0]:.3f}.")
    elif accuracy["high"] is not None and accuracy["high"] < 0.5:
        findings.append(
            f"Worse than a coin ({accuracy['value']:.3f}): the labels look swapped. 1 - p would "
            f"have an accuracy of {1 - accuracy['value']:.3f}."
        )
    for name, preferred in (("first", predictions > 0.5), ("second", predictions < 0.5)):
        if preferred.mean() > 0.95:
            findings.append(
                f"The model prefers the {name} photo in {preferred.mean():.1%} of the pairs."
            )
    if report["symmetry_gap"] > 1e-4:
        findings.append(
            "Not swap-symmetric: P(a, b) + P(b, a) differs from 1 by up to "
            f"{report['symmetry_gap']:.4f}."
        )
    for kind, leak in (report["leaks"] or {}).items():
        if leak["count"]:
            findings.append(
                f"Leak: {leak['count']} times the same {kind.replace('_', ' ')} in the training "
                f"data, for example {', '.join(leak['examples'])}."
            )
    return findings


def _verdict(margins: Mapping[str, dict]) -> str:
    known = {name: each for name, each in margins.items() if each["value"] is not None}
    if not known:
        return "There is no untied pair, so there is no verdict."
    name, least = min(known.items(), key=lambda item: item[1]["low"])
    margin = (
        f"{100 * least['value']:+.1f} points (95%: {100 * least['low']:+.1f} to "
        f"{100 * least['high']:+.1f}) over {name.replace('_', ' ')}"
    )
    if least["low"] > 0:
        return f"The model beats all baselines, the closest by {margin}."
    return f"The model does NOT clearly beat all baselines: {margin}."
