"""The user's own photographs as scenes: found, read upright, and dealt to splits by content."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import warnings

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".mpo")
_MAX_PIXELS = 200_000_000
_HELD_OUT_SHARE = 0.1
SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class SourcePhoto:
    """A photo file and the hash of its bytes, in hexadecimal."""

    path: str
    content_hash: str


def find_photos(folder: str | os.PathLike) -> tuple[list[SourcePhoto], list[str]]:
    """Finds the photos under a folder, at any depth.

    Args:
        folder: is only read.

    Returns:
        The readable photos in the order of their hashes, identical files once; and the names of
        the files that look like photos and cannot be read, relative to the folder.
    """
    folder = pathlib.Path(folder)
    photos: dict[str, SourcePhoto] = {}
    unreadable = []
    for path in tqdm(sorted(folder.rglob("*")), unit=" files", disable=None, leave=False):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        try:
            read_scene(path, 64)
            content_hash = hashlib.sha256(path.read_bytes()).hexdigest()
            photos.setdefault(content_hash, SourcePhoto(str(path), content_hash))
        except (OSError, ValueError, SyntaxError, EOFError):
            unreadable.append(str(path.relative_to(folder)))
    return sorted(photos.values(), key=lambda photo: photo.content_hash), unreadable


def read_scene(path: str | os.PathLike, edge: int) -> np.ndarray:
    """Reads a photo upright.

    Args:
        path: a file that Pillow reads.
        edge: the longer edge of the result, in pixels.

    Returns:
        uint8 [H, W, 3].

    Raises:
        OSError: where the file is no photo or a broken one.
        ValueError: for more than 200 million pixels.
    """
    with warnings.catch_warnings(), Image.open(path) as image:
        warnings.simplefilter("ignore")
        if image.width * image.height > _MAX_PIXELS:
            raise ValueError(f"Expected at most {_MAX_PIXELS} pixels. Received: {image.size}")
        image.draft("RGB", (2 * edge, 2 * edge))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    scale = edge / max(upright.size)
    size = [max(1, round(length * scale)) for length in upright.size]
    return np.asarray(upright.resize(size, Image.Resampling.BICUBIC))


def split_photos(photos: list[SourcePhoto]) -> dict[str, list[SourcePhoto]]:
    """Deals photos to train (80%), validation and test by the hash of their content.

    A photo's split does not depend on its name or on the others, except that a validation or a test
    split that would be empty gets the photo with the lowest or the highest hash.

    Raises:
        ValueError: for fewer than three photos.
    """
    if len(photos) < len(SPLITS):
        raise ValueError(
            f"Expected at least {len(SPLITS)} different photos, one for each split. "
            f"Received: {len(photos)}"
        )
    photos = sorted(photos, key=lambda photo: photo.content_hash)
    places = [int(photo.content_hash[:8], 16) / 2**32 for photo in photos]
    lows = sum(place < _HELD_OUT_SHARE for place in places)
    highs = sum(place >= 1 - _HELD_OUT_SHARE for place in places)
    low = min(max(1, lows), len(photos) - 2)
    high = max(min(len(photos) - max(1, highs), len(photos) - 1), low + 1)
    return {"train": photos[low:high], "validation": photos[:low], "test": photos[high:]}
