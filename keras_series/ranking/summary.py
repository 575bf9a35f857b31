"""A ranking on the screen: its first series, and a summary."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Iterator, Sequence

from keras_series.ranking.pipeline import Ranking
from keras_series.ranking.results import (
    BRACKET,
    PANORAMA,
    SERIES,
    SINGLE,
    RankedPhoto,
    RankedSeries,
)  # fmt: skip
from keras_series.ranking.table import format_series, printable
from keras_series.utils import count_left_out

_MOST_SERIES = 20
_MOST_FILES = 20
_KINDS = {
    SERIES: ("series", "series"),
    BRACKET: ("bracket", "brackets"),
    PANORAMA: ("panorama", "panoramas"),
    SINGLE: ("single photo", "single photos"),
}


def format_ranking(ranking: Ranking) -> str:
    """Returns a ranking as a text: the first series, and a summary.

    Args:
        ranking: `Ranking`.
    """
    shown = [each for each in ranking.series if each.kind != SINGLE]
    lines = [format_series(each) for each in shown[:_MOST_SERIES]]
    if len(shown) > _MOST_SERIES:
        more = len(shown) - _MOST_SERIES
        lines.append(f"\n... and {more:,} more: --html or --csv shows them all.")
    return "\n".join([*lines, "", *_summary(ranking)])


def count_valid(series: Sequence[RankedSeries]) -> int:
    """Returns how many photos could be read.

    Args:
        series: List of `RankedSeries`.
    """
    return sum(photo.reason is None for photo in _photos(series))


def _summary(ranking: Ranking) -> Iterator[str]:
    photos = list(_photos(ranking.series))
    kinds = collections.Counter(each.kind for each in ranking.series)
    counts = [_counted(kinds[kind], *names) for kind, names in _KINDS.items() if kinds[kind]]
    yield f"{_counted(len(photos), 'photo', 'photos')}: {', '.join(counts)}."
    kept = sum(
        photo.keep for each in ranking.series if each.kind == SERIES for photo in each.photos
    )
    if kept:
        yield f"To keep of the series: {kept:,}, marked *."
    if others := sum(len(photo.other_files) for photo in photos):
        yield f"Other files of the same shots, such as RAW: {others:,}."
    if copies := sum(len(photo.copies) for photo in photos):
        yield f"Exact copies, named once: {copies:,}."
    yield from _broken([photo for photo in photos if photo.reason is not None])
    if ranking.found.left_out:
        yield f"Files skipped: {printable(count_left_out(ranking.found.left_out))}."
    if ranking.found.links:
        yield f"Links followed out of the folder: {printable(_first(ranking.found.links))}."


def _broken(photos: Sequence[RankedPhoto]) -> Iterator[str]:
    if not photos:
        return
    reasons = collections.Counter(photo.reason for photo in photos)
    counts = ", ".join(f"{count:,} {printable(reason)}" for reason, count in reasons.most_common())
    yield f"Not read: {counts}."
    for photo in photos[:_MOST_FILES]:
        yield f"  {printable(photo.path)}: {printable(photo.reason)}"
    if len(photos) > _MOST_FILES:
        yield f"  ... and {len(photos) - _MOST_FILES:,} more: --csv or --json names them all."


def _photos(series: Sequence[RankedSeries]) -> Iterator[RankedPhoto]:
    return (photo for each in series for photo in each.photos)


def _first(paths: Sequence[pathlib.Path], most: int = 5) -> str:
    """Returns the first paths as a text, and how many more there are."""
    more = [f"{len(paths) - most} more"] if len(paths) > most else []
    return ", ".join([*map(str, paths[:most]), *more])


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
