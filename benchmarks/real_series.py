"""Compares an exported model with a ridge regression and the one-line baselines on real series.

    pip install '.[benchmarks]'
    python benchmarks/real_series.py --model=exported/lite/1 --data_dir=datasets

The ridge regression predicts the difference of two photos' scores from the difference of features
of a pretrained network that was not trained further: the mean and standard deviation of every stage
of EfficientNet-Lite0. It is trained on the pairs of the training split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from keras_series import cli

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_series.data import Annotations

_MODEL = cli.define_path("model", "Folder of an exported version. Defaults to the shipped network.")
_DATASET = flags.DEFINE_string("dataset", "biq2021/series", "TFDS name of series with ratings.")
_DATA_DIR = cli.define_path("data_dir", "Directory of prepared datasets.")
_SPLIT = flags.DEFINE_string("split", "validation", "Split to compare on.")
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 512, "Size of the photos for the ridge.", 32)
_ALPHA = flags.DEFINE_float("alpha", 3000.0, "Strength of the ridge regression's penalty.", 0.0)

_LEAST_APART = (0.0, 0.05, 0.1)


def pooled_features(examples: tf.data.Dataset, image_size: int) -> np.ndarray:
    """Returns the features `[F, 2 * channels]` of all photos of a dataset."""
    import keras
    import tensorflow as tf

    from keras_series.data import map_photos
    from keras_series.models import BACKBONES
    from keras_series.models.backbones import build_backbone

    network = build_backbone("efficientnet_lite0", (1, 2, 3, 4, 5), "imagenet", image_size)
    photos = keras.Input(network.input_shape[1:])
    maps = network(BACKBONES["efficientnet_lite0"].preprocess(photos))
    model = keras.Model(photos, maps)

    def pool(photos):
        moments = [tf.nn.moments(each, axes=[1, 2]) for each in model(photos, training=False)]
        parts = [part for mean, variance in moments for part in (mean, tf.sqrt(variance))]
        return (tf.concat(parts, axis=1),)

    (features,), _ = map_photos(pool, examples, image_size)
    return features


def ridge_predictions(
    train: tf.data.Dataset, held_out: tf.data.Dataset, image_size: int, alpha: float
) -> np.ndarray:
    """Returns 1 for each pair of `held_out` whose first photo the regression prefers, else 0."""
    from sklearn.linear_model import Ridge

    from keras_series.data import Annotations

    known, asked = (Annotations.from_examples(examples) for examples in (train, held_out))
    features, asked_features = (pooled_features(each, image_size) for each in (train, held_out))
    scale = features.std(axis=0)
    ridge = Ridge(alpha=alpha, fit_intercept=False)
    ridge.fit(
        (features[known.first] - features[known.second]) / scale,
        known.ratings[known.first] - known.ratings[known.second],
    )
    differences = (asked_features[asked.first] - asked_features[asked.second]) / scale
    return (ridge.predict(differences) > 0).astype(float)


def describe(predictions: np.ndarray, annotations: Annotations, weights: np.ndarray) -> list[str]:
    """Returns the cells of a predictor: accuracies, and the best photos found, with intervals."""
    from keras_series.evaluation import estimate, pair_accuracy, series_top

    gap = np.abs(annotations.ratings[annotations.first] - annotations.ratings[annotations.second])
    metrics = [pair_accuracy(predictions, annotations, gap > least) for least in _LEAST_APART]
    metrics.append(series_top(predictions, annotations, 1, least_photos=3))
    estimates = [estimate(metric, weights) for metric in metrics]
    return [
        "{value:.1f} ({low:.1f}-{high:.1f})".format(
            **{name: 100 * value for name, value in each.items()}
        )
        for each in estimates
    ]


def main() -> None:
    """Prints a row for each predictor, and the model's margin over each of the others."""
    from keras_series.data import Annotations, SeriesDataset
    from keras_series.evaluation import (
        SavedModelPredictor,
        baseline_predictions,
        estimate,
        pair_accuracy,
        resample,
    )
    from keras_series.export import ExportedModel

    dataset = SeriesDataset.open(_DATASET.value, _DATA_DIR.value)
    train, held_out = dataset.examples("train"), dataset.examples(_SPLIT.value)
    annotations = Annotations.from_examples(held_out)
    pairs = annotations.first, annotations.second
    exported = ExportedModel(cli.exported_or_pretrained(_MODEL.value))
    ridge = ridge_predictions(train, held_out, _IMAGE_SIZE.value, _ALPHA.value)
    predictors = {
        "model": SavedModelPredictor(exported).predict(held_out, *pairs).preferences,
        f"ridge at {_IMAGE_SIZE.value} px": ridge,
        **baseline_predictions(held_out, *pairs),
    }
    weights = resample(annotations.series_count)
    titles = ["all pairs", "> 0.05 apart", "> 0.1 apart", "best of 3 or more"]
    print(f"\n{dataset.full_name}, {_SPLIT.value}: % right, 95% intervals over series")
    print(f"{'':<18}" + "".join(f"{title:>20}" for title in titles))
    ours = pair_accuracy(predictors["model"].astype(float), annotations)
    for name, predictions in predictors.items():
        cells = describe(predictions.astype(float), annotations, weights)
        print(f"{name.replace('_', ' '):<18}" + "".join(f"{cell:>20}" for cell in cells))
    for name, predictions in list(predictors.items())[1:]:
        theirs = pair_accuracy(predictions, annotations)
        margin = estimate(lambda w, theirs=theirs: 100 * (ours(w) - theirs(w)), weights)
        print(
            "all pairs, model - {}: {value:+.1f} ({low:+.1f} to {high:+.1f})".format(name, **margin)
        )


if __name__ == "__main__":
    cli.run(main)
