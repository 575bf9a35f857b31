"""Encoded photo bytes to model pixels, in TensorFlow core ops only.

Training, evaluation, the exported graph and the folder tool all decode here, so what the model
was trained on is what it is served. Everything runs eagerly, in `tf.data` maps, in `tf.function`
and in a plain SavedModel; there is no Python at run time and no XLA.
"""

import functools

import tensorflow as tf

from keras_series.photos.headers import (
    PhotoFormat,
    bmp_palette,
    first_gif_frame,
    is_animated_webp,
    number_at,
    read_format,
    read_orientation,
    read_size,
    require,
    require_few_png_texts,
    require_proportionate_jpeg,
)

# Mean colour of ImageNet, RGB 0-255, on which Chang et al. (2016), "Automatic triage for a photo
# series", centre a photo that does not fill the square.
MEAN_COLOUR = (0.460 * 255, 0.450 * 255, 0.430 * 255)
MAX_PIXELS = 100_000_000


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
    photo_format = read_format(photo_bytes)
    photo_bytes = tf.cond(
        photo_format == PhotoFormat.GIF, lambda: first_gif_frame(photo_bytes), lambda: photo_bytes
    )
    size = read_size(photo_bytes, photo_format)
    is_allowed = tf.reduce_all(size > 0) & (size[0] * size[1] <= max_pixels)
    expected = f"a photo of 1 to {max_pixels} pixels (max_pixels)"
    photo_bytes = require(is_allowed, photo_bytes, expected, ["height and width", size])
    decoders = {
        PhotoFormat.JPEG: lambda: _decode_jpeg(photo_bytes, size, image_size, resize),
        PhotoFormat.PNG: lambda: _decode_png(photo_bytes),
        PhotoFormat.WEBP: lambda: _decode_webp(photo_bytes),
        PhotoFormat.GIF: lambda: _whole(tf.io.decode_gif(photo_bytes)[0]),
        PhotoFormat.BMP: lambda: _decode_bmp(photo_bytes),
    }
    pixels, extent = tf.switch_case(photo_format, decoders)
    square = _resize(pixels[tf.newaxis], extent, image_size, resize)[0]
    # Both resizes are symmetric, so turning the small square is turning the photo, but cheaper.
    return _turn_upright(square, read_orientation(photo_bytes, photo_format))


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
    options = {"image_size": image_size, "resize": resize, "max_pixels": max_pixels}
    if tf.executing_eagerly():
        # A dataset made eagerly would be traced anew at every call.
        return _traced_decode_batch(tuple(options.items()))(photo_bytes)
    return _decode_batch(photo_bytes, **options)


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


def _decode_batch(photo_bytes, image_size, **options):
    count = tf.size(photo_bytes, out_type=tf.int64)
    decode = functools.partial(decode_photo, image_size=image_size, **options)
    # A dataset is the one construct of the core ops in which an element may fail alone.
    decoded = (
        tf.data.Dataset.from_tensor_slices(photo_bytes)
        .enumerate()
        .map(lambda place, photo: (place, decode(photo)), num_parallel_calls=tf.data.AUTOTUNE)
        .ignore_errors()
    )
    # Stands in for all that failed, and keeps the one batch from being empty.
    blank = tf.broadcast_to(tf.constant(MEAN_COLOUR), [image_size, image_size, 3])
    decoded = decoded.concatenate(tf.data.Dataset.from_tensors((count, blank)))
    places, photos = decoded.batch(count + 1).get_single_element()
    row_count = tf.size(places, out_type=tf.int64)
    # Row of each photo, counted from 1, so that 0 is left for those that are missing.
    rows = tf.scatter_nd(places[:, tf.newaxis], tf.range(1, row_count + 1), [count + 1])[:-1]
    valid = rows > 0
    photos = tf.gather(photos, tf.where(valid, rows, row_count) - 1)
    return tf.ensure_shape(photos, [*photo_bytes.shape, image_size, image_size, 3]), valid


@functools.lru_cache(maxsize=16)
def _traced_decode_batch(options):
    return tf.function(
        functools.partial(_decode_batch, **dict(options)),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )


def _decode_jpeg(photo_bytes, size, image_size, resize):
    """Pixels uint8 `[H, W, 3]`, and the photo's extent in those pixels, float64 `[2]`."""
    photo_bytes = require_proportionate_jpeg(photo_bytes, size)
    side = tf.reduce_min(size) if resize == "crop" else tf.reduce_max(size)
    ratios = (1, 2, 4, 8)
    is_enough = tf.stack([side >= 2 * image_size * ratio for ratio in ratios[1:]])
    choice = tf.reduce_sum(tf.cast(is_enough, tf.int32))
    # The accurate DCT is bit-identical to Pillow's; the default one is up to 4 levels off.
    decode = functools.partial(
        tf.io.decode_jpeg, photo_bytes, channels=3, dct_method="INTEGER_ACCURATE"
    )
    pixels = tf.switch_case(choice, [functools.partial(decode, ratio=ratio) for ratio in ratios])
    # The last row and column may stand for less than `ratio` pixels: hence not the pixels' shape.
    extent = tf.cast(size, tf.float64) / tf.cast(tf.gather(ratios, choice), tf.float64)
    return tf.ensure_shape(pixels, [None, None, 3]), extent


def _decode_png(photo_bytes):
    return _whole(tf.io.decode_png(require_few_png_texts(photo_bytes), channels=3))


def _decode_webp(photo_bytes):
    # Not left to the decoder: on an animation TensorFlow 2.21's ends the process.
    photo_bytes = require(
        ~is_animated_webp(photo_bytes), photo_bytes, "a WebP of one photo", ["an animation"]
    )
    # Not decode_webp: a server of TensorFlow 2.20 must be able to load the graph.
    pixels = tf.io.decode_image(photo_bytes, expand_animations=False)
    return _whole(tf.ensure_shape(pixels, [None, None, None])[..., :3])


def _decode_bmp(photo_bytes):
    compression = number_at(photo_bytes, 30, 4)
    is_plain = (compression == 0) | (compression == 3)
    photo_bytes = require(is_plain, photo_bytes, "an uncompressed BMP", ["method", compression])
    pixels = tf.io.decode_bmp(photo_bytes)
    return _whole(
        tf.cond(
            tf.shape(pixels)[-1] == 1,
            lambda: tf.gather(bmp_palette(photo_bytes), tf.cast(pixels[..., 0], tf.int32)),
            lambda: pixels[..., :3],
        )
    )


def _whole(pixels):
    pixels = tf.ensure_shape(pixels, [None, None, 3])
    return pixels, tf.cast(tf.shape(pixels)[:2], tf.float64)


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
