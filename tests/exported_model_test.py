"""Exported models loaded from Python: batches, empty lists, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from tqdm import tqdm

from keras_series.export import ExportedModel, exported_model
from tests.drawn_photos import BROKEN, ENCODED
from tests.shared_export import ROUNDING, shared_export

PHOTOS = [ENCODED["jpeg"], ENCODED["png"], BROKEN["text"], ENCODED["webp"], ENCODED["jpeg_grey"]]


@pytest.fixture(scope="module")
def exported_path(tmp_path_factory):
    return shared_export(tmp_path_factory)


@pytest.fixture(scope="module")
def signatures(exported_path):
    return tf.saved_model.load(exported_path).signatures


@pytest.fixture(scope="module")
def exported(exported_path):
    return ExportedModel(exported_path)


@pytest.mark.parametrize("batch_size", [2, 32])
def test_embed_gives_the_numbers_of_the_signature(exported, signatures, batch_size, monkeypatch):
    monkeypatch.setattr(exported, "batch_size", batch_size)
    expected = signatures["score_and_embed"](photo_bytes=tf.constant(PHOTOS))
    with tqdm(disable=True) as progress:
        embeddings, scores, valid = exported.embed(iter(PHOTOS), progress)
    np.testing.assert_allclose(embeddings, expected["embedding"], atol=ROUNDING)
    np.testing.assert_allclose(scores, expected["score"], atol=ROUNDING)
    np.testing.assert_array_equal(valid, [True, True, False, True, True])
    assert np.ptp(scores) > 1e-3


@pytest.mark.parametrize("pairs_per_call", [2, 4096])
def test_compare_gives_the_numbers_of_the_signature(
    exported, signatures, pairs_per_call, monkeypatch
):
    monkeypatch.setattr(exported_model, "_PAIRS_PER_CALL", pairs_per_call)
    a, b = np.random.default_rng(0).normal(size=(2, 5, 128)).astype("float32")
    expected = signatures["compare"](embedding_a=tf.constant(a), embedding_b=tf.constant(b))
    actual = exported.compare(a, b)
    np.testing.assert_allclose(actual, expected["preference"], atol=ROUNDING)
    assert np.ptp(actual) > 1e-3


def test_run_takes_lists(exported, signatures):
    expected = signatures["rank"](
        photo_bytes=tf.constant([PHOTOS]), photo_count=tf.constant([len(PHOTOS)])
    )
    actual = exported.run("rank", photo_bytes=[PHOTOS], photo_count=[len(PHOTOS)])
    assert set(actual) == set(expected)
    for name, value in actual.items():
        np.testing.assert_array_equal(value, expected[name])


def test_an_empty_list_gives_empty_arrays(exported):
    embeddings, scores, valid = exported.embed([])
    assert (embeddings.shape, scores.shape, valid.shape) == ((0, 128), (0,), (0,))
    assert (embeddings.dtype, scores.dtype, valid.dtype) == (np.float32, np.float32, bool)
    assert exported.compare(embeddings, embeddings).shape == (0,)


def test_no_exported_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"saved_model\.pb"):
        ExportedModel(tmp_path)


def test_another_saved_model_is_refused(tmp_path):
    module = tf.Module()
    module.answer = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path), signatures={"answer": module.answer})
    with pytest.raises(ValueError, match=r"signatures compare, score_and_embed, as.*with answer"):
        ExportedModel(tmp_path)


def test_only_the_signatures_that_are_asked_for_are_needed(exported_path):
    with pytest.raises(ValueError, match=r"signatures missing, as.*with compare, embed, "):
        ExportedModel(exported_path, signatures=["rank", "missing"])
