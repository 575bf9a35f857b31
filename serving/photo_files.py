"""Finds and reads the photos that are named on a command line."""

import os
import pathlib
import sys
from collections.abc import Iterable, Iterator

from serving import photo_finder


def find_photos(arguments: Iterable[str | os.PathLike]) -> list[pathlib.Path]:
    """Returns the paths of the photos that files and folders refer to.

    What is left out of a folder is counted on the standard error.

    Args:
        arguments: Paths of files and folders. A folder means the photos in it, at any depth, see
            `photo_finder.iterate_files`. Files are returned unchecked.

    Returns:
        List of paths, in the order of `arguments`.

    Raises:
        ValueError: If a folder contains no photos.
    """
    paths = []
    for argument in map(pathlib.Path, arguments):
        paths.extend(_photos_in(argument) if argument.is_dir() else [argument])
    return paths


def _photos_in(folder: pathlib.Path) -> list[pathlib.Path]:
    found = photo_finder.find_photos(folder)
    left_out = repr(photo_finder.count_left_out(found.left_out))[1:-1]
    if not found.photos:
        expected = ", ".join(photo_finder.FORMATS)
        raise ValueError(
            f"Expected photos ({expected}) in {str(folder)!r}. Received: {left_out or 'none'}"
        )
    if left_out:
        print(f"Files skipped in {str(folder)!r}: {left_out}.", file=sys.stderr)
    return found.photos


class PhotoFiles:
    """Photo files that are read one at a time, and the problems met on the way.

    Iterating yields the content of each file, or empty bytes if it is not a photo.

    Args:
        paths: Paths of the files.
        most_bytes: Integer, maximum size in bytes. Larger files are not read.

    Attributes:
        paths: List of the paths, in the order given.
    """

    def __init__(self, paths: Iterable[pathlib.Path], most_bytes: int):
        self.paths = list(paths)
        self._most_bytes = most_bytes
        self._problems: dict[pathlib.Path, str] = {}

    def __iter__(self) -> Iterator[bytes]:
        return map(self._read, self.paths)

    def problem(self, path: pathlib.Path) -> str | None:
        """Returns why a file could not be read, or `None` if there was no problem so far."""
        return self._problems.get(path)

    def _read(self, path: pathlib.Path) -> bytes:
        try:
            if reason := photo_finder.reason_left_out(path):
                raise OSError(0, reason)
            if path.stat().st_size > self._most_bytes:
                raise OSError(0, f"larger than {self._most_bytes / 1e6:g} MB")
            return path.read_bytes()
        except OSError as error:
            self._problems[path] = error.strerror
            return b""
