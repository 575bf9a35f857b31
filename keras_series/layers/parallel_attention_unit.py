import keras
from keras import ops

from keras_series.layers.ca_cell import CACell
from keras_series.layers.cell_options import GATES, POOLINGS
from keras_series.layers.sa_cell import SACell
from keras_series.utils.arguments import check_option

# The cells of each arrangement, in the order in which they are applied or concatenated.
ARRANGEMENTS = {
    "none": (),
    "channel": ("channel",),
    "spatial": ("spatial",),
    "channel-spatial": ("channel", "spatial"),
    "spatial-channel": ("spatial", "channel"),
    "parallel": ("spatial", "channel"),
}


@keras.saving.register_keras_serializable(package="keras_series")
class ParallelAttentionUnit(keras.layers.Layer):
    """Parallel attention unit (PAU): turns the feature map of a stage into one attentive vector.

    The computation follows the steps:

    1. Two 1x1 convolutions give the pseudo-query, `l' = conv2(conv1(l))`.
    2. The context is its elementwise product with the features, `c = l * l'`.
    3. The two cells recalibrate the features, `f_s = SACell(l, c)` and `f_c = CACell(l, c)`.
    4. Each is averaged over space and the two are concatenated, `[mean(f_s), mean(f_c)]`.

    Steps 3 and 4 are computed together by the identities `mean(l * a_c) = a_c * mean(l)` and
    `mean(l * a_s) = a_s . l / positions` (one matrix product), so the recalibrated maps are never
    written to memory. The method `attend` returns the maps themselves.

    Source: Huang et al., *Learning multi-scale attentive features for series photo selection*
    (ICASSP 2020). Where the paper is silent, this is our reading:

    - The convolutions of step 1 keep the number of channels, have biases, and have no activation
      between them or after them.
    - In the arrangements `"channel-spatial"` and `"spatial-channel"`, the second cell takes the
      output of the first, `f1`, and its context is computed from that output by the same
      convolutions, `c2 = f1 * conv2(conv1(f1))`.
    - The arrangement `"none"` is the plain mean of the features, without convolutions.

    The PyTorch code that the authors released differs from their paper: neither gate has a sigmoid
    (the SA-Cell has a ReLU and the CA-Cell nothing, as with `gate="released"`), one fully connected
    layer follows instead of three, and the two streams do not share their units. This project
    follows the paper, except for the gates if `gate="released"`.

    Args:
        arrangement: String. The cells and their order: `"parallel"` (the paper), `"none"`, a single
            cell, `"channel"` or `"spatial"`, or two cells in sequence, `"channel-spatial"` or
            `"spatial-channel"`. Table 3 of the paper compares the six. Defaults to `"parallel"`.
        reduction_ratio: Integer, at least 1. The factor by which the bottleneck of the CA-Cell is
            narrower than its input. Defaults to `16`.
        pooling: String, `"average"`, `"maximum"` or `"both"` (their sum). How the cells pool their
            context. Defaults to `"both"`.
        gate: String, `"sigmoid"` (the paper) or `"released"` (the authors' code). Defaults to
            `"sigmoid"`.

    Input shape:
        `[batch, height, width, channels]`.

    Output shape:
        `[batch, 2 * channels]` for `"parallel"`, with the half of the SA-Cell first;
        `[batch, channels]` for the other arrangements.

    Example:

    >>> import numpy as np
    >>> from keras_series.layers import ParallelAttentionUnit
    >>> features = np.ones((2, 7, 7, 32), dtype="float32")
    >>> unit = ParallelAttentionUnit()
    >>> tuple(unit(features).shape)
    (2, 64)
    >>> spatial, channel = unit.attend(features)
    >>> tuple(spatial.shape), tuple(channel.shape)
    ((2, 7, 7, 32), (2, 7, 7, 32))
    """

    def __init__(
        self, arrangement="parallel", reduction_ratio=16, pooling="both", gate="sigmoid", **kwargs
    ):
        super().__init__(**kwargs)
        check_option("arrangement", arrangement, ARRANGEMENTS)
        check_option("pooling", pooling, POOLINGS)
        check_option("gate", gate, GATES)
        self.arrangement = arrangement
        self.reduction_ratio = reduction_ratio
        self.pooling = pooling
        self.gate = gate

    def build(self, features_shape):
        if len(features_shape) != 4:
            raise ValueError(
                "Expected features of rank 4 [batch, height, width, channels]. "
                f"Received: shape={tuple(features_shape)}"
            )
        self.cells = [self._cell(kind) for kind in ARRANGEMENTS[self.arrangement]]
        for cell in self.cells:
            cell.build(features_shape, features_shape)
        self.query_convolutions = [
            keras.layers.Conv2D(features_shape[-1], 1, dtype=self.dtype_policy, name=name)
            for name in (("query_1", "query_2") if self.cells else ())
        ]
        for convolution in self.query_convolutions:
            convolution.build(features_shape)

    def call(self, features):
        if not self.cells:
            return ops.mean(features, axis=(1, 2))
        if self.arrangement == "parallel":
            context = self._context(features)
            pooled = [cell.pooled(features, context) for cell in self.cells]
            return ops.concatenate(pooled, axis=-1)
        for cell in self.cells[:-1]:
            features = cell(features, self._context(features))
        return self.cells[-1].pooled(features, self._context(features))

    def attend(self, features):
        """Returns the recalibrated maps, whose means over space are the output of the unit.

        Args:
            features: Float tensor of shape `[batch, height, width, channels]`.

        Returns:
            A tuple of the maps `(f_s, f_c)` for the arrangement `"parallel"`, one map for the
            others. Each map has the shape of the features.
        """
        if not self.built:
            self.build(features.shape)
        if self.arrangement == "parallel":
            context = self._context(features)
            return tuple(cell(features, context) for cell in self.cells)
        for cell in self.cells:
            features = cell(features, self._context(features))
        return features

    def spatial_gate(self, features):
        """Returns the gate of the SA-Cell, which shows where the unit looks.

        Args:
            features: Float tensor of shape `[batch, height, width, channels]`.

        Returns:
            Float tensor of shape `[batch, height, width, 1]`, or `None` for an arrangement without
            an SA-Cell.
        """
        if not self.built:
            self.build(features.shape)
        for cell in self.cells:
            context = self._context(features)
            if isinstance(cell, SACell):
                return cell.attention(context)
            features = cell(features, context)
        return None

    def _cell(self, kind):
        options = {
            "pooling": self.pooling,
            "gate": self.gate,
            "dtype": self.dtype_policy,
            "name": f"{kind}_cell",
        }
        if kind == "channel":
            return CACell(reduction_ratio=self.reduction_ratio, **options)
        return SACell(**options)

    def _context(self, features):
        query = features
        for convolution in self.query_convolutions:
            query = convolution(query)
        return features * query

    def compute_output_shape(self, features_shape):
        vectors = 2 if self.arrangement == "parallel" else 1
        return (features_shape[0], vectors * features_shape[-1])

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "arrangement": self.arrangement,
                "reduction_ratio": self.reduction_ratio,
                "pooling": self.pooling,
                "gate": self.gate,
            }
        )
        return config
