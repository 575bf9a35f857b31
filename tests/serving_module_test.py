"""Answers of the signatures, compared with the live model's and with one another."""

import io
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_series.export import ServingModule, export, golden
from keras_series.photos import decode_photos
from tests.real_data import needs_real_data, real_photos
from tests.shared_export import make_model, shared_export

EXIF_ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def exported_path(tmp_path_factory):
    return shared_export(tmp_path_factory)


@pytest.fixture(scope="module")
def exported(exported_path):
    return tf.saved_model.load(exported_path)


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


def test_preference_matches_the_live_model(model, exported, jpegs):
    embeddings = live_embeddings(model, jpegs)
    expected = model.compare(embeddings, embeddings[::-1])
    actual = call(exported, "preference", photo_a_bytes=jpegs, photo_b_bytes=jpegs[::-1])
    np.testing.assert_allclose(actual["preference"], expected, atol=1e-4)
    assert actual["valid"].all()


def test_score_matches_the_live_model(model, exported, jpegs):
    expected = model.compare(live_embeddings(model, jpegs), model.reference_embedding)
    actual = call(exported, "score", photo_bytes=jpegs)
    np.testing.assert_allclose(actual["score"], expected, atol=1e-4)
    assert np.ptp(actual["score"]) > 1e-3


@needs_real_data("photos")
def test_real_photos_match_the_live_model(model, exported):
    photo_bytes = [path.read_bytes() for path in real_photos()]
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


def test_broken_photo_does_not_fail_its_batch(exported, jpegs):
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


def test_broken_neighbours_do_not_change_an_answer(exported, jpegs):
    beginnings = [b"", b"\xff\xd8\xff", b"RIFF0000WEBPVP8 ", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"BM"]
    broken = [*beginnings, b"<html>", *(jpegs[1][:cut] for cut in (10, 200, 400)), bytes(999)]
    good = itertools.cycle(jpegs)
    photo_bytes = [next(good) if number % 3 else broken[number // 3] for number in range(32)]
    together = call(exported, "score_and_embed", photo_bytes=photo_bytes)
    assert np.count_nonzero(together["valid"]) == 21
    for number in np.flatnonzero(together["valid"]):
        alone = call(exported, "score_and_embed", photo_bytes=[photo_bytes[number]])
        assert abs(alone["score"][0] - together["score"][number]) <= 1e-6
        np.testing.assert_allclose(alone["embedding"][0], together["embedding"][number], atol=1e-5)


def test_pairs_are_answered_alike_in_any_batch(exported, jpegs):
    a, b = zip(*itertools.product(jpegs, jpegs), strict=True)
    together = call(exported, "preference", photo_a_bytes=a, photo_b_bytes=b)["preference"]
    alone = [
        call(exported, "preference", photo_a_bytes=[one], photo_b_bytes=[other])["preference"][0]
        for one, other in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_one_photo_is_compared_with_many(exported, jpegs):
    many = [*jpegs[1:4], b"no"]
    pairs = call(exported, "preference", photo_a_bytes=jpegs[:1] * 4, photo_b_bytes=many)
    for photo_a, photo_b, sign in ((jpegs[:1], many, 1), (many, jpegs[:1], -1)):
        found = call(exported, "preference", photo_a_bytes=photo_a, photo_b_bytes=photo_b)
        np.testing.assert_allclose(
            found["preference"] - 0.5, sign * (pairs["preference"] - 0.5), atol=1e-6
        )
        np.testing.assert_array_equal(found["valid"], [True, True, True, False])
        np.testing.assert_array_equal(found["reason"], pairs["reason"])
    photos = np.random.default_rng(0).integers(0, 256, (4, 40, 50, 3), np.uint8)
    pixels = exported.signatures["preference_pixels"]
    found = pixels(photo_a=tf.constant(photos[:1]), photo_b=tf.constant(photos[1:]))
    same = pixels(photo_a=tf.constant(photos[[0, 0, 0]]), photo_b=tf.constant(photos[1:]))
    np.testing.assert_allclose(found["preference"], same["preference"], atol=1e-6)


def test_sides_of_different_lengths_are_refused(exported, jpegs):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"broadcastable|vs"):
        call(exported, "preference", photo_a_bytes=jpegs[:2], photo_b_bytes=jpegs[:3])
    pixels = {
        f"photo_{side}": tf.zeros([count, 9, 9, 3], tf.uint8)
        for side, count in (("a", 2), ("b", 3))
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match="vs"):
        exported.signatures["preference_pixels"](**pixels)


def rank(exported, series, counts):
    outputs = exported.signatures["rank"](
        photo_bytes=tf.constant(series, tf.string), photo_count=tf.constant(counts, tf.int32)
    )
    return {name: value.numpy() for name, value in outputs.items()}


def test_rank_matches_the_live_model(model, exported, jpegs):
    embeddings = live_embeddings(model, jpegs)
    expected = model.compare(embeddings[:, None], embeddings[None])
    actual = rank(exported, [jpegs], [5])
    np.testing.assert_allclose(actual["preference"][0], expected, atol=1e-4)
    order = np.argsort(-np.sum(expected, axis=1))
    np.testing.assert_array_equal(np.argsort(actual["rank"][0]), order)
    np.testing.assert_array_equal(np.argsort(-actual["strength"][0]), order)


def test_rank_of_a_padded_series_matches_the_series_alone(exported, jpegs):
    # As the server pads: with the first photo.
    short = [jpegs[2], jpegs[3], *[jpegs[0]] * 3]
    together = rank(exported, [jpegs, short], [5, 2])
    alone = rank(exported, [short[:2]], [2])
    for name in ("preference", "strength", "rank", "valid"):
        inner = together[name][1][:2, :2] if name == "preference" else together[name][1][:2]
        np.testing.assert_allclose(inner, alone[name][0], atol=1e-5 if name == "strength" else 1e-6)
    np.testing.assert_array_equal(together["rank"][1][2:], 0)
    assert not together["valid"][1][2:].any()


def test_broken_photos_rank_last_and_equal_ones_by_position(exported, jpegs):
    series = [b"", jpegs[0], b"no", jpegs[0], jpegs[1]]
    actual = rank(exported, [series], [5])
    ranks = actual["rank"][0]
    assert sorted(ranks) == [1, 2, 3, 4, 5]
    assert (ranks[0], ranks[2]) == (4, 5)
    assert ranks[3] == ranks[1] + 1
    np.testing.assert_array_equal(actual["strength"][0][[0, 2]], 0)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_rank_of_nothing(exported, shape):
    assert rank(exported, np.full(shape, b""), [0] * shape[0])["rank"].shape == shape


def test_pixels_score_like_their_lossless_file(exported):
    pixels = np.random.default_rng(5).integers(0, 256, (3, 70, 90, 3), dtype="uint8")
    files = [tf.io.encode_png(photo).numpy() for photo in pixels]
    score = exported.signatures["score_pixels"](photo=tf.constant(pixels))["score"]
    np.testing.assert_allclose(score, call(exported, "score", photo_bytes=files)["score"], 1e-5)
    preference = exported.signatures["preference_pixels"](
        photo_a=tf.constant(pixels[:1]), photo_b=tf.constant(pixels[1:2])
    )
    expected = call(exported, "preference", photo_a_bytes=files[:1], photo_b_bytes=files[1:2])
    np.testing.assert_allclose(preference["preference"], expected["preference"], 1e-5)


def test_pixels_of_the_networks_size_are_embedded_like_the_live_model(model, exported):
    photos = np.random.default_rng(7).uniform(0, 255, (3, 48, 48, 3)).astype("float32")
    actual = exported.signatures["embed_pixels"](photo=tf.constant(photos))["embedding"]
    np.testing.assert_allclose(actual, model.embed(photos), atol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_compare_matches_the_live_model(model, exported, count):
    a, b = np.random.default_rng(6).normal(size=(2, count, 128)).astype("float32")
    actual = exported.signatures["compare"](embedding_a=tf.constant(a), embedding_b=tf.constant(b))
    np.testing.assert_allclose(actual["preference"], model.compare(a, b), atol=1e-6)


def test_empty_batch(exported):
    assert call(exported, "score", photo_bytes=[])["score"].shape == (0,)


def size_of(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_weights_are_stored_once(model, exported_path):
    assert size_of(exported_path) < 1.8 * 4 * model.count_params() + 2_000_000


def test_trainable_export_can_be_trained_further(model, tmp_path, jpegs):
    path = export(model, tmp_path, trainable=True, check=False)
    loaded = tf.saved_model.load(path)
    before = call(loaded, "score", photo_bytes=jpegs)["score"]
    np.testing.assert_allclose(
        before, model.compare(live_embeddings(model, jpegs), model.reference_embedding), atol=1e-4
    )
    photo = tf.cast(tf.fill([1, 48, 48, 3], 90), tf.uint8)
    score_pixels = loaded.signatures["score_pixels"]
    with tf.GradientTape() as tape:
        score = score_pixels(photo=photo)["score"]
    variables = score_pixels.trainable_variables
    assert len(variables) == len(model.trainable_variables)
    for variable, gradient in zip(variables, tape.gradient(score, variables), strict=True):
        variable.assign_add(1e-3 * gradient)
    assert score_pixels(photo=photo)["score"] > score
    assert not np.array_equal(call(loaded, "score", photo_bytes=jpegs)["score"], before)
    assert call(loaded, "score", photo_bytes=[])["score"].shape == (0,)


def test_precision_is_kept_in_the_card(tmp_path):
    path = export(make_model(), tmp_path, precision="bfloat16", check=False)
    assert json.loads((path / "model.json").read_text())["precision"] == "bfloat16"
    _, tolerance = golden.check(path)
    assert tolerance == golden.TOLERANCES["bfloat16"]


@pytest.mark.parametrize(("precision", "trainable"), [("float16", False), ("bfloat16", True)])
def test_wrong_precision_is_refused(model, precision, trainable):
    with pytest.raises(ValueError, match=f"precision.*Received: .*{precision}"):
        ServingModule(model, trainable=trainable, precision=precision)
