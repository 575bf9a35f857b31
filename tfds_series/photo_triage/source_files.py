"""The files of a copy of PhotoTriage, wherever they lie: in folders or in the zip files."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import zipfile
import zlib

LISTS = {
    "train": "train_pairlist.txt",
    "validation": "val_pairlist.txt",
    "test": "test_pairlist.txt",
}
ARCHIVES = ("train_val.zip", "test.zip")
_PHOTO = re.compile(r"(\d{6})-(\d{2})\.jpe?g", re.IGNORECASE)
_REVIEWS = re.compile(r"(\d{1,6})\.json", re.IGNORECASE)
# What reading a damaged member of a zip file can raise.
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file on disk or a member of a zip file."""

    path: str
    archive: zipfile.ZipFile | None = None

    def read(self) -> bytes:
        """Its content; one of `UNREADABLE` is raised where it is damaged."""
        if self.archive:
            return self.archive.read(self.path)
        return pathlib.Path(self.path).read_bytes()

    def __str__(self):
        return f"{self.archive.filename}/{self.path}" if self.archive else self.path


class SourceFiles:
    """What a copy of PhotoTriage holds, found by name at any depth.

    That covers the copies there are: the zip files as downloaded, unpacked, doubly nested, or all
    photos in one folder; extensions in either case. Nothing is written.

    Args:
        folder: where to look, zip files of the published names included; or None.
        archives: further zip files, under any name.

    Attributes:
        lists: files of each pair list by split; one that is there twice has several.
        photos: files of each photo by (series, photo) numbers; one that is there twice has several.
        reviews: file of the reviews by number of the series.
        place: where it all was found, for messages.

    Raises:
        ValueError: for a zip file that cannot be opened.
    """

    def __init__(
        self, folder: str | os.PathLike | None = None, archives: list[str | os.PathLike] = ()
    ):
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

    def __bool__(self):
        """Whether anything of PhotoTriage was found."""
        return bool(self.photos) or any(self.lists.values())

    def read_list(self, split: str) -> str:
        """The text of a split's pair list.

        Raises:
            FileNotFoundError: if the copy has none.
            ValueError: if it has two different ones, or one that cannot be read.
        """
        if not self.lists[split]:
            raise FileNotFoundError(f"Expected {LISTS[split]} in {self.place}. Received: none")
        texts = {}
        for file in self.lists[split]:
            try:
                texts.setdefault(file.read().decode("utf-8-sig"), file)
            except (*UNREADABLE, UnicodeDecodeError) as error:
                raise ValueError(f"Expected a text at {file}. Received: {error}") from error
        if len(texts) > 1:
            places = ", ".join(map(str, texts.values()))
            raise ValueError(f"Expected one {LISTS[split]}. Received different ones: {places}")
        return next(iter(texts))

    def _add(self, file):
        folder, _, name = file.path.replace(os.sep, "/").rpartition("/")
        if "__MACOSX" in folder:  # What macOS adds to zip files.
            return
        for split, list_name in LISTS.items():
            if name.lower() == list_name:
                self.lists[split].append(file)
        if match := _PHOTO.fullmatch(name):
            self.photos.setdefault((int(match[1]), int(match[2])), []).append(file)
        elif "reviews" in folder.lower() and (match := _REVIEWS.fullmatch(name)):
            self.reviews.setdefault(int(match[1]), file)


def _walk(folder):
    """Paths of all files under a folder, linked folders included once, in a fixed order."""
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        if os.path.realpath(root) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(root))
        folders.sort()
        yield from (os.path.join(root, name) for name in sorted(names))


def _open_archive(path):
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected a whole zip file at {path}. Received: one of {os.path.getsize(path)} bytes "
            f"that cannot be opened ({error}). Was its download cut, or a web page saved in its "
            "place? Fetch it again"
        ) from error
