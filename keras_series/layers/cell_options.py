"""What the two attention cells share: their options and the pooling of their context."""

from keras import ops

POOLINGS = ("average", "maximum", "both")
GATES = ("sigmoid", "released")


def check_option(name, value, options):
    """Raises a `ValueError` that lists `options` unless `value` is one of them."""
    if value not in options:
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"Expected `{name}` to be one of: {listed}. Received: {name}={value!r}")


def check_cell_shapes(features_shape, context_shape):
    """Raises a `ValueError` unless both are one shape `[batch, height, width, channels]`."""
    if len(features_shape) != 4 or tuple(features_shape) != tuple(context_shape):
        raise ValueError(
            "Expected features and context of one shape [batch, height, width, channels]. "
            f"Received: features.shape={tuple(features_shape)}, "
            f"context.shape={tuple(context_shape)}"
        )


def pool_context(context, pooling, axis):
    """Mean, maximum or their sum over `axis`, which is kept with length 1."""
    if pooling == "average":
        return ops.mean(context, axis=axis, keepdims=True)
    maximum = ops.max(context, axis=axis, keepdims=True)
    if pooling == "maximum":
        return maximum
    return ops.mean(context, axis=axis, keepdims=True) + maximum
