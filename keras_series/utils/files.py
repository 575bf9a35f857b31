"""Files that appear whole or not at all."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator


def keras_home() -> pathlib.Path:
    """Returns the folder of what Keras keeps for a user: `KERAS_HOME`, by default `~/.keras`."""
    return pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras")


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path, and renames it to `path` if the block ends without an error.

    Args:
        path: File to create or replace. Its folder must exist.

    Yields:
        A `pathlib.Path` in the same folder and with the same suffix as `path`.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "numbers.json")
    >>> with replacing(path) as partial:
    ...     _ = partial.write_text("[1, 2]")
    >>> path.read_text(), [file.name for file in path.parent.iterdir()]
    ('[1, 2]', ['numbers.json'])
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def partial_folder(base: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a new folder, to be filled and renamed in the block; it is removed if it is not.

    What processes that were killed left behind is removed, too.

    Args:
        base: Existing folder in which the new one is made.

    Yields:
        A `pathlib.Path`, whose name begins with a dot.
    """
    for path in pathlib.Path(base).glob(".partial.*"):
        with locked(path) as is_ours:
            if is_ours:  # Its process is dead, since a lock lives as long as its process.
                shutil.rmtree(path)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=".partial.", dir=base))
    with locked(partial):
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: str | os.PathLike, wait: bool = False) -> Iterator[bool]:
    """Locks a folder while the block runs, also for other threads and processes that use this.

    Args:
        folder: Existing folder.
        wait: Whether to wait until nobody else has locked it. Defaults to `False`.

    Yields:
        Whether it could be locked. Some file systems have no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        is_locked = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            is_locked = False
        yield is_locked
    finally:
        os.close(descriptor)
