"""What is checked before the first step, so that a run fails early or not at all."""

from __future__ import annotations

import pathlib
import shutil

import keras
import numpy as np
import tensorflow as tf

from keras_series.data import encoded_photos
from keras_series.photos import Reason, decode_photos_with_reasons
from keras_series.utils import replacing

_PHOTOS = 16
# Two checkpoints and a new one, each with weights and two moments; two copies of best.keras.
_COPIES = 3 * 3 + 2


def check_folder(folder: pathlib.Path, model: keras.Model) -> None:
    """Raises an error unless a run's files can be written.

    Args:
        folder: `pathlib.Path` of the run. It is created if it does not exist.
        model: The model to train.

    Raises:
        OSError: If the folder cannot be written, or the disk has too little room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "writable.txt") as partial:
            partial.write_text("", encoding="utf-8")
        (folder / "writable.txt").unlink()
    except OSError as error:
        raise OSError(f"Expected a --workdir that can be written. Received: {error}") from error
    needed = _COPIES * sum(4 * int(np.prod(weight.shape)) for weight in model.weights)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"Expected {needed / 1e6:.0f} MB of free disk space in {folder} for checkpoints. "
            f"Received: {free / 1e6:.0f} MB"
        )


def check_photos(examples: tf.data.Dataset, name: str) -> None:
    """Raises an error if none of the first photos of a dataset can be decoded.

    Args:
        examples: `tf.data.Dataset` of TFDS examples.
        name: String, the name of the dataset, for the message.

    Raises:
        ValueError: If none of the first 16 can be decoded.
    """
    photos = list(encoded_photos(examples).take(_PHOTOS).as_numpy_iterator())
    _, reasons = decode_photos_with_reasons(tf.constant(photos, tf.string), 32)
    reasons = reasons.numpy()
    if len(photos) and (reasons > 0).all():
        first = Reason(int(reasons[0])).name.lower().replace("_", " ")
        raise ValueError(
            f"Expected photos that can be decoded in {name}. Received: {len(photos)} that cannot, "
            f"the first: {first}. Prepare the dataset again"
        )
