"""How alike the contents of two photos are, by their thumbnails.

`benchmarks/grouping.py` compares this with other measures.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from keras_series.ranking.images import open_image

THUMBNAIL_SIZE = 64
# Where gradients are taken and where they are counted, and the deviations of the two blurs, in
# pixels of the thumbnail.
_POINTS, _CELLS = 32, 6
_SMOOTHING, _CELL_SPREAD = 1.2, 6.0
_DIRECTIONS = 16
_PHOTOS_AT_A_TIME = 256
# Reading begins at an eighth of the size where that leaves so many pixels.
_DRAFT_SIZE = (2 * THUMBNAIL_SIZE, 2 * THUMBNAIL_SIZE)
_END_OF_JPEG = b"\xff\xd9"


def thumbnail(photo_bytes: bytes) -> np.ndarray | None:
    """Returns a photo upright in grey, squeezed to a square.

    Args:
        photo_bytes: Encoded photo, see `read_photo`.

    Returns:
        uint8 array `[64, 64]`, or `None` if the photo cannot be decoded.
    """
    # A JPEG without its end is shown as far as it goes, as the models do.
    end = _END_OF_JPEG if photo_bytes.startswith(b"\xff\xd8") else b""
    try:
        with warnings.catch_warnings(), open_image(io.BytesIO(photo_bytes + end)) as image:
            warnings.simplefilter("ignore")
            image.draft("L", _DRAFT_SIZE)
            grey = ImageOps.exif_transpose(_grey(image))
            size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
            return np.asarray(grey.resize(size, Image.Resampling.BOX))
    # Pillow raises errors of many types on damaged photos. The model says what is wrong with them.
    except Exception:
        return None


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":  # PNGs of 16 bits
        image = image.point(lambda level: level / 256)
    return image.convert("L")


def describe_content(thumbnails: Sequence[np.ndarray | None]) -> np.ndarray:
    """Returns a description of each photo's content, of which the dot product is the similarity.

    It counts in which directions the brightness rises, in 6 x 6 places, as SIFT and HOG do, and
    takes the square roots, so that no single edge decides. Exposure and colours hardly matter.

    Args:
        thumbnails: N uint8 arrays `[64, 64]`, or `None` for photos that cannot be decoded.

    Returns:
        float32 array `[N, 576]`. The dot product of two rows is from -1 to 1, and that of a row
        with itself is 1. Rows of zeros stand for photos without a thumbnail or without edges.
    """
    described = np.zeros((len(thumbnails), _CELLS * _CELLS * _DIRECTIONS), np.float32)
    places = np.flatnonzero([each is not None for each in thumbnails])
    for start in range(0, len(places), _PHOTOS_AT_A_TIME):
        some = places[start : start + _PHOTOS_AT_A_TIME]
        described[some] = _describe(np.stack([thumbnails[place] for place in some]))
    return described


def _describe(thumbnails: np.ndarray) -> np.ndarray:
    pixels = thumbnails.astype(np.float32)
    smooth, slope = _gaussians(THUMBNAIL_SIZE, _POINTS, _SMOOTHING)
    down, across = slope @ pixels @ smooth.T, smooth @ pixels @ slope.T
    counts, _ = _gaussians(_POINTS, _CELLS, _CELL_SPREAD * _POINTS / THUMBNAIL_SIZE)
    maps = _by_direction(down, across)
    cells = np.sqrt(counts @ maps @ counts.T).reshape(len(pixels), -1)
    cells -= cells.mean(axis=1, keepdims=True)
    length = np.linalg.norm(cells, axis=1, keepdims=True)
    return np.where(length > 1e-3, cells / np.maximum(length, 1e-3), 0)


def _by_direction(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Returns the lengths of gradients, shared by the two nearest directions, `[N, 16, H, W]`."""
    angle = (np.arctan2(down, across) / (2 * np.pi) % 1) * _DIRECTIONS
    length = np.hypot(down, across)
    maps = np.zeros((len(down), _DIRECTIONS, *down.shape[1:]), np.float32)
    lower = angle.astype(int) % _DIRECTIONS
    share = (angle % 1) * length
    np.put_along_axis(maps, lower[:, None], (length - share)[:, None], axis=1)
    np.put_along_axis(maps, ((lower + 1) % _DIRECTIONS)[:, None], share[:, None], axis=1)
    return maps


def _gaussians(size: int, count: int, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weights `[count, size]` of a blur at evenly spaced points, and its slopes."""
    centres = (np.arange(count) + 0.5) * size / count - 0.5
    distance = np.arange(size) - centres[:, None]
    weights = np.exp(-0.5 * (distance / deviation) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    # The slope of an even brightness is zero, also at the borders, where the blur is cut off.
    distance = distance - (weights * distance).sum(axis=1, keepdims=True)
    slopes = weights * distance / deviation**2
    return weights.astype(np.float32), slopes.astype(np.float32)
