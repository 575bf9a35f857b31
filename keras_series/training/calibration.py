"""The temperature that makes a model's preferences probabilities."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from keras_series.data import Annotations, compare_in_batches, embed_examples
from keras_series.models import SeriesPreferenceModel


def calibrate(model: SeriesPreferenceModel, examples: tf.data.Dataset) -> float:
    """Returns the temperature that fits a model's preferences to those of people.

    Args:
        model: A `SeriesPreferenceModel`. It is not changed.
        examples: `tf.data.Dataset` of TFDS examples that the model was not trained on.

    Returns:
        Float in [0.01, 100], see `fit_temperature`.
    """
    annotations = Annotations.from_examples(examples)
    embeddings, valid = embed_examples(model, examples)
    counted = annotations.labelled & annotations.keeps(~valid)
    pairs = annotations.first[counted], annotations.second[counted]
    logits = compare_in_batches(model.head.compare, *(embeddings[photos] for photos in pairs))
    return fit_temperature(logits.astype(float), annotations.preferences[counted])


def fit_temperature(logits: np.ndarray, preferences: np.ndarray) -> float:
    """Returns the temperature T for which sigmoid(logit / T) fits the preferences best.

    It minimises the log loss over 1 / T, which is convex, by bisection. Source: Guo et al., *On
    calibration of modern neural networks* (ICML 2017), section 4.2.

    Args:
        logits: Float array `[P]`.
        preferences: Float array `[P]` in [0, 1].

    Returns:
        Float in [0.01, 100]; 1 if all logits are 0.

    Example:

    >>> logits = np.array([-2.0, 2.0])
    >>> round(fit_temperature(logits, 1 / (1 + np.exp(-logits / 4))), 3)
    4.0
    """
    if not np.any(logits):
        return 1.0
    low, high = math.log(0.01), math.log(100.0)
    for _ in range(60):
        middle = (low + high) / 2
        scaled = np.clip(logits / math.exp(middle), -500, 500)
        slope = np.mean((1 / (1 + np.exp(-scaled)) - preferences) * logits)
        # A positive slope with respect to 1 / T means that a smaller 1 / T is better.
        low, high = (middle, high) if slope > 0 else (low, middle)
    return math.exp((low + high) / 2)
