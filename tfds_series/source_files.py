"""Files of a copy of a dataset, on disk or in zip files."""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence

from PIL import Image, UnidentifiedImageError

# Exceptions that reading a damaged file or member of a zip file can raise.
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
# Exceptions that decoding a damaged photo can raise.
UNDECODABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
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
