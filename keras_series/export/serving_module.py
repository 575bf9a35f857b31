"""The exported functions: encoded bytes in, probabilities out."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from keras_series.export.bradley_terry import bradley_terry_strengths, rank_by
from keras_series.export.folding import fold_encoder
from keras_series.export.signatures import DEFAULT, SIGNATURES
from keras_series.models import SeriesPreferenceModel
from keras_series.photos import MAX_PIXELS, decode_photos_with_reasons, resize_photo

# The preference or score of a photo that cannot be decoded.
NEUTRAL = 0.5
# Photos that are encoded in parallel. Each needs memory for its feature maps.
_PARALLEL_PHOTOS = 8
# Elementwise operations process at most this many floats as a vector. The remainder is computed by
# other instructions, whose last bit differs.
_VECTOR = 16


class ServingModule(tf.Module):
    """The functions of an exported model, one for each of `SIGNATURES`.

    The batch normalisations are folded into the convolutions, and the variables are frozen into two
    functions that all signatures share: photo to embedding, and embeddings to preferences. So the
    file has one copy of the weights, and TensorFlow's optimiser can fuse each convolution with the
    operations after it.

    Examples never mix along the batch, so a server may put the requests of several clients into one
    batch. Each photo passes the encoder separately, several in parallel: its numbers are identical
    to the last bit in every batch. A photo that cannot be decoded does not pass the encoder. It has
    `valid` false, a `reason` (see `keras_series.photos.Reason`), the reference embedding, and
    therefore the neutral answer 0.5 to everything.

    Args:
        model: A `SeriesPreferenceModel`.
        max_pixels: Integer. Photos with more pixels are refused by their header, before decoding.
            Defaults to 200 million.
        keep_variables: Boolean. Keeps the weights as variables, so that the loaded model can be
            trained further (`model_variables`, and `trainable_variables` of each signature). Photos
            then pass the encoder as one batch, so that gradients flow; the last bit may differ.
            Defaults to `False`.
    """

    def __init__(
        self,
        model: SeriesPreferenceModel,
        max_pixels: int = MAX_PIXELS,
        keep_variables: bool = False,
    ):
        super().__init__(name="keras_series")
        self._image_size = model.encoder.image_size
        self._resize = model.encoder.resize
        self._max_pixels = max_pixels
        units = self._units = model.head.units[0]
        make = _trace if keep_variables else freeze
        embedding = tf.TensorSpec([None, units], tf.float32)
        self._compare_rows = make(model.compare, embedding, embedding)
        photo_shape = [self._image_size, self._image_size, 3]
        photos = tf.TensorSpec([None if keep_variables else 1, *photo_shape], tf.float32)
        encoder = model.encoder if keep_variables else fold_encoder(model.encoder)
        self._embed_photos = make(
            lambda photos: model.head.embed(encoder(photos, training=False)), photos
        )
        if keep_variables:
            self.model_variables = [variable.value for variable in model.variables]
            self._reference = model.reference_embedding.value
        else:
            self._reference = tf.constant(keras.ops.convert_to_numpy(model.reference_embedding))
        # Traced once, since every function that calls the frozen one holds a copy of it in memory.
        self._embed = tf.function(
            self._embed_batch if keep_variables else self._embed_each,
            input_signature=[
                tf.TensorSpec([None, *photo_shape], tf.float32),
                tf.TensorSpec([None], tf.bool),
            ],
            autograph=False,
        )

        for name, endpoint in self._endpoints().items():
            # As an attribute, too, so that `TFSMLayer` finds it and calls it with a dictionary.
            setattr(self, name, endpoint)

    def signatures(self) -> dict[str, Callable]:
        """Returns the functions to export, by the name of their signature."""
        return {name: getattr(self, name) for name in SIGNATURES}

    def _endpoints(self):
        methods = {
            "preference": self._preference,
            "score": self._score,
            "rank": self._rank,
            "embed": self._embedding,
            "score_and_embed": self._score_and_embedding,
            "compare": self._compared,
            "score_pixels": self._score_pixels,
            "preference_pixels": self._preference_pixels,
        }
        endpoints = {
            name: _endpoint(method, SIGNATURES[name], self._units)
            for name, method in methods.items()
        }
        return {DEFAULT: endpoints["preference"], **endpoints}

    def _preference(self, inputs):
        # Both sides pass the encoder in one batch.
        photo_bytes = tf.concat([inputs["photo_a_bytes"], inputs["photo_b_bytes"]], axis=0)
        embeddings, valid, reasons = self._embed_bytes(photo_bytes)
        valid_a, valid_b = tf.split(valid, 2)
        valid = valid_a & valid_b
        reason_a, reason_b = tf.split(reasons, 2)
        preference = self._compare(*tf.split(embeddings, 2))
        return {
            "preference": tf.where(valid, preference, NEUTRAL),
            "valid": valid,
            "reason": tf.where(valid_a, reason_b, reason_a),
        }

    def _score(self, inputs):
        embeddings, valid, reason = self._embed_bytes(inputs["photo_bytes"])
        return {"score": self._scores(embeddings), "valid": valid, "reason": reason}

    def _rank(self, inputs):
        photo_bytes = inputs["photo_bytes"]
        shape = tf.shape(photo_bytes)
        counted = tf.sequence_mask(inputs["photo_count"], shape[1])
        # A server pads with copies of a photo. An empty photo costs nothing.
        photo_bytes = tf.where(counted, photo_bytes, "")
        embeddings, valid, reasons = self._embed_bytes(tf.reshape(photo_bytes, [-1]))
        valid = tf.reshape(valid, shape)
        preferences = self._compare_all(tf.reshape(embeddings, [*tf.unstack(shape), self._units]))
        compared = valid[:, :, tf.newaxis] & valid[:, tf.newaxis, :]
        preferences = tf.where(compared, preferences, NEUTRAL)
        strengths = bradley_terry_strengths(preferences, valid)
        return {
            "preference": preferences,
            "strength": strengths,
            "rank": rank_by(strengths, valid, counted),
            "valid": valid,
            "reason": tf.where(counted, tf.reshape(reasons, shape), 0),
        }

    def _embedding(self, inputs):
        embeddings, valid, reason = self._embed_bytes(inputs["photo_bytes"])
        return {"embedding": embeddings, "valid": valid, "reason": reason}

    def _score_and_embedding(self, inputs):
        embeddings, valid, reason = self._embed_bytes(inputs["photo_bytes"])
        return {
            "score": self._scores(embeddings),
            "embedding": embeddings,
            "valid": valid,
            "reason": reason,
        }

    def _compared(self, inputs):
        return {"preference": self._compare(inputs["embedding_a"], inputs["embedding_b"])}

    def _score_pixels(self, inputs):
        return {"score": self._scores(self._embed_pixels(inputs["photo"]))}

    def _preference_pixels(self, inputs):
        embeddings = self._embed_pixels(inputs["photo_a"], inputs["photo_b"])
        return {"preference": self._compare(*tf.split(embeddings, 2))}

    def _embed_bytes(self, photo_bytes):
        photos, reasons = decode_photos_with_reasons(
            photo_bytes, self._image_size, resize=self._resize, max_pixels=self._max_pixels
        )
        valid = reasons == 0
        return self._embed(photos, valid), valid, reasons

    def _embed_pixels(self, *batches):
        resized = [resize_photo(pixels, self._image_size, self._resize) for pixels in batches]
        photos = tf.concat(resized, axis=0)
        return self._embed(photos, tf.ones([tf.shape(photos)[0]], tf.bool))

    def _embed_batch(self, photos, valid):
        # Fused operations fail on an empty batch, so it gets a blank photo.
        is_empty = tf.cast(tf.size(valid) == 0, tf.int32)
        filled = tf.pad(photos, [[0, is_empty], [0, 0], [0, 0], [0, 0]])
        embeddings = self._embed_photos(filled)[: tf.size(valid)]
        return tf.where(valid[:, tf.newaxis], embeddings, self._reference)

    def _embed_each(self, photos, valid):
        def embed(photo_and_valid):
            photo, is_valid = photo_and_valid
            return tf.cond(
                is_valid,
                lambda: self._embed_photos(photo[tf.newaxis])[0],
                lambda: tf.identity(self._reference),
            )

        return tf.map_fn(
            embed,
            (photos, valid),
            parallel_iterations=_PARALLEL_PHOTOS,
            fn_output_signature=tf.TensorSpec([self._units], tf.float32),
        )

    def _scores(self, embeddings):
        return self._compare(embeddings, tf.broadcast_to(self._reference, tf.shape(embeddings)))

    def _compare(self, embedding_a, embedding_b):
        count = tf.shape(embedding_a)[0]
        padding = [[0, -count % _VECTOR], [0, 0]]
        rows = [tf.pad(embedding, padding) for embedding in (embedding_a, embedding_b)]
        return self._compare_rows(*rows)[:count]

    def _compare_all(self, embeddings):
        """The preferences `[B, N, N]` of embeddings `[B, N, units]`."""
        count = tf.shape(embeddings)[1]
        shape = [tf.shape(embeddings)[0], count, count]
        rows = [
            tf.reshape(tf.broadcast_to(each, [*shape, self._units]), [-1, self._units])
            for each in (embeddings[:, :, tf.newaxis], embeddings[:, tf.newaxis, :])
        ]
        return tf.reshape(self._compare(*rows), shape)


def freeze(function: Callable, *specs: tf.TensorSpec) -> Callable:
    """Returns a function in which all variables have become constants.

    Args:
        function: Function from tensors to one tensor.
        *specs: `tf.TensorSpec` of its arguments.
    """
    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    frozen = convert_variables_to_constants_v2(traced)
    return lambda *tensors: frozen(*tensors)[0]


def _trace(function, *specs):
    return tf.function(function, input_signature=specs, autograph=False)


def _endpoint(method, signature, units):
    # One dictionary of named inputs, which the server, `TFSMLayer` and plain loading can all call.
    specs = {name: tensor.spec(units, name) for name, tensor in signature.inputs.items()}
    return tf.function(method, input_signature=[specs], autograph=False)
