"""The EXIF data of a photo, of any format whose EXIF data Pillow can read."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping
from typing import BinaryIO

from PIL import ExifTags, Image

from keras_series.ranking.images import open_image
from keras_series.utils import detect_format

# Olympus and Panasonic write another number than 42 into what is a TIFF file otherwise.
_TIFF_HEADS = {b"IIRO": b"II*\0", b"IIRS": b"II*\0", b"MMOR": b"MM\0*", b"IIU\0": b"II*\0"}
# Where Fuji's RAW files state the place of their JPEG, a big-endian number.
_FUJI_JPEG = slice(84, 88)
# Canon's newer RAW files have the EXIF data in these boxes.
_CANON_BOXES = (b"CMT1", b"CMT2")
# Enough of a RAW file's start to have the EXIF data in it.
_START_BYTES = 1 << 18


def read_exif(path: str | os.PathLike) -> Mapping[int, object]:
    """Returns the EXIF tags of a photo, those of the camera and those of the capture.

    Nothing is decoded. The EXIF data of HEIC files need the package `pillow-heif`.

    Args:
        path: File of any format.

    Returns:
        Values by the numbers of the tags, see `PIL.ExifTags.Base`. Empty if there are none, or if
        the file is damaged or no photo.
    """
    try:
        if not os.path.isfile(path):
            return {}
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")  # Oddities of a file do not matter here.
            return _READERS.get(detect_format(path), _read_image)(file)
    # Damaged headers make Pillow raise errors of many types, and no photo may stop the others.
    except Exception:
        return {}


def _read_image(file: BinaryIO) -> dict[int, object]:
    return _tags(open_image(file).getexif())


def _read_raw(file: BinaryIO) -> dict[int, object]:
    head = file.read(_START_BYTES)
    if head.startswith(b"FUJIFILM"):
        file.seek(int.from_bytes(head[_FUJI_JPEG], "big"))
        return _read_image(io.BytesIO(file.read(_START_BYTES)))
    if head[4:8] == b"ftyp":
        return _read_canon_boxes(head)
    return _read_tiff(file)


def _read_tiff(file: BinaryIO) -> dict[int, object]:
    """Reads the folder of tags without asking what the pixels are, which Pillow often refuses."""
    file.seek(0)
    head = file.read(4)
    if head in _TIFF_HEADS:
        file = io.BytesIO(_TIFF_HEADS[head] + file.read(_START_BYTES))
    file.seek(0)
    exif = Image.Exif()
    exif.load_from_fp(file)
    return _tags(exif)


def _read_canon_boxes(head: bytes) -> dict[int, object]:
    tags: dict[int, object] = {}
    for name in _CANON_BOXES:
        place = head.find(name)
        if place >= 4:
            size = int.from_bytes(head[place - 4 : place], "big")
            exif = Image.Exif()
            exif.load(head[place + 4 : place - 4 + size])
            tags.update(exif)
    return tags


def _read_heif(file: BinaryIO) -> dict[int, object]:
    try:
        return _read_image(file)  # AVIF
    except Image.UnidentifiedImageError:
        import pillow_heif

    file.seek(0)
    exif = Image.Exif()
    exif.load(pillow_heif.open_heif(file).info.get("exif") or b"")
    return _tags(exif)


def _tags(exif: Image.Exif) -> dict[int, object]:
    """Returns the tags of the photo and those of the capture, which may be damaged."""
    tags = dict(exif)
    try:
        return tags | exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:
        return tags


_READERS = {"RAW": _read_raw, "TIFF": _read_tiff, "HEIF": _read_heif}
