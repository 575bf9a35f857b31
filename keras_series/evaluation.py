"""Evaluation: how often a model prefers what people prefer, beside what is had for nothing."""

import dataclasses
import json

import numpy as np
import tensorflow as tf

from keras_series.figures import new_figure, save_figure
from keras_series.files import replacing
from keras_series.inference import compare_in_batches, map_photos

AGREEMENT = 0.7
METRICS = {
    "pair_accuracy": "pairs",
    "strong_pair_accuracy": f"pairs of agreement >= {AGREEMENT}",
    "series_top_1": "series, best photo found",
}


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

    def without(self, lost):
        """The annotations less the pairs and ranks that involve photos where `lost` `[F]` is true.

        A series that has lost a photo has no known best one.
        """
        kept = ~(lost[self.first] | lost[self.second])
        ranks = np.where(np.isin(self.series, self.series[lost]), 0, self.ranks)
        pairs = self.first[kept], self.second[kept], self.preferences[kept]
        return Annotations(self.series, ranks, *pairs)


def pair_accuracy(predictions, preferences, min_agreement=0.5):
    """Share of the labelled, untied pairs whose preferred photo is told.

    Args:
        predictions: float `[P]`, P(first is preferred). 0.5 is a coin's answer: it counts half.
        preferences: float `[P]`, as in `Annotations`.
        min_agreement: Only pairs with max(p, 1 - p) of at least this count.

    Returns:
        Float in [0, 1]; `None` where no pair counts.

    Example:

    >>> import numpy as np
    >>> pair_accuracy(np.array([0.9, 0.2, 0.5, 0.7]), np.array([0.6, 0.8, 0.9, 0.5]))
    0.5
    """
    agreement = np.maximum(preferences, 1 - preferences).astype(np.float32)
    counts = (preferences >= 0) & (preferences != 0.5) & (agreement >= np.float32(min_agreement))
    if not counts.any():
        return None
    told = np.sign(predictions - 0.5) * np.sign(preferences - 0.5)
    return float((told[counts] + 1).mean() / 2)


def series_top_1(predictions, annotations):
    """Share of the series whose best photo is found.

    The photo found is that with the greatest sum of predicted preferences over the others. Where
    several are equal, each is taken to be chosen equally often. Series with an unpublished rank are
    left out; where several photos share the best rank, any of them is right.

    Args:
        predictions: float `[P]`, P(first is preferred).
        annotations: `Annotations`.

    Returns:
        Float in [0, 1]; `None` where no series counts.
    """
    strengths = np.zeros(len(annotations.ranks))
    np.add.at(strengths, annotations.first, predictions)
    np.add.at(strengths, annotations.second, 1 - predictions)
    starts = np.flatnonzero(np.diff(annotations.series, prepend=-1))
    hits = []
    for place in np.split(np.arange(len(strengths)), starts[1:]):
        ranks = annotations.ranks[place]
        if ranks.min() > 0:
            chosen = np.isclose(strengths[place], strengths[place].max(), rtol=0, atol=1e-9)
            hits.append((ranks[chosen] == ranks.min()).mean())
    return float(np.mean(hits)) if hits else None


def sharpness(photos):
    """Variance of the Laplacian of the grey photo, `[b]`, of photos `[b, S, S, 3]`."""
    grey = tf.linalg.matvec(photos, [0.299, 0.587, 0.114])
    centre = grey[:, 1:-1, 1:-1]
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return tf.math.reduce_variance(neighbours - 4 * centre, axis=[1, 2])


def evaluate(model, series, batch_size=32):
    """Evaluates a model on a dataset of series, beside three trivial judges on the same pairs.

    The judges: `first_photo` always prefers the photo taken first, `sharpness` the one with the
    greater variance of the Laplacian at the model's own pixels, and `coin` is what tossing one
    gives in the mean. Each photo passes the encoder once.

    Args:
        model: A `SeriesPreferenceModel`.
        series: `tf.data.Dataset` of TFDS examples.
        batch_size: Photos at a time.

    Returns:
        Dictionary with `counts` and, for each judge, its `METRICS`. It can be written as JSON.

    Raises:
        ValueError: If no pair of the dataset has a published label.
    """
    annotations = Annotations.from_series(series)
    if not (annotations.preferences >= 0).any():
        raise ValueError(
            "Expected a split with published preferences. Received: one in which every pair is "
            "unlabelled (-1), as in PhotoTriage's test split; evaluate on validation instead"
        )
    (embeddings, sharp), valid = map_photos(
        lambda photos: (model.embed(photos, training=False), sharpness(photos)),
        series,
        model.encoder.image_size,
        model.encoder.resize,
        batch_size,
    )
    annotations = annotations.without(~valid)
    first, second = annotations.first, annotations.second
    judgements = {
        "model": compare_in_batches(model, embeddings[first], embeddings[second]),
        "first_photo": np.ones(len(first)),
        "sharpness": (np.sign(sharp[first] - sharp[second]) + 1) / 2,
        "coin": np.full(len(first), 0.5),
    }
    return {
        "counts": _counts(annotations, valid),
        "judges": {name: _metrics(each, annotations) for name, each in judgements.items()},
    }


def _counts(annotations, valid):
    preferences = annotations.preferences
    untied = (preferences >= 0) & (preferences != 0.5)
    return {
        "series": int(annotations.series[-1]) + 1,
        "photos": len(valid),
        "undecodable_photos": int(np.count_nonzero(~valid)),
        "pairs": len(preferences),
        "untied_pairs": int(np.count_nonzero(untied)),
    }


def _metrics(predictions, annotations):
    preferences = annotations.preferences
    return {
        "pair_accuracy": pair_accuracy(predictions, preferences),
        "strong_pair_accuracy": pair_accuracy(predictions, preferences, AGREEMENT),
        "series_top_1": series_top_1(predictions, annotations),
    }


def format_report(report):
    """The report of `evaluate` as a table for the screen."""
    judges = report["judges"]
    lines = [f"{'accuracy on':<28}" + "".join(f"{name:>13}" for name in judges)]
    for metric, title in METRICS.items():
        cells = (judges[name][metric] for name in judges)
        texts = ("-" if cell is None else f"{cell:.3f}" for cell in cells)
        lines.append(f"{title:<28}" + "".join(f"{text:>13}" for text in texts))
    counts = ", ".join(f"{count} {name}" for name, count in report["counts"].items())
    return "\n".join([*lines, counts.replace("_", " ")])


def write_report(report, folder):
    """Writes `evaluation.json` and `evaluation.png` to a folder.

    Args:
        report: What `evaluate` gives, with further entries where wanted.
        folder: `pathlib.Path` of a run's folder.
    """
    with replacing(folder / "evaluation.json") as partial:
        partial.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    figure = new_figure(figsize=(8, 3.5))
    axes = figure.subplots()
    for offset, (name, metrics) in enumerate(report["judges"].items()):
        heights = [metrics[metric] or 0.0 for metric in METRICS]
        places = np.arange(len(METRICS)) + 0.2 * (offset - 1.5)
        bars = axes.bar(places, heights, width=0.18, label=name.replace("_", " "))
        axes.bar_label(bars, fmt="%.2f", fontsize=8)
    axes.set_xticks(range(len(METRICS)), METRICS.values())
    axes.set(ylabel="Accuracy", ylim=(0, 1.1))
    axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    save_figure(figure, folder / "evaluation.png")
