"""A ranking as a page on which a person looks through the photos and chooses."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import importlib.resources
import itertools
import json
import os
import pathlib
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import jinja2
import markupsafe

from keras_series.ranking.difference import DifferenceMaps, as_json
from keras_series.ranking.page_data import (
    Picture,
    browser_file,
    common_folder,
    count_series,
    rows,
)
from keras_series.ranking.results import CLOSE, RankedPhoto, RankedSeries
from keras_series.ranking.table import printable
from keras_series.ranking.thumbnails import ThumbnailFolder
from keras_series.utils import replacing

# The page loads pictures beside it and nothing else, wherever it is put.
_PICTURES_ONLY = "img-src 'self' file: data:"


def write_page(
    series: Sequence[RankedSeries],
    path: str | os.PathLike,
    read_photo: Callable[[pathlib.Path], bytes] = pathlib.Path.read_bytes,
    differences: DifferenceMaps | None = None,
) -> list[pathlib.Path]:
    """Writes an HTML page to review a ranking with, and a folder of thumbnails beside it.

    The page `ranked.html` and the folder `ranked_files` can be moved together, and away from the
    photos: then only the photos at full size are missing. Nothing is loaded from elsewhere.
    Thumbnails of an earlier page of this name are used again.

    Args:
        series: `RankedSeries`, as shot.
        path: File to create or replace. Its folder must exist.
        read_photo: Function from a path to the bytes of a photo that Pillow reads. Defaults to the
            bytes of the file.
        differences: `DifferenceMaps`, for the photos that are too close to call with the next one.
            Each takes a pass through the network. Defaults to none.

    Returns:
        List of the files that were written, the page first.
    """
    path = pathlib.Path(path)
    folder = ThumbnailFolder(path.with_name(f"{path.stem}_files"), read_photo)
    readable = [photo.path for one in series for photo in one.photos if photo.reason is None]
    thumbnails = folder.make(readable)
    differing = dict(_close_differences(series, differences)) if differences else {}

    def picture_of(photo: RankedPhoto) -> Picture:
        shown = browser_file(photo)
        full = _address(shown, path.parent) if shown else None
        thumbnail = thumbnails.get(photo.path, photo.reason)
        if isinstance(thumbnail, str):
            return Picture(full=full, reason=thumbnail)
        small = f"{_quoted(folder.folder.name)}/{thumbnail.name}"
        difference = differing.get(photo.path)
        return Picture(small, full, thumbnail.width, thumbnail.height, difference=difference)

    # A later page at this place has the same choices, and so has this one after it was moved.
    identity = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    text = render_page(series, {"identity": identity, "rows": rows(series, picture_of)})
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    folder.finish()
    return [path, *folder.written]


def _close_differences(
    series: Iterable[RankedSeries], differences: DifferenceMaps
) -> Iterator[tuple[pathlib.Path, dict]]:
    pairs = (pair for one in series for pair in itertools.pairwise(one.photos))
    for photo, following in pairs:
        if photo.verdict != CLOSE:
            continue
        with contextlib.suppress(OSError, ValueError, ImportError):
            difference = differences(photo.path, following.path)
            if difference is not None:
                yield photo.path, as_json(difference, differences.covers)


def render_page(series: Sequence[RankedSeries], data: Mapping, policy: str = _PICTURES_ONLY) -> str:
    """Returns the HTML of the page.

    Args:
        series: `RankedSeries`, which the title and the counts are made of.
        data: What the page's script works with: `rows` and either `identity`, a name for the
            choices that the browser keeps, or `choices` and `save`, the address they are sent to.
        policy: String, what the page may load besides its own style and script.
    """
    folder = common_folder(series)
    title = "Ranked photos" + (f" in {printable(folder.name, 'utf-8')}" if folder else "")
    style, script = _file("page.css"), _file("page.js")
    return _template().render(
        title=title,
        counts=count_series(series),
        policy=content_policy(policy),
        style=markupsafe.Markup(style),
        script=markupsafe.Markup(script),
        # A name of a file may contain "</script>".
        data=markupsafe.Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")),
    )


def content_policy(more: str) -> str:
    """Returns the Content-Security-Policy of the page: its own style and script, and `more`.

    Args:
        more: String, further directives.
    """
    return (
        f"default-src 'none'; script-src {_source('page.js')}; style-src {_source('page.css')}; "
        f"base-uri 'none'; form-action 'none'; {more}"
    )


@functools.cache
def _source(name: str) -> str:
    digest = hashlib.sha256(_file(name).encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@functools.cache
def _file(name: str) -> str:
    return (importlib.resources.files(__package__) / "review" / name).read_text(encoding="utf-8")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_file("page.html"))


def _address(path: pathlib.Path, folder: pathlib.Path) -> str:
    """Returns the address of a file, relative to a folder unless it is on another drive."""
    try:
        relative = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
    except ValueError:
        return path.resolve().as_uri()
    return _quoted(pathlib.Path(relative).as_posix())


def _quoted(path: str) -> str:
    return urllib.parse.quote(os.fsencode(path))
