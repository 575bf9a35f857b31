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
class CACell(keras.layers.Layer):
    """Channel attention cell: weights each channel of a feature map by its context.

    The computation follows the steps:

    1. Pool the context over space, `z_c = mean(c) + max(c)`, one number per channel.
    2. Pass it through a bottleneck and gate it, `a_c = sigmoid(W2 relu(W1 z_c))`, where `W1` maps
       `channels` to `channels // reduction_ratio` and `W2` maps back. Neither has a bias.
    3. Multiply every position of the features by the gate, `f_c = l * a_c`.

    Source: the CA-Cell of Huang et al., *Learning multi-scale attentive features for series photo
    selection* (ICASSP 2020).

    Args:
        reduction_ratio: Integer, at least 1. The factor by which the bottleneck is narrower than
            its input. The bottleneck keeps at least one channel. Defaults to `16`.
        pooling: String, `"average"`, `"maximum"` or `"both"` (their sum). The pooling of step 1;
            table 4 of the paper compares the three. Defaults to `"both"`.
        gate: String, `"sigmoid"` (the paper) or `"released"`. The code that the authors released
            omits the sigmoid of step 2. Defaults to `"sigmoid"`.

    Call arguments:
        features: Float tensor `l` of shape `[batch, height, width, channels]`.
        context: Float tensor `c` of the same shape.

    Output:
        The recalibrated features, a float tensor of the same shape.

    Example:

    >>> import numpy as np
    >>> from keras_series.layers import CACell
    >>> features = np.ones((2, 7, 7, 32), dtype="float32")
    >>> context = np.zeros((2, 7, 7, 32), dtype="float32")
    >>> recalibrated = CACell(reduction_ratio=8)(features, context)
    >>> tuple(recalibrated.shape), float(recalibrated[0, 0, 0, 0])
    ((2, 7, 7, 32), 0.5)
    """

    def __init__(self, reduction_ratio=16, pooling="both", gate="sigmoid", **kwargs):
        super().__init__(**kwargs)
        if not isinstance(reduction_ratio, int) or reduction_ratio < 1:
            raise ValueError(
                "Expected `reduction_ratio` to be a positive integer. "
                f"Received: reduction_ratio={reduction_ratio!r}"
            )
        check_option("pooling", pooling, POOLINGS)
        check_option("gate", gate, GATES)
        self.reduction_ratio = reduction_ratio
        self.pooling = pooling
        self.gate = gate

    def build(self, features_shape, context_shape):
        check_cell_shapes(features_shape, context_shape)
        channels = context_shape[-1]
        bottleneck = max(channels // self.reduction_ratio, 1)
        self.squeeze = keras.layers.Dense(
            bottleneck,
            activation="relu",
            use_bias=False,
            dtype=self.dtype_policy,
            name="squeeze",
        )
        self.excite = keras.layers.Dense(
            channels, use_bias=False, dtype=self.dtype_policy, name="excite"
        )
        self.squeeze.build((context_shape[0], 1, 1, channels))
        self.excite.build((context_shape[0], 1, 1, bottleneck))

    def call(self, features, context):
        return features * self.attention(context)

    def attention(self, context):
        """Returns the gate `a_c`, of shape `[batch, 1, 1, channels]`."""
        pooled = pool_context(context, self.pooling, axis=(1, 2))
        excitation = self.excite(self.squeeze(pooled))
        return ops.sigmoid(excitation) if self.gate == "sigmoid" else excitation

    def pooled(self, features, context):
        """Returns the mean over space of `cell(features, context)`, without computing that map.

        The gate is the same at every position, so `mean(l * a_c) = a_c * mean(l)`.
        """
        attention = ops.squeeze(self.attention(context), axis=(1, 2))
        return attention * ops.mean(features, axis=(1, 2))

    def compute_output_shape(self, features_shape, context_shape):
        return tuple(features_shape)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "reduction_ratio": self.reduction_ratio,
                "pooling": self.pooling,
                "gate": self.gate,
            }
        )
        return config
