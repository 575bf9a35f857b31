import io
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_series.export import export
from keras_series.models import from_preset
from keras_series.photos import decode_photos

REAL_PHOTOS = pathlib.Path(__file__).parents[2] / "shared" / "data" / "photos"
EXIF_ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = from_preset("tiny", image_size=48, arrangement="channel-spatial", resize="pad")
    model.set_reference(np.linspace(-1, 1, 128).astype("float32"))
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    return tf.saved_model.load(export(model, tmp_path_factory.mktemp("exported")))


@pytest.fixture(scope="module")
def jpegs():
    rng = np.random.default_rng(1)
    sizes = [(90, 60), (60, 90), (64, 64), (200, 50), (48, 48)]
    return [encode(rng.integers(0, 256, (*size, 3), dtype="uint8")) for size in sizes]


def encode(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).resize((96, 72)).save(file, "jpeg", quality=95, **options)
    return file.getvalue()


def call(exported, signature, **photo_bytes):
    inputs = {name: tf.constant(value, tf.string) for name, value in photo_bytes.items()}
    outputs = exported.signatures[signature](**inputs)
    return {name: value.numpy() for name, value in outputs.items()}


def live_embeddings(model, photo_bytes):
    photos, _ = decode_photos(tf.constant(photo_bytes), 48, resize="pad")
    return model.embed(photos)


def test_preference_is_the_live_model(model, exported, jpegs):
    embeddings = live_embeddings(model, jpegs)
    expected = model.compare(embeddings, embeddings[::-1])
    actual = call(exported, "preference", photo_a_bytes=jpegs, photo_b_bytes=jpegs[::-1])
    np.testing.assert_allclose(actual["preference"], expected, atol=1e-4)
    assert actual["valid"].all()


def test_score_is_the_live_model(model, exported, jpegs):
    expected = model.compare(live_embeddings(model, jpegs), model.reference_embedding)
    actual = call(exported, "score", photo_bytes=jpegs)
    np.testing.assert_allclose(actual["score"], expected, atol=1e-4)
    assert np.ptp(actual["score"]) > 1e-3


def test_real_photos_are_the_live_model(model, exported):
    if not REAL_PHOTOS.is_dir():
        pytest.skip("needs the folder of real photographs beside the project")
    photo_bytes = [path.read_bytes() for path in sorted(REAL_PHOTOS.glob("*.jpg"))]
    expected = model.compare(live_embeddings(model, photo_bytes), model.reference_embedding)
    np.testing.assert_allclose(
        call(exported, "score", photo_bytes=photo_bytes)["score"], expected, atol=1e-4
    )


def test_default_signature_is_preference(exported, jpegs):
    pair = {"photo_a_bytes": jpegs[:2], "photo_b_bytes": jpegs[2:4]}
    default, named = call(exported, "serving_default", **pair), call(exported, "preference", **pair)
    np.testing.assert_array_equal(default["preference"], named["preference"])


def test_swapped_preferences_add_up_to_one(exported, jpegs):
    one = call(exported, "preference", photo_a_bytes=jpegs, photo_b_bytes=jpegs[::-1])
    other = call(exported, "preference", photo_a_bytes=jpegs[::-1], photo_b_bytes=jpegs)
    np.testing.assert_allclose(one["preference"] + other["preference"], 1, atol=1e-6)


def test_orientations_score_alike(exported):
    pixels = np.random.default_rng(2).integers(0, 256, (9, 12, 3), dtype="uint8")
    upright = Image.fromarray(pixels).resize((120, 90), Image.Resampling.BICUBIC)
    # Saved losslessly turned away, so that orientation n turns it upright again.
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    photo_bytes = []
    for orientation, transpose in undo.items():
        photo = upright if transpose is None else upright.transpose(transpose)
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        file = io.BytesIO()
        photo.save(file, "jpeg", quality=100, subsampling=0, exif=exif)
        photo_bytes.append(file.getvalue())
    score = call(exported, "score", photo_bytes=photo_bytes)["score"]
    np.testing.assert_allclose(score, score[0], atol=2e-3)


def test_broken_photo_leaves_its_batch_whole(exported, jpegs):
    photo_bytes = [jpegs[0], b"<html>no photo</html>", jpegs[1], b"", jpegs[2][:99]]
    actual = call(exported, "score", photo_bytes=photo_bytes)
    alone = call(exported, "score", photo_bytes=jpegs[:2])
    np.testing.assert_array_equal(actual["valid"], [True, False, True, False, False])
    np.testing.assert_allclose(actual["score"][[0, 2]], alone["score"], atol=1e-6)
    np.testing.assert_array_equal(actual["score"][[1, 3, 4]], 0.5)


def test_pair_with_a_broken_photo_is_undecided(exported, jpegs):
    actual = call(exported, "preference", photo_a_bytes=[b"no", jpegs[0]], photo_b_bytes=jpegs[:2])
    np.testing.assert_array_equal(actual["valid"], [False, True])
    assert actual["preference"][0] == 0.5


def test_empty_batch(exported):
    assert call(exported, "score", photo_bytes=[])["score"].shape == (0,)


def test_weights_are_stored_once(model, tmp_path):
    path = export(model, tmp_path)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert size < 1.8 * 4 * model.count_params() + 1_000_000


def test_versions_count_up_and_are_not_overwritten(model, tmp_path):
    assert [export(model, tmp_path).name for _ in range(2)] == ["1", "2"]
    assert export(model, tmp_path, version=7).name == "7"
    with pytest.raises(FileExistsError, match="version=7"):
        export(model, tmp_path, version=7)


def test_failed_export_leaves_nothing(model, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        export(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_version_must_be_positive(model, tmp_path):
    with pytest.raises(ValueError, match="at least 1"):
        export(model, tmp_path, version=0)
