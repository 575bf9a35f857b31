"""Decoding of single photos and of batches, compared with Pillow: formats, refusals, arguments.

A JPEG that is decoded at a reduced scale is filtered twice, so it differs from Pillow by more than
rounding.
"""

import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_series.photos import MEAN_COLOUR, decode_photo, decode_photos, resize_photo
from tests.drawn_photos import BROKEN, ENCODED, PHOTO, draw_photo, encode, exif, mutate
from tests.pillow_photos import (
    DECODE,
    PILLOW_TOLERANCE,
    SIZE,
    differs_by,
    pillow_photo,
    pillow_resize,
)
from tests.real_data import needs_real_data, real_photos

REAL_PHOTOS = real_photos()


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("name", ENCODED)
def test_formats_match_pillow(name, resize):
    expected = pillow_resize(pillow_photo(ENCODED[name]), SIZE, resize)
    actual = DECODE(ENCODED[name], SIZE, resize)
    assert actual.dtype == tf.float32
    assert differs_by(actual, expected) < PILLOW_TOLERANCE


@pytest.mark.parametrize("name", ["jpeg", "png_palette", "bmp_palette", "gif", "webp_alpha"])
def test_eager_equals_graph(name):
    eager = decode_photo(ENCODED[name], SIZE)
    assert differs_by(eager, DECODE(ENCODED[name], SIZE, "crop")) == 0


@needs_real_data("photos")
@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("name", [photo.name for photo in REAL_PHOTOS])
def test_real_photos_match_pillow(name, resize):
    path = next(photo for photo in REAL_PHOTOS if photo.name == name)
    photo = Image.open(path)
    # The shrink that decode_photo chooses, by the same rule.
    side = (min if resize == "crop" else max)(photo.size)
    ratio = max(ratio for ratio in (1, 2, 4, 8) if ratio == 1 or side >= 2 * 224 * ratio)
    photo.draft("RGB", [size // ratio for size in photo.size])
    actual = DECODE(path.read_bytes(), 224, resize)
    assert differs_by(actual, pillow_resize(photo, 224, resize)) < PILLOW_TOLERANCE


@pytest.mark.parametrize("size", [(900, 700), (1601, 1203), (803, 1999)])
def test_reduced_scale_is_near_the_whole_photo(size):
    photo = draw_photo(*size).resize(size, Image.BICUBIC)
    photo_bytes = encode(photo, "JPEG", quality=95)
    expected = pillow_resize(pillow_photo(photo_bytes), SIZE, "crop")
    actual = DECODE(photo_bytes, SIZE, "crop")
    assert np.abs(actual - expected).mean() < 0.5
    assert differs_by(actual, expected) < 4


@pytest.mark.parametrize("name", BROKEN)
def test_broken_photo_raises(name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        DECODE(BROKEN[name], SIZE)


def test_error_says_what_was_received():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"Expected a JPEG, PNG, WebP"
    ) as error:
        decode_photo(b"a photo")
    assert re.search(r"\b7\b.*bytes that begin.*97,? 32,? 112", str(error.value), re.DOTALL)


def good_and_broken():
    """Returns good and broken photos in turn, and which are good."""
    good, broken = list(ENCODED.values()), list(BROKEN.values())
    photo_bytes = [one for pair in zip(good, broken, strict=False) for one in pair]
    return photo_bytes, [True, False] * (len(photo_bytes) // 2)


def check_batch(photos, valid):
    photo_bytes, expected_valid = good_and_broken()
    assert np.asarray(valid).tolist() == expected_valid
    for one, photo, is_valid in zip(photo_bytes, photos, valid, strict=True):
        expected = DECODE(one, SIZE, "crop") if is_valid else np.float32(MEAN_COLOUR)
        assert differs_by(photo, expected) == 0


def test_broken_photos_do_not_fail_their_batch():
    check_batch(*decode_photos(good_and_broken()[0], SIZE))


def test_many_broken_photos_do_not_fail_their_batch():
    """Errors in photos that are decoded at the same time once cancelled the batch now and then."""
    batch = [*BROKEN.values(), ENCODED["png"]] * 8
    expected = ([False] * len(BROKEN) + [True]) * 8
    for _ in range(20):
        assert decode_photos(batch, SIZE)[1].numpy().tolist() == expected


def test_batch_in_a_function():
    function = tf.function(lambda batch: decode_photos(batch, SIZE))
    check_batch(*function(tf.constant(good_and_broken()[0])))


def test_batch_in_a_dataset():
    dataset = tf.data.Dataset.from_tensors(good_and_broken()[0]).repeat(2)
    dataset = dataset.map(lambda batch: decode_photos(batch, SIZE), num_parallel_calls=2)
    assert dataset.element_spec[0].shape == [2 * len(BROKEN), SIZE, SIZE, 3]
    for photos, valid in dataset:
        check_batch(photos, valid)


def test_batch_in_a_saved_model(tmp_path):
    module = tf.Module()
    module.decode = tf.function(
        lambda batch: decode_photos(batch, SIZE),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    check_batch(*loaded.decode(tf.constant(good_and_broken()[0])))
    assert loaded.decode(tf.zeros([0], tf.string))[0].shape == [0, SIZE, SIZE, 3]
    assert loaded.decode(tf.constant([b"a photo"]))[1].numpy().tolist() == [False]


def test_one_photo_in_a_dataset():
    dataset = tf.data.Dataset.from_tensors(ENCODED["gif"]).map(lambda one: decode_photo(one, SIZE))
    assert dataset.element_spec.shape == [SIZE, SIZE, 3]
    assert differs_by(next(iter(dataset)), DECODE(ENCODED["gif"], SIZE, "crop")) == 0


@pytest.mark.parametrize("count", [0, 1, 5])
def test_batch_without_a_photo(count):
    photos, valid = decode_photos(tf.fill([count], b"a photo"), SIZE)
    assert photos.shape == [count, SIZE, SIZE, 3]
    assert valid.shape == [count]
    assert not np.any(valid)
    np.testing.assert_array_equal(photos, np.full(photos.shape, MEAN_COLOUR, np.float32))


def test_mutated_files_never_raise():
    generator = np.random.default_rng(7)
    sources = [*ENCODED.values(), *(encode(PHOTO, "JPEG", exif=exif(6, order)) for order in "<>")]
    mutated = [mutate(photo_bytes, generator) for photo_bytes in sources for _ in range(16)]
    photos, valid = decode_photos(mutated, SIZE, max_pixels=1_000_000)
    assert 0.1 < np.mean(valid) < 0.9
    assert np.isfinite(photos).all()
    assert np.min(photos) >= 0
    assert np.max(photos) <= 255.001


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resize": "stretch"}, "Expected resize to be .* Received: resize='stretch'"),
        ({"image_size": 0}, "Expected image_size to be at least 1. Received: image_size=0"),
        ({"image_size": -224}, "Received: image_size=-224"),
        ({"max_pixels": 0}, "Expected max_pixels to be at least 1. Received: max_pixels=0"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        decode_photo(ENCODED["png"], **arguments)
    with pytest.raises(ValueError, match=message):
        decode_photos([ENCODED["png"]], **arguments)


def test_invalid_shapes():
    with pytest.raises(ValueError, match=r"Expected photo_bytes of rank 0. Received: shape=\(1,\)"):
        decode_photo([ENCODED["png"]])
    with pytest.raises(ValueError, match=r"Expected photo_bytes of rank 1. Received: shape=\(\)"):
        decode_photos(ENCODED["png"])
    with pytest.raises(ValueError, match=r"Expected pixels \[H, W, 3\] or .* shape=\(3, 224\)"):
        resize_photo(tf.zeros([3, 224]), SIZE)
