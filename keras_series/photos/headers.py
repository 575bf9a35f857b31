"""What the header of an encoded photo says: its format, size and EXIF orientation.

In TensorFlow core ops, like all of `photos.py`, for which this is written. No header, however
broken, makes these read outside the file, loop without end or decode anything.
"""

import enum
import functools

import tensorflow as tf

# Limits on how far a header is searched, so that no file can keep a server busy. An IFD0 of 256
# entries, 1,024 PNG chunks and 16,384 GIF blocks of odd sizes are far beyond real photos.
_MAX_IFD_ENTRIES = 256
_MAX_HEADER_BLOCKS = 1024
_MAX_GIF_EXTENSIONS = 16
_MAX_GIF_BLOCKS = 16_384
# Limits on what a small file can have a decoder do. A progressive JPEG has about 10 scans, each of
# which may be a few bytes that pass the whole photo. Every 64 pixels of a JPEG take a bit or more,
# 512 pixels a byte; fewer bytes than this are another photo's size. A text in a PNG may unpack to
# 8 MB, and is never looked at.
_MAX_JPEG_SCANS = 100
_MAX_JPEG_PIXELS_PER_BYTE = 2048
_MAX_PNG_TEXTS = 64


class PhotoFormat(enum.IntEnum):
    """The formats that are read. Those that can carry EXIF come first, for `tf.switch_case`."""

    JPEG = 0
    PNG = 1
    WEBP = 2
    GIF = 3
    BMP = 4


def require(condition, value, expected, received):
    """Gives `value`, whose use raises `tf.errors.InvalidArgumentError` if `condition` is false."""
    check = tf.debugging.Assert(condition, [f"Expected {expected}. Received:", *received])
    # Eagerly the check has raised by now and is None.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(value)


def read_format(photo_bytes):
    """Tells the format by the first bytes: int32 scalar, a `PhotoFormat`, or an error."""
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


def read_size(photo_bytes, photo_format):
    """Reads height and width in pixels, int64 `[2]`, as stored: before the EXIF orientation.

    Of a GIF, this is the size of the first frame, and `photo_bytes` is `first_gif_frame`'s result.
    """
    readers = {
        PhotoFormat.JPEG: _jpeg_size,
        PhotoFormat.PNG: _png_size,
        PhotoFormat.WEBP: _webp_size,
        PhotoFormat.GIF: _gif_size,
        PhotoFormat.BMP: _bmp_size,
    }
    return tf.switch_case(photo_format, _bind(readers, photo_bytes))


def read_orientation(photo_bytes, photo_format):
    """Reads the EXIF orientation (tag 0x0112) of a JPEG, PNG or WebP.

    Returns:
        int32 scalar, 1 to 8 as in the EXIF 2.3 standard, section 4.6.4; 1, "upright", where there
        is no EXIF, it is malformed, or the format has none.
    """
    finders = {
        PhotoFormat.JPEG: lambda photo_bytes: _find_exif(photo_bytes, 2, _read_jpeg_segment),
        PhotoFormat.PNG: lambda photo_bytes: _find_exif(photo_bytes, 8, _read_png_chunk),
        PhotoFormat.WEBP: lambda photo_bytes: _find_exif(photo_bytes, 12, _read_webp_chunk),
    }
    finders = _bind(finders, photo_bytes)
    return _exif_orientation(tf.switch_case(photo_format, finders, lambda: tf.constant(b"")))


def first_gif_frame(photo_bytes):
    """Cuts a GIF down to its first frame.

    The decoder would decode every frame, each of a size of its own, whatever it is asked for, and
    take a truncated frame for a whole one.
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


def require_proportionate_jpeg(photo_bytes, size):
    """Gives `photo_bytes`, if decoding them is no more work than photos of their size are."""
    least = tf.reduce_prod(size) // _MAX_JPEG_PIXELS_PER_BYTE
    is_long = _length(photo_bytes) >= least
    received = [_length(photo_bytes), "for height and width", size]
    photo_bytes = require(is_long, photo_bytes, "a JPEG with enough bytes for its size", received)
    # A marker within the data has no zero behind it but by chance, once in 16 MB.
    scan_count = _count(photo_bytes, b"\xff\xda\0")
    expected = f"a JPEG of at most {_MAX_JPEG_SCANS} scans"
    return require(scan_count <= _MAX_JPEG_SCANS, photo_bytes, expected, [scan_count])


def require_few_png_texts(photo_bytes):
    """Gives `photo_bytes`, if few packed texts are to be unpacked on the way to the pixels."""
    text_count = _count(photo_bytes, b"zTXt") + _count(photo_bytes, b"iTXt")
    expected = f"a PNG of at most {_MAX_PNG_TEXTS} packed texts"
    return require(text_count <= _MAX_PNG_TEXTS, photo_bytes, expected, [text_count])


def is_animated_webp(photo_bytes):
    """Whether a WebP says that it is an animation, bool scalar."""
    has_flags = _text_at(photo_bytes, 12, 4) == b"VP8X"
    return has_flags & (number_at(photo_bytes, 20, 1) // 2 % 2 == 1)


def bmp_palette(photo_bytes):
    """Colours of an 8-bit BMP, uint8 `[256, 3]`: TensorFlow's decoder gives their numbers only."""
    palette = bytes_at(photo_bytes, 14 + number_at(photo_bytes, 14, 4), 4 * 256)
    return tf.cast(tf.reshape(palette, [256, 4])[:, 2::-1], tf.uint8)


def _bind(functions, photo_bytes):
    return {key: functools.partial(function, photo_bytes) for key, function in functions.items()}


# Numbers and texts at places of a byte string. Past its end there are zeros and empty texts.


def _text_at(text, position, count):
    position = tf.minimum(tf.cast(position, tf.int64), _length(text))
    return tf.strings.substr(text, position, tf.cast(count, tf.int64))


def _length(text):
    return tf.cast(tf.strings.length(text), tf.int64)


def _count(text, part):
    return tf.size(tf.strings.split(text, part)) - 1


def bytes_at(text, position, count):
    """The `count` bytes from `position` on as int64 `[count]`."""
    padded = tf.io.decode_raw(_text_at(text, position, count), tf.uint8, fixed_length=count)
    return tf.cast(padded, tf.int64)


def number_at(text, position, count, big_endian=False):
    """The unsigned number in the `count` bytes from `position` on, int64 scalar."""
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
    # A negative height says that the rows run from the top down.
    return tf.stack([tf.where(height < 2**31, height, 2**32 - height), width])


def _gif_size(frame):
    descriptor = _gif_blocks_start(frame)
    return tf.stack([number_at(frame, descriptor + place, 2) for place in (7, 5)])


def _gif_blocks_start(photo_bytes):
    return 13 + _gif_table_size(number_at(photo_bytes, 10, 1))


def _gif_table_size(flags):
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(tf.constant(2, tf.int64), flags % 8), 0)


def _skip_gif_data(photo_bytes, position, max_steps):
    """Position after the sub-blocks at `position`; beyond the end of the file if they are cut."""

    def step(position, _):
        # Encoders fill all blocks but the last to 255 bytes, so 64 full ones are passed at once.
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
    """The EXIF text of the first block that has one, else "".

    `read_block(photo_bytes, position)` gives the next block's position and the position and size
    of the EXIF text in this one, size 0 where this is another kind of block.
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
    """Value of the tag 0x0112 in IFD0; 1 where it is missing or makes no sense."""
    # Some writers of WebP keep the prefix that only JPEG has.
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
