"""The files that a ranking, or the choices of the user, are written to."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from keras_series.ranking.changes import (
    LEAVE,
    UNREACHED,
    Change,
    count_changes,
    format_changes,
)
from keras_series.ranking.choices import mark_choices, read_choices
from keras_series.ranking.copies import check_copy_folder, plan_copies
from keras_series.ranking.difference import DifferenceMaps
from keras_series.ranking.journal import latest_run, undo
from keras_series.ranking.marks import MarkedShot, mark_ranking
from keras_series.ranking.photo_bytes import read_photo
from keras_series.ranking.pipeline import Ranking
from keras_series.ranking.results import CLOSE
from keras_series.ranking.results_json import write_json
from keras_series.ranking.sidecars import SIDECAR_NAMES, plan_sidecars
from keras_series.ranking.table import printable, write_table
from keras_series.ranking.writing import carry_out
from keras_series.ranking.xmp import check_lxml
from keras_series.utils import count_left_out

# Each takes half a second. The server makes those that are looked at.
_MOST_DIFFERENCES = 100

Places = Sequence[str | os.PathLike]


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What is written. Files are written whole or not at all.

    Attributes:
        csv: Path of a table. `None` for none.
        json: Path of a JSON file. `None` for none.
        html: Path of a page. `None` for none.
        xmp: Whether ratings and labels are written to sidecars.
        sidecar_name: String, one of `SIDECAR_NAMES`.
        overwrite_ratings: Whether existing ratings and labels are replaced.
        copy_best: Folder for copies of the photos to keep. `None` for none.
    """

    csv: str | None = None
    json: str | None = None
    html: str | None = None
    xmp: bool = False
    sidecar_name: str = SIDECAR_NAMES[0]
    overwrite_ratings: bool = False
    copy_best: str | None = None

    def check(self, places: Places = ()) -> None:
        """Raises an error if something cannot be written, before any work is done.

        Args:
            places: Folders of photos, and photos. Defaults to none.

        Raises:
            ValueError: If a path is not one to write to.
            ImportError: If a package is missing. The message says how to install it.
        """
        for flag, path, suffixes in self._files():
            check_file(flag, path, suffixes)
        if self.xmp:
            check_lxml()
        if self.html:
            import keras_series.ranking.page  # noqa: F401
        if self.copy_best:
            folders = [place for place in places if os.path.isdir(place)]
            check_parent(check_copy_folder(self.copy_best, folders))

    def write(
        self,
        ranking: Ranking,
        places: Places,
        dry_run: bool = False,
        differences: DifferenceMaps | None = None,
    ) -> Iterator[str]:
        """Writes a ranking.

        Args:
            ranking: `Ranking`.
            places: Folders of photos, and photos.
            dry_run: Whether to say only what would be written. Defaults to `False`.
            differences: `DifferenceMaps` for the page. Defaults to none.

        Yields:
            Lines of text that say what was written, or would be.
        """
        for flag, path, _ in self._files():
            title = _TITLES[flag]
            if dry_run:
                yield f"{title}, not written: {printable(path)}"
                continue
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            if flag == "html":
                _write_page(ranking, path, differences)
            else:
                _WRITERS[flag](ranking, path)
            yield f"{title}: {printable(path)}"
        shots = mark_ranking(ranking.series, self.overwrite_ratings)
        yield from self._change_folders(shots, places, dry_run)

    def apply(self, choices_file: str | os.PathLike, dry_run: bool = False) -> Iterator[str]:
        """Writes the choices of the user to sidecars and copies.

        Args:
            choices_file: JSON file, see `read_choices`.
            dry_run: Whether to say only what would be written. Defaults to `False`.

        Yields:
            Lines of text that say what was written, or would be.
        """
        choices = read_choices(choices_file)
        yield f"{len(choices.choices):,} choices."
        if choices.left_out:
            yield f"Files skipped: {printable(count_left_out(choices.left_out))}."
        yield from self._change_folders(mark_choices(choices.choices), (), dry_run)

    def _files(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for flag, suffixes in _SUFFIXES.items():
            if path := getattr(self, flag):
                yield flag, path, suffixes

    def _change_folders(
        self, shots: Sequence[MarkedShot], places: Places, dry_run: bool
    ) -> Iterator[str]:
        planned: dict[str, list[Change]] = {}
        if self.xmp:
            planned["Sidecars"] = plan_sidecars(shots, self.sidecar_name)
        if self.copy_best:
            folders = [place for place in places if os.path.isdir(place)]
            title = f"Copies in {printable(self.copy_best)}"
            planned[title] = plan_copies(shots, self.copy_best, folders)
        yield from (_dry_run if dry_run else _carry_out)(planned)


def undo_latest(dry_run: bool = False) -> Iterator[str]:
    """Takes back what the latest run wrote into the folders of the user.

    Args:
        dry_run: Whether to say only what would be done. Defaults to `False`.

    Yields:
        Lines of text that say what was done, or would be.
    """
    changes = undo(dry_run)
    if not changes:
        yield "There is no run to take back."
    else:
        yield format_changes(changes)
        yield f"{'Not taken back' if dry_run else 'Taken back'}: {count_changes(changes)}."
    if any(change.kind == UNREACHED for change in changes):
        yield (
            "Connect the drive, or make the files readable, and --undo takes back the rest. "
            f"To give that up, remove {latest_run()}."
        )


def check_file(flag: str, path: str | os.PathLike, suffixes: Sequence[str]) -> None:
    """Raises an error unless a file can be written.

    Args:
        flag: String, name of the flag.
        path: File to create or replace, in a folder that need not exist.
        suffixes: The suffixes that it may have. Another one may be that of a photo, which must not
            be overwritten.

    Raises:
        ValueError: If it cannot be written.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in suffixes or path.is_dir():
        expected = " or ".join(suffixes)
        raise ValueError(f"Expected --{flag} to be a file {expected}. Received: {str(path)!r}")
    check_parent(path.parent)


def check_parent(folder: pathlib.Path) -> None:
    """Raises an error unless a folder can be written, or made.

    Args:
        folder: Folder, which need not exist.

    Raises:
        ValueError: If it cannot be written.
    """
    folder = pathlib.Path(os.path.abspath(folder))
    existing = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ValueError(f"Expected a writable folder. Received: {str(existing)!r}")


def _dry_run(planned: Mapping[str, Sequence[Change]]) -> Iterator[str]:
    for title, changes in planned.items():
        if changes:
            yield format_changes(changes)
        yield f"{title}, not written: {count_changes(changes)}."


def _carry_out(planned: Mapping[str, Sequence[Change]]) -> Iterator[str]:
    """Carries out all changes as one run, which `--undo` takes back at once."""
    changes = iter(carry_out(list(itertools.chain.from_iterable(planned.values()))))
    for title, some in planned.items():
        done = list(itertools.islice(changes, len(some)))
        if left := [change for change in done if change.kind == LEAVE]:
            yield format_changes(left)
        yield f"{title}: {count_changes(done)}."


def _write_page(ranking: Ranking, path: str, differences: DifferenceMaps | None) -> None:
    from keras_series.ranking.page import write_page

    close = sum(photo.verdict == CLOSE for each in ranking.series for photo in each.photos)
    if close > _MOST_DIFFERENCES:
        differences = None
    write_page(ranking.series, path, read_photo, differences)


_SUFFIXES = {"csv": (".csv",), "json": (".json",), "html": (".html", ".htm")}
_TITLES = {"csv": "Table", "json": "JSON", "html": "Page"}
_WRITERS = {
    "csv": lambda ranking, path: write_table(ranking.series, path),
    "json": lambda ranking, path: write_json(
        ranking.series, path, ranking.model, dataclasses.asdict(ranking.options)
    ),
}
