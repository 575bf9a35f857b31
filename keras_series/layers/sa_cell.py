import keras
from keras import ops

from keras_series.layers.cell_options import (
    GATES,
    POOLINGS,
    check_cell_shapes,
    check_option,
    pool_context,
)


@keras.saving.register_keras_serializable(package="keras_series")
class SACell(keras.layers.Layer):
    """Spatial attention cell: weighs each position of a feature map by its context.

    The calculation follows the steps:

    1. Pool the context over the channels, `z_s = mean(c) + max(c)`, one number a position.
    2. Gate it, `a_s = sigmoid(z_s)`.
    3. Weigh every channel of the features by it, `f_s = l * a_s`.

    The cell has no weights. Source: the SA-Cell of Huang et al., *Learning multi-scale attentive
    features for series photo selection* (ICASSP 2020).

    Args:
        pooling: `"average"`, `"maximum"` or `"both"` (their sum): step 1. Table 4 of the paper
            compares the three. Defaults to `"both"`.
        gate: `"sigmoid"` (the paper) or `"released"`: the code that the authors released has a
            ReLU in step 2 instead of the sigmoid. Defaults to `"sigmoid"`.

    Call arguments:
        features: `l`, of shape `[batch, height, width, channels]`.
        context: `c`, of the same shape.

    Output:
        The recalibrated features, of the same shape.

    Example:

    >>> import numpy as np
    >>> from keras_series.layers import SACell
    >>> features = np.ones((2, 7, 7, 8), dtype="float32")
    >>> context = np.zeros((2, 7, 7, 8), dtype="float32")
    >>> recalibrated = SACell()(features, context)
    >>> tuple(recalibrated.shape), float(recalibrated[0, 0, 0, 0])
    ((2, 7, 7, 8), 0.5)
    """

    def __init__(self, pooling="both", gate="sigmoid", **kwargs):
        super().__init__(**kwargs)
        check_option("pooling", pooling, POOLINGS)
        check_option("gate", gate, GATES)
        self.pooling = pooling
        self.gate = gate

    def build(self, features_shape, context_shape):
        check_cell_shapes(features_shape, context_shape)

    def call(self, features, context):
        return features * self.attention(context)

    def attention(self, context):
        """The gate `a_s`, of shape `[batch, height, width, 1]`."""
        pooled = pool_context(context, self.pooling, axis=-1)
        return ops.sigmoid(pooled) if self.gate == "sigmoid" else ops.relu(pooled)

    def pooled(self, features, context):
        """The mean over space of `cell(features, context)`, without writing that map.

        `mean(l * a_s)` is one product of a `[1, positions]` and a `[positions, channels]` matrix.
        """
        _, height, width, channels = ops.shape(features)
        positions = height * width
        attention = self.attention(context)
        # Divided before the product, whose sum could leave the range of float16.
        weights = attention / ops.cast(positions, attention.dtype)
        weights = ops.reshape(weights, (-1, 1, positions))
        features = ops.reshape(features, (-1, positions, channels))
        return ops.squeeze(ops.matmul(weights, features), axis=1)

    def compute_output_shape(self, features_shape, context_shape):
        return tuple(features_shape)

    def get_config(self):
        config = super().get_config()
        config.update({"pooling": self.pooling, "gate": self.gate})
        return config
