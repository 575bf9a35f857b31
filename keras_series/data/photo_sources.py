"""Where batches take photos from: encoded, from a file of decoded ones, or as their features."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_series.photos import decode_photos
from keras_series.utils import partial_folder

_PHOTOS, _VALID = "photos.npy", "valid.npy"


class EncodedPhotos:
    """Decodes photos whenever they are needed.

    Args:
        image_size: Integer S, height and width of the decoded photos in pixels.
        resize: `"crop"` or `"pad"`, see `keras_series.photos.resize_photo`.
    """

    dtype = tf.string

    def __init__(self, image_size: int, resize: str):
        self._image_size, self._resize = image_size, resize
        self.shape = (image_size, image_size, 3)

    def find(self, example: Mapping) -> np.ndarray:
        """Returns what `read` needs of each photo of a TFDS example."""
        return example["photos"]["photo_bytes"]

    def read(self, photos: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns photos, float32 `[N, S, S, 3]`, RGB 0-255, and boolean `[N]`, which are valid."""
        return decode_photos(photos, self._image_size, self._resize)


class DecodedPhotos:
    """Reads photos that were decoded before, from a file that is mapped into memory.

    The operating system keeps as much of the file in memory as there is room for.

    Args:
        folder: Folder that `decode_once` filled.
    """

    dtype = tf.int64

    def __init__(self, folder: str | os.PathLike):
        self._photos = np.load(pathlib.Path(folder) / _PHOTOS, mmap_mode="r")
        self._valid = np.load(pathlib.Path(folder) / _VALID)
        self.shape = self._photos.shape[1:]

    def find(self, example: Mapping) -> np.ndarray:
        """Returns what `read` needs of each photo of a TFDS example."""
        return example["photo_index"]

    def read(self, photo_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns photos, float32 `[N, S, S, 3]`, RGB 0-255, and boolean `[N]`, which are valid."""
        pixels = tf.numpy_function(
            lambda places: self._photos[places], [photo_index], tf.uint8, stateful=False
        )
        return tf.cast(pixels, tf.float32), tf.gather(tf.constant(self._valid), photo_index)


class PhotoFeatures:
    """Gives the features of photos in place of their pixels.

    Args:
        features: Float array `[F, D]` of all photos, in order of series and place.
        valid: Boolean array `[F]`, false where a photo cannot be decoded.
    """

    dtype = tf.int64

    def __init__(self, features: np.ndarray, valid: np.ndarray):
        self._features, self._valid = features, valid
        self.shape = features.shape[1:]

    def find(self, example: Mapping) -> np.ndarray:
        """Returns what `read` needs of each photo of a TFDS example."""
        return example["photo_index"]

    def read(self, photo_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns features, float32 `[N, D]`, and boolean `[N]`, which photos are valid."""
        features = tf.numpy_function(
            lambda places: self._features[places], [photo_index], tf.float32, stateful=False
        )
        return features, tf.gather(tf.constant(self._valid), photo_index)


def decode_once(
    photo_batches: Iterable, count: int, image_size: int, folder: str | os.PathLike
) -> DecodedPhotos | None:
    """Decodes photos into a folder, unless it is there already, and opens it.

    Photos are rounded to 8 bits, so a value changes by half a level at most.

    Args:
        photo_batches: Iterable of decoded photos and of which are valid, as
            `keras_series.data.photo_batches` returns it.
        count: Integer, number of photos.
        image_size: Integer S, height and width of the decoded photos in pixels.
        folder: Folder to create, whole or not at all.

    Returns:
        `DecodedPhotos`, or `None` if the disk has too little room for them.
    """
    folder = pathlib.Path(folder)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        size, free = count * image_size**2 * 3, shutil.disk_usage(folder.parent).free
        if size > free / 2:
            print(f"Photos are decoded each time: {folder.parent} lacks {size / 1e6:.0f} MB twice.")
            return None
        with partial_folder(folder.parent) as partial:
            _decode(photo_batches, (count, image_size, image_size, 3), partial)
            try:
                os.rename(partial, folder)
            except OSError:
                if not folder.exists():  # Otherwise another run was faster.
                    raise
        print(f"Decoded {count} photos to {folder}, {size / 1e6:.0f} MB.")
    return DecodedPhotos(folder)


def _decode(photo_batches, shape, folder):
    photos = np.lib.format.open_memmap(folder / _PHOTOS, "w+", np.uint8, shape)
    valid = np.zeros(shape[0], bool)
    start = 0
    with tqdm(total=shape[0], unit=" photos", disable=None, leave=False) as progress:
        for pixels, is_valid in photo_batches:
            stop = start + len(is_valid)
            photos[start:stop] = np.rint(np.clip(pixels, 0, 255))
            valid[start:stop] = is_valid
            progress.update(stop - start)
            start = stop
    photos.flush()
    np.save(folder / _VALID, valid)
