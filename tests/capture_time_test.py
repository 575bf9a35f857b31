"""When a photo was taken: every way in which cameras and programs write it, and broken headers."""

import datetime
import io
import os
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image

from keras_series.ranking import CaptureTime, capture_time
from tests.drawn_photos import mutate

MODIFIED = 0x0132
ORIGINAL, DIGITIZED = 0x9003, 0x9004
SUBSECOND_ORIGINAL, SUBSECOND_DIGITIZED = 0x9291, 0x9292
OFFSET, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
TEXT = "2019:10:07 10:00:00"
TIME = datetime.datetime(2019, 10, 7, 10)


def encode(tags, kind="JPEG", modified=None, **options):
    """Returns a photo with these tags in its EXIF folder."""
    exif = Image.Exif()
    if modified:
        exif[MODIFIED] = modified
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, kind, exif=exif.tobytes(), **options)
    return file.getvalue()


def read(path, content):
    (path / "photo").write_bytes(content)
    return capture_time(path / "photo")


def zone(hours):
    return datetime.timezone(datetime.timedelta(hours=hours))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "MPO"])
def test_formats(kind, tmp_path):
    more = {"save_all": True, "append_images": [Image.new("RGB", (4, 4))]} if kind == "MPO" else {}
    taken = read(tmp_path, encode({ORIGINAL: TEXT, SUBSECOND_ORIGINAL: "25"}, kind, **more))
    assert taken == CaptureTime(TIME.replace(microsecond=250_000), "DateTimeOriginal")
    assert not taken.has_zone


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({ORIGINAL: TEXT, DIGITIZED: "2020:01:02 00:00:00"}, "DateTimeOriginal"),
        ({ORIGINAL: "0000:00:00 00:00:00", DIGITIZED: TEXT}, "DateTimeDigitized"),
        (
            {DIGITIZED: TEXT, SUBSECOND_ORIGINAL: "9", OFFSET_ORIGINAL: "+09:00"},
            "DateTimeDigitized",
        ),
    ],
)
def test_the_first_valid_tag_counts(tags, expected, tmp_path):
    assert read(tmp_path, encode(tags, modified="2024:01:01 00:00:00")) == CaptureTime(
        TIME, expected
    )


def test_the_time_of_an_edit_does_not_count(tmp_path):
    assert read(tmp_path, encode({}, modified=TEXT)) is None


@pytest.mark.parametrize(
    "text",
    [
        TEXT, TEXT + "\0\0", "2019-10-07 10:00:00", "2019/10/07 10:00:00", "2019-10-07T10:00:00",
        "2019:10:7 10:0:0", "2019:10: 7 10: 0: 0", " 2019:10:07  10:00:00 ", TEXT.encode(),
    ],
)  # fmt: skip
def test_spellings(text, tmp_path):
    assert read(tmp_path, encode({ORIGINAL: text})).time == TIME


@pytest.mark.parametrize(
    "text",
    [
        "", "    :  :     :  :  ", "0000:00:00 00:00:00", "2019", "2019:02:31 10:00:00",
        "2019:10:07 25:00:00", "1970:01:01 00:00:00", "1980:01:01 00:00:00", "1904:01:01 00:00:00",
        "2000:01:01 00:00:00", "0001:01:01 00:00:00", "\u0662019:10:07 10:00:00",
    ],
)  # fmt: skip
def test_texts_that_are_no_time(text, tmp_path):
    assert read(tmp_path, encode({ORIGINAL: text.encode()})) is None


@pytest.mark.parametrize("text", ["2000:01:01 00:00:01", "2024:01:01 00:00:00"])
def test_new_year_is_a_time(text, tmp_path):
    assert f"{read(tmp_path, encode({ORIGINAL: text})).time:%Y:%m:%d %H:%M:%S}" == text


@pytest.mark.parametrize("kind", range(3, 13))
def test_wrong_types(kind, tmp_path):
    content = bytearray(encode({ORIGINAL: TEXT, DIGITIZED: "2020:02:03 04:05:06"}))
    place = content.find(struct.pack(">HH", ORIGINAL, 2)) + 2
    content[place : place + 2] = struct.pack(">H", kind)
    taken = read(tmp_path, bytes(content))
    # The data of type 7 are bytes; those of the others are numbers.
    assert taken is None or taken.tag == ("DateTimeOriginal" if kind == 7 else "DateTimeDigitized")


@pytest.mark.parametrize(
    ("digits", "microseconds"),
    [("8", 800_000), ("80", 800_000), ("05", 50_000), ("080   ", 80_000), ("1234567", 123_456),
     ("    ", 0), ("x", 0)],
)  # fmt: skip
def test_fractions_of_a_second(digits, microseconds, tmp_path):
    for time, fraction in ((ORIGINAL, SUBSECOND_ORIGINAL), (DIGITIZED, SUBSECOND_DIGITIZED)):
        taken = read(tmp_path, encode({time: TEXT, fraction: digits}))
        assert taken.time.microsecond == microseconds


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({OFFSET_ORIGINAL: "+02:00"}, zone(2)),
        ({OFFSET_ORIGINAL: "-03:30", OFFSET: "+01:00"}, zone(-3.5)),
        ({OFFSET_ORIGINAL: "Z"}, zone(0)),
        ({OFFSET: "+01:00"}, zone(1)),
        ({OFFSET_DIGITIZED: "+01:00"}, None),
        ({OFFSET_ORIGINAL: "   :  "}, None),
        ({OFFSET_ORIGINAL: "+99:00"}, None),
        ({OFFSET_ORIGINAL: "+01:75"}, None),
        ({ORIGINAL: "2019-10-07T10:00:00.5+02:00"}, zone(2)),
    ],
)
def test_zones(tags, expected, tmp_path):
    taken = read(tmp_path, encode({ORIGINAL: TEXT} | tags))
    assert taken.time.tzinfo == expected
    assert taken.has_zone == (expected is not None)
    assert taken.clock.replace(microsecond=0) == TIME


def test_differences(tmp_path):
    summer = read(tmp_path, encode({ORIGINAL: "2024:10:27 02:59:00", OFFSET_ORIGINAL: "+02:00"}))
    winter = read(tmp_path, encode({ORIGINAL: "2024:10:27 02:01:00", OFFSET_ORIGINAL: "+01:00"}))
    clock = read(tmp_path, encode({ORIGINAL: "2024:10:27 02:02:00"}))
    assert winter.seconds_since(summer) == 120
    assert clock.seconds_since(winter) == 60
    assert winter.seconds_since(clock) == -60


def test_the_text_has_what_is_known(tmp_path):
    tags = {ORIGINAL: TEXT, SUBSECOND_ORIGINAL: "80"}
    assert str(read(tmp_path, encode(tags))) == "2019-10-07 10:00:00.8"
    assert str(read(tmp_path, encode(tags | {OFFSET: "-05:00"}))) == "2019-10-07 10:00:00.8-05:00"


def test_what_is_no_file_has_no_time(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert capture_time(tmp_path / "pipe") is capture_time(tmp_path) is None
    assert capture_time(tmp_path / "missing") is capture_time("a\0b") is None
    assert read(tmp_path, b"no photo") is None


def test_a_photo_of_200_megapixels(tmp_path):
    content = encode({ORIGINAL: TEXT})
    frame = content.find(b"\xff\xc0")
    size = struct.pack(">HH", 12240, 16320)
    assert read(tmp_path, content[: frame + 5] + size + content[frame + 9 :]).time == TIME


def assert_mutants_are_read(folder, count):
    tags = {ORIGINAL: TEXT, DIGITIZED: TEXT, SUBSECOND_ORIGINAL: "80", OFFSET_ORIGINAL: "+02:00"}
    photos = [encode(tags, kind, modified=TEXT) for kind in ("JPEG", "PNG", "WEBP")]
    generator = np.random.default_rng(0)
    taken = [read(folder, mutate(photos[i % 3], generator)) for i in range(count)]
    # Some are as they were, and some have lost their time.
    assert 0 < sum(time is None for time in taken) < count


def test_broken_headers(tmp_path):
    assert_mutants_are_read(tmp_path, 300)


@pytest.mark.slow
def test_many_broken_headers(tmp_path):
    assert_mutants_are_read(tmp_path, 35_000)
