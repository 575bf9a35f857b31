"""Weights files in half precision, as they come with the package."""

import os
import pathlib
import tempfile

import h5py
import keras
import numpy as np

from keras_series.utils import replacing

# Statistics of batch normalisation have small values that half precision would round to zero.
_LEAST_RANK = 2


def write_half_precision(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes the weights of a model to a file of half the size, whole or not at all.

    Kernels are rounded to float16; vectors, such as those of batch normalisation, stay float32.
    `model.load_weights` reads the file into a float32 model.

    Args:
        model: A `keras.Model`.
        path: File to create or replace. Its name ends in `.weights.h5`.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder, "whole.weights.h5")
        model.save_weights(whole)
        with replacing(path) as partial, h5py.File(whole) as source, h5py.File(partial, "w") as to:
            source.visititems(lambda name, item: _copy(name, item, to))


def _copy(name, item, target):
    if isinstance(item, h5py.Group):
        copy = target.require_group(name)
    else:
        values = item[()]
        if values.ndim >= _LEAST_RANK and values.dtype == np.float32:
            values = values.astype(np.float16)
        copy = target.create_dataset(name, data=values, compression="gzip" if values.ndim else None)
    for key, value in item.attrs.items():
        copy.attrs[key] = value
