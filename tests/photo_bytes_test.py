"""The bytes of photos of every format: upright, never turned twice, and broken files."""

import builtins
import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from keras_series.ranking import read_photo, thumbnail
from tests.drawn_photos import draw_photo, encode, exif
from tests.raw_files import make_dng

PHOTO = draw_photo(96, 64)
PORTRAIT = draw_photo(64, 96)
# How the pixels of an upright photo are stored for each orientation.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def stored(orientation, photo=PORTRAIT):
    turn = STORED[orientation]
    return photo if turn is None else photo.transpose(turn)


def shown(photo_bytes):
    return ImageOps.exif_transpose(Image.open(io.BytesIO(photo_bytes))).convert("RGB")


def assert_same_photo(photo_bytes, expected=PORTRAIT):
    found = shown(photo_bytes)
    assert found.size == expected.size
    assert np.abs(np.asarray(found, float) - np.asarray(expected, float)).mean() < 12
    small = np.asarray(expected.convert("L").resize((64, 64), Image.Resampling.BOX), float)
    assert np.abs(thumbnail(photo_bytes) - small).mean() < 8


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_files_that_models_decode_stay_as_they_are(kind, orientation, tmp_path):
    content = encode(stored(orientation), kind, quality=95, exif=exif(orientation))
    (tmp_path / "photo").write_bytes(content)
    assert read_photo(tmp_path / "photo") == content
    assert_same_photo(content)


@pytest.mark.parametrize("orientation", STORED)
def test_avif(orientation, tmp_path):
    content = encode(stored(orientation), "AVIF", quality=95, exif=exif(orientation))
    (tmp_path / "photo").write_bytes(content)
    assert_same_photo(read_photo(tmp_path / "photo"))


@pytest.mark.parametrize("orientation", STORED)
def test_heic(orientation, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    image = pillow_heif.from_pillow(stored(orientation))
    image.info["exif"] = exif(orientation)
    # The writer turns the orientation into turns of the file's own, as phones do.
    image.save(tmp_path / "photo", quality=95)
    assert_same_photo(read_photo(tmp_path / "photo"))


def test_a_heic_keeps_its_profile(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = PHOTO.copy()
    photo.info["icc_profile"] = profile
    pillow_heif.from_pillow(photo).save(tmp_path / "photo")
    found = Image.open(io.BytesIO(read_photo(tmp_path / "photo")))
    assert found.info["icc_profile"] == profile


def write_dng(path, preview_exif=None, orientation=1, stored_as=None):
    preview = stored(orientation if stored_as is None else stored_as)
    options = {} if preview_exif is None else {"exif": exif(preview_exif)}
    content = encode(preview, "JPEG", quality=95, **options)
    path.write_bytes(make_dng(content, preview.size, orientation))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("has_own", [False, True])
def test_previews_of_raw_files_are_upright(has_own, orientation, tmp_path):
    pytest.importorskip("rawpy")
    write_dng(tmp_path / "a.dng", orientation if has_own else None, orientation)
    assert_same_photo(read_photo(tmp_path / "a.dng"))


def test_a_preview_that_is_upright_already_is_not_turned_again(tmp_path):
    pytest.importorskip("rawpy")
    write_dng(tmp_path / "a.dng", 1, orientation=6, stored_as=1)
    assert_same_photo(read_photo(tmp_path / "a.dng"))


@pytest.mark.parametrize("name", ["a.dng", "a.heic"])
def test_broken_files(name, tmp_path):
    pytest.importorskip("rawpy")
    pytest.importorskip("pillow_heif")
    head = b"II*\0" if name == "a.dng" else b"\0\0\0\x18ftypheic"
    (tmp_path / name).write_bytes(head + bytes(100))
    with pytest.raises((ValueError, OSError)):
        read_photo(tmp_path / name)
    assert thumbnail((tmp_path / name).read_bytes()) is None


def test_a_missing_file(tmp_path):
    with pytest.raises(OSError, match="missing"):
        read_photo(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "head", "package"),
    [("a.heic", b"\0\0\0\x18ftypheic", "pillow-heif"), ("a.cr2", b"II*\0\x10\0\0\0CR", "rawpy")],
)
def test_without_the_extra_one_line_names_it(name, head, package, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(module, *arguments, **options):
        if module == package.replace("-", "_"):
            raise ImportError
        return real(module, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    (tmp_path / name).write_bytes(head + bytes(100))
    with pytest.raises(ImportError, match=rf"{package}: pip install 'keras-series\[photos\]'"):
        read_photo(tmp_path / name)


def test_thumbnails_of_what_cannot_be_shown():
    content = encode(PHOTO, "JPEG", quality=95)
    # The lower part of the photo is missing.
    assert thumbnail(content[: len(content) * 4 // 5]) is not None
    assert thumbnail(content[:100]) is thumbnail(b"") is thumbnail(b"no photo") is None


def test_the_thumbnail_of_200_megapixels():
    content = encode(PHOTO, "JPEG", quality=95)
    frame = content.find(b"\xff\xc0")
    size = struct.pack(">HH", 12240, 16320)
    assert thumbnail(content[: frame + 5] + size + content[frame + 9 :]) is not None


def test_thumbnails_of_16_bits_are_not_clipped():
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    found = thumbnail(encode(Image.fromarray(ramp), "PNG"))
    np.testing.assert_allclose(found, ramp / 256, atol=1)
