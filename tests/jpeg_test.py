"""JPEGs with a bad end, with rows missing, and the limits on the work of the decoder."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_series.photos import decode_photos
from tests.drawn_photos import ENCODED, draw_photo, encode
from tests.pillow_photos import DECODE, SIZE, differs_by

PHOTO = draw_photo(640, 480)
KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
}


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


def is_valid(photo_bytes):
    return bool(decode_photos([photo_bytes], SIZE)[1][0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", [b"", b"\0\0", b"rubbish", b"\xff\xd9" + bytes(100)])
def test_bad_end_is_the_untouched_photo(end, kind):
    whole = encode(PHOTO, "JPEG", **KINDS[kind])
    assert differs_by(DECODE(whole[:-2] + end, SIZE), DECODE(whole, SIZE)) == 0


@pytest.mark.parametrize(
    ("kind", "part"),
    # Half of a progressive JPEG may have all scans but the last bit of the last one.
    [("baseline", 0.5), ("baseline", 0.9), ("restarts", 0.5), ("progressive", 0.3)],
)
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_half_a_photo_is_not_valid(end, kind, part):
    whole = encode(PHOTO, "JPEG", **KINDS[kind])
    assert not is_valid(whole[: int(part * len(whole))] + end)


def cut_after_rows(share):
    """Returns a JPEG with restart intervals of one row of blocks, cut after some of them."""
    whole = encode(PHOTO, "JPEG", restart_marker_rows=1)
    markers = [
        at for at in range(len(whole) - 1) if whole[at] == 0xFF and 0xD0 <= whole[at + 1] <= 0xD7
    ]
    return whole[: markers[int(share * len(markers))]] + b"\xff\xd9"


@pytest.mark.parametrize(("share", "expected"), [(0.97, True), (0.9, False)])
def test_a_small_part_may_be_missing(share, expected):
    assert is_valid(cut_after_rows(share)) is expected


def test_missing_rows_repeat_the_last_one():
    square = DECODE(cut_after_rows(0.97), SIZE, "crop")
    expected = DECODE(encode(PHOTO, "JPEG"), SIZE, "crop")
    assert differs_by(square[:-5], expected[:-5]) < 30
    np.testing.assert_allclose(square[-1], square[-2], atol=1)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"optimize": True}])
def test_photo_that_is_grey_all_over_is_whole(options, mode):
    grey = Image.new(mode, (640, 480), 128 if mode == "L" else (128, 128, 128))
    assert is_valid(encode(grey, "JPEG", **options))


def test_wrong_restart_markers_do_not_hang():
    # The decoder's own recovery from truncation never ends on some of these.
    whole = encode(PHOTO.crop((0, 0, 101, 78)), "JPEG", restart_marker_blocks=2)
    start = whole.index(b"\xff\xda") + 14
    generator = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole[: generator.integers(start, len(whole))])
        damaged[generator.integers(start - 8, len(damaged))] = generator.integers(256)
        assert is_valid(bytes(damaged)) in (True, False)
