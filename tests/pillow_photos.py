"""Photos decoded and resized by Pillow, which the tests of `keras_series.photos` compare with.

Tolerances are in levels of 0-255. Pillow rounds to whole levels after each of its two passes, so a
result without rounding is up to 1 level off.
"""

import io

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from keras_series.photos import MEAN_COLOUR, decode_photo

PILLOW_TOLERANCE = 1.01
TURN_TOLERANCE = 1e-3
# Pixels of a side.
SIZE = 48
_TRACED = tf.function(decode_photo, autograph=False)


def DECODE(photo_bytes: bytes, *arguments: object, **options: object) -> tf.Tensor:  # noqa: N802
    """Decodes a photo by the library, traced once for all photos with the same options."""
    return _TRACED(tf.constant(photo_bytes), *arguments, **options)


def pillow_photo(photo_bytes: bytes) -> Image.Image:
    """Decodes a photo and turns it upright."""
    photo = ImageOps.exif_transpose(Image.open(io.BytesIO(photo_bytes)))
    if photo.mode.startswith("I"):
        photo = Image.fromarray((np.asarray(photo) >> 8).astype(np.uint8))
    return photo.convert("RGB")


def pillow_resize(photo: Image.Image, size: int, resize: str) -> np.ndarray:
    """Resizes a photo to a square. `"pad"` has equal margins of whole pixels on both sides."""
    if resize == "crop":
        return np.asarray(ImageOps.fit(photo, (size, size), Image.BILINEAR), np.float32)
    margins = [round((size - side * size / max(photo.size)) / 2) for side in photo.size]
    margins = [min(margin, (size - 1) // 2) for margin in margins]
    width, height = (size - 2 * margin for margin in margins)
    square = np.full([size, size, 3], MEAN_COLOUR, np.float32)
    square[margins[1] : margins[1] + height, margins[0] : margins[0] + width] = np.asarray(
        photo.resize((width, height), Image.BILINEAR)
    )
    return square


def differs_by(actual: np.ndarray | tf.Tensor, expected: np.ndarray | tf.Tensor) -> float:
    """Returns the largest absolute difference."""
    return np.abs(np.asarray(actual, np.float32) - np.asarray(expected, np.float32)).max()
