"""The photos that a command line names."""

import pathlib

SUFFIXES = {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp"}


def find_photos(arguments):
    """The paths of photos that are meant: a folder stands for the photos in it, by name.

    Raises:
        ValueError: If a folder has none.
    """
    paths = []
    for argument in map(pathlib.Path, arguments):
        paths.extend(_photos_in(argument) if argument.is_dir() else [argument])
    return paths


def _photos_in(folder):
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        expected = ", ".join(sorted(SUFFIXES))
        raise ValueError(f"Expected photos ({expected}) in {str(folder)!r}. Received: none")
    return paths


class PhotoFiles:
    """Photos that are read when they are asked for, and what is wrong with them.

    Iterating gives the bytes of each, empty where there are none to be had.

    Args:
        paths: Files.
        most_bytes: Greater files are not read.
    """

    def __init__(self, paths, most_bytes):
        self.paths = list(paths)
        self._most_bytes = most_bytes
        self._problems = {}

    def __iter__(self):
        return map(self._read, self.paths)

    def problem(self, path):
        """Why a file could not be read, or `None`."""
        return self._problems.get(path)

    def _read(self, path):
        try:
            if path.stat().st_size > self._most_bytes:
                raise OSError(0, f"larger than {self._most_bytes / 1e6:g} MB")
            photo = path.read_bytes()
        except OSError as error:
            self._problems[path] = error.strerror
            return b""
        if not photo:
            self._problems[path] = "empty"
        return photo
