"""Small pictures of photos for a page, in a folder that several runs share."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

from PIL import Image, ImageOps, JpegImagePlugin
from tqdm import tqdm

from keras_series.utils import replacing, to_srgb

# The longer side in pixels: sharp at the height of a row, on a dense screen too.
SIDE = 480
_QUALITY = 82
_INDEX = "thumbnails.json"
_INDEX_VERSION = 1
# Programs that look for photos leave out a folder with such a file. So does this one.
_NO_MEDIA = ".nomedia"
_NAME = re.compile(r"[0-9a-f]{32}\.jpg")
# As many photos wait for a free thread. It bounds the memory.
_CHUNK = 256
_MOST_THREADS = 16


@dataclasses.dataclass(frozen=True)
class Thumbnail:
    """A small picture of a photo.

    Attributes:
        name: String, the file's name in its folder, made from the content of the photo.
        width: Integer, in pixels, of the upright picture.
        height: Integer, in pixels.
    """

    name: str
    width: int
    height: int


def draw_thumbnail(photo_bytes: bytes) -> tuple[bytes, int, int]:
    """Returns a small JPEG of a photo, upright and in sRGB.

    Args:
        photo_bytes: Encoded photo of a format that Pillow reads.

    Returns:
        The bytes of the JPEG, whose longer side has at most `SIDE` pixels, its width and height.

    Raises:
        ValueError: If the photo cannot be decoded.
    """
    try:
        image = _open(photo_bytes)
        profile = image.info.get("icc_profile")
        image.draft(None, (2 * SIDE, 2 * SIDE))  # A JPEG is decoded at a part of its size.
        image = _with_continuous_tones(ImageOps.exif_transpose(image))
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        image.info["icc_profile"] = profile
        image = to_srgb(image)
        image.info.clear()
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY)
    # Pillow raises errors of many types on damaged photos.
    except Exception as error:
        raise ValueError(f"damaged: {error}") from error
    return file.getvalue(), image.width, image.height


def _open(photo_bytes: bytes) -> Image.Image:
    file = io.BytesIO(photo_bytes)
    if photo_bytes[:2] == b"\xff\xd8":
        # Phones write JPEGs that `Image.open` finds too large. They are decoded at an eighth.
        return JpegImagePlugin.JpegImageFile(file)
    return Image.open(file)


def _with_continuous_tones(image: Image.Image) -> Image.Image:
    """Returns an image in a mode that can be resized and shown."""
    if image.mode.startswith(("I", "F")):  # A greyscale PNG of 16 bits.
        return image.point(lambda value: value / 256).convert("L")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


class ThumbnailFolder:
    """A folder of thumbnails, and a list of which photo has which.

    A thumbnail is named by the content of its photo, and one that is there is not drawn again. A
    photo whose size and time of change are those of the list is not even read.

    Args:
        folder: Folder, which is created on the first use.
        read_photo: Function from a path to bytes that Pillow reads. It may raise `OSError`,
            `ValueError` and `ImportError`.
    """

    def __init__(self, folder: pathlib.Path, read_photo: Callable[[pathlib.Path], bytes]):
        self.folder = folder
        self._read_photo = read_photo
        self._known = _read_index(folder / _INDEX)
        self._used: dict[str, list] = {}
        self.written: list[pathlib.Path] = []

    def make(self, paths: Sequence[pathlib.Path]) -> dict[pathlib.Path, Thumbnail | str]:
        """Makes the thumbnails that are missing, in several threads.

        Args:
            paths: Paths of photos.

        Returns:
            By path a `Thumbnail`, or a string that says why there is none.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _NO_MEDIA).touch()
        # The marks by which a ranking leaves out the folder, even if this run is killed.
        if not (self.folder / _INDEX).exists():
            self._write_index(self._known)
        made = {}
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        with warnings.catch_warnings(), concurrent.futures.ThreadPoolExecutor(threads) as pool:
            warnings.simplefilter("ignore")  # Oddities of a file do not matter here.
            shown = tqdm(total=len(paths), unit=" thumbnails", disable=None, leave=False)
            for chunk in _chunks(paths):
                for path, result in zip(chunk, pool.map(self._draw, chunk), strict=True):
                    made[path] = self._keep(path, *result) if isinstance(result, tuple) else result
                    shown.update()
            shown.close()
        return made

    def finish(self) -> None:
        """Writes the list, and removes thumbnails of the former list that are not in it."""
        self._write_index(self._used)
        names = {entry[2] for entry in self._used.values()}
        for entry in self._known.values():
            if entry[2] not in names:
                (self.folder / entry[2]).unlink(missing_ok=True)

    def _write_index(self, photos: dict[str, list]) -> None:
        with replacing(self.folder / _INDEX) as partial:
            partial.write_text(json.dumps({"version": _INDEX_VERSION, "photos": photos}))

    def _draw(self, path: pathlib.Path) -> tuple[list, bytes | None] | str:
        """Returns the photo's line of the list with the bytes to write, or why there is none."""
        try:
            status = path.stat()
            state = [status.st_size, status.st_mtime_ns]
            known = self._known.get(str(path))
            if known and known[:2] == state and (self.folder / known[2]).exists():
                return known, None
            photo_bytes = self._read_photo(path)
            name = hashlib.sha256(photo_bytes).hexdigest()[:32] + ".jpg"
            if size := _size(self.folder / name):
                return [*state, name, *size], None
            drawn, width, height = draw_thumbnail(photo_bytes)
        except OSError as error:
            return f"unreadable: {error.strerror or error}"
        except (ValueError, ImportError) as error:
            return str(error)
        return [*state, name, width, height], drawn

    def _keep(self, path: pathlib.Path, entry: list, drawn: bytes | None) -> Thumbnail:
        target = self.folder / entry[2]
        if drawn is not None and not target.exists():
            with replacing(target) as partial:
                partial.write_bytes(drawn)
            self.written.append(target)
        self._used[str(path)] = entry
        return Thumbnail(*entry[2:])


def _chunks(paths: Sequence[pathlib.Path]) -> Iterator[Sequence[pathlib.Path]]:
    return (paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK))


def _size(path: pathlib.Path) -> tuple[int, int] | None:
    """Returns the size of a thumbnail, and `None` if it is missing or damaged."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError):
        return None


def _read_index(path: pathlib.Path) -> dict[str, list]:
    """Returns the list of an earlier run, without lines that no such run has written."""
    try:
        index = json.loads(path.read_text())
        photos = index["photos"] if index["version"] == _INDEX_VERSION else {}
        return dict(_valid_entries(photos.items()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _valid_entries(items: Iterable[tuple[str, list]]) -> Iterator[tuple[str, list]]:
    for path, entry in items:
        size, time, name, width, height = entry
        if _NAME.fullmatch(name) and all(isinstance(n, int) for n in (size, time, width, height)):
            yield path, entry
