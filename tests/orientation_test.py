"""The orientation from EXIF and XMP, compared with Pillow and with what was written."""

import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_series.photos.headers import read_format
from keras_series.photos.metadata import find_blocks
from keras_series.photos.orientation import read_orientation
from tests.drawn_photos import ENCODED, PHOTO, app1, encode, exif, png_chunk
from tests.pillow_photos import (
    DECODE,
    PILLOW_TOLERANCE,
    SIZE,
    TURN_TOLERANCE,
    differs_by,
    pillow_photo,
    pillow_resize,
)

XMP = (
    b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation='6'/></x:xmpmeta>"
)
XMP_ELEMENT = XMP.replace(b" tiff:Orientation='6'/>", b"><tiff:Orientation>8</tiff:Orientation>")


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_match_pillow(orientation, order, resize):
    photo_bytes = encode(PHOTO, "JPEG", exif=exif(orientation, order))
    expected = pillow_resize(pillow_photo(photo_bytes), SIZE, resize)
    assert differs_by(DECODE(photo_bytes, SIZE, resize), expected) < PILLOW_TOLERANCE


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_of_one_photo_are_alike(orientation, resize):
    """The photo is stored turned, without loss, and the tag turns it back."""
    turns = [None, 0, 3, 1, 5, 2, 6, 4]  # Image.Transpose that exif_transpose will undo
    turn = turns[orientation - 1]
    stored = PHOTO if turn is None else PHOTO.transpose(Image.Transpose(turn))
    photo_bytes = encode(stored, "PNG", exif=exif(orientation))
    expected = DECODE(ENCODED["png"], SIZE, resize)
    assert differs_by(DECODE(photo_bytes, SIZE, resize), expected) < TURN_TOLERANCE


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_orientation_of_other_formats(kind):
    photo_bytes = encode(PHOTO, kind, exif=exif(6), lossless=True)
    expected = pillow_resize(pillow_photo(photo_bytes), SIZE, "crop")
    assert differs_by(DECODE(photo_bytes, SIZE, "crop"), expected) < PILLOW_TOLERANCE


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def read(photo_bytes):
    return read_orientation(photo_bytes, find_blocks(photo_bytes, read_format(photo_bytes)))


def orientation_of(photo_bytes):
    return int(read(photo_bytes))


def after_start(*segments):
    """Returns a JPEG with segments after its start marker."""
    return ENCODED["jpeg"][:2] + b"".join(segments) + ENCODED["jpeg"][2:]


def typed_exif(value, kind, order):
    """Returns EXIF whose only entry is the orientation, as BYTE (1), SHORT (3) or LONG (4)."""
    content = struct.pack(order + {1: "B3x", 3: "H2x", 4: "I"}[kind], value)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 1)
    return b"Exif\0\0" + head + struct.pack(order + "HHI", 0x0112, kind, 1) + content + bytes(4)


@pytest.mark.parametrize(
    "malformed",
    [
        b"Exif\0\0",
        b"Exif\0\0MM",
        exif(0),
        exif(9),
        exif(65535),
        exif(6)[:20],
        exif(6).replace(b"II*\0", b"JJ*\0"),
        exif(6).replace(b"\x08\0\0\0", b"\xff\xff\xff\xff"),
        exif(6).replace(b"\x08\0\0\0\x02\0", b"\x08\0\0\0\0\0"),
        exif(6).replace(b"\x12\x01\x03\0", b"\x12\x01\x07\0"),
    ],
)
def test_malformed_exif_is_upright(malformed):
    photo_bytes = encode(PHOTO, "JPEG", exif=malformed)
    assert orientation_of(photo_bytes) == 1
    assert np.isfinite(DECODE(photo_bytes, SIZE, "crop")).all()


def test_exif_after_other_segments():
    icc_and_exif = encode(PHOTO, "JPEG", icc_profile=bytes(150_000), exif=exif(8))
    comment = b"\xff\xfe\xff\xff" + bytes(65533)
    assert orientation_of(icc_and_exif) == 8
    assert orientation_of(icc_and_exif[:2] + 3 * comment + icc_and_exif[2:]) == 8


def test_exif_outside_its_segment_is_no_exif():
    segment = b"\xff\xe1" + struct.pack(">H", len(exif(6)) + 2) + exif(6)
    comment = b"\xff\xfe" + struct.pack(">H", len(segment) + 2) + segment
    jpeg = ENCODED["jpeg"]
    assert orientation_of(jpeg[:2] + comment + jpeg[2:]) == 1
    assert orientation_of(jpeg + segment) == 1
    assert orientation_of(jpeg[:2] + segment + jpeg[2:]) == 6


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_value_of_any_integer_type(kind, order):
    values = {
        value: orientation_of(after_start(app1(typed_exif(value, kind, order))))
        for value in range(10)
    }
    assert values == {value: value if 1 <= value <= 8 else 1 for value in range(10)}


@pytest.mark.parametrize("stray", [b"\xff\xff\xff", b"\0\x12stray", bytes(100)])
def test_bytes_before_a_marker(stray):
    assert orientation_of(after_start(stray, app1(exif(6)))) == 6


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([XMP], 6),
        ([XMP_ELEMENT], 8),
        ([XMP, exif(3)], 3),
        ([exif(77), XMP], 6),
        ([exif(77), exif(5)], 5),
        ([XMP.replace(b"'6'", b"'9'")], 1),
    ],
)
def test_exif_comes_before_xmp_and_nonsense_is_skipped(segments, expected):
    assert orientation_of(after_start(*map(app1, segments))) == expected


def raw_profile(packed):
    """Returns EXIF as ImageMagick writes it into a PNG: as hexadecimal text."""
    digits = exif(6).hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = b"\nexif\n%8d\n" % len(exif(6)) + lines + b"\n"
    name = b"Raw profile type exif\0"
    return (b"zTXt", name + b"\0" + zlib.compress(text)) if packed else (b"tEXt", name + text)


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        ((b"eXIf", exif(6)[6:]), 6),
        (raw_profile(packed=False), 6),
        (raw_profile(packed=True), 6),
        ((b"zTXt", b"Raw profile type exif\0\0no stream"), 1),
        ((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_ELEMENT[29:]), 8),
    ],
)
@pytest.mark.parametrize("is_last", [False, True])
def test_chunks_of_png(chunk, expected, is_last):
    png = ENCODED["png"]
    place = len(png) - 12 if is_last else 33
    assert orientation_of(png[:place] + png_chunk(*chunk) + png[place:]) == expected


def test_xmp_of_webp():
    assert orientation_of(encode(PHOTO, "WEBP", xmp=XMP[29:])) == 6
