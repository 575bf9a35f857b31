"""Why a photo is not valid."""

from __future__ import annotations

import enum

import tensorflow as tf

from keras_series.photos.byte_strings import (
    called_as_function,
    count_of,
    length_of,
    number_at,
    text_at,
)
from keras_series.photos.headers import (
    PhotoFormat,
    gif_frame_is_whole,
    is_animated_webp,
    match_format,
    read_size,
)
from keras_series.photos.jpeg import MAX_SCANS, count_scans
from keras_series.photos.metadata import Block, find_blocks, present_kinds


class Reason(enum.IntEnum):
    """The values of the output `reason` of an exported model.

    The values are stable: a value is never given another meaning.
    """

    VALID = 0
    EMPTY = 1
    NOT_AN_IMAGE = 2
    FORMAT_NOT_SUPPORTED = 3
    TRUNCATED = 4
    TOO_LARGE = 5
    ANIMATION = 6
    DAMAGED = 7

    def __str__(self):
        return _TEXTS[self]


_TEXTS = {
    Reason.VALID: "valid",
    Reason.EMPTY: "empty",
    Reason.NOT_AN_IMAGE: "not an image",
    Reason.FORMAT_NOT_SUPPORTED: "format not supported",
    Reason.TRUNCATED: "truncated",
    Reason.TOO_LARGE: "too large",
    Reason.ANIMATION: "animation",
    Reason.DAMAGED: "damaged",
}

# First bytes of images that are not read: TIFF and most RAW formats, RAF, PSD and JPEG XL.
_OTHER_FORMATS = (b"II*\0", b"MM\0*", b"II+\0", b"FUJI", b"8BPS", b"\xff\x0a", b"\0\0\0\x0cJXL ")
# Brands of the ISO base media format: HEIC, AVIF and CR3.
_OTHER_BRANDS = (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif", b"avis", b"crx ")


def failure_reason(photo_bytes: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Returns why a photo that cannot be decoded is not valid. It never raises an error.

    Args:
        photo_bytes: Scalar string tensor. The bytes that cannot be decoded.
        max_pixels: Integer, at least 1. Largest height * width that is decoded.

    Returns:
        int32 scalar tensor, a `Reason` other than `VALID`.
    """
    return _reason(photo_bytes, tf.constant(max_pixels, tf.int64))


@called_as_function(tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64))
def _reason(photo_bytes, max_pixels):
    photo_format, is_known = match_format(photo_bytes)
    return tf.cond(
        is_known,
        lambda: _reason_of_format(photo_bytes, photo_format, max_pixels),
        lambda: _reason_of_unknown(photo_bytes),
    )


def _reason_of_unknown(photo_bytes):
    begins = [text_at(photo_bytes, 0, len(start)) == start for start in _OTHER_FORMATS]
    brand = text_at(photo_bytes, 8, 4)
    is_media = text_at(photo_bytes, 4, 4) == b"ftyp"
    begins.append(is_media & tf.reduce_any(brand == tf.constant(_OTHER_BRANDS)))
    reason = tf.where(
        tf.reduce_any(begins), int(Reason.FORMAT_NOT_SUPPORTED), int(Reason.NOT_AN_IMAGE)
    )
    return tf.where(length_of(photo_bytes) == 0, int(Reason.EMPTY), reason)


def _reason_of_format(photo_bytes, photo_format, max_pixels):
    blocks = find_blocks(photo_bytes, photo_format)
    is_large = tf.reduce_prod(_size(photo_bytes, photo_format, blocks)) > max_pixels
    is_animation = (photo_format == PhotoFormat.WEBP) & is_animated_webp(photo_bytes)
    checks = {
        PhotoFormat.JPEG: lambda: _is_truncated_jpeg(photo_bytes, blocks),
        PhotoFormat.PNG: lambda: count_of(photo_bytes, b"IEND\xaeB`\x82") == 0,
        PhotoFormat.WEBP: lambda: number_at(photo_bytes, 4, 4) + 8 > length_of(photo_bytes),
        PhotoFormat.GIF: lambda: ~gif_frame_is_whole(photo_bytes),
        PhotoFormat.BMP: lambda: number_at(photo_bytes, 2, 4) > length_of(photo_bytes),
    }
    is_truncated = tf.switch_case(photo_format, checks)
    reason = tf.where(is_truncated, int(Reason.TRUNCATED), int(Reason.DAMAGED))
    reason = tf.where(is_large, int(Reason.TOO_LARGE), reason)
    return tf.where(is_animation, int(Reason.ANIMATION), reason)


def _size(photo_bytes, photo_format, blocks):
    """Height and width, int64 `[2]`; 0 where they are not found. It never raises an error."""

    def jpeg_size():
        frame = tf.boolean_mask(blocks, blocks[:, 0] == Block.FRAME)
        start = tf.concat([frame[:, 1], [length_of(photo_bytes)]], axis=0)[0]
        return tf.stack([number_at(photo_bytes, start + place, 2, True) for place in (1, 3)])

    def other_size():
        return read_size(photo_bytes, photo_format)

    return tf.cond(photo_format == PhotoFormat.JPEG, jpeg_size, other_size)


def _is_truncated_jpeg(photo_bytes, blocks):
    # The decoder recovers from damaged data, so a whole header means that rows are missing.
    scans = count_scans(photo_bytes, blocks)
    has_end = text_at(photo_bytes, tf.maximum(length_of(photo_bytes) - 2, 0), 2) == b"\xff\xd9"
    present = present_kinds(blocks)
    is_readable = present[Block.FRAME] & present[Block.SCAN] & (scans <= MAX_SCANS)
    return is_readable | ~has_end
