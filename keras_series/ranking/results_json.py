"""A ranking as a JSON file."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping

from keras_series.ranking.journal import to_uri
from keras_series.ranking.results import RankedPhoto, RankedSeries
from keras_series.ranking.table import photo_rank
from keras_series.utils import replacing

FORMAT = "keras-series ranking"
# Raised when a field changes its meaning or is removed.
VERSION = 1


def write_json(
    series: Iterable[RankedSeries],
    path: str | os.PathLike,
    model: str = "",
    options: Mapping[str, object] | None = None,
) -> None:
    """Writes a ranking as a JSON file, whose fields docs/sidecars.md describes.

    Args:
        series: `RankedSeries`.
        path: File to create or replace.
        model: String, identity of the network that judged. Defaults to an empty string.
        options: Options of the ranking, by name, as JSON has them. Defaults to none.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "model": model,
        "options": dict(options or {}),
        "series": [_series(each) for each in series],
    }
    with replacing(path) as partial, open(partial, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, allow_nan=False, indent=1)
        file.write("\n")


def _series(series: RankedSeries) -> dict[str, object]:
    photos = [_photo(photo, photo_rank(series, place)) for place, photo in enumerate(series.photos)]
    return {"name": _text(series.name), "kind": series.kind, "photos": photos}


def _photo(photo: RankedPhoto, rank: int | None) -> dict[str, object]:
    return {
        "uri": to_uri(photo.path),
        "path": _text(photo.path),
        "rank": rank,
        "score": photo.score,
        "sure": photo.sure,
        "verdict": photo.verdict,
        "strength": photo.strength,
        "keep": photo.keep,
        "reason": photo.reason,
        "time": None if photo.time is None else photo.time.time.isoformat(),
        "camera": _text(photo.camera),
        "other_files": [to_uri(each) for each in photo.other_files],
        "copies": [to_uri(each) for each in photo.copies],
    }


def _text(text: str | pathlib.Path) -> str:
    """Returns a text for JSON, in which bytes that are not UTF-8 are escaped."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")
