"""Opens images that Pillow finds too large."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, JpegImagePlugin


def open_image(file: BinaryIO) -> Image.Image:
    """Opens an image. Nothing is decoded.

    Phones write JPEGs that Pillow finds too large to decode. They are opened as well, since only
    their headers are read or they are decoded at an eighth of their size.

    Args:
        file: File of any format, at its start.
    """
    try:
        return Image.open(file)
    except Image.DecompressionBombError:
        file.seek(0)
        return JpegImagePlugin.JpegImageFile(file)
