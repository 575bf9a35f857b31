"""Embedded colour profiles, compared with the conversion of LittleCMS (Pillow's ImageCms)."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.drawn_photos import ENCODED, draw_photo, encode, png_chunk
from tests.icc_profiles import PRIMARIES, PROFILES, grey_profile, make_profile, parametric
from tests.pillow_photos import DECODE, SIZE, differs_by
from tests.real_data import real_photos

SRGB = ImageCms.createProfile("sRGB")
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True, "exact": True}}


def soft_photo(seed=0):
    """Returns a photo without grain, whose colours have a margin to the edges of the gamut."""
    photo = draw_photo(202, 156, seed=seed).resize((404, 312), Image.BICUBIC)
    return photo.point(lambda level: 40 + level * 0.7)


def in_space(photo, profile):
    """Returns the photo in the colours of a profile, rounded to 8 bits."""
    space = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(photo, SRGB, space, renderingIntent=1)
    return Image.fromarray(np.asarray(converted))


@pytest.mark.parametrize("name", PROFILES)
def test_profile_is_converted_to_srgb(name):
    photo = soft_photo()
    wide = in_space(photo, PROFILES[name])
    expected = DECODE(encode(photo, "PNG"), SIZE)
    for kind, options in LOSSLESS.items():
        actual = DECODE(encode(wide, kind, icc_profile=PROFILES[name], **options), SIZE)
        assert np.abs(actual - expected).mean() < 2
        assert differs_by(actual, expected) < 12


def test_profile_of_a_jpeg_is_converted():
    photo, profile = soft_photo(), PROFILES["display_p3"]
    options = {"quality": 98, "subsampling": 0}
    wide = encode(in_space(photo, profile), "JPEG", icc_profile=profile, **options)
    expected = DECODE(encode(photo, "JPEG", **options), SIZE)
    assert np.abs(DECODE(wide, SIZE) - expected).mean() < 2
    assert differs_by(DECODE(wide, SIZE), expected) < 12


def as_viewers_show(photo_bytes):
    """Returns a photo converted to sRGB by LittleCMS, as a PNG."""
    photo = Image.open(io.BytesIO(photo_bytes))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(photo.info["icc_profile"]))
    return encode(ImageCms.profileToProfile(photo, profile, SRGB, renderingIntent=1), "PNG")


WIDE = ["display_p3", "adobe_rgb", "prophoto", "rec2020"]


@pytest.mark.parametrize("photo", real_photos(), ids=lambda path: path.stem)
@pytest.mark.parametrize("name", WIDE)
def test_real_photos_keep_their_colours(name, photo):
    original = Image.open(photo).convert("RGB")
    actual = DECODE(
        encode(in_space(original, PROFILES[name]), "PNG", icc_profile=PROFILES[name]), 224
    )
    expected = DECODE(encode(original, "PNG"), 224)
    assert np.abs(actual - expected).mean() < 2
    assert differs_by(actual, expected) < 12


@pytest.mark.parametrize("photo", real_photos(), ids=lambda path: path.stem)
@pytest.mark.parametrize("name", WIDE)
def test_real_jpegs_look_as_viewers_show_them(name, photo):
    # Compared with the same JPEG, since what JPEG loses depends on the profile.
    wide = in_space(Image.open(photo).convert("RGB"), PROFILES[name])
    photo_bytes = encode(wide, "JPEG", icc_profile=PROFILES[name], quality=95)
    actual, expected = DECODE(photo_bytes, 224), DECODE(as_viewers_show(photo_bytes), 224)
    assert np.abs(actual - expected).mean() < 2
    assert differs_by(actual, expected) < 12


def test_srgb_profile_changes_nothing_visible():
    photo = soft_photo()
    profile = ImageCms.ImageCmsProfile(SRGB).tobytes()
    actual = DECODE(encode(photo, "PNG", icc_profile=profile), SIZE)
    assert differs_by(actual, DECODE(encode(photo, "PNG"), SIZE)) < 0.5


def test_grey_profile():
    grey = soft_photo().convert("L")
    # Linear light to the encoded value of sRGB, from IEC 61966-2-1.
    linear = (np.asarray(grey) / 255) ** 1.8
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    expected = Image.fromarray(np.round(255 * encoded).astype(np.uint8))
    actual = DECODE(encode(grey, "PNG", icc_profile=grey_profile(1.8)), SIZE)
    assert differs_by(actual, DECODE(encode(expected, "PNG"), SIZE)) < 3


def app2(parts, order):
    """Returns the APP2 segments of a profile in parts, in some order."""
    segments = []
    for place in order:
        content = b"ICC_PROFILE\0" + bytes([place + 1, len(parts)]) + parts[place]
        segments.append(b"\xff\xe2" + struct.pack(">H", len(content) + 2) + content)
    return b"".join(segments)


def test_parts_of_a_profile_come_in_any_order():
    profile, jpeg = PROFILES["display_p3"], ENCODED["jpeg"]
    parts = [profile[at : at + 100] for at in range(0, len(profile), 100)]
    expected = DECODE(encode(Image.open(io.BytesIO(jpeg)), "PNG", icc_profile=profile), SIZE)
    for order in (range(len(parts)), reversed(range(len(parts)))):
        actual = DECODE(jpeg[:2] + app2(parts, order) + jpeg[2:], SIZE)
        assert differs_by(actual, expected) < 2


def with_chunks(*chunks):
    png = encode(soft_photo(), "PNG")
    return png[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + png[33:]


def primaries_chunk(name):
    x_and_y = PRIMARIES[name][6:] + PRIMARIES[name][:6]  # White comes first.
    return b"cHRM", struct.pack(">8I", *(round(100_000 * value) for value in x_and_y))


def test_gamma_and_primaries_of_png_are_those_of_a_profile():
    gamma = b"gAMA", struct.pack(">I", round(100_000 / 1.8))
    profile = make_profile(PRIMARIES["adobe_rgb"], parametric(0, 1.8))
    actual = DECODE(with_chunks(gamma, primaries_chunk("adobe_rgb")), SIZE)
    expected = DECODE(encode(soft_photo(), "PNG", icc_profile=profile), SIZE)
    assert differs_by(actual, expected) < 1.5


def test_code_points_of_png_come_first():
    code_points = b"cICP", bytes([12, 13, 0, 1])
    profile = b"iCCP", b"other\0\0" + zlib.compress(PROFILES["prophoto"])
    actual = DECODE(with_chunks(code_points, profile), SIZE)
    expected = DECODE(encode(soft_photo(), "PNG", icc_profile=PROFILES["display_p3"]), SIZE)
    assert differs_by(actual, expected) < 1.5


def test_srgb_chunk_comes_before_gamma():
    chunks = (b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))
    assert differs_by(DECODE(with_chunks(*chunks), SIZE), DECODE(with_chunks(), SIZE)) == 0


@pytest.mark.parametrize(
    "profile",
    [
        bytes(500),
        PROFILES["display_p3"][:140],
        PROFILES["display_p3"].replace(b"rTRC", b"xTRC"),
        PROFILES["display_p3"].replace(b"RGB XYZ ", b"CMYKLab "),
        PROFILES["display_p3"].replace(b"para", b"mAB "),
    ],
)
def test_profile_that_cannot_be_used_is_ignored(profile):
    plain = DECODE(ENCODED["jpeg"], SIZE)
    jpeg = ENCODED["jpeg"]
    assert differs_by(DECODE(jpeg[:2] + app2([profile], [0]) + jpeg[2:], SIZE), plain) == 0
    damaged = b"iCCP", b"name\0\0" + zlib.compress(profile)[:-5]
    assert differs_by(DECODE(with_chunks(damaged), SIZE), DECODE(with_chunks(), SIZE)) == 0
