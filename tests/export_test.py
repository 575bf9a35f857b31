import io
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_series.export.saved_model
from keras_series.export import golden
from keras_series.export.saved_model import export
from keras_series.export.warmup import read_warmup
from keras_series.models import from_preset
from keras_series.photos.decoding import decode_photos

ROOT = pathlib.Path(__file__).parents[1]
REAL_PHOTOS = ROOT.parent / "shared" / "data" / "photos"
EXIF_ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = from_preset("tiny", image_size=48, arrangement="channel-spatial", resize="pad")
    model.set_reference(np.linspace(-1, 1, 128).astype("float32"))
    return model


@pytest.fixture(scope="module")
def exported_path(model, tmp_path_factory):
    provenance = {"training": {"preset": "tiny"}}
    return export(model, tmp_path_factory.mktemp("exported"), provenance=provenance)


@pytest.fixture(scope="module")
def exported(exported_path):
    return tf.saved_model.load(exported_path)


@pytest.fixture
def unchecked(monkeypatch):
    """Saves the time of the clean process, where a test is of something else."""
    monkeypatch.setattr(
        keras_series.export.saved_model, "_check_in_clean_process", lambda folder: None
    )


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


def test_every_third_photo_broken_in_its_own_way(exported, jpegs):
    beginnings = [b"", b"\xff\xd8\xff", b"RIFF0000WEBPVP8 ", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"BM"]
    broken = [*beginnings, b"<html>", *(jpegs[1][:cut] for cut in (10, 200, 400)), bytes(999)]
    good = itertools.cycle(jpegs)
    photo_bytes = [next(good) if number % 3 else broken[number // 3] for number in range(32)]
    together = call(exported, "score_and_embed", photo_bytes=photo_bytes)
    assert np.count_nonzero(together["valid"]) == 21
    for number in np.flatnonzero(together["valid"]):
        alone = call(exported, "score_and_embed", photo_bytes=[photo_bytes[number]])
        assert alone["score"][0] == together["score"][number]
        np.testing.assert_array_equal(alone["embedding"][0], together["embedding"][number])


def test_pairs_are_the_same_bits_in_any_batch(exported, jpegs):
    a, b = zip(*itertools.product(jpegs, jpegs), strict=True)
    together = call(exported, "preference", photo_a_bytes=a, photo_b_bytes=b)["preference"]
    alone = [
        call(exported, "preference", photo_a_bytes=[one], photo_b_bytes=[other])["preference"][0]
        for one, other in zip(a, b, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)


def rank(exported, series, counts):
    outputs = exported.signatures["rank"](
        photo_bytes=tf.constant(series, tf.string), photo_count=tf.constant(counts, tf.int32)
    )
    return {name: value.numpy() for name, value in outputs.items()}


def test_rank_is_the_live_model(model, exported, jpegs):
    embeddings = live_embeddings(model, jpegs)
    expected = model.compare(embeddings[:, None], embeddings[None])
    actual = rank(exported, [jpegs], [5])
    np.testing.assert_allclose(actual["preference"][0], expected, atol=1e-4)
    order = np.argsort(-np.sum(expected, axis=1))
    np.testing.assert_array_equal(np.argsort(actual["rank"][0]), order)
    np.testing.assert_array_equal(np.argsort(-actual["strength"][0]), order)


def test_rank_of_padded_series_is_that_of_each_alone(exported, jpegs):
    # As the server pads: with the first photo.
    short = [jpegs[2], jpegs[3], *[jpegs[0]] * 3]
    together = rank(exported, [jpegs, short], [5, 2])
    alone = rank(exported, [short[:2]], [2])
    for name in ("preference", "strength", "rank", "valid"):
        inner = together[name][1][:2, :2] if name == "preference" else together[name][1][:2]
        np.testing.assert_array_equal(inner, alone[name][0])
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


def test_pixels_score_as_their_lossless_file(exported):
    pixels = np.random.default_rng(5).integers(0, 256, (3, 70, 90, 3), dtype="uint8")
    files = [tf.io.encode_png(photo).numpy() for photo in pixels]
    score = exported.signatures["score_pixels"](photo=tf.constant(pixels))["score"]
    np.testing.assert_allclose(score, call(exported, "score", photo_bytes=files)["score"], 1e-5)
    preference = exported.signatures["preference_pixels"](
        photo_a=tf.constant(pixels[:1]), photo_b=tf.constant(pixels[1:2])
    )
    expected = call(exported, "preference", photo_a_bytes=files[:1], photo_b_bytes=files[1:2])
    np.testing.assert_allclose(preference["preference"], expected["preference"], 1e-5)


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_embeddings_compare_as_their_photos(model, exported, count):
    a, b = np.random.default_rng(6).normal(size=(2, count, 128)).astype("float32")
    actual = exported.signatures["compare"](embedding_a=tf.constant(a), embedding_b=tf.constant(b))
    np.testing.assert_allclose(actual["preference"], model.compare(a, b), atol=1e-6)


def test_empty_batch(exported):
    assert call(exported, "score", photo_bytes=[])["score"].shape == (0,)


def size_of(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_weights_are_stored_once(model, exported_path):
    assert size_of(exported_path) < 1.8 * 4 * model.count_params() + 2_000_000


def test_versions_count_up_and_are_not_overwritten(model, tmp_path, unchecked):
    assert export(model, tmp_path).name == "1"
    assert export(model, tmp_path, version=7).name == "7"
    assert keras_series.export.saved_model.next_version(tmp_path) == 8
    with pytest.raises(FileExistsError, match="version=7"):
        export(model, tmp_path, version=7)


def test_kept_variables_can_be_trained_further(model, tmp_path, unchecked, jpegs):
    path = export(model, tmp_path, keep_variables=True)
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


def test_the_card_tells_what_the_model_is(exported_path, exported):
    card = json.loads((exported_path / "model.json").read_text())
    assert card["encoder"]["resize"] == "pad"
    assert card["training"] == {"preset": "tiny"}
    assert card["signatures"]["score"] == {
        "inputs": {"photo_bytes": "string [None]"},
        "outputs": {"score": "float32 [None]", "valid": "bool [None]"},
    }
    assert set(card["signatures"]) == set(exported.signatures) == set(card["golden"])


def test_there_is_a_warm_up_request_for_each_signature(exported_path, exported):
    requests = dict(read_warmup(exported_path))
    assert set(requests) == set(exported.signatures)
    assert requests["rank"]["photo_count"].tolist() == [4]


def test_the_check_finds_other_answers(exported_path, tmp_path):
    copy = shutil.copytree(exported_path, tmp_path / "1")
    card = json.loads((copy / "model.json").read_text())
    card["golden"]["score"]["outputs"]["score"][0] += 2e-4
    (copy / "model.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=r"Received others: score by 0\.0002"):
        golden.check(copy)


def test_the_check_finds_a_missing_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"saved_model\.pb and model\.json"):
        golden.check(tmp_path)


def test_an_export_that_says_something_else_is_no_version(model, tmp_path, monkeypatch):
    cases = golden.golden_cases

    def other_cases(*arguments):
        made = cases(*arguments)
        made["rank"]["outputs"]["strength"][0][1] += 0.01
        return made

    monkeypatch.setattr(golden, "golden_cases", other_cases)
    with pytest.raises(ValueError, match="Received others: rank by"):
        export(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_export_left_is_removed(model, tmp_path, unchecked):
    dead, alive = tmp_path / ".partial.dead", tmp_path / ".partial.alive"
    dead.mkdir()
    alive.mkdir()
    with keras_series.export.saved_model._locked(alive):
        export(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial.alive", "1"]


EXPORT = """
import sys
from keras_series.export.saved_model import export
from keras_series.models import from_preset
export(from_preset("tiny", image_size=32, stages=(3,)), sys.argv[1])
"""


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_version_or_none(tmp_path):
    """In a second, 20 exports, each killed a little later than the one before; minutes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", EXPORT]
    start = time.monotonic()
    subprocess.run([*command, tmp_path / "whole"], env=environment, check=True)
    duration = time.monotonic() - start
    expected = {file.name for file in (tmp_path / "whole" / "1").rglob("*")}
    versions = []
    for moment in range(20):
        base = tmp_path / f"{moment}"
        process = subprocess.Popen(
            [*command, base], env=environment, start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(duration * (moment + 1) / 20)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        versions += (path for path in base.glob("[0-9]*") if path.is_dir())
    for version in versions:
        assert {file.name for file in version.rglob("*")} == expected
        golden.check(version)


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
