"""Evaluation: how often a judge prefers what people prefer, and how far that can be trusted."""

import hashlib
import itertools

import numpy as np

from keras_series.evaluation import statistics as metrics
from keras_series.evaluation.predictors import trivial_predictions
from keras_series.evaluation.statistics import Annotations

AGREEMENT = 0.7
# Name in the report and title on the screen, of the metrics that every judge has.
METRICS = {
    "pair_accuracy": "pairs",
    "paper_pair_accuracy": "pairs, as the paper counts",
    "strong_pair_accuracy": f"pairs of agreement >= {AGREEMENT}",
    "series_top_1": "best photo found",
    "series_top_2": "best among two, of 3 or more",
    "kendall_tau": "Kendall's tau",
}
# Those that ask for probabilities.
PROBABILITY_METRICS = {
    "log_loss": "log loss",
    "calibration_error": "expected calibration error",
    "risk_coverage_area": "risk-coverage area",
    "score_agreement": "order by score as by preference",
}
_SEVERITY_GAPS = (0.0, 0.1, 0.2, 0.4, 1.0)


def evaluate(judge, series, train_series=None, resamples=1000, seed=0):
    """Evaluates a judge on a dataset of series, beside three trivial judges on the same pairs.

    Intervals hold 95% of what a bootstrap over series gives. The trivial judges are those of
    `trivial_predictions`.

    Args:
        judge: A `ModelJudge` or `ExportedJudge`.
        series: `tf.data.Dataset` of TFDS examples.
        train_series: What was trained on, to look for leaks; `None` leaves that out.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        Dictionary that can be written as JSON: `counts`; `judges`, for each its metrics as
        `{"value", "low", "high"}`; `margins`, the model's pair accuracy less each trivial judge's;
        `reliability` and `risk_coverage` to plot; `calibration`, before and after the temperature;
        `groups`, pair accuracy by degradation and severity gap where these are known; `mistakes`,
        the most confident ones, with series and places;
        `symmetry_gap`, the largest |P(a, b) + P(b, a) - 1|; `leaks`; `findings`, what is wrong, in
        sentences; and `verdict`, whether the model beats all trivial judges.

    Raises:
        ValueError: If no pair of the dataset has a published label, or none is left of photos that
            can be decoded.
    """
    annotations = Annotations.from_series(series)
    if not annotations.labelled.any():
        raise ValueError(
            "Expected a split with published preferences. Received: one in which every pair is "
            "unlabelled (-1), as in PhotoTriage's test split; evaluate on validation instead"
        )
    first, second = annotations.first, annotations.second
    judgement = judge.judge(series, first, second)
    kept = annotations.keeps(~judgement.valid)
    if not kept.any():
        raise ValueError(
            "Expected pairs of photos that can be decoded. Received: a dataset in which each pair "
            f"has a broken one; {np.count_nonzero(~judgement.valid)} photos cannot be decoded"
        )
    rest = annotations.without(~judgement.valid)
    weights = metrics.resample(rest.series_count, resamples, seed)
    predictions = {"model": judgement.predictions} | trivial_predictions(series, first, second)
    predictions = {name: values[kept].astype(float) for name, values in predictions.items()}
    ours = predictions["model"]
    report = {
        "counts": _counts(rest, judgement.valid),
        "judges": {
            name: _estimates(order_metrics(values, rest), weights)
            for name, values in predictions.items()
        },
        "margins": _margins(predictions, rest, weights),
        "reliability": _reliability(ours, rest),
        "risk_coverage": _risk_coverage(ours, rest),
        "calibration": _calibration(judge.temperature, ours, rest, weights),
        "groups": _groups(series, ours, rest, weights),
        "mistakes": _mistakes(series, ours, rest),
        "symmetry_gap": float(np.abs(ours + judgement.swapped[kept] - 1).max(initial=0.0)),
        "leaks": None if train_series is None else find_leaks(train_series, series),
    }
    report["judges"]["model"] |= _estimates(
        probability_metrics(ours, judgement.scores, rest), weights
    )
    report["findings"] = _findings(report, ours)
    report["verdict"] = _verdict(report["margins"])
    return report


def order_metrics(predictions, annotations):
    """The functions of `METRICS` for one judge's predictions `[P]`, by name."""
    strong = annotations.agreement >= np.float32(AGREEMENT)
    return {
        "pair_accuracy": metrics.pair_accuracy(predictions, annotations),
        "paper_pair_accuracy": metrics.paper_pair_accuracy(predictions, annotations),
        "strong_pair_accuracy": metrics.pair_accuracy(predictions, annotations, strong),
        "series_top_1": metrics.series_top(predictions, annotations, 1),
        "series_top_2": metrics.series_top(predictions, annotations, 2, least_photos=3),
        "kendall_tau": metrics.kendall_tau(predictions, annotations),
    }


def probability_metrics(predictions, scores, annotations):
    """The functions of `PROBABILITY_METRICS` for predictions `[P]` and scores `[F]`, by name."""
    return {
        "log_loss": metrics.log_loss(predictions, annotations),
        "calibration_error": metrics.calibration_error(predictions, annotations),
        "risk_coverage_area": metrics.risk_coverage_area(predictions, annotations),
        "score_agreement": metrics.score_agreement(predictions, scores, annotations),
    }


def find_leaks(train_series, series):
    """What two datasets have in common: series, file names, and photos byte for byte.

    Returns:
        For `series_id`, `file_name` and `photo`, how many are shared and up to five of them, as
        `{"count", "examples"}`; photos by the file name in the second dataset.
    """
    seen = {"series_id": set(), "file_name": set(), "photo": set()}
    for kind, key, _ in _identities(train_series):
        seen[kind].add(key)
    shared = {kind: {} for kind in seen}
    for kind, key, name in _identities(series):
        if key in seen[kind]:
            shared[kind][key] = name
    return {
        kind: {"count": len(names), "examples": list(names.values())[:5]}
        for kind, names in shared.items()
    }


def _identities(series):
    for example in series.as_numpy_iterator():
        photos = example["photos"]
        yield "series_id", example["series_id"], example["series_id"].decode()
        names = photos.get("file_name", [b""] * len(photos["photo_bytes"]))
        for name, photo_bytes in zip(names, photos["photo_bytes"], strict=True):
            if name:
                yield "file_name", name, name.decode()
            yield "photo", hashlib.sha256(photo_bytes).digest(), name.decode()


def _estimates(functions, weights):
    return {name: metrics.estimate(function, weights) for name, function in functions.items()}


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
        name: metrics.pair_accuracy(values, annotations) for name, values in predictions.items()
    }
    ours = accuracies.pop("model")
    return {
        name: metrics.estimate(lambda w, theirs=theirs: ours(w) - theirs(w), weights)
        for name, theirs in accuracies.items()
    }


def _reliability(predictions, annotations):
    rows = zip(*metrics.reliability(predictions, annotations), strict=True)
    return [
        {"pairs": int(pairs), "confidence": float(confidence), "agreement": float(agreement)}
        for pairs, confidence, agreement in rows
        if pairs
    ]


def _risk_coverage(predictions, annotations, most=100):
    coverage, risk = metrics.risk_coverage(predictions, annotations)
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
                "log_loss": metrics.log_loss(values, annotations),
                "calibration_error": metrics.calibration_error(values, annotations),
            },
            weights,
        )
        for stage, values in stages.items()
    }


def _groups(series, predictions, annotations, weights):
    """Pair accuracy by the worse photo's degradation, and by how much worse it is."""
    if "degradation" not in series.element_spec["photos"]:
        return {}
    photos = [example["photos"] for example in series.as_numpy_iterator()]
    severity = np.concatenate([each["severity"] for each in photos])
    kind = np.concatenate([each["degradation"] for each in photos]).astype(str)
    gap = severity[annotations.first] - severity[annotations.second]
    kinds = kind[np.where(gap > 0, annotations.first, annotations.second)]
    gaps = {
        f"{low:g} to {high:g}": (np.abs(gap) > low) & (np.abs(gap) <= high)
        for low, high in itertools.pairwise(_SEVERITY_GAPS)
    }
    return {
        "degradation of the worse photo": _by_group(
            {name: kinds == name for name in sorted(set(kinds))}, predictions, annotations, weights
        ),
        "severity gap": _by_group(gaps, predictions, annotations, weights),
    }


def _by_group(masks, predictions, annotations, weights):
    return {
        name: {"pairs": int(np.count_nonzero(mask & annotations.untied))}
        | metrics.estimate(metrics.pair_accuracy(predictions, annotations, mask), weights)
        for name, mask in masks.items()
    }


def _mistakes(series, predictions, annotations, most=12):
    """The surest of the wrong predictions."""
    wrong = annotations.untied & ((predictions > 0.5) != (annotations.preferences > 0.5))
    surest = np.argsort(-np.abs(predictions - 0.5), kind="stable")
    names = [example["series_id"].decode() for example in series.as_numpy_iterator()]
    starts = np.searchsorted(annotations.series, np.arange(annotations.series_count))
    mistakes = []
    for pair in surest[wrong[surest]][:most]:
        number = annotations.pair_series[pair]
        mistakes.append(
            {
                "series_id": names[number],
                "first": int(annotations.first[pair] - starts[number]),
                "second": int(annotations.second[pair] - starts[number]),
                "prediction": float(predictions[pair]),
                "preference": float(annotations.preferences[pair]),
            }
        )
    return mistakes


def _findings(report, predictions):
    """What is wrong with a judge or with its data, in sentences."""
    findings = []
    accuracy = report["judges"]["model"]["pair_accuracy"]
    if np.ptp(predictions) < 1e-6:
        findings.append(f"Constant output: every pair gets {predictions[0]:.3f}.")
    elif accuracy["high"] is not None and accuracy["high"] < 0.5:
        findings.append(
            f"Worse than a coin ({accuracy['value']:.3f}): its labels look swapped; 1 - p would "
            f"be right in {1 - accuracy['value']:.3f}."
        )
    for name, share in (("first", predictions > 0.5), ("second", predictions < 0.5)):
        if share.mean() > 0.95:
            findings.append(f"It prefers the {name} photo in {share.mean():.1%} of the pairs.")
    if report["symmetry_gap"] > 1e-4:
        findings.append(
            f"Not swap-symmetric: P(a, b) + P(b, a) is up to {report['symmetry_gap']:.4f} off 1."
        )
    for kind, leak in (report["leaks"] or {}).items():
        if leak["count"]:
            findings.append(
                f"Leak: {leak['count']} of the same {kind.replace('_', ' ')} in the training data, "
                f"as {', '.join(leak['examples'])}."
            )
    return findings


def _verdict(margins):
    known = {name: each for name, each in margins.items() if each["value"] is not None}
    if not known:
        return "No untied pair: nothing can be said."
    name, least = min(known.items(), key=lambda item: item[1]["low"])
    told = (
        f"{100 * least['value']:+.1f} points (95%: {100 * least['low']:+.1f} to "
        f"{100 * least['high']:+.1f}) over {name.replace('_', ' ')}"
    )
    if least["low"] > 0:
        return f"The model beats all trivial judges, the closest by {told}."
    return f"The model does NOT clearly beat all trivial judges: {told}."
