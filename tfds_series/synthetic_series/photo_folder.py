"""Finds the user's photographs, reads them upright as scenes, and assigns them to splits."""

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
    """A photo file.

    Attributes:
        path: String, path of the file.
        content_hash: String, SHA-256 hash of its bytes in hexadecimal.
    """

    path: str
    content_hash: str


def find_photos(folder: str | os.PathLike) -> tuple[list[SourcePhoto], list[str]]:
    """Finds the photos under a folder, at any depth.

    Args:
        folder: Folder to search. It is only read.

    Returns:
        Tuple `(photos, unreadable)`. `photos` is a list of the readable photos in the order of
        their hashes, with identical files only once. `unreadable` is a list of the paths, relative
        to the folder, of files that have a photo's suffix but cannot be read.
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
    """Reads a photo, applies its EXIF orientation and resizes it.

    Args:
        path: Photo in a format that Pillow reads.
        edge: Integer, longer edge of the result in pixels.

    Returns:
        Array `[H, W, 3]`, uint8, RGB.

    Raises:
        OSError: If the file is not a photo or is damaged.
        ValueError: If the photo has more than 200 million pixels.
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
    """Assigns photos to the train (80%), validation and test splits by their content hashes.

    A photo's split depends neither on its name nor on the other photos, with one exception: an
    empty validation split gets the photo with the lowest hash, and an empty test split the one with
    the highest.

    Args:
        photos: List of at least three photos, as `find_photos` returns it.

    Returns:
        Dictionary of each split's photos.

    Raises:
        ValueError: If there are fewer than three photos.
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
