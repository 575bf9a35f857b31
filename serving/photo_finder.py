"""Finds the photos in a folder, with a reason for every other file that is left out.

The first bytes of a file decide whether it is a photo, not its name. Nothing else of it is read.
"""

from __future__ import annotations

import collections
import dataclasses
import errno
import os
import pathlib
import re
import stat
from collections.abc import Collection, Iterator, Mapping

# The formats that an exported model decodes. MPO is a JPEG.
FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP")

# Why a file is left out. The message of the operating system follows `UNREADABLE`.
NOT_FOUND = "not found"
EMPTY = "empty"
NOT_AN_IMAGE = "not an image"
NOT_SUPPORTED = "format not supported"
UNREADABLE = "unreadable"

_HEAD_BYTES = 32
# The first bytes of each format. RAW files of many cameras are TIFF files.
_BEGINNINGS = {
    "JPEG": rb"\xff\xd8.",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WebP": rb"RIFF.{4}WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "RAW": rb"II\*\0.{4}CR|.{4}ftypcrx |FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR|FOVb|\0MRM"
    rb"|II\x1a\0{3}HEAPCCDR",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "HEIF": rb".{4}ftyp(?:hei[cfmsx]|hev[cmsx]|mif[12]|msf1|avi[fs])",
    "JPEG XL": rb"\xff\x0a|\0{3}\x0cJXL \r\n\x87\n",
    "JPEG 2000": rb"\xff\x4f\xff\x51|\0{3}\x0cjP  \r\n\x87\n",
    "PSD": rb"8BPS",
}
_PATTERNS = {name: re.compile(start, re.DOTALL) for name, start in _BEGINNINGS.items()}
_RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".nef",
    ".nrw", ".pef", ".raw", ".rwl", ".sr2", ".srf", ".srw",
)  # fmt: skip
# What file servers, archives and desktops add to folders of photos, in lower case. Names that begin
# with a dot are skipped as well, such as `.thumbnails` and the `._*` of macOS.
_SKIPPED_NAMES = {
    "#recycle", "$recycle.bin", "@eadir", "@recycle", "__macosx", "desktop.ini", "ehthumbs.db",
    "ehthumbs_vista.db", "icon\r", "lost+found", "system volume information", "thumbs.db",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class FoundFile:
    """A file in a folder.

    Attributes:
        path: Path of the file, which begins with that of the folder.
        reason: String. Why the file is left out: `NOT_FOUND`, `EMPTY`, `NOT_AN_IMAGE`,
            `NOT_SUPPORTED`, or `UNREADABLE` and the message of the operating system. `None` for a
            photo.
        link: Path of the link through which the file lies outside the folder. `None` for a file
            inside the folder.
    """

    path: pathlib.Path
    reason: str | None = None
    link: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class FoundFiles:
    """The files in a folder.

    Attributes:
        photos: Paths of the photos.
        left_out: Reasons by the paths of the other files, see `FoundFile`.
        links: Paths of the links through which some of the photos lie outside the folder.
    """

    photos: list[pathlib.Path]
    left_out: dict[pathlib.Path, str]
    links: list[pathlib.Path]


def find_photos(folder: str | os.PathLike, formats: Collection[str] = FORMATS) -> FoundFiles:
    """Finds the photos in a folder, at any depth, see `iterate_files`.

    Args:
        folder: Folder to search.
        formats: Names of the accepted formats. Defaults to `FORMATS`.
    """
    files = list(iterate_files(folder, formats))
    photos = [file for file in files if file.reason is None]
    return FoundFiles(
        photos=[file.path for file in photos],
        left_out={file.path: file.reason for file in files if file.reason is not None},
        links=list(dict.fromkeys(file.link for file in photos if file.link is not None)),
    )


def iterate_files(
    folder: str | os.PathLike, formats: Collection[str] = FORMATS
) -> Iterator[FoundFile]:
    """Yields the files in a folder, at any depth, depth first in the order of their names.

    Hidden files and folders are skipped without being reported, as are those that file servers and
    desktops add, such as thumbnails and recycle bins. Links to folders are followed after all other
    files, and each folder is searched only once, so no link leads in a circle.

    Args:
        folder: Folder to search.
        formats: Names of the accepted formats. Defaults to `FORMATS`.
    """
    root = pathlib.Path(os.path.realpath(folder))
    # A folder that contains this one leads back to it.
    searched = set(map(_identity, root.parents))
    tops = [(os.fspath(folder), None)]
    for top, link in tops:  # It grows with each link that is found.
        waiting = [top]
        while waiting:
            path = waiting.pop()
            leading_out = link or _link_out_of(root, path)
            if not os.path.isdir(path):
                yield FoundFile(pathlib.Path(path), reason_left_out(path, formats), leading_out)
            elif path != top and os.path.islink(path):
                tops.append((path, leading_out))
            else:
                try:
                    waiting.extend(reversed(_children(path, searched)))
                except OSError as error:
                    yield FoundFile(pathlib.Path(path), _reason(error), leading_out)


def reason_left_out(path: str | os.PathLike, formats: Collection[str] = FORMATS) -> str | None:
    """Returns why a file is left out, see `FoundFile`, or `None` for a photo.

    Args:
        path: Path of a file, which need not exist.
        formats: Names of the accepted formats. Defaults to `FORMATS`.
    """
    try:
        status = os.stat(path)
        # Opening a pipe or a device can block forever.
        if not stat.S_ISREG(status.st_mode):
            return NOT_AN_IMAGE
        if not status.st_size:
            return EMPTY
        found = detect_format(path)
    except OSError as error:
        return _reason(error)
    if found in formats:
        return None
    return NOT_SUPPORTED if found else NOT_AN_IMAGE


def detect_format(path: str | os.PathLike) -> str | None:
    """Returns the name of a file's image format, see `image_format`.

    A TIFF file with the suffix of a camera's RAW files is a RAW file.

    Args:
        path: Path of a file.

    Raises:
        OSError: If the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        found = image_format(file.read(_HEAD_BYTES))
    if found == "TIFF" and os.fspath(path).lower().endswith(_RAW_SUFFIXES):
        return "RAW"
    return found


def image_format(head: bytes) -> str | None:
    """Returns the name of an image format, or `None` if the bytes do not begin an image.

    Args:
        head: The first 32 bytes of a file, or all if it has fewer.

    Example:

    >>> image_format(b"GIF89a"), image_format(b"8BPS"), image_format(b"Hello")
    ('GIF', 'PSD', None)
    """
    return next((name for name, start in _PATTERNS.items() if start.match(head)), None)


def count_left_out(left_out: Mapping[pathlib.Path, str]) -> str:
    """Returns how many files are left out for each reason and suffix, as one line of text.

    Args:
        left_out: Reasons by path, as in `FoundFiles`.

    Example:

    >>> from pathlib import Path
    >>> count_left_out({Path("a.CR2"): "format not supported", Path("b"): "empty"})
    '1 format not supported (.cr2), 1 empty (without a suffix)'
    """
    counts = collections.Counter(
        (reason, path.suffix.lower() or "without a suffix") for path, reason in left_out.items()
    )
    return ", ".join(f"{n} {reason} ({suffix})" for (reason, suffix), n in counts.most_common())


def _children(folder: str, searched: set) -> list[str]:
    """Returns the paths in a folder, sorted; none if it has been searched already."""
    identity = _identity(folder)
    if identity in searched:
        return []
    searched.add(identity)
    names = (name for name in os.listdir(folder) if not _is_skipped(name))
    return [os.path.join(folder, name) for name in sorted(names)]


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SKIPPED_NAMES


def _identity(folder: str | os.PathLike) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _link_out_of(root: pathlib.Path, path: str) -> pathlib.Path | None:
    """Returns a path that is a link to a place outside a folder, and `None` for others."""
    if os.path.islink(path) and not pathlib.Path(os.path.realpath(path)).is_relative_to(root):
        return pathlib.Path(path)
    return None


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return NOT_FOUND
    return f"{UNREADABLE}: {error.strerror}"
