"""Changes to the folders of the user: listed first, then carried out."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Sequence

from keras_series.ranking.table import printable
from keras_series.ranking.xmp import Marks

# The kinds of `Change`.
CREATE = "create"
UPDATE = "update"
COPY = "copy"
REMOVE = "remove"
RESTORE = "restore"
KEEP = "keep"
LEAVE = "leave alone"
UNREACHED = "not reached"
# A folder that a run makes. Only journals and their undoing know it.
FOLDER = "folder"

_DONE = {
    CREATE: "{} created",
    UPDATE: "{} updated",
    COPY: "{} copied",
    REMOVE: "{} removed",
    RESTORE: "{} restored",
    KEEP: "{} kept as they are",
    UNREACHED: "{} not reached",
    LEAVE: "{} left alone",
}


@dataclasses.dataclass(frozen=True)
class Change:
    """What is done with a file, or would be.

    Attributes:
        path: `pathlib.Path` of the file.
        kind: `CREATE`, a new sidecar; `UPDATE`, an existing sidecar; `COPY`, a copy of a photo;
            `REMOVE` and `RESTORE`, when a run is taken back, and `UNREACHED` where it cannot be at
            present; `KEEP`, nothing is to be done; or `LEAVE`, something is to be done that cannot
            be.
        detail: String, what is changed, or why not.
        marks: `Marks` of a sidecar. `None` for others.
        source: Path of the file to copy. `None` for others.
    """

    path: pathlib.Path
    kind: str
    detail: str = ""
    marks: Marks | None = None
    source: pathlib.Path | None = None


def format_changes(changes: Sequence[Change]) -> str:
    """Returns changes as a text, a line for each.

    Args:
        changes: List of `Change`.
    """
    lines = (
        f"{change.kind:>11}  {printable(change.path)}"
        + (f" ({printable(change.detail)})" if change.detail else "")
        for change in changes
    )
    return "\n".join(lines)


def count_changes(changes: Sequence[Change]) -> str:
    """Returns how many changes there are of each kind, and why files are left alone, as one line.

    Args:
        changes: List of `Change`.

    Example:

    >>> from pathlib import Path
    >>> from keras_series.ranking.changes import Change, count_changes
    >>> count_changes([Change(Path("a"), "create"), Change(Path("b"), "leave alone", "damaged")])
    '1 created, 1 left alone (1 damaged)'
    """
    counts = collections.Counter(change.kind for change in changes)
    texts = [text.format(counts[kind]) for kind, text in _DONE.items() if counts[kind]]
    # The details of single files follow a colon.
    reasons = collections.Counter(
        change.detail.split(":")[0] for change in changes if change.kind == LEAVE
    )
    if reasons:
        texts[-1] += f" ({', '.join(f'{n} {reason}' for reason, n in reasons.most_common())})"
    return ", ".join(texts) or "nothing"


def error_text(error: Exception) -> str:
    """Returns an error as a reason for which a file is left alone.

    Args:
        error: Error of the operating system, or another.
    """
    return (isinstance(error, OSError) and error.strerror) or str(error)
