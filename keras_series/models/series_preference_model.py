import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_series")
class SeriesPreferenceModel(keras.Model):
    """Series preference model: the log-odds that one photo of a series is preferred to another.

    The computation follows the steps:

    1. The encoder turns each photo into features, and the first layer of the head turns these into
       an embedding, once per photo regardless of the number of pairs (the method `embed`).
    2. The head computes the log-odds of each pair of a series from the difference between the two
       embeddings.

    A pair is a series of two photos. Several series can share one row of photos; ignore the logits
    between photos of different series.

    A single photo is scored against a reference embedding, which is saved with the weights: `score`
    is the probability that the photo is preferred to the reference. The reference embedding is zero
    until `set_reference` sets it, usually to the mean embedding of the training photos.

    Source: Huang et al., *Learning multi-scale attentive features for series photo selection*
    (ICASSP 2020). One encoder for all photos replaces the paper's two streams with shared weights.

    Args:
        encoder: A `PhotoEncoder`.
        head: A `PreferenceHead`.

    Call arguments:
        photos: Tensor of shape `[batch, photos, height, width, 3]`, RGB 0-255.
        training: Boolean or `None`. Whether the model runs in training mode. Defaults to `None`.

    Output:
        Logits of shape `[batch, photos, photos]`, float32 even under a mixed policy. Entry (i, j)
        is the log-odds that photo i is preferred to photo j, and exactly the negative of entry
        (j, i).

    Example:

    >>> import keras
    >>> import numpy as np
    >>> from keras_series.layers import PreferenceHead
    >>> from keras_series.models import PhotoEncoder, SeriesPreferenceModel
    >>> encoder = PhotoEncoder("tiny", weights=None, image_size=64)
    >>> model = SeriesPreferenceModel(encoder, PreferenceHead())
    >>> photos = np.zeros((1, 4, 64, 64, 3), dtype="uint8")
    >>> tuple(model(photos).shape)
    (1, 4, 4)
    >>> embeddings = model.embed(photos)
    >>> model.set_reference(keras.ops.mean(embeddings, axis=(0, 1)))
    >>> scores = model.score(photos)
    >>> tuple(scores.shape), round(float(scores[0, 0]), 3)
    ((1, 4), 0.5)
    """

    def __init__(self, encoder, head, **kwargs):
        # Autocasting would round the photos to 16 bits; the layers inside cast their own inputs.
        super().__init__(autocast=False, **kwargs)
        self.encoder = encoder
        self.head = head
        # All shapes are known, so the weights are created now and the model can be saved at once.
        self.build((None, None, *encoder.input_shape[1:]))

    def build(self, photos_shape):
        if self.built:
            return
        self.head.embed(keras.KerasTensor(self.encoder.output_shape))
        self.reference_embedding = self.add_weight(
            shape=(self.head.units[0],),
            initializer="zeros",
            trainable=False,
            name="reference_embedding",
        )
        self.temperature = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="temperature"
        )

    def call(self, photos, training=None):
        if len(photos.shape) != 5:
            raise ValueError(
                "Expected photos of rank 5 [batch, photos, height, width, 3]. "
                f"Received: shape={tuple(photos.shape)}"
            )
        return self.head(self.embed(photos, training=training))

    def embed(self, photos, training=None):
        """Returns the embeddings `[..., 128]` of photos `[..., height, width, 3]`, RGB 0-255."""
        photo_shape = tuple(self.encoder.input_shape[1:])
        if tuple(photos.shape[-3:]) != photo_shape:
            expected = ", ".join(str(size) for size in photo_shape)
            raise ValueError(
                f"Expected photos of shape [..., {expected}]. Received: shape={tuple(photos.shape)}"
            )
        features = self.encoder(ops.reshape(photos, (-1, *photo_shape)), training=training)
        embeddings = self.head.embed(features)
        return ops.reshape(embeddings, (*ops.shape(photos)[:-3], self.head.units[0]))

    def compare(self, embedding_a, embedding_b):
        """Returns P(a is preferred to b) `[...]` of two embeddings `[..., 128]`.

        This is `sigmoid(logit / temperature)`. The temperature is 1 until `set_temperature` sets
        it.
        """
        return ops.sigmoid(self.head.compare(embedding_a, embedding_b) / self.temperature)

    def score(self, photos, training=None):
        """Returns P(photo is preferred to the reference) `[...]`.

        Args:
            photos: Tensor of shape `[..., height, width, 3]`, RGB 0-255.
            training: Boolean or `None`. Whether the model runs in training mode. Defaults to
                `None`.
        """
        return self.compare(self.embed(photos, training=training), self.reference_embedding)

    def set_reference(self, embedding):
        """Sets the reference embedding `[128]` that `score` compares photos with."""
        if tuple(embedding.shape) != tuple(self.reference_embedding.shape):
            raise ValueError(
                f"Expected an embedding of shape {tuple(self.reference_embedding.shape)}. "
                f"Received: shape={tuple(embedding.shape)}"
            )
        self.reference_embedding.assign(embedding)

    def set_temperature(self, temperature):
        """Sets the positive number that `compare` and `score` divide logits by.

        It calibrates their probabilities to people's preferences and never changes the order of
        photos. The logits that the model returns when called are not divided.

        Source: Guo et al., *On calibration of modern neural networks* (ICML 2017).
        """
        if not temperature > 0:
            raise ValueError(f"Expected a positive temperature. Received: {temperature=}")
        self.temperature.assign(temperature)

    def compute_output_shape(self, photos_shape):
        return (photos_shape[0], photos_shape[1], photos_shape[1])

    def compute_output_spec(self, photos, training=None):
        # Keras would report the compute dtype, which has 16 bits under a mixed policy.
        shape = self.compute_output_shape(photos.shape)
        return keras.KerasTensor(shape, dtype=self.head.variable_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "encoder": keras.saving.serialize_keras_object(self.encoder),
                "head": keras.saving.serialize_keras_object(self.head),
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        parts = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("encoder", "head")
        }
        return cls(**{**config, **parts})
