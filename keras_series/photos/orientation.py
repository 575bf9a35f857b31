"""The orientation of a photo, from EXIF or XMP."""

from __future__ import annotations

import tensorflow as tf

from keras_series.photos.byte_strings import (
    bytes_at,
    called_as_function,
    inflate,
    join_bytes,
    length_of,
    number_at,
    text_at,
)
from keras_series.photos.metadata import Block, joined_content, present_kinds

# The blocks that may have EXIF data, in order of precedence.
_EXIF_KINDS = [int(kind) for kind in (Block.EXIF, Block.TEXT, Block.PACKED_TEXT)]
# An IFD0 of real photos has far fewer entries.
_MAX_ENTRIES = 256
_ORIENTATION = 0x0112
# Sizes of the values of the types BYTE, SHORT and LONG.
_VALUE_SIZES = {1: 1, 3: 2, 4: 4}
# Hexadecimal digits of EXIF data are read up to this number.
_MAX_DIGITS = 2**17
_XMP_ORIENTATION = r"(?s)^.*?tiff:Orientation(?:\s*=\s*[\"']|\s*>)\s*([1-8])\b.*$"


def read_orientation(photo_bytes: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
    """Reads the orientation: from EXIF, else from XMP.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo.
        blocks: int64 tensor `[blocks, 4]`, see `find_blocks`.

    Returns:
        int32 scalar tensor, 1 to 8 as in the EXIF 2.3 standard, section 4.6.4. It is 1, "upright",
        if there is no valid orientation.
    """
    has_any = tf.reduce_any(tf.gather(present_kinds(blocks), [*_EXIF_KINDS, int(Block.XMP)]))
    return tf.cond(has_any, lambda: _read(photo_bytes, blocks), lambda: 1)


@called_as_function(tf.TensorSpec([], tf.string), tf.TensorSpec([None, 4], tf.int64))
def _read(photo_bytes, blocks):
    rows = [tf.boolean_mask(blocks, blocks[:, 0] == kind) for kind in _EXIF_KINDS]
    orientations = tf.map_fn(
        lambda row: _exif_orientation(_exif_of(photo_bytes, row)),
        tf.concat(rows, axis=0),
        fn_output_signature=tf.int32,
    )
    orientation = _first_positive(orientations)
    orientation = tf.cond(
        (orientation == 0) & present_kinds(blocks)[Block.XMP],
        lambda: _xmp_orientation(joined_content(photo_bytes, blocks, Block.XMP)),
        lambda: orientation,
    )
    return tf.maximum(orientation, 1)


def _first_positive(values):
    """The first value that is not 0; 0 if there is none."""
    return tf.concat([tf.boolean_mask(values, values > 0), [0]], axis=0)[0]


def _exif_orientation(exif):
    """Returns the value of the tag 0x0112 in IFD0, or 0 if it is missing or invalid."""
    # Some writers of PNG and WebP keep the prefix that belongs to JPEG only.
    prefix_size = tf.where(text_at(exif, 0, 6) == b"Exif\0\0", 6, 0)
    exif = text_at(exif, prefix_size, length_of(exif))
    big_endian = text_at(exif, 0, 4) == b"MM\0*"
    is_exif = big_endian | (text_at(exif, 0, 4) == b"II*\0")
    directory = number_at(exif, 4, 4, big_endian)
    entry_count = number_at(exif, directory, 2, big_endian)
    entries = tf.reshape(bytes_at(exif, directory + 2, 12 * _MAX_ENTRIES), [-1, 12])
    tag, kind = (join_bytes(entries[:, at : at + 2], big_endian) for at in (0, 2))
    value = tf.zeros_like(tag)
    for number, size in _VALUE_SIZES.items():
        value = tf.where(kind == number, join_bytes(entries[:, 8 : 8 + size], big_endian), value)
    is_counted = tf.range(_MAX_ENTRIES, dtype=tf.int64) < entry_count
    is_orientation = is_exif & is_counted & (tag == _ORIENTATION) & (value >= 1) & (value <= 8)
    values = tf.boolean_mask(value, is_orientation)
    return tf.cast(tf.concat([values, [0]], axis=0)[0], tf.int32)


def _xmp_orientation(xmp):
    found = tf.strings.regex_replace(xmp, _XMP_ORIENTATION, r"\1")
    is_found = tf.strings.length(found) == 1
    return tf.cond(
        is_found,
        lambda: tf.strings.to_number(found, tf.int32),
        lambda: tf.zeros([], tf.int32),
    )


def _exif_of(photo_bytes, row):
    """The EXIF data in a block; a text may have them as ImageMagick writes them."""
    content = text_at(photo_bytes, row[1], row[2])
    name = text_at(content, 0, 22)
    is_profile = (name == b"Raw profile type exif\0") | (name == b"Raw profile type APP1\0")
    is_text, is_packed = row[0] == Block.TEXT, row[0] == Block.PACKED_TEXT

    def unpacked():
        return tf.cond(
            is_packed,
            lambda: inflate(text_at(content, 23, length_of(content))),
            lambda: text_at(content, 22, length_of(content)),
        )

    def from_text():
        return tf.cond(is_profile, lambda: _from_digits(unpacked()), lambda: b"")

    return tf.cond(is_text | is_packed, from_text, lambda: content)


def _from_digits(text):
    """The bytes in a text of a line with a name, one with the size, and hexadecimal digits."""
    digits = tf.strings.regex_replace(text, r"(?s)^\s*\w+\s+\d+\s+", "")
    return _from_hexadecimal(tf.strings.regex_replace(digits, r"[^0-9a-fA-F]", ""))


def _from_hexadecimal(digits):
    codes = tf.cast(tf.io.decode_raw(text_at(digits, 0, _MAX_DIGITS), tf.uint8), tf.int32)
    values = tf.where(codes >= 97, codes - 87, tf.where(codes >= 65, codes - 55, codes - 48))
    pairs = tf.reshape(values[: tf.size(values) // 2 * 2], [-1, 2])
    return _as_text(16 * pairs[:, 0] + pairs[:, 1])


_BYTES = [bytes([value]) for value in range(256)]


def _as_text(values):
    return tf.strings.reduce_join(tf.gather(tf.constant(_BYTES), values))
