"""The bytes of a photo for a model, whatever the format of the file."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable

from PIL import ExifTags, Image, ImageOps

from keras_series.utils import detect_format

_QUALITY = 95
_EXTRA = "pip install 'keras-series[photos]'"
# How to turn a photo upright, by LibRaw's `flip` and as the values of EXIF's orientation.
_ORIENTATION_OF_FLIP = {3: 3, 5: 8, 6: 6}


def read_photo(path: str | os.PathLike) -> bytes:
    """Returns the bytes of a photo that a model decodes.

    Of JPEG, PNG, WebP, GIF, BMP and unknown files these are the file's own. HEIC and AVIF files are
    converted to JPEG, with the colour profile. Of a RAW file they are the largest JPEG in it. All
    are upright, or have an EXIF orientation that says how to turn them.

    Args:
        path: Path of a file. The content decides, not the suffix, except for RAW files that begin
            as TIFF files do.

    Raises:
        ImportError: If the package that reads the format is missing.
        OSError: If the file cannot be read.
        ValueError: If it is damaged, or a RAW file has no photo in it.
    """
    reader = _READERS.get(detect_format(path))
    if reader is None:
        with open(path, "rb") as file:
            return file.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Oddities of a file do not matter here.
            return reader(path)
    except (ImportError, OSError, ValueError):
        raise
    # Readers raise errors of many types on damaged files.
    except Exception as error:
        raise ValueError(f"Expected a photo. Received: {os.fspath(path)!r} ({error})") from error


def _read_heif(path: str | os.PathLike) -> bytes:
    try:
        with Image.open(path) as image:  # AVIF
            return _encode(ImageOps.exif_transpose(image))
    except Image.UnidentifiedImageError:
        pass
    try:
        import pillow_heif
    except ImportError as error:
        raise ImportError(f"HEIC needs the package pillow-heif: {_EXTRA}") from error
    # The file's own turns are applied, and the EXIF orientation, which repeats them, is reset.
    return _encode(pillow_heif.open_heif(path).to_pillow())


def _read_raw(path: str | os.PathLike) -> bytes:
    try:
        import rawpy
    except ImportError as error:
        raise ImportError(f"RAW needs the package rawpy: {_EXTRA}") from error
    try:
        # A name may have characters that LibRaw cannot open.
        with open(path, "rb") as file, rawpy.imread(file) as raw:
            preview, flip = raw.extract_thumb(), raw.sizes.flip
    except rawpy.LibRawError as error:
        raise ValueError(f"Expected a RAW file with a preview. Received: {error}") from error
    if preview.format == rawpy.ThumbFormat.BITMAP:
        return _encode(_turn(Image.fromarray(preview.data), _ORIENTATION_OF_FLIP.get(flip, 1)))
    return _upright_preview(preview.data, _ORIENTATION_OF_FLIP.get(flip, 1))


def _upright_preview(photo_bytes: bytes, orientation: int) -> bytes:
    """Returns a preview as it is if it says how to turn it or need not be turned."""
    photo_bytes = _without_added_exif(photo_bytes)
    with Image.open(io.BytesIO(photo_bytes)) as image:
        if _has_orientation(image) or orientation == 1:
            return photo_bytes
        return _encode(_turn(image, orientation))


def _without_added_exif(photo_bytes: bytes) -> bytes:
    """Returns a preview without the EXIF data that LibRaw puts before those of the camera.

    LibRaw does so unless the camera's come first, to say how the RAW file is to be turned.
    """
    if not photo_bytes.startswith(b"\xff\xd8\xff\xe1"):
        return photo_bytes
    size = int.from_bytes(photo_bytes[4:6], "big")
    rest = b"\xff\xd8" + photo_bytes[4 + size :]
    with Image.open(io.BytesIO(rest)) as image:
        return rest if "exif" in image.info and _has_orientation(image) else photo_bytes


def _has_orientation(image: Image.Image) -> bool:
    return image.getexif().get(ExifTags.Base.Orientation) in range(1, 9)


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _encode(image: Image.Image) -> bytes:
    """Encodes an upright photo as JPEG, without EXIF data, which may say that it is not upright."""
    profile = image.info.get("icc_profile")
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, subsampling=0, icc_profile=profile, exif=b"")
    return file.getvalue()


_READERS: dict[str | None, Callable] = {"HEIF": _read_heif, "RAW": _read_raw}
