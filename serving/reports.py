"""Formats the results of the client's commands as a table or as JSON."""

import json

from serving.transports import Server

NOT_ANSWERED = "not answered"
# The columns of each command, with their number formats.
_COLUMNS = {
    "score": {"score": ".3f"},
    "preference": {"preference": ".3f"},
    "rank": {"rank": "d", "strength": "+.2f"},
}


def table(command: str, rows: list[dict]) -> str:
    """Returns rows as a text table, from the best photo to the worst, photos with errors last.

    Args:
        command: `"score"`, `"preference"` or `"rank"`.
        rows: One dictionary per photo, with `photo` (its path) and either the columns of the
            command or `error` (the reason why it has no answer).
    """
    columns = _COLUMNS[command]
    lines = ["  ".join([*(f"{name:>{_width(name)}}" for name in columns), "photo"])]
    for row in sorted(rows, key=lambda row: _place(command, row)):
        cells = [f"{_cell(row.get(name), form):>{_width(name)}}" for name, form in columns.items()]
        problem = f" ({row['error']})" if "error" in row else ""
        lines.append("  ".join([*cells, row["photo"] + problem]))
    return "\n".join([*lines, "", _summary(rows)])


def as_json(command: str, server: Server, rows: list[dict], failure: Exception | str | None) -> str:
    """Returns rows as a JSON report, in the order in which the photos were given.

    Args:
        command: `"score"`, `"preference"` or `"rank"`.
        server: The `Server` that was called.
        rows: One dictionary per photo, see `table`.
        failure: What left some or all photos without an answer, or `None`.
    """
    photos = [{name: _rounded(value) for name, value in row.items()} for row in rows]
    report = {"command": command, "address": server.address, "model": server.model}
    report |= {"version": server.version, "label": server.label, "photos": photos}
    return json.dumps(report | {"error": str(failure) if failure else None}, indent=2)


def _place(command: str, row: dict) -> tuple[int, float]:
    if "error" in row:
        return 1, 0
    return 0, row["rank"] if command == "rank" else -row[command]


def _summary(rows: list[dict]) -> str:
    unanswered = sum(row.get("error") == NOT_ANSWERED for row in rows)
    unread = sum("error" in row for row in rows) - unanswered
    text = f"{len(rows)} photos, {unread} could not be evaluated"
    return text + (f", {unanswered} {NOT_ANSWERED}." if unanswered else ".")


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _width(name: str) -> int:
    return max(len(name), 6)


def _rounded(value: object) -> object:
    # Further digits are noise, since servers compute in float32.
    return round(value, 6) if isinstance(value, float) else value
