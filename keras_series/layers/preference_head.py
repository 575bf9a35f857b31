import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_series")
class PreferenceHead(keras.layers.Layer):
    """Preference head: the log-odds that one photo of a series is preferred to another.

    The head has three fully connected layers on the difference between the features of two photos.
    They have no biases and an odd activation, so swapping the photos flips the sign of the logit.
    The first layer is linear, so it is applied once per photo, before the difference is taken:

    1. `e_i = W1 x_i`, the embedding of photo i (the method `embed`).
    2. `g(d) = W3 tanh(W2 tanh(d))`, for every difference `d = e_i - e_j`.
    3. `logit(i, j) = (g(e_i - e_j) - g(e_j - e_i)) / 2`.

    `g` is odd, so step 3 affects only the rounding. It makes `logit(i, j) = -logit(j, i)` exact to
    the last bit and `logit(i, i) = 0`, whatever the order of summation in a matrix product.
    `P(i is preferred to j) = sigmoid(logit(i, j))`.

    Everything is computed in the dtype of the weights, which is float32 under a mixed policy.
    Photos of one series are so similar that 16 bits would round their difference away.

    Source: Huang et al., *Learning multi-scale attentive features for series photo selection*
    (ICASSP 2020), which has three fully connected layers. Making them odd is our addition.

    Args:
        units: Tuple of two integers, each at least 1. The size of the embedding and the size of
            the second layer's output. Defaults to `(128, 128)`.

    Input shape:
        `[batch, photos, units[0]]`, the embeddings.

    Output shape:
        `[batch, photos, photos]`, the logits. Entry (i, j) is positive if photo i is preferred to
        photo j.

    Example:

    >>> import numpy as np
    >>> from keras_series.layers import PreferenceHead
    >>> head = PreferenceHead()
    >>> embeddings = head.embed(np.ones((2, 5, 7168), dtype="float32"))
    >>> tuple(embeddings.shape)
    (2, 5, 128)
    >>> tuple(head(embeddings).shape)
    (2, 5, 5)
    """

    def __init__(self, units=(128, 128), **kwargs):
        super().__init__(autocast=False, **kwargs)
        if len(units) != 2 or min(units) < 1:
            raise ValueError(f"Expected `units` to be two positive integers. Received: {units=}")
        self.units = tuple(units)

    def build(self, embeddings_shape):
        if embeddings_shape[-1] != self.units[0]:
            raise ValueError(
                f"Expected embeddings of shape [..., {self.units[0]}]. "
                f"Received: shape={tuple(embeddings_shape)}"
            )
        # `embedding` takes features, whose size is unknown here: `embed` builds it on first use.
        self.embedding = self._dense(self.units[0], "embedding")
        self.hidden = self._dense(self.units[1], "hidden", activation="tanh")
        self.preference = self._dense(1, "preference")
        self.hidden.build((None, self.units[0]))
        self.preference.build((None, self.units[1]))

    def call(self, embeddings):
        embeddings = ops.cast(embeddings, self.variable_dtype)
        first = ops.expand_dims(embeddings, axis=-2)
        second = ops.expand_dims(embeddings, axis=-3)
        evidence = self._evidence(first - second)
        return 0.5 * (evidence - ops.swapaxes(evidence, -1, -2))

    def embed(self, features):
        """Returns the embeddings `[..., units[0]]` of features `[..., D]`."""
        if not self.built:
            self.build((None, None, self.units[0]))
        return self.embedding(features)

    def compare(self, embedding_a, embedding_b):
        """Returns the logits `[...]` that a is preferred to b.

        Swapping the embeddings gives exactly the negated logits.

        Args:
            embedding_a: Float tensor of shape `[..., units[0]]`, the embeddings of a.
            embedding_b: Float tensor of shape `[..., units[0]]`, the embeddings of b.
        """
        if not self.built:
            self.build((None, None, self.units[0]))
        difference = ops.cast(embedding_a, self.variable_dtype) - ops.cast(
            embedding_b, self.variable_dtype
        )
        return 0.5 * (self._evidence(difference) - self._evidence(-difference))

    def _dense(self, units, name, activation=None):
        return keras.layers.Dense(
            units, activation=activation, use_bias=False, dtype=self.variable_dtype, name=name
        )

    def _evidence(self, difference):
        return ops.squeeze(self.preference(self.hidden(ops.tanh(difference))), axis=-1)

    def compute_output_shape(self, embeddings_shape):
        return (*embeddings_shape[:-1], embeddings_shape[-2])

    def compute_output_spec(self, embeddings):
        # Keras would report the compute dtype, which has 16 bits under a mixed policy.
        shape = self.compute_output_shape(embeddings.shape)
        return keras.KerasTensor(shape, dtype=self.variable_dtype)

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units})
        return config

    def get_build_config(self):
        if not self.built:
            return None
        features = self.embedding.kernel.shape[0] if self.embedding.built else None
        return {"features": features}

    def build_from_config(self, config):
        self.build((None, None, self.units[0]))
        if config["features"]:
            self.embedding.build((None, config["features"]))
