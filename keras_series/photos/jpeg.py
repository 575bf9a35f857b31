"""JPEGs to pixels: at a reduced scale, within limits, and whole."""

from __future__ import annotations

import functools

import tensorflow as tf

from keras_series.photos.byte_strings import count_of, length_of, number_at, text_at
from keras_series.photos.headers import require
from keras_series.photos.metadata import Block

# Fraction of the rows that may be missing. A restart interval is often one row of blocks.
MAX_MISSING = 0.05
# Limits on the work that a small file can cause in the decoder. A progressive JPEG has about 10
# scans, and a scan of a few bytes can make the decoder pass over the whole photo. Every 64 pixels
# take at least one bit, 512 pixels a byte; a file with fewer bytes than the limit states a size
# that is not its own.
MAX_SCANS = 100
_MAX_PIXELS_PER_BYTE = 2048
# What the decoder writes where there is no data.
_MISSING_LEVEL = 128
# Fraction of a row that is grey where the row is missing.
_LEAST_GREY = 0.9
_MOST_BLOCK_ROWS = 16
_PROGRESSIVE = 0xC2
_RATIOS = (1, 2, 4, 8)
# A marker of a scan. The zero belongs to its length. Other data have the three bytes only by
# chance, once in 16 MB.
_SCAN = b"\xff\xda\0"
_END = b"\xff\xd9"


def decode_jpeg(
    photo_bytes: tf.Tensor, size: tf.Tensor, image_size: int, resize: str, blocks: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a JPEG at the smallest scale that leaves at least twice the size that is needed.

    Args:
        photo_bytes: Scalar string tensor. The encoded JPEG.
        size: int64 tensor `[2]`. Height and width from the header, in pixels.
        image_size: Integer, at least 1. Side of the square that the photo is resized to.
        resize: `"crop"` or `"pad"`, see `resize_photo`.
        blocks: int64 tensor `[blocks, 4]`, see `find_blocks`.

    Returns:
        Pixels, a uint8 tensor `[H, W, 3]`, and the photo's extent in them, a float64 tensor `[2]`.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the JPEG has too few bytes for its size, too
            many scans, or more than 5% of its rows missing.
    """
    photo_bytes = _require_proportionate(photo_bytes, size, blocks)
    side = tf.reduce_min(size) if resize == "crop" else tf.reduce_max(size)
    is_enough = tf.stack([side >= 2 * image_size * ratio for ratio in _RATIOS[1:]])
    choice = tf.reduce_sum(tf.cast(is_enough, tf.int32))
    # The accurate DCT is bit-identical to Pillow's; the default differs by up to 4 levels.
    decode = functools.partial(
        tf.io.decode_jpeg, _with_end(photo_bytes), channels=3, dct_method="INTEGER_ACCURATE"
    )
    pixels = tf.switch_case(choice, [functools.partial(decode, ratio=ratio) for ratio in _RATIOS])
    pixels = tf.ensure_shape(pixels, [None, None, 3])
    missing = _require_few_missing(pixels, photo_bytes, size, blocks)
    ratio = tf.gather(_RATIOS, choice)
    pixels = tf.cond(missing > 0, lambda: _fill(pixels, missing, ratio), lambda: pixels)
    # Not the shape of `pixels`, whose last row and column may cover fewer than `ratio` pixels.
    return pixels, tf.cast(size, tf.float64) / tf.cast(ratio, tf.float64)


def _with_end(photo_bytes):
    """Appends an end marker where it is missing: the decoder then fills what is missing.

    Its own `try_recover_truncated` does the same, but loops for ever on some restart markers.
    """
    place = tf.maximum(length_of(photo_bytes) - len(_END), 0)
    has_end = text_at(photo_bytes, place, len(_END)) == _END
    return tf.cond(
        has_end, lambda: photo_bytes, lambda: tf.strings.join([photo_bytes, tf.constant(_END)])
    )


def count_scans(photo_bytes: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
    """Returns the number of scans that the decoder reads, an int32 scalar tensor.

    Args:
        photo_bytes: Scalar string tensor. The encoded JPEG.
        blocks: int64 tensor `[blocks, 4]`, see `find_blocks`.
    """

    def start_of(kind):
        starts = tf.boolean_mask(blocks[:, 1], blocks[:, 0] == kind)
        return tf.concat([starts, [length_of(photo_bytes)]], axis=0)[0]

    components = number_at(photo_bytes, start_of(Block.FRAME) + 5, 1)
    in_scan = number_at(photo_bytes, start_of(Block.SCAN), 1)
    # The decoder stops after a first scan that has all components.
    is_single = ~_is_progressive(blocks) & (in_scan == components) & (components > 0)
    return tf.cond(is_single, lambda: 1, lambda: count_of(photo_bytes, _SCAN))


def _require_proportionate(photo_bytes, size, blocks):
    """Returns `photo_bytes` if they take no more work to decode than photos of their size do."""
    least = tf.reduce_prod(size) // _MAX_PIXELS_PER_BYTE
    is_long = length_of(photo_bytes) >= least
    received = [length_of(photo_bytes), "for height and width", size]
    photo_bytes = require(is_long, photo_bytes, "a JPEG with enough bytes for its size", received)
    scan_count = count_scans(photo_bytes, blocks)
    expected = f"a JPEG of at most {MAX_SCANS} scans"
    return require(scan_count <= MAX_SCANS, photo_bytes, expected, [scan_count])


def _is_progressive(blocks):
    return tf.reduce_any((blocks[:, 0] == Block.FRAME) & (blocks[:, 3] == _PROGRESSIVE))


def _require_few_missing(pixels, photo_bytes, size, blocks):
    """Returns the number of missing rows if they are few.

    The decoder fills missing rows with middle grey. A photo that is grey all over is whole if it
    has the bytes for that.
    """
    rows = tf.shape(pixels)[0]

    def count():
        return tf.reduce_sum(tf.math.cumprod(tf.cast(_is_missing(pixels)[::-1], tf.int32)))

    # What is missing is at the bottom, so the last row tells most photos apart.
    missing = tf.cond(_is_missing(pixels[-1:])[0], count, lambda: 0)
    is_flat = (missing == rows) & (length_of(photo_bytes) >= tf.reduce_prod(size) // 256)
    is_whole = tf.cast(missing, tf.float64) <= MAX_MISSING * tf.cast(rows, tf.float64)
    is_whole = (is_whole | is_flat) & _has_all_scans(photo_bytes, blocks)
    expected = f"a JPEG with at most {MAX_MISSING:.0%} of its rows missing"
    missing = require(is_whole, missing, expected, [missing, "of", rows, "rows missing"])
    return tf.where(is_flat, 0, missing)


def _is_missing(rows):
    # The last bits before the cut may decode to a block or two.
    grey = tf.cast(rows == _MISSING_LEVEL, tf.float32)
    return tf.reduce_mean(grey, axis=[1, 2]) >= _LEAST_GREY


def _fill(pixels, missing, ratio):
    """Repeats the last row before the block in which the rows end."""
    rows = tf.shape(pixels)[0]
    last = tf.maximum(rows - missing - _MOST_BLOCK_ROWS // ratio - 1, 0)
    return tf.gather(pixels, tf.minimum(tf.range(rows), last))


def _has_all_scans(photo_bytes, blocks):
    """Whether a progressive JPEG has the last scan of its brightness."""

    def has_last():
        scans = tf.strings.split(photo_bytes, _SCAN)[1:]
        heads = tf.io.decode_raw(tf.strings.substr(scans, 0, 7), tf.uint8, fixed_length=7)
        # Length, number of components, component, tables, first and last coefficient, precision.
        _, count, _, _, first, last, precision = tf.unstack(heads, axis=1)
        return tf.reduce_any((count == 1) & (first >= 1) & (last == 63) & (precision % 16 == 0))

    return tf.cond(_is_progressive(blocks), has_last, lambda: tf.constant(True))
