"""What the client's commands print: a table, or JSON."""

import json

NOT_ANSWERED = "not answered"
# The columns of each command, with their format.
_COLUMNS = {
    "score": {"score": ".3f"},
    "preference": {"preference": ".3f"},
    "rank": {"rank": "d", "strength": "+.2f"},
}


def table(command, rows):
    """The rows as text, the best photo first, what could not be answered last."""
    columns = _COLUMNS[command]
    lines = ["  ".join([*(f"{name:>{_width(name)}}" for name in columns), "photo"])]
    for row in sorted(rows, key=lambda row: _place(command, row)):
        cells = [f"{_cell(row.get(name), form):>{_width(name)}}" for name, form in columns.items()]
        problem = f" ({row['error']})" if "error" in row else ""
        lines.append("  ".join([*cells, row["photo"] + problem]))
    return "\n".join([*lines, "", _summary(rows)])


def as_json(command, server, rows, failure):
    """The rows as JSON, in the order in which the photos were given."""
    photos = [{name: _rounded(value) for name, value in row.items()} for row in rows]
    report = {"command": command, "address": server.address, "model": server.model}
    report |= {"version": server.version, "label": server.label, "photos": photos}
    return json.dumps(report | {"error": str(failure) if failure else None}, indent=2)


def _place(command, row):
    if "error" in row:
        return 1, 0
    return 0, row["rank"] if command == "rank" else -row[command]


def _summary(rows):
    unanswered = sum(row.get("error") == NOT_ANSWERED for row in rows)
    unread = sum("error" in row for row in rows) - unanswered
    text = f"{len(rows)} photos, {unread} could not be judged"
    return text + (f", {unanswered} {NOT_ANSWERED}." if unanswered else ".")


def _cell(value, form):
    return "-" if value is None else format(value, form)


def _width(name):
    return max(len(name), 6)


def _rounded(value):
    # What is beyond is noise: servers calculate in float32.
    return round(value, 6) if isinstance(value, float) else value
