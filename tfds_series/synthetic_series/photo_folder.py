"""Finds the user's photographs, reads them upright as scenes, and assigns them to splits."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from keras_series import utils
from tfds_series.splits import SPLITS, split_of

_FORMATS = (*utils.FORMATS, "TIFF")
_MAX_PIXELS = 200_000_000


@dataclasses.dataclass(frozen=True)
class SourcePhoto:
    """A photo file.

    Attributes:
        path: String, path of the file.
        content_hash: String, SHA-256 hash of its bytes in hexadecimal.
    """

    path: str
    content_hash: str


def find_photos(folder: str | os.PathLike) -> tuple[list[SourcePhoto], dict[str, str]]:
    """Finds the photos under a folder, at any depth, see `keras_series.utils.find_photos`.

    Args:
        folder: Folder to search. It is only read.

    Returns:
        Tuple `(photos, left_out)`. `photos` is a list of the photos that can be read, in the order
        of their hashes, with identical files only once. `left_out` has the reasons why other files
        are left out, by their paths relative to the folder.
    """
    folder = pathlib.Path(folder)
    photos: dict[str, SourcePhoto] = {}
    found = utils.find_photos(folder, _FORMATS)
    left_out = dict(found.left_out)
    for path in tqdm(found.photos, unit=" photos", disable=None, leave=False):
        try:
            read_scene(path, 64)
            content_hash = hashlib.sha256(path.read_bytes()).hexdigest()
            photos.setdefault(content_hash, SourcePhoto(str(path), content_hash))
        except UnidentifiedImageError:  # Its message names the file once more.
            left_out[path] = f"{utils.UNREADABLE}: damaged header"
        # Damaged photos make Pillow raise errors of many types, and large ones `MemoryError`.
        except Exception as error:
            left_out[path] = f"{utils.UNREADABLE}: {error or type(error).__name__}"
    in_order = sorted(photos.values(), key=lambda photo: photo.content_hash)
    return in_order, {str(path.relative_to(folder)): left_out[path] for path in left_out}


def describe_left_out(left_out: dict[str, str]) -> str:
    """Returns the names and reasons of the files left out, but only the number of other files.

    Args:
        left_out: Reasons by path, as `find_photos` returns them.
    """
    names = [
        # Names may have control characters or bytes that are not text.
        f"{name!r} ({reason})"
        for name, reason in left_out.items()
        if reason != utils.NOT_AN_IMAGE
    ]
    others = len(left_out) - len(names)
    return ", ".join([*names, *([f"{others} that are not images"] if others else [])])


def read_scene(path: str | os.PathLike, edge: int) -> np.ndarray:
    """Reads a photo, applies its orientation and colour profile, and resizes it.

    Args:
        path: Photo in a format that Pillow reads.
        edge: Integer, longer edge of the result in pixels.

    Returns:
        Array `[H, W, 3]`, uint8, RGB.

    Raises:
        OSError: If the file is not a photo or is damaged. Pillow raises other errors as well.
        ValueError: If the photo has more than 200 million pixels.
    """
    with warnings.catch_warnings(), _open(path) as image:
        warnings.simplefilter("ignore")
        if image.width * image.height > _MAX_PIXELS:
            raise ValueError(f"Expected at most {_MAX_PIXELS} pixels. Received: {image.size}")
        image.draft("RGB", (2 * edge, 2 * edge))
        upright = utils.to_srgb(ImageOps.exif_transpose(image))
    scale = edge / max(upright.size)
    size = [max(1, round(length * scale)) for length in upright.size]
    return np.asarray(upright.resize(size, Image.Resampling.BICUBIC))


@contextlib.contextmanager
def _open(path: str | os.PathLike) -> Iterator[Image.Image]:
    """Opens a photo of any size. Pillow itself refuses more than 179 million pixels."""
    with open(path, "rb") as file:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
        yield image


def split_photos(photos: list[SourcePhoto]) -> dict[str, list[SourcePhoto]]:
    """Assigns photos to splits by their content hashes, see `tfds_series.splits.split_of`.

    A photo's split depends neither on its name nor on the other photos, with one exception: an
    empty split gets the photo with the lowest hash of the largest split.

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
    splits: dict[str, list[SourcePhoto]] = {split: [] for split in SPLITS}
    for photo in sorted(photos, key=lambda photo: photo.content_hash):
        splits[split_of(photo.content_hash)].append(photo)
    for members in splits.values():
        if not members:
            members.append(max(splits.values(), key=len).pop(0))
    return splits
