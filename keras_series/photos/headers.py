"""Format and size of an encoded photo, read from its header, and limits on decoding it.

Like all of `keras_series.photos`, this module uses TensorFlow core ops only. Its functions decode
no pixels, and no malformed header makes them read outside the file or loop forever.

In this module, `photo_bytes` is a scalar string tensor with the encoded photo.
"""

import enum
import functools
from collections.abc import Sequence

import tensorflow as tf

from keras_series.photos.byte_strings import (
    bytes_at,
    called_as_function,
    count_of,
    length_of,
    number_at,
    text_at,
)

# Limits on how far a header is searched, so that no file can keep a server busy. Real photos stay
# far below 1,024 extension blocks and 16,384 blocks of odd sizes in a GIF.
_MAX_HEADER_BLOCKS = 1024
_MAX_GIF_EXTENSIONS = 16
_MAX_GIF_BLOCKS = 16_384
# A text in a PNG can unpack to 8 MB, and is never used.
_MAX_PNG_TEXTS = 64


class PhotoFormat(enum.IntEnum):
    """Supported photo formats.

    JPEG comes first, and then the other formats that can carry metadata.
    """

    JPEG = 0
    PNG = 1
    WEBP = 2
    GIF = 3
    BMP = 4


def require(
    condition: tf.Tensor, value: tf.Tensor, expected: str, received: Sequence[tf.Tensor | str]
) -> tf.Tensor:
    """Returns `value`, with a check that runs before the value can be used.

    Args:
        condition: bool scalar tensor.
        value: Tensor.
        expected: String. What the error message says is expected.
        received: Sequence of strings and tensors. What the error message says was received.

    Returns:
        A tensor equal to `value`.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if `condition` is false.
    """
    check = tf.debugging.Assert(condition, [f"Expected {expected}. Received:", *received])
    # Eagerly, `Assert` has already raised if the condition is false, and returns None.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(value)


def read_format(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Reads the format from the first bytes.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo.

    Returns:
        int32 scalar tensor, a `PhotoFormat`.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the format is not supported.
    """
    photo_format, is_known = match_format(photo_bytes)
    received = [length_of(photo_bytes), "bytes that begin", bytes_at(photo_bytes, 0, 8)]
    return require(is_known, photo_format, "a JPEG, PNG, WebP, GIF or BMP photo", received)


def match_format(photo_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Compares the first bytes with those of the supported formats.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo.

    Returns:
        int32 scalar tensor, a `PhotoFormat`, and a bool scalar tensor, false if none matches.
    """
    gif_version = text_at(photo_bytes, 0, 6)
    beginnings = {
        PhotoFormat.JPEG: text_at(photo_bytes, 0, 2) == b"\xff\xd8",
        PhotoFormat.PNG: text_at(photo_bytes, 0, 8) == b"\x89PNG\r\n\x1a\n",
        PhotoFormat.WEBP: (text_at(photo_bytes, 0, 4) == b"RIFF")
        & (text_at(photo_bytes, 8, 4) == b"WEBP"),
        PhotoFormat.GIF: (gif_version == b"GIF87a") | (gif_version == b"GIF89a"),
        PhotoFormat.BMP: text_at(photo_bytes, 0, 2) == b"BM",
    }
    matches = tf.stack([beginnings[photo_format] for photo_format in PhotoFormat])
    photo_format = tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)
    return photo_format, tf.reduce_any(matches)


def read_size(photo_bytes: tf.Tensor, photo_format: tf.Tensor) -> tf.Tensor:
    """Reads the height and width as stored, before the EXIF orientation is applied.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo; for a GIF, the result of
            `first_gif_frame`.
        photo_format: int32 scalar tensor, a `PhotoFormat`.

    Returns:
        int64 tensor `[2]`, height and width in pixels; for a GIF, those of the first frame.
    """
    return tf.cond(
        photo_format == PhotoFormat.JPEG,
        lambda: _jpeg_size(photo_bytes),
        lambda: _other_size(photo_bytes, photo_format),
    )


def first_gif_frame(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Cuts a GIF down to its first frame.

    TensorFlow's decoder always decodes every frame, although each may have a different size, and
    it accepts a truncated frame as a whole one.

    Args:
        photo_bytes: Scalar string tensor. The encoded GIF.

    Returns:
        Scalar string tensor, a GIF of one frame.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the first frame is missing or truncated.
    """
    start, descriptor, end = _find_gif_frame(photo_bytes)
    is_whole = (number_at(photo_bytes, descriptor, 1) == 0x2C) & (end <= length_of(photo_bytes))
    descriptor = require(is_whole, descriptor, "a GIF with a whole first frame", ["none"])
    rest = text_at(photo_bytes, descriptor + 5, end - descriptor - 5)
    # The frame's place on the animation's canvas becomes (0, 0).
    parts = [text_at(photo_bytes, 0, start), b",\0\0\0\0", rest, b";"]
    return tf.strings.join(parts)


def gif_frame_is_whole(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether a GIF has its first frame to the end, as a bool scalar tensor."""
    return _find_gif_frame(photo_bytes)[2] <= length_of(photo_bytes)


def require_few_png_texts(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Returns `photo_bytes` if the decoder has few compressed texts to unpack.

    Args:
        photo_bytes: Scalar string tensor. The encoded PNG.

    Returns:
        Scalar string tensor, `photo_bytes`.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the PNG has too many compressed texts.
    """
    text_count = count_of(photo_bytes, b"zTXt") + count_of(photo_bytes, b"iTXt")
    expected = f"a PNG of at most {_MAX_PNG_TEXTS} packed texts"
    return require(text_count <= _MAX_PNG_TEXTS, photo_bytes, expected, [text_count])


def is_animated_webp(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether the header of a WebP declares an animation, as a bool scalar tensor."""
    has_flags = text_at(photo_bytes, 12, 4) == b"VP8X"
    return has_flags & (number_at(photo_bytes, 20, 1) // 2 % 2 == 1)


def bmp_palette(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Reads the palette of an 8-bit BMP, of which TensorFlow's decoder returns only the indices.

    Args:
        photo_bytes: Scalar string tensor. The encoded BMP.

    Returns:
        uint8 tensor `[256, 3]`, RGB 0-255.
    """
    palette = bytes_at(photo_bytes, 14 + number_at(photo_bytes, 14, 4), 4 * 256)
    return tf.cast(tf.reshape(palette, [256, 4])[:, 2::-1], tf.uint8)


def _jpeg_size(photo_bytes):
    return tf.cast(tf.io.extract_jpeg_shape(photo_bytes)[:2], tf.int64)


@called_as_function(tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32))
def _other_size(photo_bytes, photo_format):
    # In the order of `PhotoFormat`, after JPEG.
    readers = (_png_size, _webp_size, _gif_size, _bmp_size)
    branches = [functools.partial(read, photo_bytes) for read in readers]
    return tf.switch_case(photo_format - 1, branches)


def _png_size(photo_bytes):
    return tf.stack([number_at(photo_bytes, place, 4, big_endian=True) for place in (20, 16)])


def _webp_size(photo_bytes):
    kind = text_at(photo_bytes, 12, 4)
    extended = [number_at(photo_bytes, place, 3) + 1 for place in (27, 24)]
    packed = number_at(photo_bytes, 21, 4)
    lossless = [packed // 2**14 % 2**14 + 1, packed % 2**14 + 1]
    lossy = [number_at(photo_bytes, place, 2) % 2**14 for place in (28, 26)]
    size = tf.zeros([2], tf.int64)
    for name, candidate in ((b"VP8X", extended), (b"VP8L", lossless), (b"VP8 ", lossy)):
        size = tf.where(kind == name, candidate, size)
    return size


def _bmp_size(photo_bytes):
    width, height = (number_at(photo_bytes, place, 4) for place in (18, 22))
    # A negative height means that the rows are stored from top to bottom.
    return tf.stack([tf.where(height < 2**31, height, 2**32 - height), width])


def _gif_size(frame):
    descriptor = _gif_blocks_start(frame)
    return tf.stack([number_at(frame, descriptor + place, 2) for place in (7, 5)])


@called_as_function(tf.TensorSpec([], tf.string))
def _find_gif_frame(photo_bytes):
    """Returns the positions of the blocks, of the first frame's descriptor, and of its end."""
    start = _gif_blocks_start(photo_bytes)
    descriptor = tf.while_loop(
        lambda position: number_at(photo_bytes, position, 1) == 0x21,
        lambda position: (_skip_gif_data(photo_bytes, position + 2, _MAX_HEADER_BLOCKS),),
        (start,),
        maximum_iterations=_MAX_GIF_EXTENSIONS,
    )[0]
    table_size = _gif_table_size(number_at(photo_bytes, descriptor + 9, 1))
    end = _skip_gif_data(photo_bytes, descriptor + 11 + table_size, _MAX_GIF_BLOCKS)
    return start, descriptor, end


def _gif_blocks_start(photo_bytes):
    return 13 + _gif_table_size(number_at(photo_bytes, 10, 1))


def _gif_table_size(flags):
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(tf.constant(2, tf.int64), flags % 8), 0)


def _skip_gif_data(photo_bytes, position, max_steps):
    """Returns the position after the sub-blocks at `position`.

    The position is beyond the end of the file if the sub-blocks are truncated.
    """

    def step(position, _):
        # Encoders fill all blocks but the last to 255 bytes, so a step skips up to 64 full blocks.
        lengths = bytes_at(photo_bytes, position, 64 * 256)[::256]
        full = tf.reduce_sum(tf.math.cumprod(tf.cast(lengths == 255, tf.int64)))
        last = tf.concat([lengths, [-1]], axis=0)[full]
        is_end = (last == 0) & (position + 256 * full < length_of(photo_bytes))
        return position + 256 * full + last + 1, is_end

    end, is_end = tf.while_loop(
        lambda position, is_end: ~is_end & (position < length_of(photo_bytes)),
        step,
        (position, tf.constant(False)),
        maximum_iterations=max_steps,
    )
    return tf.where(is_end, end, length_of(photo_bytes) + 1)
