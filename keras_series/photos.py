"""Encoded photo bytes to model pixels, in TensorFlow core ops only.

Training, evaluation, the exported graph and the folder tool all decode here, so what the model
was trained on is what it is served. Everything runs eagerly, in `tf.data` maps, in `tf.function`
and in a plain SavedModel; there is no Python at run time and no XLA.
"""

import functools

import tensorflow as tf

# Mean colour of ImageNet, RGB 0-255, on which Chang et al. (2016), "Automatic triage for a photo
# series", centre a photo that does not fill the square.
MEAN_COLOUR = (0.460 * 255, 0.450 * 255, 0.430 * 255)
MAX_PIXELS = 100_000_000

# The formats with EXIF first: `tf.switch_case` takes an unbroken range.
_JPEG, _PNG, _WEBP, _GIF, _BMP, _UNKNOWN = range(6)
_FORMAT_NAMES = "JPEG, PNG, GIF, BMP or WebP"

# Limits on how far a header is searched, so that no file can keep a server busy. An IFD0 of 256
# entries, 1,024 PNG chunks and 16,384 GIF blocks of odd sizes are far beyond real photos.
_MAX_IFD_ENTRIES = 256
_MAX_HEADER_BLOCKS = 1024
_MAX_GIF_EXTENSIONS = 16
_MAX_GIF_BLOCKS = 16_384


@tf.autograph.experimental.do_not_convert
def decode_photo(photo_bytes, image_size=224, resize="crop", max_pixels=MAX_PIXELS):
    """Decodes one photo into the square of pixels that the model takes.

    Reads JPEG, PNG, BMP, GIF (its first frame) and WebP (not animated). Greyscale, palette, CMYK,
    16-bit and alpha become 8-bit RGB, alpha by dropping it. The EXIF orientation of JPEG, PNG and
    WebP is applied. The size is read from the header, and checked, before anything is decoded. A
    large JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves at least twice the
    wanted size, which takes a fraction of the time.

    Args:
        photo_bytes: scalar string tensor, or `bytes`: the encoded photo.
        image_size: side of the result in pixels.
        resize: `"crop"` or `"pad"`, see `resize_photo`.
        max_pixels: largest height * width that is decoded.

    Returns:
        float32 `[image_size, image_size, 3]`, RGB in 0-255.

    Raises:
        ValueError: for an argument that is no valid choice.
        tf.errors.InvalidArgumentError: when run on bytes that are no whole photo in one of these
            formats, or one of more than `max_pixels`.

    Example:

    >>> pixels = tf.cast(tf.fill([40, 60, 3], 200), tf.uint8)
    >>> photo = decode_photo(tf.io.encode_png(pixels), image_size=32)
    >>> photo.shape, float(photo[0, 0, 0])
    (TensorShape([32, 32, 3]), 200.0)
    """
    _check_arguments(image_size, resize, max_pixels)
    photo_bytes = _as_strings(photo_bytes, rank=0)
    photo_format = _read_format(photo_bytes)
    decoders = {
        _JPEG: functools.partial(_decode_jpeg, photo_bytes, image_size, resize, max_pixels),
        _PNG: functools.partial(_decode_png, photo_bytes, max_pixels),
        _GIF: functools.partial(_decode_gif, photo_bytes, max_pixels),
        _BMP: functools.partial(_decode_bmp, photo_bytes, max_pixels),
        _WEBP: functools.partial(_decode_webp, photo_bytes, max_pixels),
    }
    pixels, extent = tf.switch_case(photo_format, decoders)
    square = _resize(pixels[tf.newaxis], extent, image_size, resize)[0]
    # Both resizes are symmetric, so turning the small square is turning the photo, but cheaper.
    return _turn_upright(square, _read_orientation(photo_bytes, photo_format))


@tf.autograph.experimental.do_not_convert
def decode_photos(photo_bytes, image_size=224, resize="crop", max_pixels=MAX_PIXELS):
    """Decodes a batch of photos in parallel, each independently of the others.

    A photo that `decode_photo` refuses never fails its batch: it becomes a square of
    `MEAN_COLOUR`, and its `valid` is false.

    Args:
        photo_bytes: string `[B]`: the encoded photos. B may be zero.
        image_size: side of the results in pixels.
        resize: `"crop"` or `"pad"`, see `resize_photo`.
        max_pixels: largest height * width that is decoded.

    Returns:
        A tuple `(photos, valid)`: float32 `[B, image_size, image_size, 3]`, RGB in 0-255, and
        bool `[B]`.

    Raises:
        ValueError: for an argument that is no valid choice.

    Example:

    >>> good = tf.io.encode_png(tf.zeros([40, 60, 3], tf.uint8))
    >>> photos, valid = decode_photos(tf.stack([good, "no photo"]), image_size=32)
    >>> photos.shape, valid.numpy().tolist()
    (TensorShape([2, 32, 32, 3]), [True, False])
    """
    _check_arguments(image_size, resize, max_pixels)
    photo_bytes = _as_strings(photo_bytes, rank=1)
    count = tf.size(photo_bytes, out_type=tf.int64)
    decode = functools.partial(
        decode_photo, image_size=image_size, resize=resize, max_pixels=max_pixels
    )
    # A dataset is the one construct of the core ops in which an element may fail alone.
    decoded = (
        tf.data.Dataset.from_tensor_slices(photo_bytes)
        .enumerate()
        .map(lambda place, one: (place, decode(one)), num_parallel_calls=tf.data.AUTOTUNE)
        .ignore_errors()
    )
    # Stands in for all that failed, and keeps the one batch from being empty.
    blank = tf.broadcast_to(tf.constant(MEAN_COLOUR), [image_size, image_size, 3])
    decoded = decoded.concatenate(tf.data.Dataset.from_tensors((count, blank)))
    places, photos = decoded.batch(count + 1).get_single_element()
    rows = tf.range(1, tf.size(places, out_type=tf.int64) + 1)
    rows = tf.scatter_nd(places[:, tf.newaxis], rows, [count + 1])[:-1]
    valid = rows > 0
    photos = tf.gather(photos, tf.where(valid, rows - 1, tf.size(places, out_type=tf.int64) - 1))
    return tf.ensure_shape(photos, [*photo_bytes.shape, image_size, image_size, 3]), valid


@tf.autograph.experimental.do_not_convert
def resize_photo(pixels, image_size, resize="crop"):
    """Resizes photos of any one size to a square, by antialiased bilinear interpolation.

    `"crop"` brings the shorter side to `image_size` and keeps the centre square: that of
    `PIL.ImageOps.fit(photo, (image_size, image_size), BILINEAR)`. `"pad"` brings the longer side
    to `image_size` and centres the photo on `MEAN_COLOUR`, with equal margins of whole pixels. So
    both commute with flips and quarter turns.

    Args:
        pixels: uint8 or float `[H, W, 3]` or `[B, H, W, 3]`, RGB in 0-255.
        image_size: side of the result in pixels.
        resize: `"crop"` or `"pad"`.

    Returns:
        float32 `[image_size, image_size, 3]` or `[B, image_size, image_size, 3]`, RGB in 0-255.

    Raises:
        ValueError: for an argument that is no valid choice, or pixels of another rank.

    Example:

    >>> resize_photo(tf.zeros([40, 60, 3]), image_size=32, resize="pad").shape
    TensorShape([32, 32, 3])
    """
    _check_arguments(image_size, resize)
    pixels = tf.convert_to_tensor(pixels)
    if pixels.shape.rank not in (3, 4):
        raise ValueError(
            f"Expected pixels [H, W, 3] or [B, H, W, 3]. Received: shape={pixels.shape}"
        )
    extent = tf.cast(tf.shape(pixels)[-3:-1], tf.float64)
    if pixels.shape.rank == 3:
        return _resize(pixels[tf.newaxis], extent, image_size, resize)[0]
    return _resize(pixels, extent, image_size, resize)


@tf.autograph.experimental.do_not_convert
def read_size(photo_bytes):
    """Reads the size of an encoded photo from its header, without decoding it.

    Args:
        photo_bytes: scalar string tensor, or `bytes`.

    Returns:
        int64 `[2]`: height and width in pixels as stored, that is before the EXIF orientation.

    Raises:
        tf.errors.InvalidArgumentError: when run on bytes that begin no photo.

    Example:

    >>> read_size(tf.io.encode_png(tf.zeros([40, 60, 3], tf.uint8))).numpy().tolist()
    [40, 60]
    """
    photo_bytes = _as_strings(photo_bytes, rank=0)
    readers = {
        _JPEG: lambda: _jpeg_size(photo_bytes),
        _PNG: lambda: _png_size(photo_bytes),
        _GIF: lambda: _gif_size(_first_gif_frame(photo_bytes)),
        _BMP: lambda: _bmp_size(photo_bytes),
        _WEBP: lambda: _webp_size(photo_bytes),
    }
    return tf.switch_case(_read_format(photo_bytes), readers)


@tf.autograph.experimental.do_not_convert
def read_orientation(photo_bytes):
    """Reads the EXIF orientation (tag 0x0112) of an encoded JPEG, PNG or WebP.

    Args:
        photo_bytes: scalar string tensor, or `bytes`.

    Returns:
        int32 scalar, 1 to 8 as in the EXIF 2.3 standard, section 4.6.4; 1, "upright", where there
        is no EXIF, it is malformed, or the format has none.

    Raises:
        tf.errors.InvalidArgumentError: when run on bytes that begin no photo.

    Example:

    >>> int(read_orientation(tf.io.encode_jpeg(tf.zeros([8, 8, 3], tf.uint8))))
    1
    """
    photo_bytes = _as_strings(photo_bytes, rank=0)
    return _read_orientation(photo_bytes, _read_format(photo_bytes))


def _check_arguments(image_size, resize, max_pixels=MAX_PIXELS):
    if resize not in ("crop", "pad"):
        raise ValueError(f'Expected resize to be "crop" or "pad". Received: resize={resize!r}')
    for name, value in (("image_size", image_size), ("max_pixels", max_pixels)):
        if value < 1:
            raise ValueError(f"Expected {name} to be at least 1. Received: {name}={value}")


def _as_strings(photo_bytes, rank):
    photo_bytes = tf.convert_to_tensor(photo_bytes, tf.string)
    if photo_bytes.shape.rank not in (rank, None):
        raise ValueError(
            f"Expected photo_bytes of rank {rank}. Received: shape={photo_bytes.shape}"
        )
    return tf.ensure_shape(photo_bytes, [None] * rank)


# Numbers and texts at places of a byte string. Past its end there are zeros and empty texts.


def _text_at(text, position, count):
    position = tf.minimum(tf.cast(position, tf.int64), _length(text))
    return tf.strings.substr(text, position, tf.cast(count, tf.int64))


def _length(text):
    return tf.cast(tf.strings.length(text), tf.int64)


def _bytes_at(text, position, count):
    padded = tf.io.decode_raw(_text_at(text, position, count), tf.uint8, fixed_length=count)
    return tf.cast(padded, tf.int64)


def _number_at(text, position, count, big_endian=False):
    return _join_bytes(_bytes_at(text, position, count), big_endian)


def _join_bytes(parts, big_endian):
    parts = tf.where(big_endian, tf.reverse(parts, [-1]), parts)
    weights = [256**place for place in range(parts.shape[-1])]
    return tf.reduce_sum(parts * tf.constant(weights, tf.int64), axis=-1)


def _read_format(photo_bytes):
    gif_version = _text_at(photo_bytes, 0, 6)
    beginnings = [
        _text_at(photo_bytes, 0, 3) == b"\xff\xd8\xff",
        _text_at(photo_bytes, 0, 8) == b"\x89PNG\r\n\x1a\n",
        (_text_at(photo_bytes, 0, 4) == b"RIFF") & (_text_at(photo_bytes, 8, 4) == b"WEBP"),
        (gif_version == b"GIF87a") | (gif_version == b"GIF89a"),
        _text_at(photo_bytes, 0, 2) == b"BM",
        tf.constant(True),
    ]
    photo_format = tf.argmax(tf.cast(tf.stack(beginnings), tf.int32), output_type=tf.int32)
    received = [_length(photo_bytes), "bytes that begin", _bytes_at(photo_bytes, 0, 8)]
    return _require(photo_format != _UNKNOWN, photo_format, f"a {_FORMAT_NAMES} photo", received)


def _require(condition, value, expected, received):
    check = tf.debugging.Assert(condition, [f"Expected {expected}. Received:", *received])
    # Eagerly the check has raised by now and is None.
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(value)


def _require_size(photo_bytes, size, max_pixels):
    expected = f"a photo of 1 to {max_pixels} pixels (max_pixels)"
    pixel_count = size[0] * size[1]
    is_allowed = tf.reduce_all(size > 0) & (pixel_count <= max_pixels)
    return _require(is_allowed, photo_bytes, expected, ["height, width =", size])


# Each decoder gives uint8 pixels [H, W, 3] and the photo's extent, float64 [2], in those pixels.


def _whole(pixels):
    pixels = tf.ensure_shape(pixels, [None, None, 3])
    return pixels, tf.cast(tf.shape(pixels)[:2], tf.float64)


def _jpeg_size(photo_bytes):
    return tf.cast(tf.io.extract_jpeg_shape(photo_bytes)[:2], tf.int64)


def _decode_jpeg(photo_bytes, image_size, resize, max_pixels):
    size = _jpeg_size(photo_bytes)
    photo_bytes = _require_size(photo_bytes, size, max_pixels)
    side = tf.reduce_min(size) if resize == "crop" else tf.reduce_max(size)
    ratios = (1, 2, 4, 8)
    is_enough = tf.stack([side >= 2 * image_size * ratio for ratio in ratios[1:]])
    choice = tf.reduce_sum(tf.cast(is_enough, tf.int32))
    # The accurate DCT is bit-identical to Pillow's; the default one is up to 4 levels off.
    decode = functools.partial(
        tf.io.decode_jpeg, photo_bytes, channels=3, dct_method="INTEGER_ACCURATE"
    )
    pixels = tf.switch_case(choice, [functools.partial(decode, ratio=ratio) for ratio in ratios])
    # The last column and row may stand for less than `ratio` pixels: hence not the pixels' shape.
    extent = tf.cast(size, tf.float64) / tf.cast(tf.gather(ratios, choice), tf.float64)
    return tf.ensure_shape(pixels, [None, None, 3]), extent


def _png_size(photo_bytes):
    return tf.stack([_number_at(photo_bytes, place, 4, big_endian=True) for place in (20, 16)])


def _decode_png(photo_bytes, max_pixels):
    photo_bytes = _require_size(photo_bytes, _png_size(photo_bytes), max_pixels)
    return _whole(tf.io.decode_png(photo_bytes, channels=3))


def _bmp_size(photo_bytes):
    width, height = (_number_at(photo_bytes, place, 4) for place in (18, 22))
    # A negative height says that the rows run from the top down.
    return tf.stack([tf.where(height < 2**31, height, 2**32 - height), width])


def _decode_bmp(photo_bytes, max_pixels):
    photo_bytes = _require_size(photo_bytes, _bmp_size(photo_bytes), max_pixels)
    compression = _number_at(photo_bytes, 30, 4)
    is_plain = (compression == 0) | (compression == 3)
    photo_bytes = _require(is_plain, photo_bytes, "a BMP without compression", [compression])
    pixels = tf.io.decode_bmp(photo_bytes)
    has_palette = tf.shape(pixels)[-1] == 1
    return _whole(
        tf.cond(
            has_palette,
            lambda: tf.gather(_bmp_palette(photo_bytes), tf.cast(pixels[..., 0], tf.int32)),
            lambda: pixels[..., :3],
        )
    )


def _bmp_palette(photo_bytes):
    """Colours of an 8-bit BMP, uint8 `[256, 3]`: the decoder gives their numbers only."""
    palette = _bytes_at(photo_bytes, 14 + _number_at(photo_bytes, 14, 4), 4 * 256)
    return tf.cast(tf.reshape(palette, [256, 4])[:, 2::-1], tf.uint8)


def _webp_size(photo_bytes):
    kind = _text_at(photo_bytes, 12, 4)
    extended = [_number_at(photo_bytes, place, 3) + 1 for place in (27, 24)]
    packed = _number_at(photo_bytes, 21, 4)
    lossless = [packed // 2**14 % 2**14 + 1, packed % 2**14 + 1]
    lossy = [_number_at(photo_bytes, place, 2) % 2**14 for place in (28, 26)]
    return tf.where(kind == b"VP8X", extended, tf.where(kind == b"VP8L", lossless, lossy))


def _decode_webp(photo_bytes, max_pixels):
    photo_bytes = _require_size(photo_bytes, _webp_size(photo_bytes), max_pixels)
    is_extended = _text_at(photo_bytes, 12, 4) == b"VP8X"
    is_animated = is_extended & (_number_at(photo_bytes, 20, 1) // 2 % 2 == 1)
    photo_bytes = _require(~is_animated, photo_bytes, "a WebP of one frame", ["an animation"])
    # Not decode_webp: a server of TensorFlow 2.20 must be able to load the graph.
    pixels = tf.io.decode_image(photo_bytes, expand_animations=False)
    return _whole(tf.ensure_shape(pixels, [None, None, None])[..., :3])


def _decode_gif(photo_bytes, max_pixels):
    frame = _first_gif_frame(photo_bytes)
    frame = _require_size(frame, _gif_size(frame), max_pixels)
    return _whole(tf.io.decode_image(frame, channels=3, expand_animations=False))


def _gif_size(frame):
    descriptor = _gif_blocks_start(frame)
    return tf.stack([_number_at(frame, descriptor + place, 2) for place in (7, 5)])


def _gif_blocks_start(photo_bytes):
    return 13 + _gif_table_size(_number_at(photo_bytes, 10, 1))


def _gif_table_size(flags):
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(tf.constant(2, tf.int64), flags % 8), 0)


def _first_gif_frame(photo_bytes):
    """Cuts a GIF down to its first frame.

    The decoder would decode every frame, each of a size of its own, whatever it is asked for, and
    take a truncated frame for a whole one.
    """
    start = _gif_blocks_start(photo_bytes)
    descriptor = tf.while_loop(
        lambda position: _number_at(photo_bytes, position, 1) == 0x21,
        lambda position: (_skip_gif_data(photo_bytes, position + 2, _MAX_HEADER_BLOCKS),),
        (start,),
        maximum_iterations=_MAX_GIF_EXTENSIONS,
    )[0]
    table_size = _gif_table_size(_number_at(photo_bytes, descriptor + 9, 1))
    end = _skip_gif_data(photo_bytes, descriptor + 11 + table_size, _MAX_GIF_BLOCKS)
    is_whole = (_number_at(photo_bytes, descriptor, 1) == 0x2C) & (end <= _length(photo_bytes))
    descriptor = _require(is_whole, descriptor, "a GIF with a whole first frame", ["none"])
    rest = _text_at(photo_bytes, descriptor + 5, end - descriptor - 5)
    # The frame's place on the animation's canvas becomes (0, 0).
    parts = [_text_at(photo_bytes, 0, start), b",\0\0\0\0", rest, b";"]
    return tf.strings.join(parts)


def _skip_gif_data(photo_bytes, position, max_steps):
    """Position after the sub-blocks at `position`; beyond the end of the file if they are cut."""

    def step(position, _):
        # Encoders fill all blocks but the last to 255 bytes, so 64 full ones are passed at once.
        lengths = _bytes_at(photo_bytes, position, 64 * 256)[::256]
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


# Orientation.


def _read_orientation(photo_bytes, photo_format):
    exif = tf.switch_case(
        photo_format,
        {
            _JPEG: lambda: _find_exif(photo_bytes, 2, _read_jpeg_segment),
            _PNG: lambda: _find_exif(photo_bytes, 8, _read_png_chunk),
            _WEBP: lambda: _find_exif(photo_bytes, 12, _read_webp_chunk),
        },
        default=lambda: tf.constant(b""),
    )
    return _exif_orientation(exif)


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
    head = _bytes_at(photo_bytes, position, 4)
    size = 256 * head[2] + head[3]
    is_header = (head[0] == 0xFF) & (head[1] != 0xDA) & (size >= 2)
    is_exif = (head[1] == 0xE1) & (_text_at(photo_bytes, position + 4, 6) == b"Exif\0\0")
    end = tf.where(is_header, position + 2 + size, _length(photo_bytes))
    return end, position + 10, tf.where(is_header & is_exif, tf.maximum(size - 8, 0), 0)


def _read_png_chunk(photo_bytes, position):
    size = _number_at(photo_bytes, position, 4, big_endian=True)
    is_exif = _text_at(photo_bytes, position + 4, 4) == b"eXIf"
    return position + 12 + size, position + 8, tf.where(is_exif, size, 0)


def _read_webp_chunk(photo_bytes, position):
    size = _number_at(photo_bytes, position + 4, 4)
    is_exif = _text_at(photo_bytes, position, 4) == b"EXIF"
    return position + 8 + size + size % 2, position + 8, tf.where(is_exif, size, 0)


def _exif_orientation(exif):
    """Value of the tag 0x0112 in IFD0; 1 where it is missing or makes no sense."""
    # Some writers of WebP keep the prefix that only JPEG has.
    prefix_size = tf.where(_text_at(exif, 0, 6) == b"Exif\0\0", 6, 0)
    exif = _text_at(exif, prefix_size, _length(exif))
    big_endian = _text_at(exif, 0, 4) == b"MM\0*"
    is_exif = big_endian | (_text_at(exif, 0, 4) == b"II*\0")
    directory = _number_at(exif, 4, 4, big_endian)
    entry_count = _number_at(exif, directory, 2, big_endian)
    entries = tf.reshape(_bytes_at(exif, directory + 2, 12 * _MAX_IFD_ENTRIES), [-1, 12])
    tag, kind, value = (_join_bytes(entries[:, at : at + 2], big_endian) for at in (0, 2, 8))
    is_short = (kind == 3) & (tf.range(_MAX_IFD_ENTRIES, dtype=tf.int64) < entry_count)
    is_orientation = is_exif & is_short & (tag == 0x0112) & (value >= 1) & (value <= 8)
    values = tf.boolean_mask(value, is_orientation)
    return tf.cast(tf.concat([values, [1]], axis=0)[0], tf.int32)


def _turn_upright(photo, orientation):
    def when(orientations, change, photo):
        is_wanted = tf.reduce_any(orientation == tf.constant(orientations))
        return tf.cond(is_wanted, lambda: change(photo), lambda: photo)

    photo = when([5, 6, 7, 8], lambda photo: tf.transpose(photo, [1, 0, 2]), photo)
    photo = when([3, 4, 7, 8], lambda photo: tf.reverse(photo, [0]), photo)
    return when([2, 3, 6, 7], lambda photo: tf.reverse(photo, [1]), photo)


# Resizing. Pixels are [B, H, W, 3]; extent, float64 [2], is the photo's size in those pixels.


def _resize(pixels, extent, image_size, resize):
    if pixels.dtype != tf.uint8:
        pixels = tf.cast(pixels, tf.float32)
    resized = (_resize_crop if resize == "crop" else _resize_pad)(pixels, extent, image_size)
    return tf.ensure_shape(resized, [pixels.shape[0], image_size, image_size, 3])


def _resize_crop(pixels, extent, image_size):
    side = tf.reduce_min(extent)
    scale = image_size / side
    start = (extent - side) / 2
    # Only what the result depends on is resized: the centre square and the reach of the kernel.
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
