"""What every signature of an export is fed in the tests, and what it is to answer."""

import subprocess

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import NameAttrList

from keras_series.export import ServingModule, bradley_terry_strengths
from keras_series.models import from_preset
from keras_series.photos import decode_photos, resize_photo
from tests.drawn_photos import BROKEN, BROKEN_REASONS, draw_photo, encode

IMAGE_SIZE = 48
TOLERANCE = 1e-4
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
WHOLE = [encode(draw_photo(seed=seed), KINDS[seed % len(KINDS)]) for seed in range(len(BROKEN))]
# Whole and broken photos in turn, so that a batch of two has both.
PHOTOS = [photo for pair in zip(WHOLE, BROKEN.values(), strict=True) for photo in pair]
# Where in `PHOTOS` a batch begins, and its size: an empty one, a whole photo alone, a broken one
# alone, and mixed ones.
BATCHES = [(0, 0), (0, 1), (1, 1), (4, 2), (8, 7), (0, 32)]


def photos_from(start, count):
    return np.array([PHOTOS[place % len(PHOTOS)] for place in range(start, start + count)], object)


def feed_preference(start, count):
    photos = photos_from(start, count)
    return {"photo_a_bytes": photos, "photo_b_bytes": np.roll(photos, 2)}


def feed_photos(start, count):
    return {"photo_bytes": photos_from(start, count)}


def feed_rank(start, count):
    """Series of five photos, of which all, some or none are meant."""
    rows = [photos_from(start + 2 * row, 5) for row in range(count)]
    photo_count = np.resize(np.array([5, 3, 0, 1, 4], np.int32), count)
    return {
        "photo_bytes": np.array(rows, object).reshape([count, 5]),
        "photo_count": photo_count,
    }


def feed_compare(start, count):
    embeddings = np.random.default_rng([start, count]).normal(size=(count, 128))
    embeddings = embeddings.astype(np.float32)
    return {"embedding_a": embeddings, "embedding_b": embeddings[::-1]}


def feed_pixels(start, count):
    photos = [np.asarray(draw_photo(seed=start + place)) for place in range(count)]
    return {"photo": np.reshape(photos, [count, 78, 101, 3]).astype(np.uint8)}


def feed_resized_pixels(start, count):
    photos = [np.asarray(draw_photo(seed=start + place)) for place in range(count)]
    photos = [photo[:IMAGE_SIZE, :IMAGE_SIZE] for photo in photos]
    return {"photo": np.reshape(photos, [count, IMAGE_SIZE, IMAGE_SIZE, 3]).astype(np.float32)}


def feed_pixel_pairs(start, count):
    return {
        "photo_a": feed_pixels(start, count)["photo"],
        "photo_b": feed_pixels(9, count)["photo"],
    }


def reasons_of(photos):
    """The reasons that broken photos have by the way they were broken; 0 for the others."""
    reasons = {photo: BROKEN_REASONS[name] for name, photo in BROKEN.items()}
    return np.array([reasons.get(photo, 0) for photo in photos], np.int32)


class Live:
    """What the signatures are to answer, worked out by the Keras model without any of them."""

    def __init__(self, model):
        self._model = model

    def preference(self, photo_a_bytes, photo_b_bytes):
        embedding_a, valid_a = self._embed(photo_a_bytes)
        embedding_b, valid_b = self._embed(photo_b_bytes)
        valid = valid_a & valid_b
        preference = self.compare(embedding_a, embedding_b)["preference"]
        reason = np.where(valid_a, reasons_of(photo_b_bytes), reasons_of(photo_a_bytes))
        return {"preference": np.where(valid, preference, 0.5), "valid": valid, "reason": reason}

    def score(self, photo_bytes):
        embeddings, valid = self._embed(photo_bytes)
        score = np.where(valid, self._score(embeddings), 0.5)
        return {"score": score, "valid": valid, "reason": reasons_of(photo_bytes)}

    def embed(self, photo_bytes):
        embeddings, valid = self._embed(photo_bytes)
        return {"embedding": embeddings, "valid": valid, "reason": reasons_of(photo_bytes)}

    def score_and_embed(self, photo_bytes):
        return {**self.score(photo_bytes), **self.embed(photo_bytes)}

    def rank(self, photo_bytes, photo_count):
        rows = [self._rank_one(*row) for row in zip(photo_bytes, photo_count, strict=True)]
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    def compare(self, embedding_a, embedding_b):
        return {"preference": np.asarray(self._model.compare(embedding_a, embedding_b))}

    def score_pixels(self, photo):
        return {"score": self._score(self._embed_pixels(photo))}

    def preference_pixels(self, photo_a, photo_b):
        return self.compare(self._embed_pixels(photo_a), self._embed_pixels(photo_b))

    def embed_pixels(self, photo):
        return {"embedding": np.asarray(self._model.embed(photo))}

    def _rank_one(self, photos, count):
        embeddings, valid = self._embed(photos)
        valid &= np.arange(len(photos)) < count
        first, second = np.indices([len(photos)] * 2).reshape(2, -1)
        preference = self.compare(embeddings[first], embeddings[second])["preference"]
        preference = preference.reshape([len(photos)] * 2)
        preference = np.where(np.outer(valid, valid), preference, np.float32(0.5))
        strength = bradley_terry_strengths(preference[np.newaxis], valid[np.newaxis])[0].numpy()
        # Best first, then those that are not valid, then those that are not meant.
        order = np.lexsort([-strength, ~valid, np.arange(len(photos)) >= count])
        rank = np.where(np.arange(len(photos)) < count, np.argsort(order) + 1, 0)
        outputs = {"preference": preference, "strength": strength, "rank": rank, "valid": valid}
        return {**outputs, "reason": np.where(rank > 0, reasons_of(photos), 0)}

    def _score(self, embeddings):
        return self.compare(embeddings, self._model.reference_embedding)["preference"]

    def _embed(self, photo_bytes):
        photos, valid = decode_photos(
            tf.constant(photo_bytes, tf.string), IMAGE_SIZE, resize=self._model.encoder.resize
        )
        valid = valid.numpy()
        reference = np.asarray(self._model.reference_embedding)
        return np.where(valid[:, np.newaxis], self._model.embed(photos), reference), valid

    def _embed_pixels(self, pixels):
        return self._model.embed(resize_photo(pixels, IMAGE_SIZE, self._model.encoder.resize))


# Each signature of an export: what it is fed for a batch, and the live model's answer.
SIGNATURES = {
    "serving_default": (feed_preference, Live.preference),
    "preference": (feed_preference, Live.preference),
    "score": (feed_photos, Live.score),
    "rank": (feed_rank, Live.rank),
    "embed": (feed_photos, Live.embed),
    "score_and_embed": (feed_photos, Live.score_and_embed),
    "compare": (feed_compare, Live.compare),
    "score_pixels": (feed_pixels, Live.score_pixels),
    "preference_pixels": (feed_pixel_pairs, Live.preference_pixels),
    "embed_pixels": (feed_resized_pixels, Live.embed_pixels),
}
# Every signature with every batch.
CALLS = [(name, start, count) for name in SIGNATURES for start, count in BATCHES]


def make_model():
    keras.utils.set_random_seed(5)
    model = from_preset("tiny", image_size=IMAGE_SIZE, resize="pad")
    model.set_reference(np.linspace(-1, 1, 128).astype("float32"))
    return model


def save(model, folder):
    """The SavedModel of an export by itself: to check it and add to it takes a minute."""
    module = ServingModule(model)
    tf.saved_model.save(module, folder, signatures=module.signatures())


def feed(name, start, count):
    return SIGNATURES[name][0](start, count)


def answer_all(command, version, requests, folder):
    """Answers of another process, which loads the model once.

    Args:
        command: What to run with the arguments MODEL REQUESTS RESPONSES; see `loader.cc`.
        version: Folder of the export.
        requests: `(signature, inputs)` of each call.
        folder: Where the files may go.

    Returns:
        `(error, outputs)` of each call.
    """
    with tf.io.TFRecordWriter(str(folder / "requests")) as writer:
        for name, inputs in requests:
            writer.write(as_message(name, inputs).SerializeToString())
    command = [*command, version, folder / "requests", folder / "responses"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    records = tf.data.TFRecordDataset(str(folder / "responses")).as_numpy_iterator()
    return [from_message(NameAttrList.FromString(record)) for record in records]


def as_message(name, inputs):
    message = NameAttrList(name=name)
    for key, value in inputs.items():
        dtype = tf.string if value.dtype == object else value.dtype
        message.attr[key].tensor.CopyFrom(tf.make_tensor_proto(value, dtype, value.shape))
    return message


def from_message(message):
    return message.name, {key: tf.make_ndarray(attr.tensor) for key, attr in message.attr.items()}


def check_same(actual, expected):
    assert set(actual) == set(expected)
    for key, value in actual.items():
        expected_value = np.asarray(expected[key])
        assert value.shape == expected_value.shape
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, expected_value, atol=TOLERANCE, rtol=0)
        else:
            np.testing.assert_array_equal(value, expected_value)
