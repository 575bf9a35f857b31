"""Strict reader of PhotoTriage's pair lists, text files with one line per pair."""

from __future__ import annotations

import dataclasses

UNLABELLED = ("series", "photo_a", "photo_b")
LABELLED = (*UNLABELLED, "P(a_is_preferred)", "rank_a", "rank_b")
NOT_PUBLISHED = -1.0


@dataclasses.dataclass
class ListedSeries:
    """A series as given in a pair list. Photos are identified by their numbers, counted from 1.

    Attributes:
        first_line: String, where the series first occurs, such as `"train_pairlist.txt, line 7"`.
        ranks: Dictionary of the rank of each photo. 1 is best, 0 is not published. Defaults to an
            empty dictionary.
        preferences: Dictionary of P(a is preferred) in [0, 1] for each pair (a, b) with a < b, -1
            where it is not published. Defaults to an empty dictionary.
    """

    first_line: str
    ranks: dict[int, int] = dataclasses.field(default_factory=dict)
    preferences: dict[tuple[int, int], float] = dataclasses.field(default_factory=dict)


def read_pair_list(
    text: str, name: str, may_be_unlabelled: bool = False
) -> dict[int, ListedSeries]:
    """Reads a pair list.

    Labels come from the fourth column only, a Bradley-Terry probability. The last two columns are
    ranks. Others have read them as the winner; here they only validate the label.

    Args:
        text: String, lines of six columns
            `series photo_a photo_b P(a_is_preferred) rank_a rank_b`.
        name: String, name of the file for error messages.
        may_be_unlabelled: Boolean, whether the list may have only the first three columns. The
            first line decides, and all others must have the same columns. Defaults to `False`.

    Returns:
        Dictionary of the series, keyed by number, in the order of the file.

    Raises:
        ValueError: If a line is invalid or there are no lines. The message has the number and the
            text of the first invalid line.
    """
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, columns) for number, columns in lines if columns]
    unlabelled = may_be_unlabelled and lines and len(lines[0][1]) == len(UNLABELLED)
    expected = UNLABELLED if unlabelled else LABELLED
    series: dict[int, ListedSeries] = {}
    for number, columns in lines:
        place = f"{name}, line {number}"
        try:
            _add_line(series, columns, place, expected)
        except ValueError as error:
            raise ValueError(f"{place}: {error} Received: {' '.join(columns)[:200]!r}") from error
    if not series:
        raise ValueError(
            f"{name}: Expected lines of the columns `{' '.join(expected)}`. Received: no lines"
        )
    return series


def check_disjoint(lists: dict[str, dict[int, ListedSeries]]) -> None:
    """Checks that no series is in two lists, which would leak held-out data into training.

    Args:
        lists: Dictionary of each split's series, keyed by number.

    Raises:
        ValueError: If a series is in two lists. The message names both lines.
    """
    places: dict[int, str] = {}
    for series in lists.values():
        for number, each in series.items():
            if number in places:
                raise ValueError(
                    f"Expected each series in one split. Received: series {number} "
                    f"in {places[number]}, and in {each.first_line}"
                )
            places[number] = each.first_line


def _add_line(
    series: dict[int, ListedSeries], columns: list[str], place: str, expected: tuple[str, ...]
) -> None:
    if len(columns) != len(expected):
        raise ValueError(f"Expected the columns `{' '.join(expected)}`.")
    number, a, b = (_positive(column) for column in columns[:3])
    if a >= b:
        raise ValueError("Expected two photos with photo_a < photo_b.")
    each = series.setdefault(number, ListedSeries(place))
    if (a, b) in each.preferences:
        raise ValueError(f"Expected each pair once, but photos {a} and {b} are already listed.")
    preference, ranks = NOT_PUBLISHED, (0, 0)
    if expected == LABELLED:
        preference, ranks = _probability(columns[3]), tuple(map(_positive, columns[4:]))
        _check_ranks(preference, ranks)
    for photo, rank in zip((a, b), ranks, strict=True):
        if each.ranks.setdefault(photo, rank) != rank:
            raise ValueError(
                f"Expected rank {each.ranks[photo]} for photo {photo}, as in an earlier line."
            )
    each.preferences[a, b] = preference


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"Expected a positive integer instead of {text!r}.")
    return int(text)


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"Expected a probability in [0, 1] instead of {text!r}.")
    return value


def _check_ranks(preference: float, ranks: tuple[int, int]) -> None:
    better = (preference > 0.5) - (preference < 0.5)
    lower = (ranks[0] < ranks[1]) - (ranks[0] > ranks[1])
    if better and better != lower:
        raise ValueError("Expected the better (lower) rank for the preferred photo.")
