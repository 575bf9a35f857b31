"""The pair lists of PhotoTriage: text files of one line a pair, read strictly."""

from __future__ import annotations

import dataclasses

UNLABELLED = ("series", "photo_a", "photo_b")
LABELLED = (*UNLABELLED, "P(a_is_preferred)", "rank_a", "rank_b")
NOT_PUBLISHED = -1.0


@dataclasses.dataclass
class ListedSeries:
    """A series as a pair list has it. Photos go by their numbers there, from 1.

    Attributes:
        first_line: where it is first named, as "train_pairlist.txt, line 7".
        ranks: rank of each photo, 1 is best; 0 where it is not published.
        preferences: P(a is preferred) of each pair (a, b) with a < b, -1 where not published.
    """

    first_line: str
    ranks: dict[int, int] = dataclasses.field(default_factory=dict)
    preferences: dict[tuple[int, int], float] = dataclasses.field(default_factory=dict)


def read_pair_list(
    text: str, name: str, may_be_unlabelled: bool = False
) -> dict[int, ListedSeries]:
    """Reads a pair list.

    Labels come from the fourth column alone, a Bradley-Terry probability. The ranks of the last two
    columns, which others have taken for the winner, only check it.

    Args:
        text: lines of six columns, `series photo_a photo_b P(a_is_preferred) rank_a rank_b`.
        name: of the file, for messages.
        may_be_unlabelled: whether all lines may have the first three columns only.

    Returns:
        The series by number, in the order of the file.

    Raises:
        ValueError: for the first line that is not as it must be, with its number and its text.
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
        raise ValueError(f"{name}: Expected lines `{' '.join(expected)}`. Received: none")
    return series


def check_disjoint(lists: dict[str, dict[int, ListedSeries]]) -> None:
    """Refuses a series that is in two lists, which would leak what is held out.

    Raises:
        ValueError: with both places.
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


def _add_line(series, columns, place, expected):
    if len(columns) != len(expected):
        raise ValueError(f"Expected the columns `{' '.join(expected)}`.")
    number, a, b = (_positive(column) for column in columns[:3])
    if a >= b:
        raise ValueError("Expected two photos, the lower number first.")
    each = series.setdefault(number, ListedSeries(place))
    if (a, b) in each.preferences:
        raise ValueError(f"Expected each pair once; photos {a} and {b} were there before.")
    preference, ranks = NOT_PUBLISHED, (0, 0)
    if expected == LABELLED:
        preference, ranks = _probability(columns[3]), tuple(map(_positive, columns[4:]))
        _check_ranks(preference, ranks)
    for photo, rank in zip((a, b), ranks, strict=True):
        if each.ranks.setdefault(photo, rank) != rank:
            raise ValueError(f"Expected photo {photo} at rank {each.ranks[photo]} as before.")
    each.preferences[a, b] = preference


def _positive(text):
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"Expected a positive whole number for {text!r}.")
    return int(text)


def _probability(text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"Expected a probability in [0, 1] for {text!r}.")
    return value


def _check_ranks(preference, ranks):
    better = (preference > 0.5) - (preference < 0.5)
    lower = (ranks[0] < ranks[1]) - (ranks[0] > ranks[1])
    if better and better != lower:
        raise ValueError("Expected the better rank (the lower one) for the preferred photo.")
