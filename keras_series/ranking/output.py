"""Ranked series as a text, a CSV table and an HTML page."""

from __future__ import annotations

import csv
import html
import os
import sys
from collections.abc import Mapping, Sequence

from keras_series.ranking.order import RankedPhoto
from keras_series.utils import replacing

_STYLE = """
body { font-family: sans-serif; margin: 2rem; color: #222; }
h2 { font-size: 1rem; margin: 2rem 0 0.5rem; }
figure { display: inline-block; margin: 0 1rem 1rem 0; }
img { height: 14rem; max-width: 100%; object-fit: contain; }
figure:first-of-type img { outline: 4px solid #2a7; }
figcaption { font-size: 0.85rem; }
"""


def printable(text: object, encoding: str | None = None) -> str:
    """Returns a name as a text to print.

    Control characters, bytes that are not UTF-8 and characters that the encoding lacks are escaped.

    Args:
        text: String or path.
        encoding: String, encoding of the output. Defaults to that of the standard output.

    Example:

    >>> printable("a\\x1b[31m.jpg")
    'a\\\\x1b[31m.jpg'
    >>> printable("\u65e5.jpg", "latin-1")
    '\\\\u65e5.jpg'
    """
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    characters = (each if each.isprintable() else ascii(each)[1:-1] for each in str(text))
    return "".join(characters).encode(encoding, "backslashreplace").decode(encoding)


def format_series(name: str, ranked: Sequence[RankedPhoto]) -> str:
    """Returns a series as a table for the screen.

    Args:
        name: String, name of the series.
        ranked: List of `RankedPhoto`, best first.
    """
    lines = [f"\n{printable(name)}", f"{'rank':>6}  {'score':>6}  {'sure':>5}  photo"]
    for rank, photo in enumerate(ranked, start=1):
        file_name = printable(photo.path.name)
        if photo.score is None:
            note = f"{file_name} ({photo.reason})"
            lines.append(f"{'-':>6}  {'-':>6}  {'-':>5}  {note}")
        else:
            sure = "" if photo.sure is None else f"{photo.sure:.0%}"
            lines.append(f"{rank:>6}  {photo.score:>6.3f}  {sure:>5}  {file_name}")
    return "\n".join(lines)


def write_table(series: Mapping[str, Sequence[RankedPhoto]], path: str | os.PathLike) -> None:
    """Writes series as a CSV file with the columns series, rank, path, score, sure and reason.

    Args:
        series: Lists of `RankedPhoto`, best first, by name.
        path: File to create or replace.
    """
    # Names that are not UTF-8 keep their bytes.
    settings = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with replacing(path) as partial, open(partial, "w", **settings) as file:
        writer = csv.writer(file)
        writer.writerow(["series", "rank", "path", "score", "sure", "reason"])
        for name, ranked in series.items():
            for rank, photo in enumerate(ranked, start=1):
                place = "" if photo.score is None else rank
                writer.writerow([name, place, photo.path, photo.score, photo.sure, photo.reason])


def write_page(series: Mapping[str, Sequence[RankedPhoto]], path: str | os.PathLike) -> None:
    """Writes an HTML page that shows the photos of each series, best first.

    Args:
        series: Lists of `RankedPhoto`, best first, by name.
        path: File to create or replace. It links to the photos and does not contain them.
    """
    with replacing(path) as partial, open(partial, "w", encoding="utf-8") as file:
        file.write(
            "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>Ranked photos"
            f"</title><style>{_STYLE}</style></head><body><h1>Ranked photos</h1>\n"
        )
        for name, ranked in series.items():
            file.write(f"<h2>{_escape(name)}</h2>\n<section>")
            file.writelines(map(_figure, ranked))
            file.write("</section>\n")
        file.write("</body></html>\n")


def _escape(name):
    return html.escape(printable(name, "utf-8"))


def _figure(photo):
    name = _escape(photo.path.name)
    if photo.score is None:
        return f"<p>{name}: {html.escape(photo.reason)}</p>"
    address = html.escape(photo.path.resolve().as_uri())
    sure = "" if photo.sure is None else f", better than the next: {photo.sure:.0%}"
    return (
        f"<figure><a href='{address}'><img src='{address}' loading='lazy' alt=''></a>"
        f"<figcaption>{name}{sure}</figcaption></figure>"
    )
