"""Decoding of encoded photos into model inputs, in TensorFlow core ops only.

Training, evaluation, the exported graph and the tools for folders of photos all decode here, so a
model is served the same pixels that it was trained on. Everything runs eagerly, in `tf.data` maps,
in `tf.function` and in a plain SavedModel, without Python at run time and without XLA.
"""

import functools
from collections.abc import Sequence

import tensorflow as tf

from keras_series.photos.byte_strings import (
    called_as_function,
    count_of,
    length_of,
    number_at,
    text_at,
)
from keras_series.photos.colour import convert_to_srgb, names_colours
from keras_series.photos.headers import (
    PhotoFormat,
    bmp_palette,
    first_gif_frame,
    is_animated_webp,
    read_format,
    read_size,
    require,
    require_few_png_texts,
)
from keras_series.photos.jpeg import decode_jpeg
from keras_series.photos.metadata import find_blocks
from keras_series.photos.orientation import read_orientation
from keras_series.photos.reasons import failure_reason
from keras_series.photos.resizing import MEAN_COLOUR, check_resize, resize_extent

# Default limit on height * width of a photo that is decoded.
# Every camera on sale: phones reach 200 megapixels.
MAX_PIXELS = 200_000_000
# Photos with more pixels are converted to sRGB after the resize, which takes less time and memory.
# A resize in another colour space differs at edges, the less the more it averages.
_MOST_CONVERTED = 2**20
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


@tf.autograph.experimental.do_not_convert
def decode_photo(
    photo_bytes: tf.Tensor | bytes,
    image_size: int = 224,
    resize: str = "crop",
    max_pixels: int = MAX_PIXELS,
) -> tf.Tensor:
    """Decodes one photo into the square of pixels that the model takes.

    Reads JPEG, PNG, BMP, GIF (the first frame) and WebP (not animated). Greyscale, palette, CMYK
    and 16-bit photos become 8-bit RGB; an alpha channel is dropped. The EXIF orientation of JPEG,
    PNG and WebP is applied. The size is read from the header and checked before any pixel is
    decoded. A large JPEG is decoded at 1/2, 1/4 or 1/8 of its size if at least twice `image_size`
    remains, which takes a fraction of the time.

    Args:
        photo_bytes: Scalar string tensor or `bytes`. The encoded photo.
        image_size: Integer, at least 1. Side of the result in pixels. Defaults to 224.
        resize: String, `"crop"` or `"pad"`, see `resize_photo`. Defaults to `"crop"`.
        max_pixels: Integer, at least 1. Largest height * width that is decoded. Defaults to 200
            million.

    Returns:
        float32 tensor `[image_size, image_size, 3]`, RGB 0-255.

    Raises:
        ValueError: If an argument is invalid.
        tf.errors.InvalidArgumentError: At run time, if the bytes are not a complete photo in one
            of these formats, or if the photo has more than `max_pixels`.

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
    blocks = find_blocks(photo_bytes, photo_format)
    decoders = {
        PhotoFormat.JPEG: lambda: decode_jpeg(photo_bytes, size, image_size, resize, blocks),
        PhotoFormat.PNG: lambda: _decode_png(photo_bytes),
        PhotoFormat.WEBP: lambda: _decode_webp(photo_bytes),
        PhotoFormat.GIF: lambda: _whole(tf.io.decode_gif(photo_bytes)[0]),
        PhotoFormat.BMP: lambda: _decode_bmp(photo_bytes),
    }
    pixels, extent = tf.switch_case(photo_format, decoders)
    # Colours are converted before the resize where that costs little, and after it otherwise.
    is_first = names_colours(blocks) & (tf.size(pixels) <= 3 * _MOST_CONVERTED)
    pixels = tf.cond(
        is_first,
        lambda: tf.cast(pixels, tf.float32),
        lambda: _resize(pixels, extent, image_size, resize),
    )
    pixels = convert_to_srgb(pixels, photo_bytes, blocks)
    square = tf.cond(is_first, lambda: _resize(pixels, extent, image_size, resize), lambda: pixels)
    square = tf.ensure_shape(square, [image_size, image_size, 3])
    # Both resizes are symmetric, so the small square can be turned instead of the photo.
    return _turn_upright(square, read_orientation(photo_bytes, blocks))


@tf.autograph.experimental.do_not_convert
def decode_photos(
    photo_bytes: tf.Tensor | Sequence[bytes],
    image_size: int = 224,
    resize: str = "crop",
    max_pixels: int = MAX_PIXELS,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a batch of photos in parallel, each independently of the others.

    A photo that `decode_photo` refuses never fails its batch. It becomes a square of `MEAN_COLOUR`
    whose `valid` is false.

    Args:
        photo_bytes: String tensor `[B]` or a sequence of `bytes`. The encoded photos; B may be
            zero.
        image_size: Integer, at least 1. Side of the results in pixels. Defaults to 224.
        resize: String, `"crop"` or `"pad"`, see `resize_photo`. Defaults to `"crop"`.
        max_pixels: Integer, at least 1. Largest height * width that is decoded. Defaults to 200
            million.

    Returns:
        A tuple `(photos, valid)`: a float32 tensor `[B, image_size, image_size, 3]`, RGB 0-255,
        and a bool tensor `[B]`.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> good = tf.io.encode_png(tf.zeros([40, 60, 3], tf.uint8))
    >>> photos, valid = decode_photos(tf.stack([good, "no photo"]), image_size=32)
    >>> photos.shape, valid.numpy().tolist()
    (TensorShape([2, 32, 32, 3]), [True, False])
    """
    photos, valid = _decode(photo_bytes, image_size, resize, max_pixels, with_reasons=False)
    return photos, valid


@tf.autograph.experimental.do_not_convert
def decode_photos_with_reasons(
    photo_bytes: tf.Tensor | Sequence[bytes],
    image_size: int = 224,
    resize: str = "crop",
    max_pixels: int = MAX_PIXELS,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a batch of photos like `decode_photos`, and says why a photo is not valid.

    Args:
        photo_bytes: String tensor `[B]` or a sequence of `bytes`. The encoded photos; B may be
            zero.
        image_size: Integer, at least 1. Side of the results in pixels. Defaults to 224.
        resize: String, `"crop"` or `"pad"`, see `resize_photo`. Defaults to `"crop"`.
        max_pixels: Integer, at least 1. Largest height * width that is decoded. Defaults to 200
            million.

    Returns:
        A tuple `(photos, reasons)`: a float32 tensor `[B, image_size, image_size, 3]`, RGB 0-255,
        and an int32 tensor `[B]` of `Reason`, 0 where the photo is valid.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> good = tf.io.encode_png(tf.zeros([40, 60, 3], tf.uint8))
    >>> _, reasons = decode_photos_with_reasons(tf.stack([good, "no photo", ""]), image_size=32)
    >>> reasons.numpy().tolist()
    [0, 2, 1]
    """
    return _decode(photo_bytes, image_size, resize, max_pixels, with_reasons=True)


def _check_arguments(image_size: int, resize: str, max_pixels: int) -> None:
    check_resize(image_size, resize)
    if max_pixels < 1:
        raise ValueError(f"Expected max_pixels to be at least 1. Received: {max_pixels=}")


def _as_strings(photo_bytes, rank):
    photo_bytes = tf.convert_to_tensor(photo_bytes, tf.string)
    if photo_bytes.shape.rank not in (rank, None):
        raise ValueError(
            f"Expected photo_bytes of rank {rank}. Received: shape={photo_bytes.shape}"
        )
    return tf.ensure_shape(photo_bytes, [None] * rank)


def _decode(photo_bytes, image_size, resize, max_pixels, with_reasons):
    """Decodes a batch; returns photos, and which are valid or the reasons why not."""
    _check_arguments(image_size, resize, max_pixels)
    photo_bytes = _as_strings(photo_bytes, rank=1)
    # Traced once in a process: eager calls, datasets and all signatures of an export share it.
    decode = _traced_decode_batch(image_size, resize, max_pixels, with_reasons)
    photos, states = decode(photo_bytes)
    photos = tf.ensure_shape(photos, [*photo_bytes.shape, image_size, image_size, 3])
    return photos, tf.ensure_shape(states, photo_bytes.shape)


def _decode_batch(photo_bytes, image_size, resize, max_pixels, with_reasons):
    count = tf.size(photo_bytes, out_type=tf.int64)
    decode = functools.partial(
        decode_photo, image_size=image_size, resize=resize, max_pixels=max_pixels
    )
    # A dataset is the only core construct in which one element can fail without the others.
    decoded = (
        tf.data.Dataset.from_tensor_slices(photo_bytes)
        .enumerate()
        .map(lambda place, photo: (place, decode(photo)), num_parallel_calls=tf.data.AUTOTUNE)
        .ignore_errors()
    )
    # Replaces every photo that failed, and keeps the batch from being empty.
    blank = tf.broadcast_to(tf.constant(MEAN_COLOUR), [image_size, image_size, 3])
    decoded = decoded.concatenate(tf.data.Dataset.from_tensors((count, blank)))
    places, photos = decoded.batch(count + 1).get_single_element()
    row_count = tf.size(places, out_type=tf.int64)
    # Row of each photo, counted from 1; 0 marks a photo that failed.
    rows = tf.scatter_nd(places[:, tf.newaxis], tf.range(1, row_count + 1), [count + 1])[:-1]
    valid = rows > 0
    photos = tf.gather(photos, tf.where(valid, rows, row_count) - 1)
    photos = tf.ensure_shape(photos, [*photo_bytes.shape, image_size, image_size, 3])
    return photos, _reasons(photo_bytes, valid, max_pixels) if with_reasons else valid


def _reasons(photo_bytes, valid, max_pixels):
    failed = tf.where(~valid)
    reasons = tf.map_fn(
        lambda place: failure_reason(photo_bytes[place[0]], max_pixels),
        failed,
        fn_output_signature=tf.int32,
    )
    return tf.scatter_nd(failed, reasons, tf.shape(valid, out_type=tf.int64))


@functools.lru_cache(maxsize=16)
def _traced_decode_batch(image_size, resize, max_pixels, with_reasons):
    return tf.function(
        lambda photo_bytes: _decode_batch(
            photo_bytes, image_size, resize, max_pixels, with_reasons
        ),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )


def _decode_png(photo_bytes):
    # Viewers show a photo whose end chunk is missing or cut; the decoder refuses it.
    photo_bytes = tf.cond(
        count_of(photo_bytes, _PNG_END[4:]) == 0,
        lambda: _with_png_end(photo_bytes),
        lambda: photo_bytes,
    )
    return _whole(tf.io.decode_png(require_few_png_texts(photo_bytes), channels=3))


@called_as_function(tf.TensorSpec([], tf.string))
def _with_png_end(photo_bytes):
    # The first four bytes are zeros, as the end of the chunk before may be.
    sizes = range(5, len(_PNG_END))
    length = length_of(photo_bytes)
    ends = [text_at(photo_bytes, tf.maximum(length - k, 0), k) == _PNG_END[:k] for k in sizes]
    missing = tf.constant([_PNG_END, *(_PNG_END[size:] for size in sizes)])
    end = tf.gather(missing, tf.argmax(tf.stack([tf.constant(False), *ends])))
    return tf.strings.join([photo_bytes, end])


def _decode_webp(photo_bytes):
    # Checked here because the decoder of TensorFlow 2.21 ends the process on an animation.
    photo_bytes = require(
        ~is_animated_webp(photo_bytes), photo_bytes, "a WebP of one photo", ["an animation"]
    )
    # Not decode_webp, because a server with TensorFlow 2.20 must be able to load the graph.
    pixels = tf.io.decode_image(photo_bytes, expand_animations=False)
    return _whole(tf.ensure_shape(pixels, [None, None, None])[..., :3])


def _decode_bmp(photo_bytes):
    compression = number_at(photo_bytes, 30, 4)
    is_plain = (compression == 0) | (compression == 3)
    photo_bytes = require(is_plain, photo_bytes, "an uncompressed BMP", ["method", compression])
    # Bytes after the end that the header states are not the photo's.
    stated = number_at(photo_bytes, 2, 4)
    stated = tf.where(stated > 0, stated, length_of(photo_bytes))
    pixels = tf.io.decode_bmp(text_at(photo_bytes, 0, stated))
    return _whole(
        tf.cond(
            tf.shape(pixels)[-1] == 1,
            lambda: tf.gather(bmp_palette(photo_bytes), tf.cast(pixels[..., 0], tf.int32)),
            lambda: pixels[..., :3],
        )
    )


def _resize(pixels, extent, image_size, resize):
    return resize_extent(pixels[tf.newaxis], extent, image_size, resize)[0]


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
