"""Profiles that models cannot convert, converted by LittleCMS before the bytes reach a model."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_series.utils import to_srgb, with_srgb_colours
from tests.drawn_photos import BROKEN, ENCODED, draw_photo, encode, exif
from tests.icc_profiles import PROFILES, table_profile
from tests.pillow_photos import DECODE, SIZE

SOFT = draw_photo(202, 156).resize((404, 312), Image.BICUBIC).point(lambda level: 40 + level * 0.7)
# Red and green change places; black takes light away from all.
SWAPPED = table_profile(b"RGB ", lambda rgb: rgb[..., [1, 0, 2]])
INKS = table_profile(b"CMYK", lambda inks: (1 - inks[..., :3]) * (1 - inks[..., 3:]))


def test_table_profile_is_converted():
    red, green, blue = SOFT.split()
    stored = encode(Image.merge("RGB", (green, red, blue)), "PNG", icc_profile=SWAPPED)
    expected = DECODE(encode(SOFT, "PNG"), SIZE)
    actual = DECODE(with_srgb_colours(stored), SIZE)
    assert np.abs(actual - expected).mean() < 3


def test_cmyk_profile_is_converted():
    inks = 255 - np.asarray(SOFT)
    stored = Image.fromarray(np.dstack([inks, np.zeros_like(inks[..., 0])]), "CMYK")
    converted = with_srgb_colours(encode(stored, "JPEG", quality=98, icc_profile=INKS))
    actual = DECODE(converted, SIZE)
    assert np.abs(actual - DECODE(encode(SOFT, "PNG"), SIZE)).mean() < 4


def test_converted_photo_is_upright():
    stored = encode(SOFT, "JPEG", exif=exif(6), icc_profile=SWAPPED)
    assert Image.open(io.BytesIO(with_srgb_colours(stored))).size == SOFT.size[::-1]


@pytest.mark.parametrize("photo_bytes", [*ENCODED.values(), *BROKEN.values()])
def test_other_photos_keep_their_bytes(photo_bytes):
    assert with_srgb_colours(photo_bytes) == photo_bytes


@pytest.mark.parametrize("profile", [PROFILES["display_p3"], bytes(500), b"short"])
def test_photos_that_models_convert_keep_their_bytes(profile):
    photo_bytes = encode(SOFT, "JPEG", icc_profile=profile)
    assert with_srgb_colours(photo_bytes) == photo_bytes


def test_profile_that_does_not_fit_is_ignored():
    image = SOFT.copy()
    image.info["icc_profile"] = bytes(500)
    np.testing.assert_array_equal(np.asarray(to_srgb(image)), np.asarray(SOFT))
