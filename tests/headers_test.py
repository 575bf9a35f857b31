"""What the header of a photo says of its size, and the limits on size and work."""

import struct
import zlib

import pytest
import tensorflow as tf

from tests.drawn_photos import ENCODED, png_header
from tests.pillow_photos import (
    DECODE,
    SIZE,
    differs_by,
)


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
        png_header(20_000, 12_000),
        png_header(2**31 - 1, 2**31 - 1),
        gif_of_frames((60_000, 60_000)),
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 60_000, -60_000, 1, 24, 0) + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff" + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f\xff\xff\xff\x0f" + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20),
    ],
)
def test_large_photos_are_refused_by_their_header(bomb):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"of 1 to 200000000 pixels"):
        DECODE(bomb, SIZE)


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
