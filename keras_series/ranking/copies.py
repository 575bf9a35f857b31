"""Copies of the photos to keep, in a folder of their own."""

from __future__ import annotations

import filecmp
import itertools
import os
import pathlib
import shutil
from collections.abc import Iterable, Sequence

from keras_series.ranking.changes import COPY, KEEP, LEAVE, Change, error_text
from keras_series.ranking.marks import MarkedShot


def check_copy_folder(
    folder: str | os.PathLike, photo_folders: Iterable[str | os.PathLike]
) -> pathlib.Path:
    """Returns the folder for copies, unless it is inside a folder of photos.

    The next ranking of the photos would find the copies in there.

    Args:
        folder: Folder for copies, which need not exist.
        photo_folders: Folders of photos.

    Raises:
        ValueError: If `folder` is inside one of `photo_folders`, or is a file.
    """
    folder = pathlib.Path(os.path.realpath(pathlib.Path(folder).expanduser()))
    for each in photo_folders:
        if folder.is_relative_to(os.path.realpath(pathlib.Path(each).expanduser())):
            raise ValueError(
                f"Expected --copy_best to be outside the folders of photos, since the next ranking "
                f"would find the copies. Received: {str(folder)!r}, in {os.fspath(each)!r}"
            )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Expected --copy_best to be a folder. Received: {str(folder)!r}")
    return folder


def plan_copies(
    shots: Sequence[MarkedShot],
    folder: str | os.PathLike,
    photo_folders: Iterable[str | os.PathLike] = (),
) -> list[Change]:
    """Returns what is to be done to copy the shots to keep into a folder. Nothing is written.

    All files of a shot are copied, but not the exact copies of its photo. Where the folder has
    another file of the same name, `-2` or a higher number is added to the names of the shot's
    files. A file that the folder has already counts as copied.

    Args:
        shots: List of `MarkedShot`.
        folder: Folder for copies, which need not exist.
        photo_folders: Folders of photos, which `folder` must not be inside of. The folders of the
            shots are among them. Defaults to no others.

    Returns:
        List of `Change`. If the disk has not enough room for all copies, they are left alone.

    Raises:
        ValueError: If `folder` is inside a folder of photos, or is a file.
    """
    files = [(shot.path, *shot.other_files) for shot in shots if shot.keep]
    parents = {path.parent for each in files for path in each}
    folder = check_copy_folder(folder, [*photo_folders, *parents])
    taken: dict[str, pathlib.Path] = {}
    changes = [change for each in files for change in _plan_shot(each, folder, taken)]
    return _check_room(changes, folder)


def _plan_shot(
    files: Sequence[pathlib.Path], folder: pathlib.Path, taken: dict[str, pathlib.Path]
) -> list[Change]:
    for number in itertools.count(1):
        targets = [_target(folder, file, number) for file in files]
        if len({target.name.lower() for target in targets}) < len(files):
            # Files of one name in sibling folders: each gets a number of its own.
            return [change for file in files for change in _plan_shot([file], folder, taken)]
        try:
            states = [_state(file, to, taken) for file, to in zip(files, targets, strict=True)]
        except OSError as error:
            return [Change(each, LEAVE, error_text(error)) for each in files]
        if "other" not in states:
            break
    changes = []
    for file, target, state in zip(files, targets, states, strict=True):
        taken[target.name.lower()] = file
        detail = f"of {file}" if number == 1 else f"of {file}, whose name is taken"
        kind = COPY if state == "free" else KEEP
        changes.append(Change(target, kind, detail, source=file))
    return changes


def _target(folder: pathlib.Path, file: pathlib.Path, number: int) -> pathlib.Path:
    return folder / (file.name if number == 1 else f"{file.stem}-{number}{file.suffix}")


def _state(file: pathlib.Path, target: pathlib.Path, taken: dict[str, pathlib.Path]) -> str:
    """Returns whether the name of a copy is `"free"`, or of the `"same"` or an `"other"` file."""
    if not file.is_file():
        raise FileNotFoundError(2, "not found")
    planned = taken.get(target.name.lower())
    if planned is not None:
        return "same" if planned == file else "other"
    if not os.path.lexists(target):
        return "free"
    same = target.is_file() and filecmp.cmp(file, target, shallow=False)
    return "same" if same else "other"


def _check_room(changes: list[Change], folder: pathlib.Path) -> list[Change]:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    needed = sum(each.source.stat().st_size for each in changes if each.kind == COPY)
    free = shutil.disk_usage(existing).free
    if needed <= free:
        return changes
    detail = f"no room on the disk, which has {free / 1e6:.0f} of {needed / 1e6:.0f} MB"
    return [
        Change(each.path, LEAVE, detail, source=each.source) if each.kind == COPY else each
        for each in changes
    ]
