"""Photos that the tests draw: files of every format, broken files, and ways to make others."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def draw_photo(width: int = 101, height: int = 78, seed: int = 0) -> Image.Image:
    """A smooth coloured scene with some grain, different in every corner."""
    noise = np.random.default_rng(seed).uniform(0, 255, [5, 6, 3]).astype(np.uint8)
    smooth = Image.fromarray(noise).resize((width, height), Image.BICUBIC)
    grain = np.random.default_rng(seed).normal(0, 6, [height, width, 3])
    return Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))


def encode(photo: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of a photo, of a format and with options that Pillow knows."""
    buffer = io.BytesIO()
    photo.save(buffer, kind, **options)
    return buffer.getvalue()


def _with_alpha(mode: str = "RGBA") -> Image.Image:
    photo = draw_photo()
    photo.putalpha(draw_photo(seed=1).convert("L"))
    return photo.convert(mode)


def _sixteen_bit() -> Image.Image:
    grey = np.asarray(draw_photo().convert("L")).astype(np.uint16)
    return Image.fromarray(grey * 256 + 77)


def exif(orientation: int, order: str = "<") -> bytes:
    """EXIF with two entries, the orientation the second, in either byte order."""
    entries = struct.pack(order + "HHII", 0x010F, 2, 4, 0x41424300)
    entries += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 2)
    return b"Exif\0\0" + head + entries + bytes(4)


def app1(content: bytes) -> bytes:
    """Returns the APP1 segment of a JPEG with this content."""
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Returns a chunk of a PNG."""
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png_header(height: int, width: int) -> bytes:
    """Returns the start of a PNG of a size, without pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)


def mutate(photo_bytes: bytes, generator: np.random.Generator) -> bytes:
    """Some bytes changed, mostly in the header, and sometimes a cut or a doubling."""
    changed = bytearray(photo_bytes)
    for _ in range(generator.integers(1, 8)):
        reach = len(changed) if generator.random() < 0.3 else min(len(changed), 64)
        changed[generator.integers(reach)] = generator.integers(256)
    start, stop = sorted(generator.integers(len(changed), size=2))
    edits = [bytes(changed), bytes(changed[:stop]), bytes(changed[:stop] + changed[start:])]
    return edits[generator.choice(3, p=[0.7, 0.15, 0.15])]


PHOTO = draw_photo()
_ANIMATION = {"save_all": True, "append_images": [draw_photo(seed=seed) for seed in (1, 2)]}
# A file of each format and kind of pixels that is decoded.
ENCODED = {
    "jpeg": encode(PHOTO, "JPEG", quality=90),
    "jpeg_grey": encode(PHOTO.convert("L"), "JPEG"),
    "jpeg_cmyk": encode(PHOTO.convert("CMYK"), "JPEG"),
    "jpeg_progressive": encode(PHOTO, "JPEG", progressive=True, subsampling=0),
    "png": encode(PHOTO, "PNG"),
    "png_alpha": encode(_with_alpha(), "PNG"),
    "png_grey": encode(PHOTO.convert("L"), "PNG"),
    "png_grey_alpha": encode(_with_alpha("LA"), "PNG"),
    "png_palette": encode(PHOTO.convert("P"), "PNG"),
    "png_16_bit": encode(_sixteen_bit(), "PNG"),
    "png_1_bit": encode(PHOTO.convert("1"), "PNG"),
    "bmp": encode(PHOTO, "BMP"),
    "bmp_alpha": encode(_with_alpha(), "BMP"),
    "bmp_grey": encode(PHOTO.convert("L"), "BMP"),
    "bmp_palette": encode(PHOTO.convert("P"), "BMP"),
    "gif": encode(PHOTO, "GIF"),
    "gif_interlaced": encode(PHOTO.quantize(64), "GIF", interlace=True),
    "gif_transparent": encode(PHOTO.quantize(64), "GIF", transparency=3, comment=b"x" * 999),
    "gif_animated": encode(PHOTO, "GIF", **_ANIMATION),
    "webp": encode(PHOTO, "WEBP"),
    "webp_lossless": encode(PHOTO, "WEBP", lossless=True),
    "webp_alpha": encode(_with_alpha(), "WEBP"),
    "webp_lossless_alpha": encode(_with_alpha(), "WEBP", lossless=True),
}
# Files that are refused.
# Why each is not valid, the values of `Reason`: 1 empty, 2 not an image, 3 format not supported,
# 4 truncated, 6 animation, 7 damaged.
BROKEN_REASONS = {
    "empty": 1,
    "text": 2,
    "html_named_jpg": 2,
    "tiff": 3,
    "random": 2,
    "jpeg_start": 4,
    "jpeg_header": 4,
    "webp_animated": 6,
    "webp_unknown": 7,
    "jpeg_truncated": 4,
    "png_truncated": 4,
    "bmp_truncated": 4,
    "gif_truncated": 4,
    "webp_truncated": 4,
    "webp_lossless_truncated": 4,
}
BROKEN = {
    "empty": b"",
    "text": b"a photo",
    "html_named_jpg": b"<!DOCTYPE html><title>Not found</title>",
    "tiff": encode(PHOTO, "TIFF"),
    "random": np.random.default_rng(0).bytes(5000),
    "jpeg_start": b"\xff\xd8\xff",
    "jpeg_header": ENCODED["jpeg"][:300],
    "webp_animated": encode(PHOTO, "WEBP", **_ANIMATION),
    "webp_unknown": b"RIFF\x20\0\0\0WEBPJUNK" + bytes(40),
    **{
        f"{name}_truncated": ENCODED[name][: len(ENCODED[name]) * 2 // 3]
        for name in ("jpeg", "png", "bmp", "gif", "webp", "webp_lossless")
    },
}
