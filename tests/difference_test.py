"""The map of where two photos differ adds up to the log-odds, and is zero where they are equal."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_series.models import from_preset
from keras_series.photos import decode_photos
from keras_series.ranking.difference import DifferenceMaps
from tests.drawn_photos import draw_photo, encode


@pytest.fixture(scope="module", params=["parallel", "channel-spatial", "none"])
def model(request):
    model = from_preset("tiny", image_size=64, arrangement=request.param)
    model(np.zeros((1, 2, 64, 64, 3), "float32"))
    return model


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    plain = draw_photo(64, 64)
    changed = plain.copy()
    changed.paste(draw_photo(32, 32, seed=5), (32, 32))
    for path, photo in zip(paths, (plain, changed), strict=True):
        path.write_bytes(encode(photo, "PNG"))
    return paths


def log_odds(model, paths):
    pixels, _ = decode_photos([path.read_bytes() for path in paths], 64)
    embeddings = model.embed(pixels)
    return float(model.head.compare(embeddings[:1], embeddings[1:])[0])


def test_the_map_adds_up_to_the_log_odds(model, photos):
    maps = DifferenceMaps(lambda: model)
    found = maps(*photos)
    assert found.shape == (2, 2)
    assert found.sum() == pytest.approx(log_odds(model, photos), rel=1e-2, abs=1e-6)
    np.testing.assert_allclose(maps(*photos[::-1]), -found, atol=1e-6)
    assert maps.covers == "crop"


def test_equal_photos_do_not_differ(model, photos):
    np.testing.assert_allclose(DifferenceMaps(lambda: model)(photos[0], photos[0]), 0, atol=1e-7)


def test_the_map_is_largest_where_the_photos_differ(photos):
    keras.utils.set_random_seed(0)
    model = from_preset("tiny", image_size=256, arrangement="none")
    model(np.zeros((1, 2, 256, 256, 3), "float32"))
    plain = Image.new("RGB", (256, 256), (120, 120, 120))
    changed = plain.copy()
    changed.paste(draw_photo(90, 90), (166, 166))
    for path, photo in zip(photos, (plain, changed), strict=True):
        path.write_bytes(encode(photo, "PNG"))
    found = np.abs(DifferenceMaps(lambda: model)(*photos))
    assert found.shape == (8, 8)
    assert found[4:, 4:].sum() > 0.5 * found.sum()


def test_a_broken_photo_has_no_map(model, photos):
    photos[1].write_bytes(b"no photo")
    assert DifferenceMaps(lambda: model)(*photos) is None
