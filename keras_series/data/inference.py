"""Functions applied to every photo, or every pair, of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_series.data.batches import photo_batches


def map_photos(
    function: Callable[[tf.Tensor], tuple],
    examples: tf.data.Dataset,
    image_size: int,
    resize: str = "crop",
    batch_size: int = 32,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Applies a function to all photos of a dataset, in order of series and place.

    Shows a progress bar on a terminal.

    Args:
        function: Function from photos, float32 `[b, S, S, 3]`, RGB 0-255, to a tuple of tensors
            `[b, ...]`.
        examples: `tf.data.Dataset` of TFDS examples.
        image_size: Integer S, height and width of the decoded photos in pixels.
        resize: `"crop"` or `"pad"`, see `keras_series.photos.resize_photo`. Defaults to `"crop"`.
        batch_size: Integer, number of photos per call. Defaults to 32.

    Returns:
        The outputs as a list of arrays `[F, ...]`, and a boolean array `[F]`, false where a photo
        cannot be decoded.

    Raises:
        ValueError: If there are no photos.
    """
    function = tf.function(function, reduce_retracing=True)
    return _map_batches(
        lambda photos: [part.numpy() for part in function(photos)],
        photo_batches(examples, image_size, resize, batch_size),
    )


def _map_batches(function, batches):
    """Applies a function from photos to arrays `[b, ...]`, and joins what it returns."""
    outputs = []
    with tqdm(unit=" photos", disable=None, leave=False) as progress:
        for photos, valid in batches:
            outputs.append([*function(photos), valid.numpy()])
            progress.update(len(valid))
    if not outputs:
        raise ValueError("Expected a dataset with photos. Received: one without any")
    *arrays, valid = [np.concatenate(parts) for parts in zip(*outputs, strict=True)]
    return arrays, valid


def embed_examples(
    model: keras.Model, examples: tf.data.Dataset, batch_size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the embeddings of all photos of a dataset, in order of series and place.

    Args:
        model: A `SeriesPreferenceModel`.
        examples: `tf.data.Dataset` of TFDS examples.
        batch_size: Integer, number of photos per call. Defaults to 32.

    Returns:
        Embeddings, float32 `[F, 128]`, and a boolean array `[F]`, false where a photo cannot be
        decoded.
    """
    encoder = model.encoder
    photos = keras.Input(encoder.input_shape[1:])
    embedder = keras.Model(photos, model.head.embed(encoder(photos)))
    return _predict(embedder, encoder, examples, batch_size)


def encode_examples(
    model: keras.Model, parts: Sequence[tf.data.Dataset], batch_size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the encoder's features of all photos of some datasets.

    Args:
        model: A `SeriesPreferenceModel`.
        parts: `tf.data.Dataset`s of TFDS examples.
        batch_size: Integer, number of photos per call. Defaults to 32.

    Returns:
        Features, float32 `[F, D]`, and a boolean array `[F]`, false where a photo cannot be
        decoded, in order of dataset, series and place.
    """
    encoder = model.encoder
    predicted = [_predict(encoder, encoder, part, batch_size) for part in parts]
    features, valid = (np.concatenate(arrays) for arrays in zip(*predicted, strict=True))
    return features.astype(np.float32), valid


def _predict(network, encoder, examples, batch_size):
    """Predicts by a model of its own, which Keras compiles on any backend."""
    (outputs,), valid = _map_batches(
        lambda photos: [network.predict_on_batch(photos.numpy())],
        photo_batches(examples, encoder.image_size, encoder.resize, batch_size),
    )
    return outputs, valid


def compare_in_batches(
    compare: Callable, embedding_a: np.ndarray, embedding_b: np.ndarray, batch_size: int = 4096
) -> np.ndarray:
    """Applies a function to pairs of embeddings, some at a time.

    Args:
        compare: Function from two arrays `[b, 128]` to a tensor or array `[b]`.
        embedding_a: float32 array `[P, 128]`.
        embedding_b: float32 array `[P, 128]`.
        batch_size: Integer, number of pairs per call. Defaults to 4096.

    Returns:
        Array `[P]`.
    """
    parts = [
        keras.ops.convert_to_numpy(
            compare(embedding_a[at : at + batch_size], embedding_b[at : at + batch_size])
        )
        for at in range(0, len(embedding_a), batch_size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
