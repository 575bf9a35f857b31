"""Why a photo is not valid: each reason for files that were broken in a known way."""

import struct

import pytest

from keras_series.photos import Reason, decode_photos_with_reasons
from tests.drawn_photos import BROKEN, BROKEN_REASONS, ENCODED, png_header

OTHERS = {
    b"\0\0\0\x18ftypheic" + bytes(50): Reason.FORMAT_NOT_SUPPORTED,
    b"\0\0\0\x1cftypavif" + bytes(50): Reason.FORMAT_NOT_SUPPORTED,
    b"FUJIFILMCCD-RAW " + bytes(50): Reason.FORMAT_NOT_SUPPORTED,
    b"8BPS\0\1" + bytes(50): Reason.FORMAT_NOT_SUPPORTED,
    b"\xff\x0a" + bytes(50): Reason.FORMAT_NOT_SUPPORTED,
    png_header(20_000, 12_000): Reason.TOO_LARGE,
    ENCODED["png"][:50] + bytes(40) + ENCODED["png"][90:]: Reason.DAMAGED,
}


def reasons_of(photos):
    return decode_photos_with_reasons(photos, 32)[1].numpy().tolist()


def test_broken_photos():
    assert reasons_of(list(BROKEN.values())) == list(BROKEN_REASONS.values())


def test_other_files():
    assert reasons_of(list(OTHERS)) == list(map(int, OTHERS.values()))


def test_valid_photos_have_none():
    assert set(reasons_of(list(ENCODED.values()))) == {0}


def test_jpeg_that_states_a_large_size():
    jpeg = ENCODED["jpeg"]
    place = jpeg.index(b"\xff\xc0") + 5
    large = jpeg[:place] + struct.pack(">HH", 20_000, 12_000) + jpeg[place + 4 :]
    assert reasons_of([large]) == [Reason.TOO_LARGE]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_text(reason):
    assert str(reason)
