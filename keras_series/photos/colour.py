"""Embedded colour profiles, converted to sRGB.

A photo with an ICC profile of the matrix kind is converted as a viewer does: each channel passes
its tone curve, the linear values pass the profile's matrix to the connection space (CIE XYZ at D50,
with the chromatic adaptation in the matrix already), and from there to sRGB. Colours outside sRGB
are clipped, which is the relative colorimetric intent. Sources: ICC.1:2022, and for PNG without a
profile *Portable Network Graphics (third edition)*, W3C, and ITU-T H.273.

The conversion runs before the resize for small photos and after it for large ones. Profiles that
are tables (LUT) and profiles of other colour spaces than RGB and grey are ignored.
"""

from __future__ import annotations

import numpy as np
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

# From linear sRGB to XYZ at D50, as in the ICC profile of sRGB (IEC 61966-2-1).
_SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
# What a photo says of its colours, in order of precedence.
_KINDS = [
    int(kind)
    for kind in (
        Block.CODE_POINTS,
        Block.PROFILE,
        Block.PACKED_PROFILE,
        Block.SRGB,
        Block.GAMMA,
    )
]
# Levels at which tone curves are sampled, 0 to 255.
_LEVELS = np.arange(256) / 255
_MAX_TAGS = 64
_MAX_CURVE = 4096
# The number of parameters of parametric curves, by type.
_PARAMETER_COUNTS = (1, 3, 4, 5, 7)
# Chromaticities x, y of red, green, blue and white by their code point in H.273.
_CODE_POINT_PRIMARIES = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
}
# The tags of a grey and of an RGB profile, as numbers: columns of the matrix, then curves.
_TAGS = [
    [int.from_bytes(name, "big") for name in names]
    for names in (
        (b"rXYZ", b"gXYZ", b"bXYZ", b"kTRC", b"kTRC", b"kTRC"),
        (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"),
    )
]
_SRGB_TRANSFER = 13
_BT709_TRANSFERS = (1, 6, 14, 15)
# A gamma of 1 / 2.2 is how PNG writers say "sRGB" without the chunk for it.
_SRGB_GAMMA = 45455


def convert_to_srgb(pixels: tf.Tensor, photo_bytes: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
    """Converts pixels to sRGB by what the photo says of its colours.

    Args:
        pixels: float32 tensor `[H, W, 3]`, RGB 0-255.
        photo_bytes: Scalar string tensor. The encoded photo.
        blocks: int64 tensor `[blocks, 4]`, see `find_blocks`.

    Returns:
        float32 tensor `[H, W, 3]`, sRGB 0-255; `pixels` if there is nothing to convert.
    """
    converted = tf.cond(
        names_colours(blocks), lambda: _convert(pixels, photo_bytes, blocks), lambda: pixels
    )
    return tf.ensure_shape(converted, pixels.shape)


def names_colours(blocks: tf.Tensor) -> tf.Tensor:
    """Returns whether a photo says anything of its colours, a bool scalar tensor.

    Args:
        blocks: int64 tensor `[blocks, 4]`, see `find_blocks`.
    """
    return tf.reduce_any(tf.gather(present_kinds(blocks), _KINDS))


@called_as_function(
    tf.TensorSpec([None, None, 3], tf.float32),
    tf.TensorSpec([], tf.string),
    tf.TensorSpec([None, 4], tf.int64),
)
def _convert(pixels, photo_bytes, blocks):
    kinds = tf.constant(_KINDS, tf.int64)
    kind = kinds[tf.argmax(tf.gather(present_kinds(blocks), kinds))]
    content = joined_content(photo_bytes, blocks, kind)
    readers = {
        0: lambda: _read_profile(_unpacked(content, kind)),
        1: lambda: _read_code_points(content),
        2: lambda: _read_gamma(content, photo_bytes, blocks),
    }
    reader = tf.cast(kind == Block.CODE_POINTS, tf.int32)
    reader += 2 * tf.cast(kind == Block.GAMMA, tf.int32)
    is_known, curves, matrix = tf.switch_case(reader, readers)
    is_known &= kind != Block.SRGB
    return tf.cond(is_known, lambda: _apply(pixels, curves, matrix), lambda: pixels)


def _apply(pixels, curves, matrix):
    """Applies tone curves `[3, 256]` and a matrix to linear sRGB `[3, 3]`, and encodes."""
    level = tf.clip_by_value(pixels, 0.0, 255.0)
    low = tf.minimum(tf.cast(level, tf.int32), 254)
    fraction = level - tf.cast(low, tf.float32)
    channels = []
    for channel in range(3):
        curve = curves[channel]
        start, end = (tf.gather(curve, low[..., channel] + step) for step in (0, 1))
        channels.append(start + fraction[..., channel] * (end - start))
    linear = tf.einsum("ij,hwj->hwi", matrix, tf.stack(channels, axis=-1))
    return 255.0 * encode_srgb(tf.clip_by_value(linear, 0.0, 1.0))


def encode_srgb(linear: tf.Tensor) -> tf.Tensor:
    """Applies the transfer function of sRGB (IEC 61966-2-1) to linear values in [0, 1]."""
    # The power of a small number has an infinite slope, so it is kept out.
    power = 1.055 * tf.pow(tf.maximum(linear, 0.0031308), 1 / 2.4) - 0.055
    return tf.where(linear <= 0.0031308, 12.92 * linear, power)


# ICC profiles.


def _unpacked(content, kind):
    """The ICC profile in the content of a block."""

    def unpacked():
        # A name, a zero, the number of the compression method, and the stream.
        name_size = tf.argmax(bytes_at(content, 0, 80) == 0)
        return inflate(text_at(content, name_size + 2, length_of(content)))

    return tf.cond(kind == Block.PACKED_PROFILE, unpacked, lambda: content)


def _read_profile(profile):
    """Returns whether a profile can be converted, its curves and its matrix to linear sRGB."""
    space = text_at(profile, 16, 4)
    is_grey = space == b"GRAY"
    tags = _tags(profile, tf.where(is_grey, *(tf.constant(names, tf.int64) for names in _TAGS)))
    columns, curves = tags[:3], tags[3:]
    # The connection space of a grey profile is XYZ or Lab; its curve is the same.
    is_matrix = (space == b"RGB ") & (text_at(profile, 20, 4) == b"XYZ ")
    is_matrix &= tf.reduce_all(tf.strings.substr(columns, 0, 4) == b"XYZ ")
    is_known = (text_at(profile, 36, 4) == b"acsp") & (is_grey | is_matrix)
    sampled, is_curve = _sample_curves(curves)
    to_srgb = tf.matmul(
        tf.constant(np.linalg.inv(_SRGB_TO_XYZ), tf.float32), _fixed(columns, 3), transpose_b=True
    )
    return is_known & is_curve, sampled, tf.where(is_grey, tf.eye(3), to_srgb)


def _tags(profile, names):
    """The contents of tags, a string tensor of the shape of `names`; "" for one that is missing."""
    count = tf.minimum(number_at(profile, 128, 4, True), _MAX_TAGS)
    rows = tf.reshape(bytes_at(profile, 132, 12 * _MAX_TAGS), [_MAX_TAGS, 3, 4])
    table = join_bytes(rows, True)  # Name, offset and size.
    is_counted = tf.range(_MAX_TAGS, dtype=tf.int64) < count
    is_wanted = (table[:, 0] == names[:, tf.newaxis]) & is_counted
    found = tf.gather(table, tf.argmax(is_wanted, axis=1))
    found *= tf.cast(tf.reduce_any(is_wanted, axis=1), tf.int64)[:, tf.newaxis]
    starts = tf.minimum(found[:, 1], length_of(profile))
    return tf.strings.substr(tf.fill(tf.shape(starts), profile), starts, found[:, 2])


def _numbers(tags, start, count, size):
    """Unsigned numbers of so many bytes in each of some tags, int64 `[tags, count]`."""
    starts = tf.minimum(tf.cast(tf.strings.length(tags), tf.int64), start)
    texts = tf.strings.substr(tags, starts, tf.fill(tf.shape(starts), np.int64(count * size)))
    parts = tf.io.decode_raw(texts, tf.uint8, fixed_length=count * size)
    return join_bytes(tf.reshape(tf.cast(parts, tf.int64), [-1, count, size]), True)


def _fixed(tags, count, start=8):
    """Numbers of the type s15Fixed16 in each of some tags, float32 `[tags, count]`."""
    values = _numbers(tags, start, count, 4)
    values = tf.where(values >= 2**31, values - 2**32, values)
    return tf.cast(values, tf.float32) / 65536.0


def _sample_curves(tags):
    """The linear values of the levels 0 to 255, and whether all tags are curves.

    Args:
        tags: String tensor `[3]`.

    Returns:
        float32 tensor `[3, 256]` in [0, 1], and a bool scalar tensor.
    """
    names = tf.strings.substr(tags, 0, 4)
    is_parametric, is_table = names == b"para", names == b"curv"
    kind = tf.cast(_numbers(tags, 8, 1, 2), tf.int32)
    is_curve = is_table | (is_parametric & (kind[:, 0] < len(_PARAMETER_COUNTS)))
    sampled = tf.where(is_parametric[:, tf.newaxis], _parametric(tags, kind), _table(tags))
    sampled = tf.where(tf.math.is_finite(sampled), sampled, 0.0)
    return tf.clip_by_value(sampled, 0.0, 1.0), tf.reduce_all(is_curve)


def _table(tags):
    """Curves of the type `curv`: no number for linear, one for a power, or a table."""
    levels = tf.constant(_LEVELS[np.newaxis], tf.float32)
    count = _numbers(tags, 8, 1, 4)
    values = tf.cast(_numbers(tags, 12, _MAX_CURVE, 2), tf.float32)
    power = tf.pow(levels, values[:, :1] / 256.0)
    last = tf.cast(tf.clip_by_value(count, 2, _MAX_CURVE), tf.int32) - 1
    place = levels * tf.cast(last, tf.float32)
    low = tf.minimum(tf.cast(place, tf.int32), last - 1)
    start, end = (tf.gather(values, low + step, batch_dims=1) / 65535.0 for step in (0, 1))
    table = start + (place - tf.cast(low, tf.float32)) * (end - start)
    return tf.where(count == 0, levels, tf.where(count == 1, power, table))


def _parametric(tags, kind):
    """Curves of the type `para` by their parameters g, a, b, c, d, e, f; ICC.1:2022, table 68."""
    kind = tf.minimum(kind, len(_PARAMETER_COUNTS) - 1)
    known = tf.sequence_mask(tf.gather(_PARAMETER_COUNTS, kind[:, 0]), 7, tf.float32)
    g, a, b, c, d, e, f = tf.split(_fixed(tags, 7, start=12) * known, 7, axis=1)
    x = tf.constant(_LEVELS[np.newaxis], tf.float32)
    # The types as special cases of type 4, (a x + b) ** g + e from d on and c x + f below.
    a = tf.where(kind == 0, 1.0, a)
    threshold = tf.where((kind == 1) | (kind == 2), -b / a, d)
    offset_above = tf.where(kind == 2, c, e)
    offset_below = tf.where(kind == 2, c, f)
    slope = tf.where(kind <= 2, 0.0, c)
    above = tf.pow(tf.maximum(a * x + b, 0.0), g) + offset_above
    return tf.where((kind == 0) | (x >= threshold), above, slope * x + offset_below)


# PNG without a profile.


def _read_code_points(chunk):
    primaries, transfer = (number_at(chunk, place, 1) for place in (0, 1))
    x = _LEVELS
    decoded = {
        "srgb": np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4),
        "bt709": np.where(x < 0.081, x / 4.5, ((x + 0.099) / 1.099) ** (1 / 0.45)),
    }
    is_bt709 = tf.reduce_any(transfer == tf.constant(_BT709_TRANSFERS, tf.int64))
    curve = tf.where(
        is_bt709,
        tf.constant(decoded["bt709"], tf.float32),
        tf.constant(decoded["srgb"], tf.float32),
    )
    codes = tf.constant(list(_CODE_POINT_PRIMARIES), tf.int64)
    matrices = tf.constant(
        np.stack([_to_srgb(*each) for each in _CODE_POINT_PRIMARIES.values()]), tf.float32
    )
    is_known = tf.reduce_any(codes == primaries) & (is_bt709 | (transfer == _SRGB_TRANSFER))
    matrix = tf.gather(matrices, tf.argmax(codes == primaries))
    return is_known, tf.tile(curve[tf.newaxis], [3, 1]), matrix


def _to_srgb(xr, yr, xg, yg, xb, yb, xw, yw):
    """The matrix from linear RGB of these chromaticities to linear sRGB, by NumPy."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in ((xr, yr), (xg, yg), (xb, yb))]).T
    white = np.array([xw / yw, 1.0, (1 - xw - yw) / yw])
    to_xyz = columns * np.linalg.solve(columns, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ to_xyz
    return np.linalg.inv(_SRGB_TO_XYZ) @ adapted


def _read_gamma(chunk, photo_bytes, blocks):
    gamma = number_at(chunk, 0, 4, True)
    exponent = 100000.0 / tf.cast(tf.maximum(gamma, 1), tf.float32)
    curve = tf.pow(tf.constant(_LEVELS, tf.float32), exponent)
    is_known = (gamma > 0) & (tf.abs(gamma - _SRGB_GAMMA) > 10)
    matrix, has_primaries = _read_primaries(joined_content(photo_bytes, blocks, Block.PRIMARIES))
    return is_known | has_primaries, tf.tile(curve[tf.newaxis], [3, 1]), matrix


def _read_primaries(chunk):
    """The matrix of a chunk cHRM, and whether it differs from that of sRGB."""
    values = join_bytes(tf.reshape(bytes_at(chunk, 0, 32), [8, 4]), True)
    xy = tf.reshape(tf.cast(values, tf.float32) / 100000.0, [4, 2])
    x, y = xy[:, 0], tf.maximum(xy[:, 1], 1e-3)
    xyz = tf.stack([x / y, tf.ones_like(x), (1 - x - y) / y])
    white, columns = xyz[:, 0], xyz[:, 1:]
    is_regular = tf.abs(tf.linalg.det(columns)) > 1e-3
    columns = tf.where(is_regular, columns, tf.eye(3))
    to_xyz = columns * tf.linalg.solve(columns, white[:, tf.newaxis])[:, 0]
    bradford = tf.constant(_BRADFORD, tf.float32)
    cones = tf.linalg.matvec(bradford, tf.constant(_D50, tf.float32)) / tf.linalg.matvec(
        bradford, white
    )
    adapt = tf.constant(np.linalg.inv(_BRADFORD), tf.float32) @ (cones[:, tf.newaxis] * bradford)
    matrix = tf.constant(np.linalg.inv(_SRGB_TO_XYZ), tf.float32) @ adapt @ to_xyz
    differs = tf.reduce_max(tf.abs(matrix - tf.eye(3))) > 0.01
    return matrix, is_regular & differs
