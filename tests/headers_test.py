"""What is read from the header of a photo: the EXIF orientation, and limits on size and work.

The orientations are compared with Pillow's.
"""

import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_series.photos.headers import read_format, read_orientation
from tests.drawn_photos import ENCODED, PHOTO, encode, exif
from tests.pillow_photos import (
    DECODE,
    PILLOW_TOLERANCE,
    SIZE,
    TURN_TOLERANCE,
    differs_by,
    pillow_photo,
    pillow_resize,
)


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


def orientation_of(photo_bytes):
    return int(read_orientation(photo_bytes, read_format(photo_bytes)))


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


def png_header(height, width):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13)
    return start + chunk + struct.pack(">I", zlib.crc32(chunk))


def gif_of_frames(*sizes):
    """Returns a GIF of frames with these sizes, whose data are 254 zeros."""
    frames = [
        struct.pack("<cHHHHB", b",", 5, 5, width, height, 0) + b"\x08\xfe" + bytes(254) + b"\0"
        for height, width in sizes
    ]
    return b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0x80, 0, 0) + bytes(6) + b"".join(frames) + b";"


@pytest.mark.parametrize("name", ENCODED)
def test_size_limit(name):
    assert DECODE(ENCODED[name], SIZE, max_pixels=101 * 78).shape == [SIZE, SIZE, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"of 1 to 7877 pixels") as error:
        DECODE(ENCODED[name], SIZE, max_pixels=101 * 78 - 1)
    assert "78 101" in str(error.value)


@pytest.mark.parametrize(
    "bomb",
    [
        png_header(12_000, 12_000),
        png_header(2**31 - 1, 2**31 - 1),
        gif_of_frames((60_000, 60_000)),
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, -60_000, 1, 24, 0) + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f\xff\xff\xff\x0f" + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20),
    ],
)
def test_large_photos_are_refused_by_their_header(bomb):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"of 1 to 100000000 pixels"):
        DECODE(bomb, SIZE)


def jpeg_of_size(height, width):
    """Returns a progressive JPEG whose header states another size."""
    photo_bytes = ENCODED["jpeg_progressive"]
    place = photo_bytes.index(b"\xff\xc2\0\x11\x08") + 5
    return photo_bytes[:place] + struct.pack(">HH", height, width) + photo_bytes[place + 4 :]


def test_jpeg_with_too_few_bytes_for_its_size_is_refused():
    # Decoded, a few hundred bytes would take 600 MB.
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"enough bytes for its size") as error:
        DECODE(jpeg_of_size(9_999, 9_998), SIZE)
    assert "9999 9998" in str(error.value)


def test_blank_jpeg_has_enough_bytes_for_its_size():
    blank = encode(Image.new("L", (4000, 3000)), "JPEG", progressive=True, optimize=True)
    np.testing.assert_array_equal(DECODE(blank, SIZE), np.zeros([SIZE, SIZE, 3]))


def test_jpeg_of_many_scans_is_refused():
    # Each passes all of the photo: at 100 megapixels, a second for 100 scans of 10 bytes.
    photo_bytes = ENCODED["jpeg_progressive"]
    last_scan = photo_bytes[photo_bytes.rindex(b"\xff\xda") : -2]
    assert DECODE(photo_bytes[:-2] + 80 * last_scan + b"\xff\xd9", SIZE).shape == [SIZE, SIZE, 3]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most 100 scans"):
        DECODE(photo_bytes[:-2] + 120 * last_scan + b"\xff\xd9", SIZE)


def png_with_texts(count, name):
    data = name + b"key\0" + {b"zTXt": b"\0", b"iTXt": b"\1\0\0\0"}[name] + zlib.compress(b"text")
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return ENCODED["png"][:33] + count * chunk + ENCODED["png"][33:]


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt"])
def test_png_of_many_packed_texts_is_refused(name):
    # Each may take 30 ms to unpack, and libpng unpacks a thousand.
    assert differs_by(DECODE(png_with_texts(64, name), SIZE), DECODE(ENCODED["png"], SIZE)) == 0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most 64 packed texts"):
        DECODE(png_with_texts(65, name), SIZE)


def test_frames_after_the_first_are_not_decoded():
    frame = ENCODED["gif"][:-1]
    bomb = frame + gif_of_frames((60_000, 60_000))[19:]
    assert differs_by(DECODE(bomb, SIZE, "crop"), DECODE(ENCODED["gif"], SIZE, "crop")) == 0
