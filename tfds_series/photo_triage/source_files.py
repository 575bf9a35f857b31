"""Finds the files of a copy of PhotoTriage in folders and zip files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from tfds_series.source_files import SourceFile, find_files, read_only_text

LISTS = {
    "train": "train_pairlist.txt",
    "validation": "val_pairlist.txt",
    "test": "test_pairlist.txt",
}
_ARCHIVES = re.compile(r"(train_val|test)\.zip", re.IGNORECASE)
_PHOTO = re.compile(r"(\d{6})-(\d{2})\.jpe?g", re.IGNORECASE)
_REVIEWS = re.compile(r"(\d{1,6})\.json", re.IGNORECASE)


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
        self.place = str(folder or ", ".join(map(str, archives)))
        for file in find_files(folder, _ARCHIVES, archives):
            self._add(file)

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
        return read_only_text(self.lists[split], LISTS[split], self.place)

    def _add(self, file: SourceFile) -> None:
        for split, list_name in LISTS.items():
            if file.name.lower() == list_name:
                self.lists[split].append(file)
        if match := _PHOTO.fullmatch(file.name):
            self.photos.setdefault((int(match[1]), int(match[2])), []).append(file)
        elif "reviews" in file.folder.lower() and (match := _REVIEWS.fullmatch(file.name)):
            self.reviews.setdefault(int(match[1]), file)
