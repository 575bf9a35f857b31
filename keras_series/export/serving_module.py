"""The exported functions: encoded bytes in, probabilities out."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_series.export.bradley_terry import bradley_terry_strengths, rank_by
from keras_series.export.folding import fold_encoder
from keras_series.export.signatures import DEFAULT, SIGNATURES
from keras_series.models import SeriesPreferenceModel
from keras_series.photos import MAX_PIXELS, decode_photos_with_reasons, resize_photo
from keras_series.utils import check_option

# The preference or score of a photo that cannot be decoded.
NEUTRAL = 0.5
PRECISIONS = ("float32", "bfloat16")
# Photos that pass the encoder at once, which bounds the memory of their feature maps.
_PHOTOS_AT_ONCE = 8


class ServingModule(tf.Module):
    """The functions of an exported model, one for each of `SIGNATURES`.

    All signatures are made of functions that are traced once each: encoded photos to pixels,
    pixels to embeddings, and embeddings to preferences. They share one set of variables, in which
    the batch normalisations are folded into the convolutions. The biases are constants.

    Examples never mix along the batch, so a server may put the requests of several clients into one
    batch. The answers for a photo differ between batches by rounding alone, about 1e-6. A photo
    that cannot be decoded does not pass the encoder. It has `valid` false, a `reason` (see
    `keras_series.photos.Reason`), the reference embedding, and therefore the neutral answer 0.5 to
    everything.

    Args:
        model: A `SeriesPreferenceModel`.
        max_pixels: Integer. Photos with more pixels are refused by their header, before decoding.
            Defaults to 200 million.
        trainable: Boolean. Keeps the network as it was trained, with batch normalisations, so that
            the loaded model can be trained further (`model_variables`, and `trainable_variables` of
            each signature). It is slower. Defaults to `False`.
        precision: String, `"float32"` or `"bfloat16"`, in which the encoder computes. Embeddings
            and comparisons have 32 bits. Defaults to `"float32"`.

    Raises:
        ValueError: If the precision is unknown, or other than 32 bits for a trainable export.
    """

    def __init__(
        self,
        model: SeriesPreferenceModel,
        max_pixels: int = MAX_PIXELS,
        trainable: bool = False,
        precision: str = "float32",
    ):
        super().__init__(name="keras_series")
        size, resize = model.encoder.image_size, model.encoder.resize
        self._sizes = {"E": model.head.units[0], "S": size}
        self._reference = model.reference_embedding.value
        check_option("precision", precision, PRECISIONS)
        if trainable and precision != "float32":
            raise ValueError(
                f"Expected precision='float32' for a trainable export. Received: {precision=}"
            )
        encoder = model.encoder if trainable else fold_encoder(model.encoder, precision)
        own = [model.reference_embedding, model.temperature]
        variables = [*encoder.variables, *model.head.variables, *own]
        constants = [] if trainable else _vectors(encoder)
        left_out = {id(variable) for variable, _ in constants}
        # TensorFlow saves the variables that it finds in attributes.
        self.model_variables = [v.value for v in variables if id(v) not in left_out]

        self._decode = lambda photo_bytes: decode_photos_with_reasons(
            photo_bytes, size, resize, max_pixels
        )
        self._resize = lambda pixels: resize_photo(pixels, size, resize)
        self._encode = _traced(
            lambda photos: model.head.embed(_encoded(encoder, constants, photos)),
            tf.TensorSpec([None, size, size, 3], tf.float32),
        )
        # Traced once: its loop has all weights as inputs.
        self._embed = _traced(
            self._embed_valid,
            tf.TensorSpec([None, size, size, 3], tf.float32),
            tf.TensorSpec([None], tf.bool),
        )
        embedding = tf.TensorSpec([None, self._sizes["E"]], tf.float32)
        self._compare = _traced(model.compare, embedding, embedding)
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
            "embed_pixels": self._pixel_embedding,
        }
        endpoints = {
            name: _endpoint(method, SIGNATURES[name], self._sizes)
            for name, method in methods.items()
        }
        return {DEFAULT: endpoints["preference"], **endpoints}

    def _preference(self, inputs):
        sides = inputs["photo_a_bytes"], inputs["photo_b_bytes"]
        sizes = [tf.size(side) for side in sides]
        # Both sides pass the encoder in one batch.
        embeddings, valid, reasons = self._embed_bytes(tf.concat(sides, axis=0))
        valid_a, valid_b = tf.split(valid, sizes)
        valid = valid_a & valid_b
        reason_a, reason_b = tf.split(reasons, sizes)
        preference = self._compare(*tf.split(embeddings, sizes))
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
        shape = tf.shape(photo_bytes, tf.int64)
        counted = tf.sequence_mask(inputs["photo_count"], shape[1])
        # A server pads with copies of a photo, which must not take the memory of its pixels.
        places = tf.where(counted)
        embedded, valid, reasons = self._embed_bytes(tf.gather_nd(photo_bytes, places))
        valid = tf.scatter_nd(places, valid, shape)
        blank = tf.broadcast_to(self._reference, tf.concat([shape, [self._sizes["E"]]], axis=0))
        embeddings = tf.tensor_scatter_nd_update(blank, places, embedded)
        preferences = self._compare_all(embeddings)
        compared = valid[:, :, tf.newaxis] & valid[:, tf.newaxis, :]
        preferences = tf.where(compared, preferences, NEUTRAL)
        strengths = bradley_terry_strengths(preferences, valid)
        return {
            "preference": preferences,
            "strength": strengths,
            "rank": rank_by(strengths, valid, counted),
            "valid": valid,
            "reason": tf.scatter_nd(places, reasons, shape),
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
        sides = inputs["photo_a"], inputs["photo_b"]
        sizes = [tf.shape(side)[0] for side in sides]
        return {"preference": self._compare(*tf.split(self._embed_pixels(*sides), sizes))}

    def _pixel_embedding(self, inputs):
        # Not `_embed`, whose loop and scatter other formats do not have. TensorFlow's fused
        # convolutions fail on an empty batch, so it gets a blank photo.
        photos = inputs["photo"]
        count = tf.shape(photos)[0]
        blank = tf.zeros([tf.cast(count == 0, tf.int32), *photos.shape[1:]])
        return {"embedding": self._encode(tf.concat([photos, blank], axis=0))[:count]}

    def _embed_bytes(self, photo_bytes):
        photos, reasons = self._decode(photo_bytes)
        valid = reasons == 0
        return self._embed(photos, valid), valid, reasons

    def _embed_pixels(self, *batches):
        photos = tf.concat([self._resize(pixels) for pixels in batches], axis=0)
        return self._embed(photos, tf.ones([tf.shape(photos)[0]], tf.bool))

    def _embed_valid(self, photos, valid):
        """Embeddings `[F, units]` of photos `[F, S, S, 3]`. Those not valid get the reference."""
        places = tf.where(valid)

        def encode_next(start, embeddings):
            chosen = places[start : start + _PHOTOS_AT_ONCE]
            encoded = self._encode(tf.gather_nd(photos, chosen))
            return start + _PHOTOS_AT_ONCE, tf.tensor_scatter_nd_update(embeddings, chosen, encoded)

        _, embeddings = tf.while_loop(
            lambda start, _: start < tf.shape(places)[0],
            encode_next,
            (0, tf.broadcast_to(self._reference, [tf.size(valid), self._sizes["E"]])),
            parallel_iterations=1,
        )
        return embeddings

    def _scores(self, embeddings):
        return self._compare(embeddings, tf.broadcast_to(self._reference, tf.shape(embeddings)))

    def _compare_all(self, embeddings):
        """The preferences `[B, N, N]` of embeddings `[B, N, units]`.

        One photo of each series at a time is compared with the others, which bounds the memory.
        """
        shape = tf.shape(embeddings)
        batch, count, units = tf.unstack(shape)
        others = tf.reshape(embeddings, [-1, units])

        def compare_next(place, preferences):
            photo = tf.broadcast_to(embeddings[:, place, tf.newaxis], shape)
            row = self._compare(tf.reshape(photo, [-1, units]), others)
            row = tf.reshape(row, [1, batch, count])
            return place + 1, tf.tensor_scatter_nd_update(preferences, [[place]], row)

        steps = tf.where(batch > 0, count, 0)  # TensorFlow cannot scatter nothing.
        _, preferences = tf.while_loop(
            lambda place, _: place < steps,
            compare_next,
            (0, tf.zeros([count, batch, count])),
            parallel_iterations=1,
        )
        return tf.transpose(preferences, [1, 0, 2])


def _vectors(encoder):
    """The variables of an encoder that are vectors, with their values.

    They are biases, half of the variables and few of the weights. As constants of the graph they
    load faster: every function has an input for each variable, and others save and restore it.
    """
    vectors = [variable for variable in encoder.variables if len(variable.shape) < 2]
    return [(variable, keras.ops.convert_to_numpy(variable)) for variable in vectors]


def _encoded(encoder, constants, photos):
    with keras.StatelessScope(state_mapping=constants):
        return encoder(photos, training=False)


def _traced(function, *specs):
    return tf.function(function, input_signature=specs, autograph=False)


def _endpoint(method, signature, sizes):
    # One dictionary of named inputs, which the server, `TFSMLayer` and plain loading can all call.
    specs = {name: tensor.spec(sizes, name) for name, tensor in signature.inputs.items()}
    return tf.function(method, input_signature=[specs], autograph=False)
