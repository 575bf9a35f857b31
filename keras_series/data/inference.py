"""Running a function over many photos, each of them once."""

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_series.data.batches import photo_batches


def map_photos(function, series, image_size, resize="crop", batch_size=32):
    """What a function makes of all photos of a dataset, in order of series and place.

    Shows its progress where someone watches.

    Args:
        function: From photos `[b, S, S, 3]`, float32, RGB 0-255, to a tuple of tensors `[b, ...]`.
        series: `tf.data.Dataset` of TFDS examples.
        image_size: S.
        resize: `"crop"` or `"pad"`.
        batch_size: Photos at a time.

    Returns:
        The outputs, as a list of arrays `[photos, ...]`, and `valid`, bool `[photos]`, false where
        a photo could not be decoded.

    Raises:
        ValueError: If there is no photo.
    """
    function = tf.function(function, reduce_retracing=True)
    batches = []
    with tqdm(unit=" photos", disable=None, leave=False) as progress:
        for photos, valid in photo_batches(series, image_size, resize, batch_size):
            batches.append([part.numpy() for part in (*function(photos), valid)])
            progress.update(len(valid))
    if not batches:
        raise ValueError("Expected a dataset with photos. Received: one without any")
    *outputs, valid = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    return outputs, valid


def embed_series(model, series, batch_size=32):
    """The embeddings of all photos of a dataset, in order of series and place.

    Args:
        model: A `SeriesPreferenceModel`.
        series: `tf.data.Dataset` of TFDS examples.
        batch_size: Photos at a time.

    Returns:
        Embeddings, float32 `[photos, 128]`, and `valid`, bool `[photos]`, false where a photo could
        not be decoded.
    """
    encoder = model.encoder
    (embeddings,), valid = map_photos(
        lambda photos: (model.embed(photos, training=False),),
        series,
        encoder.image_size,
        encoder.resize,
        batch_size,
    )
    return embeddings, valid


def compare_in_batches(compare, embedding_a, embedding_b, batch_size=4096):
    """What a function of two embeddings `[P, 128]` gives, as an array `[P]`."""
    parts = [
        keras.ops.convert_to_numpy(
            compare(embedding_a[at : at + batch_size], embedding_b[at : at + batch_size])
        )
        for at in range(0, len(embedding_a), batch_size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
