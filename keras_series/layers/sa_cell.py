import keras
from keras import ops

from keras_series.layers.cell_options import (
    GATES,
    POOLINGS,
    check_cell_shapes,
    pool_context,
)
from keras_series.utils.arguments import check_option


@keras.saving.register_keras_serializable(package="keras_series")
class SACell(keras.layers.Layer):
    """Spatial attention cell: weights each position of a feature map by its context.

    The computation follows the steps:

    1. Pool the context over the channels, `z_s = mean(c) + max(c)`, one number per position.
    2. Gate it, `a_s = sigmoid(z_s)`.
    3. Multiply every channel of the features by the gate, `f_s = l * a_s`.

    The cell has no weights. Source: the SA-Cell of Huang et al., *Learning multi-scale attentive
    features for series photo selection* (ICASSP 2020).

    Args:
        pooling: String, `"average"`, `"maximum"` or `"both"` (their sum). The pooling of step 1;
            table 4 of the paper compares the three. Defaults to `"both"`.
        gate: String, `"sigmoid"` (the paper) or `"released"`. The code that the authors released
            has a ReLU in step 2 instead of the sigmoid. Defaults to `"sigmoid"`.

    Call arguments:
        features: Float tensor `l` of shape `[batch, height, width, channels]`.
        context: Float tensor `c` of the same shape.

    Output:
        The recalibrated features, a float tensor of the same shape.

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
        """Returns the gate `a_s`, of shape `[batch, height, width, 1]`."""
        pooled = pool_context(context, self.pooling, axis=-1)
        return ops.sigmoid(pooled) if self.gate == "sigmoid" else ops.relu(pooled)

    def pooled(self, features, context):
        """Returns the mean over space of `cell(features, context)`, without computing that map.

        `mean(l * a_s)` is one product of a `[1, positions]` and a `[positions, channels]` matrix.
        """
        _, height, width, channels = ops.shape(features)
        positions = height * width
        attention = self.attention(context)
        # Divided before the product, since the sum could exceed the range of float16.
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
