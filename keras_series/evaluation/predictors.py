"""What predicts the preferences of a dataset: a Keras model or an exported one."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_series.data import compare_in_batches, embed_examples, encoded_photos
from keras_series.export import ExportedModel
from keras_series.models import SeriesPreferenceModel


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Predictions for F photos and P pairs.

    Attributes:
        preferences: Float array `[P]`, P(first is preferred).
        swapped_preferences: Float array `[P]`, P(second is preferred), computed separately.
        scores: Float array `[F]`, scores of single photos.
        valid: Boolean array `[F]`, false where a photo cannot be decoded and its numbers mean
            nothing.
    """

    preferences: np.ndarray
    swapped_preferences: np.ndarray
    scores: np.ndarray
    valid: np.ndarray


class Predictor(Protocol):
    """What `evaluate` evaluates.

    Attributes:
        temperature: Float that the logits are divided by, or `None` if it is not known.
    """

    temperature: float | None

    def predict(
        self, examples: tf.data.Dataset, first: np.ndarray, second: np.ndarray
    ) -> Predictions:
        """Predicts the preferences of pairs of photos.

        Args:
            examples: `tf.data.Dataset` of TFDS examples.
            first: Integer array `[P]`, numbers of photos, counted through all series.
            second: Integer array `[P]`, likewise.
        """


class KerasPredictor:
    """Predicts with a `SeriesPreferenceModel`.

    Args:
        model: The model, with its reference embedding set.
        batch_size: Integer, number of photos per call. Defaults to 32.
    """

    def __init__(self, model: SeriesPreferenceModel, batch_size: int = 32):
        self.model = model
        self.batch_size = batch_size

    @property
    def temperature(self) -> float:
        """What the model's logits are divided by."""
        return float(keras.ops.convert_to_numpy(self.model.temperature))

    def predict(
        self, examples: tf.data.Dataset, first: np.ndarray, second: np.ndarray
    ) -> Predictions:
        """Returns the `Predictions` for pairs of the examples' photos."""
        embeddings, valid = embed_examples(self.model, examples, self.batch_size)
        reference = keras.ops.convert_to_numpy(self.model.reference_embedding)
        references = np.broadcast_to(reference, embeddings.shape)
        return Predictions(
            compare_in_batches(self.model.compare, embeddings[first], embeddings[second]),
            compare_in_batches(self.model.compare, embeddings[second], embeddings[first]),
            compare_in_batches(self.model.compare, embeddings, references),
            valid,
        )


class SavedModelPredictor:
    """Predicts with an exported model.

    Args:
        model: `ExportedModel`.
    """

    temperature = None  # The exported functions apply it.

    def __init__(self, model: ExportedModel):
        self.model = model

    def predict(
        self, examples: tf.data.Dataset, first: np.ndarray, second: np.ndarray
    ) -> Predictions:
        """Returns the `Predictions` for pairs of the examples' photos."""
        with tqdm(unit=" photos", disable=None, leave=False) as progress:
            photo_bytes = encoded_photos(examples).as_numpy_iterator()
            embeddings, scores, valid = self.model.embed(photo_bytes, progress)
        return Predictions(
            self.model.compare(embeddings[first], embeddings[second]),
            self.model.compare(embeddings[second], embeddings[first]),
            scores,
            valid,
        )
