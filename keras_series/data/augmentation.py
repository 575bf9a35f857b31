"""Augmentation that is the same for all photos of a series."""

import zlib

import numpy as np
import tensorflow as tf


def draw_augmentation(
    series_id: bytes, seed: int, epoch: int, most_sharpening: float = 2.0
) -> tuple[bool, float]:
    """Draws how a series is augmented in an epoch.

    The photos of a series come from one camera and differ in sharpness from those of other
    cameras and sizes, so a series is sharpened as a whole.

    Args:
        series_id: Bytes, the name of the series.
        seed: Non-negative integer.
        epoch: Non-negative integer.
        most_sharpening: Float, at least 0. Defaults to 2, which gives drawn scenes the local
            contrast of photographs.

    Returns:
        Whether the photos are mirrored, and by how much they are sharpened, in
        [0, most_sharpening].
    """
    generator = np.random.default_rng([seed, epoch, zlib.crc32(series_id)])
    return generator.random() < 0.5, generator.uniform(0, most_sharpening)


def augment(photos: tf.Tensor, mirrored: tf.Tensor, sharpening: tf.Tensor) -> tf.Tensor:
    """Mirrors and sharpens photos.

    Args:
        photos: float32 tensor `[N, H, W, 3]`, RGB 0-255.
        mirrored: Boolean tensor `[N]`, which photos are mirrored left to right.
        sharpening: float32 tensor `[N]`, at least 0, see `sharpen`.

    Returns:
        float32 tensor `[N, H, W, 3]`, RGB 0-255.
    """
    photos = tf.where(mirrored[:, None, None, None], tf.reverse(photos, [2]), photos)
    return sharpen(photos, sharpening)


def sharpen(photos: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Sharpens photos by unsharp masking with the mean of 3 x 3 pixels.

    Args:
        photos: float32 tensor `[N, H, W, 3]`, RGB 0-255.
        amounts: float32 tensor `[N]`. How many times the difference from the local mean is added
            to each photo; 0 leaves it unchanged.

    Returns:
        float32 tensor `[N, H, W, 3]`, RGB 0-255.

    Example:

    >>> photo = tf.constant([0.0, 0.0, 90.0, 90.0])[None, None, :, None]
    >>> sharpen(photo, tf.constant([1.0])).numpy().ravel().tolist()
    [0.0, 0.0, 120.0, 90.0]
    """
    # At the borders the mean is of the pixels inside the photo.
    smooth = tf.nn.avg_pool2d(photos, ksize=3, strides=1, padding="SAME")
    photos += amounts[:, None, None, None] * (photos - smooth)
    return tf.clip_by_value(photos, 0.0, 255.0)
