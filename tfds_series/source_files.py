"""Files of a copy of a dataset, on disk or in zip files."""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import re
import urllib.request
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import tensorflow_datasets.public_api as tfds
from PIL import Image, UnidentifiedImageError

Copy = TypeVar("Copy")

# Exceptions that reading a damaged file or member of a zip file can raise.
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
# Exceptions that decoding a damaged photo can raise.
UNDECODABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
_PATIENCE = 20  # Seconds to wait for a server.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file on disk or a member of a zip file.

    Attributes:
        path: String, path of the file on disk or name of the member.
        archive: The open zip file, or `None` for a file on disk. Defaults to `None`.
    """

    path: str
    archive: zipfile.ZipFile | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.replace(os.sep, "/").rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path without its last part, with forward slashes."""
        return self.path.replace(os.sep, "/").rpartition("/")[0]

    def read(self) -> bytes:
        """Returns the content of the file.

        Raises:
            One of `UNREADABLE`: If the file cannot be read or is damaged.
        """
        if self.archive:
            return self.archive.read(self.path)
        return pathlib.Path(self.path).read_bytes()

    def __str__(self) -> str:
        return f"{self.archive.filename}/{self.path}" if self.archive else self.path


def find_files(
    folder: str | os.PathLike | None,
    archive_names: re.Pattern[str],
    archives: Iterable[str | os.PathLike] = (),
) -> Iterator[SourceFile]:
    """Finds the files under a folder, at any depth, and in zip files. Nothing is written.

    Args:
        folder: Folder to search, or `None`.
        archive_names: Pattern of the whole names of the zip files under the folder that are
            searched, too.
        archives: Additional zip files of any name. Defaults to none.

    Yields:
        `SourceFile`s, those on disk first.

    Raises:
        ValueError: If a zip file cannot be opened.
    """
    archives = list(archives)
    for path in _walk(folder) if folder else ():
        yield SourceFile(path)
        if archive_names.fullmatch(os.path.basename(path)):
            archives.append(path)
    for path in archives:
        archive = _open_archive(path)
        for member in archive.namelist():
            if "__MACOSX" not in member:  # Metadata that macOS adds to zip files.
                yield SourceFile(member, archive)


def copy_or_download(
    dl_manager: tfds.download.DownloadManager,
    open_copy: Callable[..., Copy],
    urls: Mapping[str, str],
    name: str,
    instructions: str,
) -> Copy:
    """Returns the user's copy of a dataset, or else the downloaded one.

    Args:
        dl_manager: TFDS download manager.
        open_copy: Callable that finds files in a folder, or in the zip files `archives`. What it
            returns is false if there are none.
        urls: Dictionary of the zip files to download. The first is asked for before.
        name: String, the name of the dataset for messages.
        instructions: String, how to get the dataset.

    Raises:
        FileNotFoundError: If there is no copy and the download fails.
    """
    try:
        copy = open_copy(dl_manager.manual_dir)
        received = f"no file of {name} in {dl_manager.manual_dir}"
    except AssertionError as error:  # TFDS raises it if there is no manual directory.
        copy = None
        received = str(error).partition(". ")[0]
    if copy:
        return copy
    try:
        # TFDS would retry an unreachable server for minutes.
        request = urllib.request.Request(next(iter(urls.values())), method="HEAD")
        urllib.request.urlopen(request, timeout=_PATIENCE).close()
        archives = dl_manager.download(dict(urls))
    except Exception as error:  # The instructions apply whatever made the download fail.
        raise FileNotFoundError(
            f"Expected the {name} dataset. Received: {received}, and the download failed: "
            f"{str(error)[:200]}\n\n{instructions}"
        ) from error
    return open_copy(archives=list(archives.values()))


def read_only_text(files: Sequence[SourceFile], name: str, place: str) -> str:
    """Returns the text that all copies of a file agree on.

    Args:
        files: The copies of the file.
        name: String, the name of the file for messages.
        place: String, where it was looked for, for messages.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the copies differ, or if one is not readable UTF-8 text.
    """
    if not files:
        raise FileNotFoundError(f"Expected {name} in {place}. Received: no such file")
    texts = {}
    for file in files:
        try:
            texts.setdefault(file.read().decode("utf-8-sig"), file)
        except (*UNREADABLE, UnicodeDecodeError) as error:
            raise ValueError(f"Expected UTF-8 text in {file}. Received: {error}") from error
    if len(texts) > 1:
        places = ", ".join(map(str, texts.values()))
        raise ValueError(f"Expected one {name}. Received several that differ: {places}")
    return next(iter(texts))


def check_decodable(content: bytes) -> None:
    """Raises one of `UNDECODABLE` unless the content is a whole photo."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(io.BytesIO(content), formats=_FORMATS).load()
    except UnidentifiedImageError as error:
        raise ValueError(
            f"not a photo, but {len(content)} bytes that begin with {content[:12]!r}"
        ) from error


def _walk(folder: str | os.PathLike) -> Iterator[str]:
    """Yields all files under a folder in a fixed order, following links but no folder twice."""
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        if os.path.realpath(root) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(root))
        folders.sort()
        yield from (os.path.join(root, name) for name in sorted(names))


def _open_archive(path: str | os.PathLike) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected a complete zip file at {path}. Received: a file of {os.path.getsize(path)} "
            f"bytes that cannot be opened ({error}). The download may be truncated or a saved web "
            "page. Download it again"
        ) from error
