"""The choices of the user, which the page and the server write."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Sequence

from keras_series.ranking.journal import to_path
from keras_series.ranking.marks import MarkedShot
from keras_series.ranking.xmp import KEEP_LABEL, SKIP_LABEL, Marks
from keras_series.utils import reason_left_out
from keras_series.utils.photo_files import NOT_SUPPORTED

FORMAT = "keras-series choices"
VERSION = 1

# The values of `Choice.choice`.
KEEP_CHOICE = "keep"
SKIP_CHOICE = "skip"
_LABELS = {KEEP_CHOICE: KEEP_LABEL, SKIP_CHOICE: SKIP_LABEL, None: None}


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the user says of a photo.

    Attributes:
        path: `pathlib.Path` of the photo.
        choice: String, `"keep"` or `"skip"`. `None` if undecided.
        stars: Integer in [0, 5]. `None` if the user gave none.
        other_files: Paths of the other files of the same shot.
        copies: Paths of exact copies of the photo.
    """

    path: pathlib.Path
    choice: str | None = None
    stars: int | None = None
    other_files: tuple[pathlib.Path, ...] = ()
    copies: tuple[pathlib.Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Choices:
    """The choices of a file.

    Attributes:
        choices: List of `Choice`.
        left_out: Reasons by the paths of the photos that were left out, such as "not found".
    """

    choices: list[Choice]
    left_out: dict[pathlib.Path, str]


def read_choices(path: str | os.PathLike) -> Choices:
    """Reads a file of choices. Of several choices for one photo, the last one counts.

    Args:
        path: JSON file.

    Raises:
        ValueError: If it is not a file of choices, or one of another version.
        OSError: If it cannot be read.
    """
    shown = repr(os.fspath(path))
    try:
        content = json.loads(pathlib.Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected a JSON file of choices. Received: {shown}, {error}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ValueError(f"Expected the format {FORMAT!r} in {shown}. Received: {found!r}")
    if content.get("version") != VERSION:
        received = content.get("version")
        raise ValueError(f"Expected version {VERSION} of {shown}. Received: {received!r}")
    if not isinstance(content.get("choices"), list):
        raise ValueError(f"Expected a list of choices in {shown}. Received: none")
    choices = {}
    for number, entry in enumerate(content["choices"], start=1):
        try:
            choice = _read_choice(entry)
        except ValueError as error:
            raise ValueError(f"Choice {number} of {shown}: {error}") from error
        choices[choice.path] = choice
    return _leave_out(choices.values())


def mark_choices(choices: Sequence[Choice]) -> list[MarkedShot]:
    """Returns the shots of choices with their ratings and labels.

    A photo to keep is labelled "Green" and one to skip "Red". The stars are the rating. Both
    replace an existing rating and label; what the user said nothing of stays.

    Args:
        choices: List of `Choice`.
    """
    return [
        MarkedShot(
            each.path,
            each.other_files,
            each.copies,
            Marks(each.stars, _LABELS[each.choice], overwrite=True),
            each.choice == KEEP_CHOICE,
        )
        for each in choices
    ]


def _read_choice(entry: object) -> Choice:
    if not isinstance(entry, dict):
        raise ValueError(f"Expected an object. Received: {entry!r}")
    choice, stars = entry.get("choice"), entry.get("stars")
    if not (choice is None or (isinstance(choice, str) and choice in _LABELS)):
        raise ValueError(f"Expected `choice` to be 'keep', 'skip' or null. Received: {choice!r}")
    if not (stars is None or (type(stars) is int and 0 <= stars <= 5)):
        raise ValueError(f"Expected `stars` to be 0 to 5 or null. Received: {stars!r}")
    path = _read_path(entry.get("uri"))
    return Choice(
        path, choice, stars, _read_paths(entry, "other_files"), _read_paths(entry, "copies")
    )


def _read_path(uri: object) -> pathlib.Path:
    if not isinstance(uri, str):
        raise ValueError(f"Expected the URI of a file, file:///... Received: {uri!r}")
    return to_path(uri)


def _read_paths(entry: dict, key: str) -> tuple[pathlib.Path, ...]:
    uris = entry.get(key, [])
    if not isinstance(uris, list):
        raise ValueError(f"Expected `{key}` to be a list. Received: {uris!r}")
    return tuple(map(_read_path, uris))


def _leave_out(choices: Iterable[Choice]) -> Choices:
    found, left_out = [], {}
    for choice in choices:
        others, copies = (
            tuple(path for path in paths if not _reason(path))
            for paths in (choice.other_files, choice.copies)
        )
        if reason := _reason(choice.path):
            left_out[choice.path] = reason
        else:
            found.append(dataclasses.replace(choice, other_files=others, copies=copies))
    return Choices(found, left_out)


def _reason(path: pathlib.Path) -> str | None:
    """Returns why a file is no photo that a choice can be made for."""
    reason = reason_left_out(path)
    return None if reason == NOT_SUPPORTED else reason
