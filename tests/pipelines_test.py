"""The examples of docs/pipelines.md, run as they stand there."""

import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_series.export import export
from keras_series.models import from_preset
from keras_series.photos import decode_photos
from tests.drawn_photos import draw_photo, encode

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "pipelines.md"


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    model = from_preset("tiny", image_size=48)
    model.set_reference(np.linspace(-1, 1, 128).astype("float32"))
    model.set_temperature(1.7)
    return model


@pytest.fixture(scope="module")
def names(model, tmp_path_factory):
    """What the examples have left, by name."""
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "my_photos").mkdir()
    for number in range(6):
        photo = encode(draw_photo(seed=number), "JPEG")
        (folder / "my_photos" / f"{number}.jpg").write_bytes(photo)
    names = {}
    export(model, folder / "exported" / "demo", check=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for example in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
            exec(example, names)
    return names


@pytest.fixture(scope="module")
def embeddings(model, names):
    return model.embed(decode_photos(tf.constant(names["photos"]), 48)[0])


def test_scores_are_the_live_model(model, names, embeddings):
    expected = model.compare(embeddings, model.reference_embedding)
    np.testing.assert_allclose(names["scores"], expected, atol=1e-4)
    np.testing.assert_allclose(names["score_in_numpy"], expected, atol=1e-4)


def test_the_best_has_the_greatest_sum_of_preferences(model, names, embeddings):
    sums = np.sum(model.compare(embeddings[:, None], embeddings[None]), axis=1)
    assert names["best"] == names["photos"][np.argmax(sums)]


def test_the_best_of_each_three_is_kept(model, names, embeddings):
    matrix = np.asarray(model.compare(embeddings[:, None], embeddings[None]))
    best = [start + np.argmax(matrix[start:, start:][:3, :3].sum(axis=1)) for start in (0, 3)]
    assert names["kept"] == [f"my_photos/{number}.jpg" for number in best]


def test_a_layer_scores_frames(names):
    assert names["frame_scores"].shape == (2,)
    np.testing.assert_array_equal(names["frame_scores"][0], names["frame_scores"][1])


def test_stored_embeddings_compare_as_photos_do(model, names, embeddings):
    expected = model.compare(embeddings[:1], embeddings[1:2])
    np.testing.assert_allclose(names["later"]["preference"], expected, atol=1e-4)
    np.testing.assert_allclose(names["in_numpy"], expected, atol=1e-4)


def test_one_input_of_bytes(names):
    assert names["signature_input"] == "photo_bytes"
