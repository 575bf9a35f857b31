"""Options of the two attention cells, and the pooling of their context."""

from collections.abc import Sequence
from typing import Any

from keras import ops

POOLINGS = ("average", "maximum", "both")
GATES = ("sigmoid", "released")


def check_cell_shapes(
    features_shape: Sequence[int | None], context_shape: Sequence[int | None]
) -> None:
    """Raises an error unless both shapes are the same `[batch, height, width, channels]`.

    Args:
        features_shape: Sequence of integers, `None` where unknown. Shape of the features.
        context_shape: Sequence of integers, `None` where unknown. Shape of the context.

    Raises:
        ValueError: If the shapes differ or are not of rank 4.
    """
    if len(features_shape) != 4 or tuple(features_shape) != tuple(context_shape):
        raise ValueError(
            "Expected features and context of the same shape [batch, height, width, channels]. "
            f"Received: features.shape={tuple(features_shape)}, "
            f"context.shape={tuple(context_shape)}"
        )


def pool_context(context: Any, pooling: str, axis: int | tuple[int, ...]) -> Any:
    """Returns the mean, the maximum or their sum over `axis`, which is kept with length 1.

    Args:
        context: Float tensor of the Keras backend, `[batch, height, width, channels]`.
        pooling: String, one of `POOLINGS`.
        axis: Integer or tuple of integers. The axes to pool over.

    Returns:
        Float tensor of the Keras backend, of the same rank as `context`.
    """
    if pooling == "average":
        return ops.mean(context, axis=axis, keepdims=True)
    maximum = ops.max(context, axis=axis, keepdims=True)
    if pooling == "maximum":
        return maximum
    return ops.mean(context, axis=axis, keepdims=True) + maximum
