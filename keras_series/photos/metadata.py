"""The blocks of metadata in an encoded photo, found in one pass.

Like all of `keras_series.photos`, this module uses TensorFlow core ops only. No malformed file
makes it read outside the file or loop forever.
"""

from __future__ import annotations

import enum

import tensorflow as tf

from keras_series.photos.byte_strings import (
    bytes_at,
    called_as_function,
    length_of,
    number_at,
    text_at,
)
from keras_series.photos.headers import PhotoFormat

# Real photos stay far below it; a file cannot keep a server busy.
_MAX_BLOCKS = 1024
# Bytes that are searched for the next JPEG marker in one step.
_WINDOW = 32


class Block(enum.IntEnum):
    """Kinds of blocks."""

    NONE = 0
    EXIF = 1
    XMP = 2
    PROFILE = 3  # A part of an ICC profile, as it is.
    FRAME = 4  # The frame header of a JPEG.
    SCAN = 5  # The header of a JPEG's first scan.
    PACKED_PROFILE = 6  # An ICC profile compressed by zlib, with its name before it.
    TEXT = 7  # A text of a PNG, with its keyword before it.
    PACKED_TEXT = 8  # Likewise, compressed by zlib.
    CODE_POINTS = 9  # Colour primaries and transfer function of a PNG by number.
    SRGB = 10  # A PNG says that it is sRGB.
    GAMMA = 11  # The exponent of a PNG.
    PRIMARIES = 12  # White point and primaries of a PNG.


# The names of PNG chunks and of WebP chunks.
_PNG_CHUNKS = {
    b"eXIf": Block.EXIF,
    b"iCCP": Block.PACKED_PROFILE,
    b"tEXt": Block.TEXT,
    b"zTXt": Block.PACKED_TEXT,
    b"iTXt": Block.XMP,
    b"cICP": Block.CODE_POINTS,
    b"sRGB": Block.SRGB,
    b"gAMA": Block.GAMMA,
    b"cHRM": Block.PRIMARIES,
}
_WEBP_CHUNKS = {b"EXIF": Block.EXIF, b"XMP ": Block.XMP, b"ICCP": Block.PROFILE}


def find_blocks(photo_bytes: tf.Tensor, photo_format: tf.Tensor) -> tf.Tensor:
    """Finds the blocks of metadata of a photo. In a JPEG they are before the pixels.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo.
        photo_format: int32 scalar tensor, a `PhotoFormat`.

    Returns:
        int64 tensor `[blocks, 4]`: the `Block`, the position and size of its content, and its
        number in a sequence; for a `FRAME`, the number is the marker.
    """
    return tf.cond(
        photo_format == PhotoFormat.JPEG,
        lambda: _find_in_jpeg(photo_bytes),
        lambda: _find_in_other(photo_bytes, photo_format),
    )


def joined_content(photo_bytes: tf.Tensor, blocks: tf.Tensor, kind: Block | tf.Tensor) -> tf.Tensor:
    """Returns the contents of all blocks of a kind, joined in the order of their numbers.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo.
        blocks: int64 tensor `[blocks, 4]`, see `find_blocks`.
        kind: A `Block`, or an int64 scalar tensor.

    Returns:
        Scalar string tensor, "" if there is no such block.
    """
    rows = tf.boolean_mask(blocks, blocks[:, 0] == kind)
    rows = tf.gather(rows, tf.argsort(rows[:, 3], stable=True))
    contents = tf.map_fn(
        lambda row: text_at(photo_bytes, row[1], row[2]), rows, fn_output_signature=tf.string
    )
    return tf.strings.reduce_join(contents)


def present_kinds(blocks: tf.Tensor) -> tf.Tensor:
    """Returns which kinds there are, a bool tensor `[kinds]` to be indexed by a `Block`."""
    kinds = tf.range(len(Block), dtype=tf.int64)
    return tf.reduce_any(blocks[:, :1] == kinds, axis=0)


@called_as_function(tf.TensorSpec([], tf.string))
def _find_in_jpeg(photo_bytes):
    return _walk(photo_bytes, 2, _read_jpeg_segment)


@called_as_function(tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32))
def _find_in_other(photo_bytes, photo_format):
    # In the order of `PhotoFormat`, after JPEG.
    readers = {
        0: lambda: _walk(photo_bytes, 8, _read_png_chunk),
        1: lambda: _walk(photo_bytes, 12, _read_webp_chunk),
    }
    return tf.switch_case(photo_format - 1, readers, lambda: tf.zeros([0, 4], tf.int64))


def _walk(photo_bytes, position, read_block):
    length = length_of(photo_bytes)
    _, blocks = tf.while_loop(
        lambda position, _: position < length,
        lambda position, blocks: read_block(photo_bytes, position, blocks),
        (tf.constant(position, tf.int64), tf.zeros([0, 4], tf.int64)),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, 4])),
        maximum_iterations=_MAX_BLOCKS,
    )
    return blocks


def _read_jpeg_segment(photo_bytes, position, blocks):
    """Returns the position of the next segment, and the blocks with the one in this segment."""
    window = bytes_at(photo_bytes, position, _WINDOW + 4)
    first, second = window[:_WINDOW], window[1 : _WINDOW + 1]
    # As libjpeg does: other bytes may stand before a marker, and any number of 0xFF.
    is_marker = (first == 0xFF) & (second != 0xFF) & (second != 0)
    offset = tf.argmax(is_marker)
    has_marker = is_marker[offset]
    _, marker, high, low = tf.unstack(window[offset : offset + 4], 4)
    start, size = position + offset + 4, 256 * high + low - 2
    is_alone = ((marker >= 0xD0) & (marker <= 0xD8)) | (marker == 0x01)
    is_end = (marker == 0xDA) | (marker == 0xD9) | ((size < 0) & ~is_alone)
    following = tf.where(
        is_alone, start - 2, tf.where(is_end, length_of(photo_bytes), start + size)
    )
    following = tf.where(has_marker, following, position + _WINDOW)
    is_block = (marker >= 0xC0) & (marker <= 0xC2) | (marker == 0xDA)
    is_block |= (marker == 0xE1) | (marker == 0xE2)
    return following, tf.cond(
        has_marker & is_block,
        lambda: _with_block(blocks, _segment_block(photo_bytes, marker, start, size)),
        lambda: blocks,
    )


def _with_block(blocks, block):
    return tf.concat([blocks, block[tf.newaxis]], axis=0)


def _segment_block(photo_bytes, marker, start, size):
    kinds = (
        (0xE1, b"Exif\0", 6, Block.EXIF),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0", 29, Block.XMP),
        (0xE2, b"ICC_PROFILE\0", 14, Block.PROFILE),
    )
    own = tf.where(marker == 0xDA, int(Block.SCAN), tf.where(marker <= 0xC2, int(Block.FRAME), 0))
    block = tf.stack([tf.cast(own, tf.int64), start, size, marker])
    order = number_at(photo_bytes, start + 12, 1)  # Of the parts of a profile, from 1.
    for number, name, prefix, kind in kinds:
        is_kind = (marker == number) & (text_at(photo_bytes, start, len(name)) == name)
        content_size = tf.maximum(size - prefix, 0)
        content = tf.stack([tf.constant(kind, tf.int64), start + prefix, content_size, order])
        block = tf.where(is_kind, content, block)
    return block


def _read_png_chunk(photo_bytes, position, blocks):
    size = number_at(photo_bytes, position, 4, big_endian=True)
    name = text_at(photo_bytes, position + 4, 4)
    return position + 12 + size, _with_chunk(blocks, name, _PNG_CHUNKS, position + 8, size)


def _read_webp_chunk(photo_bytes, position, blocks):
    size = number_at(photo_bytes, position + 4, 4)
    name = text_at(photo_bytes, position, 4)
    following = position + 8 + size + size % 2
    return following, _with_chunk(blocks, name, _WEBP_CHUNKS, position + 8, size)


def _with_chunk(blocks, name, chunks, start, size):
    is_chunk = name == tf.constant(list(chunks))

    def append():
        kind = tf.gather(tf.constant(list(chunks.values()), tf.int64), tf.argmax(is_chunk))
        return _with_block(blocks, tf.stack([kind, start, size, tf.zeros_like(size)]))

    return tf.cond(tf.reduce_any(is_chunk), append, lambda: blocks)
