"""The file of choices that the local server writes while a person makes them."""

from __future__ import annotations

import json
import os
import pathlib
import threading
from collections.abc import Mapping, Sequence

from keras_series.utils import replacing
from keras_series.utils.files import locked

FORMAT = "keras-series choices"
VERSION = 1
_CHOICES = (None, "keep", "skip")
_MOST_STARS = 5


class SavedChoices:
    """Choices of photos in a file, which is whole at any time.

    What the file says of other photos stays in it, also what another server writes meanwhile.

    Args:
        path: File to create or to continue. Its folder must exist.
        uris: The URIs of the photos, in the order of their numbers.
        others: For each photo, the lists of URIs that its choice has besides. Defaults to none.

    Raises:
        ValueError: If there is another kind of file.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        uris: Sequence[str],
        others: Sequence[Mapping[str, list[str]]] | None = None,
    ):
        self._path = pathlib.Path(path)
        self._uris = uris
        self._others = others or [{}] * len(uris)
        self._lock = threading.Lock()
        self._by_uri: dict[str, dict] = {}
        self._state: tuple | None = None
        self._refresh()

    def of_photos(self) -> list[dict]:
        """Returns the choices of the photos that have one, as they are in the file."""
        with self._lock:
            self._refresh()
            return [self._by_uri[uri] for uri in self._uris if uri in self._by_uri]

    def update(self, changes: object) -> None:
        """Takes over changes and writes the file.

        Args:
            changes: List of dictionaries with `photo` (its number), `choice` and `stars`.

        Raises:
            ValueError: If one of them is not valid, or the file has become another kind of file.
                Nothing is changed then.
        """
        if not isinstance(changes, list) or not all(map(self._is_valid, changes)):
            raise ValueError("Expected changes with photo, choice and stars. Received: others")
        with self._lock, locked(self._path.parent, wait=True):
            self._refresh()
            for change in changes:
                photo, choice, stars = change["photo"], change["choice"], change["stars"]
                uri, others = self._uris[photo], self._others[photo]
                self._by_uri.pop(uri, None)
                if choice is not None or stars is not None:
                    self._by_uri[uri] = {"uri": uri, "choice": choice, "stars": stars, **others}
            self._write()

    def _is_valid(self, change: object) -> bool:
        return (
            isinstance(change, dict)
            and set(change) == {"photo", "choice", "stars"}
            and type(change["photo"]) is int
            and 0 <= change["photo"] < len(self._uris)
            and _is_choice(change["choice"], change["stars"])
        )

    def _refresh(self) -> None:
        """Reads the file, if another process has written it."""
        if (state := _state(self._path)) not in (None, self._state):
            self._by_uri, self._state = _read(self._path), state

    def _write(self) -> None:
        # One line for each photo: `indent` would take ten times as long.
        lines = ",\n".join(map(json.dumps, self._by_uri.values()))
        head = f'{{"format": {json.dumps(FORMAT)}, "version": {VERSION}, "choices": [\n'
        with replacing(self._path) as partial:
            partial.write_text(f"{head}{lines}\n]}}\n", encoding="utf-8")
            self._state = _state(partial)


def _is_choice(choice: object, stars: object) -> bool:
    is_choice = choice is None or (isinstance(choice, str) and choice in _CHOICES)
    # `True` is an integer as well.
    return is_choice and (stars is None or (type(stars) is int and 0 <= stars <= _MOST_STARS))


def _state(path: pathlib.Path) -> tuple | None:
    """Returns what differs once a file is written anew, and `None` if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: pathlib.Path) -> dict[str, dict]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if (content["format"], content["version"]) != (FORMAT, VERSION):
            raise ValueError(f"format {content['format']!r}, version {content['version']!r}")
        return {each["uri"]: {"choice": None, "stars": None, **each} for each in content["choices"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"Expected a file of choices or none at {str(path)!r}. Received: another file ({error})"
        ) from error
