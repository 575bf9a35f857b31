import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_series")
class SeriesPreferenceModel(keras.Model):
    """Series preference model: which photo of a series is preferred to which.

    The calculation follows the steps:

    1. The encoder turns each photo into features and the head's first layer turns these into an
       embedding, once a photo, however many pairs it is in (the method `embed`).
    2. The head gives the log-odds of each pair of a series from the difference of its embeddings.

    A pair is a series of two. Several series can share one row of photos; the logits between
    photos of different series are then to be left out.

    A photo alone is scored against a reference embedding, kept with the weights: `score` is the
    probability that the photo is preferred to the reference. It is zero until `set_reference` sets
    it, usually to the mean embedding of the training photos.

    Source: Huang et al., *Learning multi-scale attentive features for series photo selection*
    (ICASSP 2020), whose two streams with shared weights are here one encoder for all photos.

    Args:
        encoder: A `PhotoEncoder`.
        head: A `PreferenceHead`.

    Call arguments:
        photos: RGB 0-255, of shape `[batch, photos, height, width, 3]`.
        training: Boolean, as for any model.

    Output:
        Logits of shape `[batch, photos, photos]`, float32 under a mixed policy too. Entry (i, j) is
        the log-odds that photo i is preferred to photo j, and exactly minus entry (j, i).

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
        # 16 bits would round the photos, too; the layers inside cast for themselves.
        super().__init__(autocast=False, **kwargs)
        self.encoder = encoder
        self.head = head
        # All shapes are known, so the model can be saved at once.
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
        """The embeddings `[..., 128]` of photos `[..., height, width, 3]`, RGB 0-255."""
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
        """P(a is preferred to b) `[...]`, of two embeddings `[..., 128]`.

        `sigmoid(logit / temperature)`; the temperature is 1 until `set_temperature` sets it.
        """
        return ops.sigmoid(self.head.compare(embedding_a, embedding_b) / self.temperature)

    def score(self, photos, training=None):
        """P(a photo is preferred to the reference) `[...]`, of photos `[..., height, width, 3]`."""
        return self.compare(self.embed(photos, training=training), self.reference_embedding)

    def set_reference(self, embedding):
        """Sets the embedding `[128]` that `score` compares photos with."""
        if tuple(embedding.shape) != tuple(self.reference_embedding.shape):
            raise ValueError(
                f"Expected an embedding of shape {tuple(self.reference_embedding.shape)}. "
                f"Received: shape={tuple(embedding.shape)}"
            )
        self.reference_embedding.assign(embedding)

    def set_temperature(self, temperature):
        """Sets what `compare` and `score` divide logits by, to make them probabilities of people.

        Source: Guo et al., *On calibration of modern neural networks* (ICML 2017). It changes no
        order. The logits that calling the model gives are not divided.
        """
        if not temperature > 0:
            raise ValueError(f"Expected a positive temperature. Received: {temperature=}")
        self.temperature.assign(temperature)

    def compute_output_shape(self, photos_shape):
        return (photos_shape[0], photos_shape[1], photos_shape[1])

    def compute_output_spec(self, photos, training=None):
        # Keras would promise the compute type, which a mixed policy makes a 16-bit one.
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
