"""Numbers and texts at positions of a byte string, in TensorFlow core operations.

Past the end of the string, numbers are 0 and texts are empty.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Compressed texts are not unpacked beyond this size; they would take too much memory.
_MAX_PACKED = 2**16


def called_as_function(*specs: tf.TensorSpec) -> Callable:
    """Returns a decorator that keeps a function out of the graph that calls it.

    TensorFlow optimises the graph of every dataset and session anew. What few photos need is
    optimised only where it is called, and what is called in several places is there once.

    The function must not fail at run time. TensorFlow would cancel what runs beside it before it
    reports the error, and could report the cancellation, which no dataset ignores, instead.

    Args:
        *specs: `tf.TensorSpec` of the arguments.
    """
    return tf.function(
        input_signature=specs, autograph=False, experimental_attributes={"_noinline": True}
    )


def text_at(text: tf.Tensor, position: tf.Tensor | int, count: tf.Tensor | int) -> tf.Tensor:
    """Returns the `count` bytes that start at `position`, as a scalar string tensor."""
    start = _as_int64(position)
    if not (isinstance(position, int) and position == 0):
        start = tf.minimum(start, length_of(text))
    return tf.strings.substr(text, start, _as_int64(count))


def length_of(text: tf.Tensor) -> tf.Tensor:
    """Returns the number of bytes, an int64 scalar tensor."""
    return tf.cast(tf.strings.length(text), tf.int64)


def count_of(text: tf.Tensor, part: bytes) -> tf.Tensor:
    """Returns how often `part` is in `text`, an int32 scalar tensor."""
    return tf.size(tf.strings.split(text, part)) - 1


def bytes_at(text: tf.Tensor, position: tf.Tensor | int, count: int) -> tf.Tensor:
    """Returns the `count` bytes that start at `position`, as an int64 tensor `[count]`."""
    padded = tf.io.decode_raw(text_at(text, position, count), tf.uint8, fixed_length=count)
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
        position: Integer or integer scalar tensor, at least 0.
        count: Integer, at least 1. Number of bytes.
        big_endian: Boolean or bool scalar tensor. Whether the most significant byte comes first.
            Defaults to `False`.

    Returns:
        int64 scalar tensor.
    """
    return join_bytes(bytes_at(text, position, count), big_endian)


def join_bytes(parts: tf.Tensor, big_endian: tf.Tensor | bool) -> tf.Tensor:
    """Joins bytes along the last axis to unsigned integers.

    Args:
        parts: int64 tensor `[..., count]` of bytes.
        big_endian: Boolean or bool scalar tensor. Whether the most significant byte comes first.

    Returns:
        int64 tensor `[...]`.
    """
    weights = [256**place for place in range(parts.shape[-1])]
    if isinstance(big_endian, bool):
        weights = weights[::-1] if big_endian else weights
    else:
        parts = tf.where(big_endian, tf.reverse(parts, [-1]), parts)
    return tf.reduce_sum(parts * tf.constant(weights, tf.int64), axis=-1)


def inflate(packed: tf.Tensor) -> tf.Tensor:
    """Decompresses a zlib stream; "" if it is damaged or too large."""

    def unpack(text):
        return tf.io.decode_compressed(text, "ZLIB")

    dataset = tf.data.Dataset.from_tensors(packed).filter(
        lambda text: length_of(text) <= _MAX_PACKED
    )
    unpacked = dataset.map(unpack).ignore_errors()
    return unpacked.reduce(tf.constant(b""), lambda _, text: text)


def _as_int64(number):
    # A Python number becomes one operation. `tf.cast` would make two.
    return tf.constant(number, tf.int64) if isinstance(number, int) else tf.cast(number, tf.int64)
