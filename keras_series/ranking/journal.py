"""What each run writes into the folders of the user, so that it can be taken back."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import shutil
import urllib.parse
from collections.abc import Iterator

from tqdm import tqdm

from keras_series.ranking.changes import (
    FOLDER,
    KEEP,
    LEAVE,
    REMOVE,
    RESTORE,
    UNREACHED,
    Change,
    error_text,
)
from keras_series.utils import keras_home, replacing

_FORMAT = "keras-series journal"
_KEPT_RUNS = 20


def runs_folder() -> pathlib.Path:
    """Returns the folder of the journals: `keras_series/runs` in `KERAS_HOME`, or in `~/.keras`."""
    return keras_home() / "keras_series" / "runs"


def to_uri(path: pathlib.Path) -> str:
    """Returns an absolute path, links resolved, as a URI that keeps every byte of it.

    Args:
        path: Path of a file.
    """
    return path.resolve().as_uri()


def to_path(uri: str) -> pathlib.Path:
    """Returns the path that a `file:` URI names.

    Args:
        uri: String.

    Raises:
        ValueError: If the URI is not that of a file on this machine.
    """
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.path[:1] != "/":
        raise ValueError(f"Expected the URI of a file, file:///... Received: {uri!r}")
    path = urllib.parse.unquote_to_bytes(parts.path)
    if b"\0" in path:
        raise ValueError(f"Expected the URI of a file, file:///... Received: {uri!r}")
    return pathlib.Path(os.fsdecode(path))


def partial_path(path: pathlib.Path) -> pathlib.Path:
    """Returns where a file is written before it is renamed to `path`, as `replacing` does.

    Args:
        path: Path of a file.
    """
    return path.with_name(f".{path.stem}.partial{path.suffix}")


class Journal:
    """The record of a run, in a folder of its own. A change is recorded before it is made.

    Args:
        folder: Folder of the run, which exists.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._count = 0
        self._file = open(folder / "journal.jsonl", "ab", buffering=0)  # noqa: SIM115
        self._append({"format": _FORMAT, "version": 1})

    @classmethod
    @contextlib.contextmanager
    def start(cls) -> Iterator[Journal]:
        """Yields the journal of a new run.

        Raises:
            OSError: If the folder of the journals cannot be written.
        """
        runs = runs_folder()
        try:
            # Of the file that a killed run was writing.
            for entry in _entries_of_latest()[-1:]:
                _remove_partial(entry)
            journal = cls(_new_folder(runs))
        except OSError as error:
            raise OSError(
                f"Could not write {runs}, which keeps what --undo needs: {error_text(error)}. "
                "Set KERAS_HOME to a folder that can be written"
            ) from error
        try:
            yield journal
        finally:
            journal._file.close()

    def record(
        self, kind: str, path: pathlib.Path, sha256: str = "", previous: bytes | None = None
    ) -> None:
        """Records a change that is about to be made.

        Args:
            kind: String, the kind of the `Change`, or `FOLDER` for a new folder.
            path: File or folder to write.
            sha256: String, the hash of what is written. Empty for a folder.
            previous: The bytes of the file before the change. `None` for a new file.
        """
        entry = {"kind": kind, "uri": to_uri(path), "sha256": sha256}
        if kind == FOLDER:
            entry["device"] = path.parent.stat().st_dev
        if previous is not None:
            entry["previous"] = f"{self._count}.previous"
            (self._folder / entry["previous"]).write_bytes(previous)
        self._append(entry)
        self._count += 1

    def _append(self, entry):
        # A disk without room may take a part of a line, which the next one must not continue.
        line = b"\n" + json.dumps(entry).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def undo(dry_run: bool = False) -> list[Change]:
    """Takes back what the latest run wrote that has not been taken back.

    A file that is no longer what the run wrote is left alone. If some files cannot be reached, such
    as those of a drive that is not connected, the run stays the latest, and the next call takes
    back the rest.

    Args:
        dry_run: Whether to say only what would be done. Defaults to `False`.

    Returns:
        List of `Change`: `REMOVE`, `RESTORE`, `KEEP` for a file that is as it was before the run,
        `LEAVE` for a file that was left alone, and `UNREACHED`. Empty if there is no run to take
        back.
    """
    folder = latest_run()
    if folder is None:
        return []
    entries = _read(folder)
    made = {
        to_path(entry["uri"]): entry.get("device") for entry in entries if entry["kind"] == FOLDER
    }
    shown = tqdm(entries[::-1], unit=" files", disable=None, leave=False)
    changes = [_undo_entry(folder, entry, made, dry_run) for entry in shown]
    kinds = {change.kind for change in changes}
    if not dry_run and UNREACHED not in kinds:
        if LEAVE in kinds:
            # What the run has replaced is kept, in case somebody looks for it.
            os.replace(folder, folder.with_name(f"{folder.name}-undone"))
        else:
            shutil.rmtree(folder)
    return changes


def _undo_entry(
    folder: pathlib.Path, entry: dict, made: dict[pathlib.Path, int | None], dry_run: bool
) -> Change:
    path = to_path(entry["uri"])
    try:
        if entry["kind"] == FOLDER:
            return _undo_folder(path, dry_run)
        if not path.parent.is_dir():
            if any(_is_removed(each, made[each]) for each in path.parents if each in made):
                return Change(path, KEEP, "it is not there")
            return Change(path, UNREACHED, "its folder is not there")
        if not dry_run:
            _remove_partial(entry)
        if "previous" in entry:
            previous = (folder / entry["previous"]).read_bytes()
            return _undo_update(path, entry["sha256"], previous, dry_run)
        return _undo_create(path, entry["sha256"], dry_run)
    except OSError as error:
        return Change(path, UNREACHED, error_text(error))


def _is_removed(folder: pathlib.Path, device: int | None) -> bool:
    """Whether the user has removed a folder of a run, whose drive is still there."""
    return not folder.exists() and folder.parent.is_dir() and folder.parent.stat().st_dev == device


def _undo_create(path: pathlib.Path, written: str, dry_run: bool) -> Change:
    if not os.path.lexists(path):
        return Change(path, KEEP, "it is not there")
    if hash_file(path) != written:
        return Change(path, LEAVE, "it has changed since the run")
    if not dry_run:
        path.unlink()
    return Change(path, REMOVE, "written by the run")


def _undo_update(path: pathlib.Path, written: str, previous: bytes, dry_run: bool) -> Change:
    if not os.path.lexists(path):
        return Change(path, LEAVE, "it has been removed since the run")
    current = hash_file(path)
    if current == hashlib.sha256(previous).hexdigest():
        return Change(path, KEEP, "it is as it was before the run")
    if current != written:
        return Change(path, LEAVE, "it has changed since the run")
    if not dry_run:
        with replacing(path) as partial:
            partial.write_bytes(previous)
            copy_status(path, partial)
    return Change(path, RESTORE, "as it was before the run")


def _undo_folder(path: pathlib.Path, dry_run: bool) -> Change:
    if not path.is_dir() or (not dry_run and any(path.iterdir())):
        return Change(path, KEEP, "it has other files" if path.is_dir() else "it is not there")
    if not dry_run:
        path.rmdir()
    return Change(path, REMOVE, "a folder of the run, if it is empty")


def copy_status(source: pathlib.Path, target: pathlib.Path) -> None:
    """Gives a new version of a file the permissions and attributes of the file, but not its times.

    Args:
        source: The file.
        target: Its new version.
    """
    with contextlib.suppress(OSError):
        shutil.copystat(source, target)
    os.utime(target)


def hash_file(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file as a hexadecimal text.

    Args:
        path: Path of the file.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _remove_partial(entry: dict) -> None:
    """Removes what a killed run may have left beside a file."""
    if entry["kind"] != FOLDER:
        with contextlib.suppress(OSError):
            partial_path(to_path(entry["uri"])).unlink()


def _new_folder(runs: pathlib.Path) -> pathlib.Path:
    runs.mkdir(parents=True, exist_ok=True)
    numbers = sorted(int(each.name[:6]) for each in runs.iterdir() if each.name[:6].isdigit())
    for old in [each for each in runs.iterdir() if each.name[:6].isdigit()]:
        if int(old.name[:6]) in numbers[: 1 - _KEPT_RUNS]:
            shutil.rmtree(old, ignore_errors=True)
    number = numbers[-1] + 1 if numbers else 1
    while True:
        folder = runs / f"{number:06}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:  # Of a run that began at the same moment.
            number += 1


def latest_run() -> pathlib.Path | None:
    """Returns the folder of the latest run that is not taken back, and `None` if there is none."""
    runs = runs_folder()
    folders = runs.iterdir() if runs.is_dir() else ()
    return max((each for each in folders if each.name.isdigit() and _read(each)), default=None)


def _entries_of_latest() -> list[dict]:
    folder = latest_run()
    return [] if folder is None else _read(folder)


def _read(folder: pathlib.Path) -> list[dict]:
    """Returns the entries of a journal, without those that a kill or a full disk cut off."""
    entries = []
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / "journal.jsonl").read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
    return [entry for entry in entries if "kind" in entry]
