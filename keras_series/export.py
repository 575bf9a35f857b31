"""Export: a trained model as a SavedModel that takes encoded photos."""

import os
import pathlib
import shutil
import tempfile

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from keras_series.photos import MAX_PIXELS, decode_photos

NEUTRAL = 0.5


class ServingModule(tf.Module):
    """The signatures of an exported model: encoded bytes in, probabilities and `valid` out.

    The variables are frozen into two functions, photos to embeddings and embeddings to preference,
    which all signatures share: one copy of the weights, and TensorFlow's optimiser can fold the
    batch normalisations into the convolutions. Examples never meet along the batch, so a server may
    put several clients' requests in one. A photo that cannot be decoded has `valid` false and the
    neutral answer 0.5.

    Args:
        model: A `SeriesPreferenceModel`.
        max_pixels: Photos with more pixels are refused by their header, before decoding.
    """

    def __init__(self, model, max_pixels=MAX_PIXELS):
        super().__init__(name="keras_series")
        self._image_size = model.encoder.image_size
        self._resize = model.encoder.resize
        self._max_pixels = max_pixels
        size = self._image_size
        units = self._units = model.head.units[0]
        self._embed = freeze(
            lambda photos: model.embed(photos, training=False),
            tf.TensorSpec([None, size, size, 3], tf.float32, name="photos"),
        )
        self._compare = freeze(
            model.compare,
            tf.TensorSpec([None, units], tf.float32, name="embedding_a"),
            tf.TensorSpec([None, units], tf.float32, name="embedding_b"),
        )
        self._reference = tf.constant(keras.ops.convert_to_numpy(model.reference_embedding))

    def signatures(self):
        """The functions to export, by the name of their signature."""
        photo = tf.TensorSpec([None], tf.string)
        embedding = tf.TensorSpec([None, self._units], tf.float32)
        preference = _endpoint(self._preference, photo_a_bytes=photo, photo_b_bytes=photo)
        return {
            "serving_default": preference,
            "preference": preference,
            "score": _endpoint(self._score, photo_bytes=photo),
            "embed": _endpoint(self._embedding, photo_bytes=photo),
            "compare": _endpoint(self._compared, embedding_a=embedding, embedding_b=embedding),
        }

    def _preference(self, inputs):
        # One pass of the encoder for both sides; each is taken out where it was put in.
        photo_bytes = tf.concat([inputs["photo_a_bytes"], inputs["photo_b_bytes"]], axis=0)
        embeddings, valid = self._embed_bytes(photo_bytes)
        embedding_a, embedding_b = tf.split(embeddings, 2)
        valid_a, valid_b = tf.split(valid, 2)
        valid = valid_a & valid_b
        preference = self._compare(embedding_a, embedding_b)[0]
        return {"preference": tf.where(valid, preference, NEUTRAL), "valid": valid}

    def _score(self, inputs):
        embeddings, valid = self._embed_bytes(inputs["photo_bytes"])
        reference = tf.broadcast_to(self._reference, tf.shape(embeddings))
        score = self._compare(embeddings, reference)[0]
        return {"score": tf.where(valid, score, NEUTRAL), "valid": valid}

    def _embedding(self, inputs):
        embeddings, valid = self._embed_bytes(inputs["photo_bytes"])
        return {"embedding": embeddings, "valid": valid}

    def _compared(self, inputs):
        preference = self._compare(inputs["embedding_a"], inputs["embedding_b"])[0]
        return {"preference": preference}

    def _embed_bytes(self, photo_bytes):
        photos, valid = decode_photos(
            photo_bytes, self._image_size, resize=self._resize, max_pixels=self._max_pixels
        )
        # Convolutions fused with their normalisation fail on an empty batch: a blank fills it.
        count = tf.shape(photos)[0]
        photos = tf.pad(photos, [[0, tf.cast(count == 0, tf.int32)], [0, 0], [0, 0], [0, 0]])
        return self._embed(photos)[0][:count], valid


def freeze(function, *specs):
    """A concrete function of `function` in which all variables have become constants."""
    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    return convert_variables_to_constants_v2(traced)


def export(model, base, version=None, max_pixels=MAX_PIXELS):
    """Writes `<base>/<version>`, whole or not at all.

    It is written beside and renamed, as TensorFlow Serving loads a version the moment it sees it.

    Args:
        model: A `SeriesPreferenceModel`, with its reference embedding set.
        base: Folder of the model's versions, made if it is missing.
        version: Positive integer. Defaults to one more than the greatest there.
        max_pixels: See `ServingModule`.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: If the version is not positive.
        FileExistsError: If the version is there already.
    """
    base = pathlib.Path(base)
    base.mkdir(parents=True, exist_ok=True)
    version = next_version(base) if version is None else version
    if version < 1:
        raise ValueError(f"Expected a version of at least 1. Received: {version=}")
    target = base / str(version)
    if target.exists():
        raise FileExistsError(f"Expected a version that is not in {base} yet. Received: {version=}")
    module = ServingModule(model, max_pixels)
    # A server reads integers as versions and passes other names over.
    partial = pathlib.Path(tempfile.mkdtemp(prefix=f".{version}.partial.", dir=base))
    try:
        tf.saved_model.save(module, str(partial), signatures=module.signatures())
        partial.chmod(0o755)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial)
        raise
    return target


def next_version(base):
    """One more than the greatest version in `base`; 1 where there is none."""
    versions = (int(path.name) for path in base.iterdir() if path.name.isdecimal())
    return max(versions, default=0) + 1


def _endpoint(method, **specs):
    # One dictionary of named inputs: what the server, `TFSMLayer` and plain loading all can call.
    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}
    return tf.function(method, input_signature=[specs], autograph=False)
