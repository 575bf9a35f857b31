"""An export under TensorFlow's C++ loader, which TensorFlow Serving is built around.

The server's answers, Python's on the same export and the live model's must be one.
"""

import pathlib
import shutil
import subprocess

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import NameAttrList

from keras_series.bradley_terry import bradley_terry
from keras_series.export import export
from keras_series.models import from_preset
from keras_series.photos import decode_photos, resize_photo
from tests.photos_test import BROKEN, draw_photo, encode

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


def feed_pixel_pairs(start, count):
    return {
        "photo_a": feed_pixels(start, count)["photo"],
        "photo_b": feed_pixels(9, count)["photo"],
    }


class Live:
    """What the signatures are to answer, worked out by the Keras model without any of them."""

    def __init__(self, model):
        self._model = model

    def preference(self, photo_a_bytes, photo_b_bytes):
        embedding_a, valid_a = self._embed(photo_a_bytes)
        embedding_b, valid_b = self._embed(photo_b_bytes)
        valid = valid_a & valid_b
        preference = self.compare(embedding_a, embedding_b)["preference"]
        return {"preference": np.where(valid, preference, 0.5), "valid": valid}

    def score(self, photo_bytes):
        embeddings, valid = self._embed(photo_bytes)
        return {"score": np.where(valid, self._score(embeddings), 0.5), "valid": valid}

    def embed(self, photo_bytes):
        embeddings, valid = self._embed(photo_bytes)
        return {"embedding": embeddings, "valid": valid}

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

    def _rank_one(self, photos, count):
        embeddings, valid = self._embed(photos)
        valid &= np.arange(len(photos)) < count
        first, second = np.indices([len(photos)] * 2).reshape(2, -1)
        preference = self.compare(embeddings[first], embeddings[second])["preference"]
        preference = preference.reshape([len(photos)] * 2)
        preference = np.where(np.outer(valid, valid), preference, np.float32(0.5))
        strength = bradley_terry(preference[np.newaxis], valid[np.newaxis])[0].numpy()
        # Best first, then those that are not valid, then those that are not meant.
        order = np.lexsort([-strength, ~valid, np.arange(len(photos)) >= count])
        rank = np.where(np.arange(len(photos)) < count, np.argsort(order) + 1, 0)
        return {"preference": preference, "strength": strength, "rank": rank, "valid": valid}

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
}
CALLS = [(name, start, count) for name in SIGNATURES for start, count in BATCHES]
every_signature = pytest.mark.parametrize("name", SIGNATURES)


def feed(name, start, count):
    return SIGNATURES[name][0](start, count)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    model = from_preset("tiny", image_size=IMAGE_SIZE, resize="pad")
    model.set_reference(np.linspace(-1, 1, 128).astype("float32"))
    return model


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    return export(model, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def exported(version):
    return tf.saved_model.load(version)


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """The compiled `loader.cc`, as a function of a model's folder and a list of requests."""
    libraries = pathlib.Path(tf.sysconfig.get_lib())
    if not shutil.which("g++"):
        pytest.skip("needs g++ to compile the loader")
    if not (libraries / "libtensorflow_cc.so.2").exists():
        pytest.skip("needs a TensorFlow that brings its C++ library, as the Linux wheels do")
    folder = tmp_path_factory.mktemp("loader")
    compile_loader(folder / "loader", libraries)
    return lambda version, requests: answer_all(folder, version, requests)


def compile_loader(program, libraries):
    source = pathlib.Path(__file__).with_name("loader.cc")
    search = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-Wl,--no-as-needed"]
    names = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    command = ["g++", *tf.sysconfig.get_compile_flags(), source, "-o", program, *search, *names]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def answer_all(folder, version, requests):
    """Responses of one process, which loads the model once: `(error, outputs)` of each request."""
    with tf.io.TFRecordWriter(str(folder / "requests")) as writer:
        for name, inputs in requests:
            writer.write(as_message(name, inputs).SerializeToString())
    command = [folder / "loader", version, folder / "requests", folder / "responses"]
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


@pytest.fixture(scope="module")
def answers(loader, version):
    responses = loader(version, [(name, feed(name, *batch)) for name, *batch in CALLS])
    return dict(zip(CALLS, responses, strict=True))


def check_same(actual, expected):
    assert set(actual) == set(expected)
    for key, value in actual.items():
        expected_value = np.asarray(expected[key])
        assert value.shape == expected_value.shape
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, expected_value, atol=TOLERANCE, rtol=0)
        else:
            np.testing.assert_array_equal(value, expected_value)


def test_every_signature_is_fed(exported):
    assert set(exported.signatures) == set(SIGNATURES)


@every_signature
def test_server_answers_what_python_does(answers, exported, name):
    for start, count in BATCHES:
        error, outputs = answers[name, start, count]
        assert error == ""
        inputs = {key: tf.constant(value) for key, value in feed(name, start, count).items()}
        check_same(outputs, exported.signatures[name](**inputs))


@every_signature
def test_server_answers_what_the_live_model_does(answers, model, name):
    # Keras' own convolution takes no empty batch.
    for start, count in BATCHES[1:]:
        expected = SIGNATURES[name][1](Live(model), **feed(name, start, count))
        check_same(answers[name, start, count][1], expected)


@every_signature
def test_answers_are_finite_and_differ(answers, name):
    for key, value in answers[name, 0, 32][1].items():
        assert np.isfinite(value).all()
        assert value.dtype.kind != "f" or np.ptp(value) > 1e-3, key


def test_wrong_requests_fail_alone(loader, version):
    right = ("score", feed("score", 0, 2))
    unknown = ("scores", feed("score", 0, 2))
    misnamed = ("score", {"photos": photos_from(0, 2)})
    mistyped = ("score", {"photo_bytes": np.zeros(2, np.float32)})
    errors, outputs = zip(*loader(version, [unknown, misnamed, mistyped, right]), strict=True)
    assert "Received: scores" in errors[0]
    assert "photo_bytes" in errors[1]
    assert all(errors[:3])
    assert errors[3] == ""
    assert outputs[3]["valid"].tolist() == [True, False]


def test_loader_has_no_xla(loader, tmp_path):
    """Else an export that asks for XLA would pass here and fail on a stock server."""
    module = tf.Module()
    double = tf.function(lambda number: 2 * number, jit_compile=True, autograph=False)
    module.double = double
    signature = double.get_concrete_function(tf.TensorSpec([None], tf.float32, name="number"))
    tf.saved_model.save(module, tmp_path, signatures={"double": signature})
    error, _ = loader(tmp_path, [("double", {"number": np.ones(2, np.float32)})])[0]
    assert "XLA" in error
