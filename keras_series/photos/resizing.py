"""Resizing of photos to the square that a model takes, by antialiased bilinear interpolation."""

import numpy as np
import tensorflow as tf

# Mean colour of ImageNet, RGB 0-255. Chang et al. (2016), "Automatic triage for a photo series",
# centre a photo that does not fill the square on this colour.
MEAN_COLOUR = (0.460 * 255, 0.450 * 255, 0.430 * 255)


@tf.autograph.experimental.do_not_convert
def resize_photo(
    pixels: tf.Tensor | np.ndarray, image_size: int, resize: str = "crop"
) -> tf.Tensor:
    """Resizes one photo, or a batch of photos of equal size, to a square.

    The interpolation is bilinear and antialiased. `"crop"` scales the shorter side to `image_size`
    and keeps the centre square, like `PIL.ImageOps.fit(photo, (image_size, image_size), BILINEAR)`.
    `"pad"` scales the longer side to `image_size` and centres the photo on `MEAN_COLOUR`, with
    equal margins of whole pixels. Both commute with flips and quarter turns.

    Args:
        pixels: uint8 or float tensor `[H, W, 3]` or `[B, H, W, 3]`, RGB 0-255.
        image_size: Integer, at least 1. Side of the result in pixels.
        resize: String, `"crop"` or `"pad"`. Defaults to `"crop"`.

    Returns:
        float32 tensor `[image_size, image_size, 3]` or `[B, image_size, image_size, 3]`, RGB
        0-255.

    Raises:
        ValueError: If an argument is invalid or `pixels` has another rank.

    Example:

    >>> resize_photo(tf.zeros([40, 60, 3]), image_size=32, resize="pad").shape
    TensorShape([32, 32, 3])
    """
    check_resize(image_size, resize)
    pixels = tf.convert_to_tensor(pixels)
    if pixels.shape.rank not in (3, 4):
        raise ValueError(
            f"Expected pixels [H, W, 3] or [B, H, W, 3]. Received: shape={pixels.shape}"
        )
    extent = tf.cast(tf.shape(pixels)[-3:-1], tf.float64)
    if pixels.shape.rank == 3:
        return resize_extent(pixels[tf.newaxis], extent, image_size, resize)[0]
    return resize_extent(pixels, extent, image_size, resize)


def check_resize(image_size: int, resize: str) -> None:
    """Raises an error unless the arguments of a resize are valid.

    Args:
        image_size: Integer. Side of the result in pixels.
        resize: String. How the photo is resized.

    Raises:
        ValueError: If `image_size` is less than 1 or `resize` is neither `"crop"` nor `"pad"`.
    """
    if resize not in ("crop", "pad"):
        raise ValueError(f'Expected resize to be "crop" or "pad". Received: resize={resize!r}')
    if image_size < 1:
        raise ValueError(f"Expected image_size to be at least 1. Received: {image_size=}")


def resize_extent(pixels: tf.Tensor, extent: tf.Tensor, image_size: int, resize: str) -> tf.Tensor:
    """Resizes photos whose height and width may be fractions of a pixel.

    A JPEG that is decoded at a fraction of its size may end inside its last row and column.

    Args:
        pixels: uint8 or float tensor `[B, H, W, 3]`, RGB 0-255.
        extent: float64 tensor `[2]`. Height and width of the photos in these pixels.
        image_size: Integer, at least 1. Side of the result in pixels.
        resize: String, `"crop"` or `"pad"`, see `resize_photo`.

    Returns:
        float32 tensor `[B, image_size, image_size, 3]`, RGB 0-255.
    """
    if pixels.dtype != tf.uint8:
        pixels = tf.cast(pixels, tf.float32)
    resized = (_resize_crop if resize == "crop" else _resize_pad)(pixels, extent, image_size)
    return tf.ensure_shape(resized, [pixels.shape[0], image_size, image_size, 3])


def _resize_crop(pixels, extent, image_size):
    side = tf.reduce_min(extent)
    scale = image_size / side
    start = (extent - side) / 2
    # Resizes only the pixels that the result depends on: the centre square and the kernel's reach.
    reach = tf.maximum(1 / scale, 1) + 1
    shape = tf.shape(pixels)[1:3]
    begin = tf.cast(tf.maximum(start - reach, 0), tf.int32)
    end = tf.minimum(tf.cast(start + side + reach, tf.int32) + 1, shape)
    region = pixels[:, begin[0] : end[0], begin[1] : end[1]]
    offset = (tf.cast(begin, tf.float64) - start) * scale
    return _sample(region, [image_size, image_size], tf.stack([scale, scale]), offset)


def _resize_pad(pixels, extent, image_size):
    free = image_size - extent * image_size / tf.reduce_max(extent)
    margin = tf.minimum(tf.cast(tf.round(free / 2), tf.int32), (image_size - 1) // 2)
    size = image_size - 2 * margin
    photo = _sample(pixels, size, tf.cast(size, tf.float64) / extent, tf.zeros([2], tf.float64))
    margins = [[0, 0], [margin[0], margin[0]], [margin[1], margin[1]], [0, 0]]
    mean_colour = tf.constant(MEAN_COLOUR)
    return tf.pad(photo - mean_colour, margins) + mean_colour


def _sample(pixels, size, scale, offset):
    """Samples output position x from input position (x - offset) / scale, antialiased."""
    return tf.raw_ops.ScaleAndTranslate(
        images=pixels,
        size=size,
        scale=tf.cast(scale, tf.float32),
        translation=tf.cast(offset, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )
