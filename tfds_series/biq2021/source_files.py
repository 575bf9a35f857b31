"""Finds the files of a copy of BIQ2021, and reads the scores."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence

from tfds_series.source_files import SourceFile, find_files, read_only_text

SCORES = ("Train (Images and MOS).csv", "Test (Images and MOS).csv")
_ARCHIVES = re.compile(r"BIQ2021.*\.zip", re.IGNORECASE)
_PHOTO = re.compile(r"(ss0[123] \(\d+\))\.jpe?g", re.IGNORECASE)


class SourceFiles:
    """A copy of BIQ2021, found by name at any depth: a zip file, a clone, a folder, part of one.

    Args:
        folder: Folder to search, including zip files named `BIQ2021*.zip`, or `None`. Defaults to
            `None`.
        archives: Sequence of additional zip files of any name. Defaults to none.

    Attributes:
        photos: Dictionary of the files of each photo, keyed by its name without the extension, such
            as `"ss01 (104)"`. Duplicates are all listed.
        place: String, the searched location for error messages.

    Raises:
        ValueError: If a zip file cannot be opened.
    """

    def __init__(
        self,
        folder: str | os.PathLike | None = None,
        archives: Sequence[str | os.PathLike] = (),
    ) -> None:
        self.photos: dict[str, list[SourceFile]] = {}
        self.place = str(folder or ", ".join(map(str, archives)))
        self._scores: dict[str, list[SourceFile]] = {name: [] for name in SCORES}
        for file in find_files(folder, _ARCHIVES, archives):
            if file.name in SCORES:
                self._scores[file.name].append(file)
            elif match := _PHOTO.fullmatch(file.name):
                self.photos.setdefault(match[1].lower(), []).append(file)

    def __bool__(self) -> bool:
        """Returns whether any photo or list of scores was found."""
        return bool(self.photos) or any(self._scores.values())

    def read_scores(self) -> dict[str, float]:
        """Returns the mean opinion score of each photo, in [0, 1], by its name as in `photos`.

        Raises:
            FileNotFoundError: If one of the two lists is missing.
            ValueError: If there are different versions of a list, or a line is not valid.
        """
        scores = {}
        for name in SCORES:
            lines = read_only_text(self._scores[name], name, self.place).splitlines()
            for number, row in enumerate(csv.reader(lines[1:]), start=2):
                scores.update([_read_score(row, f"{name}, line {number}")])
        return scores


def _read_score(row: list[str], place: str) -> tuple[str, float]:
    """Returns the name and the score of a photo from a line such as `ss01 (1).jpg,0.5471,,`."""
    match = _PHOTO.fullmatch(row[0]) if len(row) > 1 else None
    try:
        score = float(row[1]) if match else -1.0
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise ValueError(
            f"Expected the name of a photo and a score in [0, 1] in {place}. "
            f"Received: {','.join(row)!r}"
        )
    return match[1].lower(), score
