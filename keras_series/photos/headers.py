"""Format, size and EXIF orientation of an encoded photo, read from its header.

Like all of `keras_series.photos`, this module uses TensorFlow core ops only. Its functions decode
no pixels, and no malformed header makes them read outside the file or loop forever.

In this module, `photo_bytes` is a scalar string tensor with the encoded photo.
"""

import enum
import functools
from collections.abc import Sequence

import tensorflow as tf

# Limits on how far a header is searched, so that no file can keep a server busy. Real photos stay
# far below 256 entries in IFD0, 1,024 PNG chunks and 16,384 GIF blocks of odd sizes.
_MAX_IFD_ENTRIES = 256
_MAX_HEADER_BLOCKS = 1024
_MAX_GIF_EXTENSIONS = 16
_MAX_GIF_BLOCKS = 16_384
# Limits on the work that a small file can cause in a decoder. A progressive JPEG has about 10
# scans, and a scan of a few bytes can make the decoder pass over the whole photo. Every 64 pixels
# of a JPEG take at least one bit, 512 pixels a byte; a file with fewer bytes than the limit states
# a size that is not its own. A text in a PNG can unpack to 8 MB, and is never used.
_MAX_JPEG_SCANS = 100
_MAX_JPEG_PIXELS_PER_BYTE = 2048
_MAX_PNG_TEXTS = 64


class PhotoFormat(enum.IntEnum):
    """Supported photo formats.

    The formats that can carry EXIF come first, as `tf.switch_case` in `read_orientation` needs.
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
    gif_version = _text_at(photo_bytes, 0, 6)
    beginnings = {
        PhotoFormat.JPEG: _text_at(photo_bytes, 0, 3) == b"\xff\xd8\xff",
        PhotoFormat.PNG: _text_at(photo_bytes, 0, 8) == b"\x89PNG\r\n\x1a\n",
        PhotoFormat.WEBP: (_text_at(photo_bytes, 0, 4) == b"RIFF")
        & (_text_at(photo_bytes, 8, 4) == b"WEBP"),
        PhotoFormat.GIF: (gif_version == b"GIF87a") | (gif_version == b"GIF89a"),
        PhotoFormat.BMP: _text_at(photo_bytes, 0, 2) == b"BM",
    }
    matches = tf.stack([beginnings[photo_format] for photo_format in PhotoFormat])
    photo_format = tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)
    received = [_length(photo_bytes), "bytes that begin", bytes_at(photo_bytes, 0, 8)]
    expected = "a JPEG, PNG, WebP, GIF or BMP photo"
    return require(tf.reduce_any(matches), photo_format, expected, received)


def read_size(photo_bytes: tf.Tensor, photo_format: tf.Tensor) -> tf.Tensor:
    """Reads the height and width as stored, before the EXIF orientation is applied.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo; for a GIF, the result of
            `first_gif_frame`.
        photo_format: int32 scalar tensor, a `PhotoFormat`.

    Returns:
        int64 tensor `[2]`, height and width in pixels; for a GIF, those of the first frame.
    """
    readers = {
        PhotoFormat.JPEG: _jpeg_size,
        PhotoFormat.PNG: _png_size,
        PhotoFormat.WEBP: _webp_size,
        PhotoFormat.GIF: _gif_size,
        PhotoFormat.BMP: _bmp_size,
    }
    return tf.switch_case(photo_format, _bind(readers, photo_bytes))


def read_orientation(photo_bytes: tf.Tensor, photo_format: tf.Tensor) -> tf.Tensor:
    """Reads the EXIF orientation (tag 0x0112) of a JPEG, PNG or WebP.

    Args:
        photo_bytes: Scalar string tensor. The encoded photo.
        photo_format: int32 scalar tensor, a `PhotoFormat`.

    Returns:
        int32 scalar tensor, 1 to 8 as in the EXIF 2.3 standard, section 4.6.4. It is 1, "upright",
        if the EXIF is missing or malformed, or if the format cannot carry EXIF.
    """
    finders = {
        PhotoFormat.JPEG: lambda photo_bytes: _find_exif(photo_bytes, 2, _read_jpeg_segment),
        PhotoFormat.PNG: lambda photo_bytes: _find_exif(photo_bytes, 8, _read_png_chunk),
        PhotoFormat.WEBP: lambda photo_bytes: _find_exif(photo_bytes, 12, _read_webp_chunk),
    }
    finders = _bind(finders, photo_bytes)
    return _exif_orientation(tf.switch_case(photo_format, finders, lambda: tf.constant(b"")))


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
    start = _gif_blocks_start(photo_bytes)
    descriptor = tf.while_loop(
        lambda position: number_at(photo_bytes, position, 1) == 0x21,
        lambda position: (_skip_gif_data(photo_bytes, position + 2, _MAX_HEADER_BLOCKS),),
        (start,),
        maximum_iterations=_MAX_GIF_EXTENSIONS,
    )[0]
    table_size = _gif_table_size(number_at(photo_bytes, descriptor + 9, 1))
    end = _skip_gif_data(photo_bytes, descriptor + 11 + table_size, _MAX_GIF_BLOCKS)
    is_whole = (number_at(photo_bytes, descriptor, 1) == 0x2C) & (end <= _length(photo_bytes))
    descriptor = require(is_whole, descriptor, "a GIF with a whole first frame", ["none"])
    rest = _text_at(photo_bytes, descriptor + 5, end - descriptor - 5)
    # The frame's place on the animation's canvas becomes (0, 0).
    parts = [_text_at(photo_bytes, 0, start), b",\0\0\0\0", rest, b";"]
    return tf.strings.join(parts)


def require_proportionate_jpeg(photo_bytes: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns `photo_bytes` if they take no more work to decode than photos of their size do.

    Args:
        photo_bytes: Scalar string tensor. The encoded JPEG.
        size: int64 tensor `[2]`. Height and width from the header, in pixels.

    Returns:
        Scalar string tensor, `photo_bytes`.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the JPEG has too few bytes for its size or
            too many scans.
    """
    least = tf.reduce_prod(size) // _MAX_JPEG_PIXELS_PER_BYTE
    is_long = _length(photo_bytes) >= least
    received = [_length(photo_bytes), "for height and width", size]
    photo_bytes = require(is_long, photo_bytes, "a JPEG with enough bytes for its size", received)
    # The zero belongs to the marker's length. Other data contain the three bytes only by chance,
    # once in 16 MB.
    scan_count = _count(photo_bytes, b"\xff\xda\0")
    expected = f"a JPEG of at most {_MAX_JPEG_SCANS} scans"
    return require(scan_count <= _MAX_JPEG_SCANS, photo_bytes, expected, [scan_count])


def require_few_png_texts(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Returns `photo_bytes` if the decoder has few compressed texts to unpack.

    Args:
        photo_bytes: Scalar string tensor. The encoded PNG.

    Returns:
        Scalar string tensor, `photo_bytes`.

    Raises:
        tf.errors.InvalidArgumentError: At run time, if the PNG has too many compressed texts.
    """
    text_count = _count(photo_bytes, b"zTXt") + _count(photo_bytes, b"iTXt")
    expected = f"a PNG of at most {_MAX_PNG_TEXTS} packed texts"
    return require(text_count <= _MAX_PNG_TEXTS, photo_bytes, expected, [text_count])


def is_animated_webp(photo_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether the header of a WebP declares an animation, as a bool scalar tensor."""
    has_flags = _text_at(photo_bytes, 12, 4) == b"VP8X"
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


def _bind(functions, photo_bytes):
    return {key: functools.partial(function, photo_bytes) for key, function in functions.items()}


# Numbers and texts at positions of a byte string. Past its end, numbers are 0 and texts are empty.


def _text_at(text, position, count):
    position = tf.minimum(tf.cast(position, tf.int64), _length(text))
    return tf.strings.substr(text, position, tf.cast(count, tf.int64))


def _length(text):
    return tf.cast(tf.strings.length(text), tf.int64)


def _count(text, part):
    return tf.size(tf.strings.split(text, part)) - 1


def bytes_at(text: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """Returns the `count` bytes that start at `position`, as an int64 tensor `[count]`."""
    padded = tf.io.decode_raw(_text_at(text, position, count), tf.uint8, fixed_length=count)
    return tf.cast(padded, tf.int64)


def number_at(
    text: tf.Tensor,
    position: tf.Tensor | int,
    count: int,
    big_endian: tf.Tensor | bool = False,
) -> tf.Tensor:
    """Returns the unsigned integer in the `count` bytes that start at `position`.

    Args:
        text: Scalar string tensor.
        position: Integer or integer scalar tensor, at least 0. Past the end of `text`, the bytes
            are 0.
        count: Integer, at least 1. Number of bytes.
        big_endian: Boolean or bool scalar tensor. Whether the most significant byte comes first.
            Defaults to `False`.

    Returns:
        int64 scalar tensor.
    """
    return _join_bytes(bytes_at(text, position, count), big_endian)


def _join_bytes(parts, big_endian):
    parts = tf.where(big_endian, tf.reverse(parts, [-1]), parts)
    weights = [256**place for place in range(parts.shape[-1])]
    return tf.reduce_sum(parts * tf.constant(weights, tf.int64), axis=-1)


def _jpeg_size(photo_bytes):
    return tf.cast(tf.io.extract_jpeg_shape(photo_bytes)[:2], tf.int64)


def _png_size(photo_bytes):
    return tf.stack([number_at(photo_bytes, place, 4, big_endian=True) for place in (20, 16)])


def _webp_size(photo_bytes):
    kind = _text_at(photo_bytes, 12, 4)
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
        is_end = (last == 0) & (position + 256 * full < _length(photo_bytes))
        return position + 256 * full + last + 1, is_end

    end, is_end = tf.while_loop(
        lambda position, is_end: ~is_end & (position < _length(photo_bytes)),
        step,
        (position, tf.constant(False)),
        maximum_iterations=max_steps,
    )
    return tf.where(is_end, end, _length(photo_bytes) + 1)


def _find_exif(photo_bytes, position, read_block):
    """Returns the EXIF data of the first block that has any, else "".

    `read_block(photo_bytes, position)` returns the position of the next block, and the position
    and size of the EXIF data in this one. The size is 0 if this is another kind of block.
    """
    zero = tf.constant(0, tf.int64)
    _, start, size = tf.while_loop(
        lambda position, start, size: (size == 0) & (position < _length(photo_bytes)),
        lambda position, start, size: read_block(photo_bytes, position),
        (tf.constant(position, tf.int64), zero, zero),
        maximum_iterations=_MAX_HEADER_BLOCKS,
    )
    return _text_at(photo_bytes, start, size)


def _read_jpeg_segment(photo_bytes, position):
    head = bytes_at(photo_bytes, position, 4)
    size = 256 * head[2] + head[3]
    is_header = (head[0] == 0xFF) & (head[1] != 0xDA) & (size >= 2)
    is_exif = (head[1] == 0xE1) & (_text_at(photo_bytes, position + 4, 6) == b"Exif\0\0")
    end = tf.where(is_header, position + 2 + size, _length(photo_bytes))
    return end, position + 10, tf.where(is_header & is_exif, tf.maximum(size - 8, 0), 0)


def _read_png_chunk(photo_bytes, position):
    size = number_at(photo_bytes, position, 4, big_endian=True)
    is_exif = _text_at(photo_bytes, position + 4, 4) == b"eXIf"
    return position + 12 + size, position + 8, tf.where(is_exif, size, 0)


def _read_webp_chunk(photo_bytes, position):
    size = number_at(photo_bytes, position + 4, 4)
    is_exif = _text_at(photo_bytes, position, 4) == b"EXIF"
    return position + 8 + size + size % 2, position + 8, tf.where(is_exif, size, 0)


def _exif_orientation(exif):
    """Returns the value of the tag 0x0112 in IFD0, or 1 if it is missing or invalid."""
    # Some WebP writers keep the prefix that belongs to JPEG only.
    prefix_size = tf.where(_text_at(exif, 0, 6) == b"Exif\0\0", 6, 0)
    exif = _text_at(exif, prefix_size, _length(exif))
    big_endian = _text_at(exif, 0, 4) == b"MM\0*"
    is_exif = big_endian | (_text_at(exif, 0, 4) == b"II*\0")
    directory = number_at(exif, 4, 4, big_endian)
    entry_count = number_at(exif, directory, 2, big_endian)
    entries = tf.reshape(bytes_at(exif, directory + 2, 12 * _MAX_IFD_ENTRIES), [-1, 12])
    tag, kind, value = (_join_bytes(entries[:, at : at + 2], big_endian) for at in (0, 2, 8))
    is_short = (kind == 3) & (tf.range(_MAX_IFD_ENTRIES, dtype=tf.int64) < entry_count)
    is_orientation = is_exif & is_short & (tag == 0x0112) & (value >= 1) & (value <= 8)
    values = tf.boolean_mask(value, is_orientation)
    return tf.cast(tf.concat([values, [1]], axis=0)[0], tf.int32)
