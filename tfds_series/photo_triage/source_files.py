"""Finds the files of a copy of PhotoTriage in folders and zip files."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence

LISTS = {
    "train": "train_pairlist.txt",
    "validation": "val_pairlist.txt",
    "test": "test_pairlist.txt",
}
ARCHIVES = ("train_val.zip", "test.zip")
_PHOTO = re.compile(r"(\d{6})-(\d{2})\.jpe?g", re.IGNORECASE)
_REVIEWS = re.compile(r"(\d{1,6})\.json", re.IGNORECASE)
# Exceptions that reading a damaged file or member of a zip file can raise.
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file on disk or a member of a zip file.

    Attributes:
        path: String, path of the file on disk or name of the member.
        archive: The open zip file, or `None` for a file on disk. Defaults to `None`.
    """

    path: str
    archive: zipfile.ZipFile | None = None

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


class SourceFiles:
    """The files of a copy of PhotoTriage, found by name at any depth.

    This covers the layouts in use: the zip files as downloaded, unpacked, nested in a folder of the
    same name, or all photos in one folder, with extensions in either case. Nothing is written.

    Args:
        folder: Folder to search, including zip files with the published names, or `None`. Defaults
            to `None`.
        archives: Sequence of additional zip files of any name. Defaults to none.

    Attributes:
        lists: Dictionary of the files of each split's pair list. Duplicates are all listed.
        photos: Dictionary of the files of each photo, keyed by the numbers (series, photo).
            Duplicates are all listed.
        reviews: Dictionary of the review file of each series, keyed by its number.
        place: String, the searched location for error messages.

    Raises:
        ValueError: If a zip file cannot be opened.
    """

    def __init__(
        self,
        folder: str | os.PathLike | None = None,
        archives: Sequence[str | os.PathLike] = (),
    ) -> None:
        self.lists: dict[str, list[SourceFile]] = {split: [] for split in LISTS}
        self.photos: dict[tuple[int, int], list[SourceFile]] = {}
        self.reviews: dict[int, SourceFile] = {}
        archives = list(archives)
        self.place = str(folder or ", ".join(map(str, archives)))
        for path in _walk(folder) if folder else ():
            self._add(SourceFile(path))
            if os.path.basename(path).lower() in ARCHIVES:
                archives.append(path)
        for path in archives:
            archive = _open_archive(path)
            for member in archive.namelist():
                self._add(SourceFile(member, archive))

    def __bool__(self) -> bool:
        """Returns whether any photo or pair list was found."""
        return bool(self.photos) or any(self.lists.values())

    def read_list(self, split: str) -> str:
        """Returns the text of a split's pair list.

        Args:
            split: `"train"`, `"validation"` or `"test"`.

        Raises:
            FileNotFoundError: If the copy has no pair list for the split.
            ValueError: If the copy has two different ones, or one that is not readable UTF-8 text.
        """
        if not self.lists[split]:
            raise FileNotFoundError(
                f"Expected {LISTS[split]} in {self.place}. Received: no such file"
            )
        texts = {}
        for file in self.lists[split]:
            try:
                texts.setdefault(file.read().decode("utf-8-sig"), file)
            except (*UNREADABLE, UnicodeDecodeError) as error:
                raise ValueError(f"Expected UTF-8 text in {file}. Received: {error}") from error
        if len(texts) > 1:
            places = ", ".join(map(str, texts.values()))
            raise ValueError(f"Expected one {LISTS[split]}. Received several that differ: {places}")
        return next(iter(texts))

    def _add(self, file: SourceFile) -> None:
        folder, _, name = file.path.replace(os.sep, "/").rpartition("/")
        if "__MACOSX" in folder:  # Metadata that macOS adds to zip files.
            return
        for split, list_name in LISTS.items():
            if name.lower() == list_name:
                self.lists[split].append(file)
        if match := _PHOTO.fullmatch(name):
            self.photos.setdefault((int(match[1]), int(match[2])), []).append(file)
        elif "reviews" in folder.lower() and (match := _REVIEWS.fullmatch(name)):
            self.reviews.setdefault(int(match[1]), file)


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
