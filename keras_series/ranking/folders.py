"""The photos that a ranking finds in files and folders."""

from __future__ import annotations

import functools
import os
import pathlib
import stat
from collections.abc import Iterator, Sequence

from keras_series.utils import (
    FORMATS,
    FoundFile,
    FoundFiles,
    count_left_out,
    iterate_files,
    reason_left_out,
)

# HEIF stands for AVIF too. `read_photo` converts both and RAW to what a model decodes.
RANKED_FORMATS = (*FORMATS, "HEIF", "RAW")
# A folder with both is that of the thumbnails of a page.
_THUMBNAIL_MARKS = (".nomedia", "thumbnails.json")


def find_files(places: Sequence[str | os.PathLike]) -> FoundFiles:
    """Finds photos, each file once though folders may overlap.

    `keras_series.utils.iterate_files` says which files of a folder are photos. The thumbnails of
    pages are left out.

    Args:
        places: Folders and files.

    Raises:
        ValueError: If there is no place, one of them does not exist, or there are no photos.
    """
    if not places:
        raise ValueError("Expected a folder of photos. Received: none")
    for place in places:
        if not os.path.exists(place):
            raise ValueError(f"Expected a folder of photos, or a photo. Received: {place!r}")
    files: dict[str, FoundFile] = {}
    for file in (file for place in places for file in _files_of(place)):
        real = real_path(file.path)
        # A file itself comes before links to it: its neighbours are those of its series.
        if real not in files or (_is_link(files[real]) and not _is_link(file)):
            files[real] = file
    photos = [file for file in files.values() if file.reason is None]
    left_out = {file.path: file.reason for file in files.values() if file.reason is not None}
    if not photos:
        formats, received = ", ".join(RANKED_FORMATS), count_left_out(left_out) or "none"
        shown = ", ".join(repr(os.fspath(place)) for place in places)
        raise ValueError(f"Expected photos ({formats}) in {shown}. Received: {received}")
    links = dict.fromkeys(file.link for file in photos if file.link is not None)
    return FoundFiles([file.path for file in photos], left_out, list(links))


def real_path(path: str | os.PathLike) -> str:
    """Returns the path of a file without links, faster than `os.path.realpath` for many files.

    Args:
        path: Path of a file, which need not exist.
    """
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        is_link = True
    if is_link:
        return os.path.realpath(path)
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(_real_folder(folder), name)


@functools.lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _files_of(place: str | os.PathLike) -> Iterator[FoundFile]:
    if not os.path.isdir(place):
        yield FoundFile(pathlib.Path(place), reason_left_out(place, RANKED_FORMATS))
        return
    is_thumbnails = functools.lru_cache(maxsize=4096)(_has_thumbnails)
    for file in iterate_files(place, RANKED_FORMATS):
        if not is_thumbnails(file.path.parent):
            yield file


def _is_link(file: FoundFile) -> bool:
    return file.path.is_symlink()


def _has_thumbnails(folder: pathlib.Path) -> bool:
    return all((folder / mark).exists() for mark in _THUMBNAIL_MARKS)
