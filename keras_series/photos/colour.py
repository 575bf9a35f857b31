"""Embedded colour profiles, converted to sRGB.

A photo with an ICC profile of the matrix kind is converted as a viewer does: each channel passes
its tone curve, the linear values pass the profile's matrix to the connection space (CIE XYZ at D50,
with the chromatic adaptation in the matrix already), and from there to sRGB. Colours outside sRGB
are clipped, which is the relative colorimetric intent. Sources: ICC.1:2022, and for PNG without a
profile *Portable Network Graphics (third edition)*, W3C, and ITU-T H.273.

The conversion runs on the small square after the resize. Profiles that are tables (LUT) and
profiles of other colour spaces than RGB and grey are ignored.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keras_series.photos.byte_strings import (
    bytes_at,
    join_bytes,
    length_of,
    number_at,
    text_at,
)
from keras_series.photos.metadata import Block, contents_of, present_kinds
from keras_series.photos.orientation import inflate

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
_SRGB_TRANSFER = 13
_BT709_TRANSFERS = (1, 6, 14, 15)
# A gamma of 1 / 2.2 is how PNG writers say "sRGB" without the chunk for it.
_SRGB_GAMMA = 45455


def convert_to_srgb(square: tf.Tensor, photo_bytes: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
    """Converts pixels to sRGB by what the photo says of its colours.

    Args:
        square: float32 tensor `[H, W, 3]`, RGB 0-255.
        photo_bytes: Scalar string tensor. The encoded photo.
        blocks: int64 tensor `[blocks, 4]`, see `find_blocks`.

    Returns:
        float32 tensor `[H, W, 3]`, sRGB 0-255; `square` if there is nothing to convert.
    """
    present = present_kinds(blocks)
    has_profile = present[Block.PROFILE] | present[Block.PACKED_PROFILE]

    def first(kind):
        return contents_of(photo_bytes, blocks, kind)[0]

    # What a photo says of its colours, in order of precedence.
    readers = (
        (present[Block.CODE_POINTS], lambda: _read_code_points(first(Block.CODE_POINTS))),
        (has_profile, lambda: _read_profile(_profile(photo_bytes, blocks, present))),
        (present[Block.SRGB], _no_conversion),
        (present[Block.GAMMA], lambda: _read_gamma(first(Block.GAMMA), photo_bytes, blocks)),
    )
    said = tf.stack([is_said for is_said, _ in readers])

    def convert():
        place = tf.argmax(said, output_type=tf.int32)
        is_known, curves, matrix = tf.switch_case(place, [reader for _, reader in readers])
        return tf.cond(is_known, lambda: _apply(square, curves, matrix), lambda: square)

    return tf.cond(tf.reduce_any(said), convert, lambda: square)


def _apply(square, curves, matrix):
    """Applies tone curves `[3, 256]` and a matrix to linear sRGB `[3, 3]`, and encodes."""
    level = tf.clip_by_value(square, 0.0, 255.0)
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


def _no_conversion():
    return tf.constant(False), tf.zeros([3, 256]), tf.eye(3)


def _profile(photo_bytes, blocks, present):
    """The ICC profile of a photo: its parts joined, or unpacked."""

    def unpacked():
        chunk = contents_of(photo_bytes, blocks, Block.PACKED_PROFILE)[0]
        # A name, a zero, the number of the compression method, and the stream.
        name_size = tf.argmax(bytes_at(chunk, 0, 80) == 0)
        return inflate(text_at(chunk, name_size + 2, length_of(chunk)))

    def joined():
        return tf.strings.reduce_join(contents_of(photo_bytes, blocks, Block.PROFILE))

    return tf.cond(present[Block.PACKED_PROFILE], unpacked, joined)


# ICC profiles.


def _read_profile(profile):
    """Returns whether a profile can be converted, its curves and its matrix to linear sRGB."""
    count = tf.minimum(number_at(profile, 128, 4, True), _MAX_TAGS)
    rows = tf.reshape(bytes_at(profile, 132, 12 * _MAX_TAGS), [_MAX_TAGS, 3, 4])
    table = join_bytes(rows, True)  # Name, offset and size.
    is_counted = tf.range(_MAX_TAGS, dtype=tf.int64) < count

    def tag(name):
        is_wanted = is_counted & (table[:, 0] == int.from_bytes(name, "big"))
        row = table[tf.argmax(is_wanted)]
        content = text_at(profile, row[1], row[2])
        return tf.where(tf.reduce_any(is_wanted), content, tf.constant(b""))

    space = text_at(profile, 16, 4)
    is_grey = space == b"GRAY"
    columns = [tag(name) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    # The connection space of a grey profile is XYZ or Lab; its curve is the same.
    grey = tag(b"kTRC")
    curves = tf.stack([tf.where(is_grey, grey, tag(name)) for name in (b"rTRC", b"gTRC", b"bTRC")])
    is_matrix = (space == b"RGB ") & (text_at(profile, 20, 4) == b"XYZ ")
    for column in columns:
        is_matrix &= text_at(column, 0, 4) == b"XYZ "
    is_known = (text_at(profile, 36, 4) == b"acsp") & (is_grey | is_matrix)
    is_known &= tf.reduce_all(tf.map_fn(_is_curve, curves, fn_output_signature=tf.bool))

    def read():
        to_xyz = tf.stack([_fixed(column, 8, 3) for column in columns], axis=-1)
        to_srgb = tf.matmul(tf.constant(np.linalg.inv(_SRGB_TO_XYZ), tf.float32), to_xyz)
        sampled = tf.map_fn(_curve, curves, fn_output_signature=tf.TensorSpec([256], tf.float32))
        return tf.constant(True), sampled, tf.where(is_grey, tf.eye(3), to_srgb)

    return tf.cond(is_known, read, _no_conversion)


def _fixed(text, position, count):
    """Numbers of the type s15Fixed16, float32 `[count]`."""
    values = join_bytes(tf.reshape(bytes_at(text, position, 4 * count), [count, 4]), True)
    values = tf.where(values >= 2**31, values - 2**32, values)
    return tf.cast(values, tf.float32) / 65536.0


def _is_curve(tag):
    kind = text_at(tag, 0, 4)
    return (kind == b"curv") | ((kind == b"para") & (number_at(tag, 8, 2, True) <= 4))


def _curve(tag):
    """The linear values of the levels 0 to 255, float32 `[256]` in [0, 1]."""
    sampled = tf.cond(text_at(tag, 0, 4) == b"para", lambda: _parametric(tag), lambda: _table(tag))
    return tf.clip_by_value(tf.where(tf.math.is_finite(sampled), sampled, 0.0), 0.0, 1.0)


def _table(tag):
    count = number_at(tag, 8, 4, True)
    levels = tf.constant(_LEVELS, tf.float32)

    def power():
        return tf.pow(levels, tf.cast(number_at(tag, 12, 2, True), tf.float32) / 256.0)

    def interpolated():
        size = tf.cast(tf.minimum(count, _MAX_CURVE), tf.int32)
        values = join_bytes(tf.reshape(bytes_at(tag, 12, 2 * _MAX_CURVE), [-1, 2]), True)
        values = tf.cast(values, tf.float32) / 65535.0
        place = levels * tf.cast(size - 1, tf.float32)
        low = tf.minimum(tf.cast(place, tf.int32), size - 2)
        start, end = tf.gather(values, low), tf.gather(values, low + 1)
        return start + (place - tf.cast(low, tf.float32)) * (end - start)

    case = tf.cast(tf.minimum(count, 2), tf.int32)
    return tf.switch_case(case, [lambda: levels, power, interpolated])


def _parametric(tag):
    """A curve by its parameters g, a, b, c, d, e, f; ICC.1:2022, table 68."""
    kind = tf.cast(tf.minimum(number_at(tag, 8, 2, True), 4), tf.int32)
    known = tf.cast(tf.sequence_mask(tf.gather(_PARAMETER_COUNTS, kind), 7), tf.float32)
    g, a, b, c, d, e, f = tf.unstack(_fixed(tag, 12, 7) * known)
    x = tf.constant(_LEVELS, tf.float32)
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
    matrix, has_primaries = tf.cond(
        present_kinds(blocks)[Block.PRIMARIES],
        lambda: _read_primaries(contents_of(photo_bytes, blocks, Block.PRIMARIES)[0]),
        lambda: (tf.eye(3), tf.constant(False)),
    )
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
