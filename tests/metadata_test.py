"""What files say of their capture: camera, exposure and time, whole, damaged or missing."""

import math

import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin
from PIL.ExifTags import Base

from keras_series.ranking import Metadata, read_metadata
from tests.drawn_photos import encode, mutate

MAIN = {Base.Make: "Canon\0", Base.Model: " Canon  EOS R5 "}
EXIF = {
    Base.DateTimeOriginal: "2024:05:03 12:00:00",
    Base.SubsecTimeOriginal: "25",
    Base.OffsetTimeOriginal: "+02:00",
    Base.BodySerialNumber: "0042",
    Base.ExposureBiasValue: TiffImagePlugin.IFDRational(-4, 3),
    Base.ExposureTime: TiffImagePlugin.IFDRational(1, 250),
    Base.FNumber: TiffImagePlugin.IFDRational(28, 10),
    Base.ISOSpeedRatings: 400,
}


def exif_of(main, tags):
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    return exif.tobytes()


def read(path, main=MAIN, tags=EXIF, kind="JPEG"):
    path.write_bytes(encode(Image.new("RGB", (4, 4)), kind, exif=exif_of(main, tags)))
    return read_metadata(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_everything_is_read(kind, tmp_path):
    metadata = read(tmp_path / "photo", kind=kind)
    assert str(metadata.time) == "2024-05-03 12:00:00.25+02:00"
    assert metadata.camera == "Canon Canon EOS R5 0042"
    assert metadata.exposure_bias == pytest.approx(-4 / 3)
    assert metadata.exposure == pytest.approx(math.log2(400 / 250 / 2.8**2))


def test_a_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    photo = pillow_heif.from_pillow(Image.new("RGB", (64, 64)))
    photo.save(tmp_path / "a.heic", exif=exif_of(MAIN, EXIF))
    assert read_metadata(tmp_path / "a.heic") == read(tmp_path / "photo")


@pytest.mark.parametrize("head", [b"IIRO", b"IIRS", b"IIU\0"])
def test_raw_files_with_a_head_of_their_own(head, tmp_path):
    expected = read(tmp_path / "a.dng", kind="TIFF")
    content = (tmp_path / "a.dng").read_bytes()
    (tmp_path / "a.orf").write_bytes(head + content[4:])
    assert read_metadata(tmp_path / "a.orf") == expected


def test_a_raw_file_that_pillow_does_not_open(tmp_path):
    expected = read(tmp_path / "a.dng", kind="TIFF")
    content = (tmp_path / "a.dng").read_bytes()
    compression = content.find(b"\x03\x01\x03\0")
    # A compression that Pillow does not know.
    (tmp_path / "a.nef").write_bytes(
        content[: compression + 8] + b"\x69\x87\0\0" + content[compression + 12 :]
    )
    assert read_metadata(tmp_path / "a.nef") == expected


def test_a_raw_file_of_fuji(tmp_path):
    expected = read(tmp_path / "photo")
    content = (tmp_path / "photo").read_bytes()
    place = (100).to_bytes(4, "big") + len(content).to_bytes(4, "big")
    head = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + place
    (tmp_path / "a.raf").write_bytes(head.ljust(100, b"\0") + content)
    assert read_metadata(tmp_path / "a.raf") == expected


def test_a_raw_file_of_canon_in_boxes(tmp_path):
    expected = read(tmp_path / "photo")
    exif = Image.Exif()
    exif.update(EXIF)
    boxes = b"\0\0\0\x18ftypcrx ".ljust(24, b"\0")
    for name, content in ((b"CMT1", exif_of(MAIN, {})), (b"CMT2", exif.tobytes())):
        content = content.removeprefix(b"Exif\0\0")
        boxes += (len(content) + 8).to_bytes(4, "big") + name + content
    (tmp_path / "a.cr3").write_bytes(boxes)
    assert read_metadata(tmp_path / "a.cr3") == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({Base.ExposureBiasValue: TiffImagePlugin.IFDRational(0, 1)}, (0.0, None)),
        ({Base.ExposureBiasValue: TiffImagePlugin.IFDRational(1, 0)}, (None, None)),
        ({Base.ExposureBiasValue: "?"}, (None, None)),
        ({Base.ExposureTime: 0.0, Base.ISOSpeedRatings: 100}, (None, None)),
        ({Base.ExposureTime: 0.5, Base.ISOSpeedRatings: 100, Base.FNumber: 0.0}, (None, 5.64)),
        ({Base.ExposureTime: 0.5, Base.FNumber: 2.0}, (None, None)),
    ],
)
def test_what_is_missing_or_no_number_is_unknown(tags, expected, tmp_path):
    metadata = read(tmp_path / "photo", tags=tags)
    assert (metadata.exposure_bias, metadata.exposure) == pytest.approx(expected, abs=0.01)


def test_without_anything(tmp_path):
    assert read(tmp_path / "photo", {}, {}) == read_metadata(tmp_path / "missing") == Metadata()


def test_damaged_files(tmp_path):
    generator = np.random.default_rng(0)
    for kind in ("JPEG", "TIFF", "AVIF"):
        read(tmp_path / "a.dng", kind=kind)
        content = (tmp_path / "a.dng").read_bytes()
        for _ in range(100):
            (tmp_path / "b.dng").write_bytes(mutate(content, generator))
            assert isinstance(read_metadata(tmp_path / "b.dng"), Metadata)
