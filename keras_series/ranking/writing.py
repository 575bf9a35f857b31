"""Carries out changes to the folders of the user, each recorded in a journal first."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from tqdm import tqdm

from keras_series.ranking import xmp
from keras_series.ranking.changes import (
    COPY,
    CREATE,
    FOLDER,
    KEEP,
    LEAVE,
    UPDATE,
    Change,
    error_text,
)  # fmt: skip
from keras_series.ranking.journal import Journal, copy_status, hash_file, partial_path
from keras_series.ranking.sidecars import read_sidecar
from keras_series.utils import replacing

# What file systems without hard links, such as those of memory cards, answer.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


def carry_out(changes: Sequence[Change]) -> list[Change]:
    """Creates and updates sidecars and copies photos, each file whole or not at all.

    Args:
        changes: List of `Change`, as `plan_sidecars` and `plan_copies` return it.

    Returns:
        List of `Change`: what has been done. A change that failed is of the kind `LEAVE`.

    Raises:
        OSError: If the journal cannot be written. Nothing has been changed then.
    """
    if not any(change.kind in _WRITERS for change in changes):
        return list(changes)
    with Journal.start() as journal:
        shown = tqdm(changes, unit=" files", disable=None, leave=False)
        return [_carry_out(change, journal) for change in shown]


def _carry_out(change: Change, journal: Journal) -> Change:
    if change.kind not in _WRITERS:
        return change
    try:
        return _WRITERS[change.kind](change, journal)
    except (OSError, ValueError) as error:
        return dataclasses.replace(change, kind=LEAVE, detail=error_text(error))


def _create(change: Change, journal: Journal) -> Change:
    content = xmp.new_xmp(change.marks)
    _check_absent(change.path)
    journal.record(CREATE, change.path, hashlib.sha256(content).hexdigest())
    with _creating(change.path) as partial:
        partial.write_bytes(content)
    return change


def _update(change: Change, journal: Journal) -> Change:
    # It is read again, since another program may have changed it.
    before = read_sidecar(change.path)
    after, detail = xmp.merge(before, change.marks)
    if after == before:
        return dataclasses.replace(change, kind=KEEP, detail=detail)
    journal.record(UPDATE, change.path, hashlib.sha256(after).hexdigest(), before)
    with replacing(change.path) as partial:
        partial.write_bytes(after)
        copy_status(change.path, partial)
    return dataclasses.replace(change, detail=detail)


def _copy(change: Change, journal: Journal) -> Change:
    _make_folder(change.path.parent, journal)
    expected = hash_file(change.source)
    _check_absent(change.path)
    journal.record(COPY, change.path, expected)
    with _creating(change.path) as partial:
        if _copy_bytes(change.source, partial) != expected:
            raise ValueError("the photo has changed while it was copied")
        status = change.source.stat()
        os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
    return change


def _check_absent(path: pathlib.Path) -> None:
    # Before it is recorded, so that an undo does not remove a file of somebody else.
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "a file of this name has appeared")


def _make_folder(folder: pathlib.Path, journal: Journal) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        journal.record(FOLDER, each)
        each.mkdir(exist_ok=True)


def _copy_bytes(source: pathlib.Path, target: pathlib.Path) -> str:
    """Copies a file and returns the SHA-256 of its bytes."""
    digest = hashlib.sha256()
    with open(source, "rb") as reader, open(target, "wb") as writer:
        while block := reader.read(1 << 20):
            digest.update(block)
            writer.write(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _creating(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a temporary path, as `replacing` does, and never replaces an existing file."""
    partial = partial_path(path)
    try:
        # One that a kill has left may be the same file as a finished one.
        partial.unlink(missing_ok=True)
        yield partial
        try:
            os.link(partial, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _check_absent(path)
            os.rename(partial, path)
    finally:
        partial.unlink(missing_ok=True)


_WRITERS: dict[str, Callable[[Change, Journal], Change]] = {
    CREATE: _create,
    UPDATE: _update,
    COPY: _copy,
}
