"""Groups that grow as links between their members are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

# Each shot is compared with so many before it, and linked to so many of them.
_WINDOW, _MOST_LINKS = 500, 10
# Names whose numbers are so close speak for one series, and less similarity is needed then.
_NEIGHBOURS, _SHARE_OF_NEIGHBOURS = 3, 0.75


class Clusters:
    """Members 0 to N - 1 in groups.

    Args:
        owners: N integers. Members of the same owner are a group from the start, and those of two
            owners are never joined by content. -1 stands for none.
        content: float32 array `[N, D]` of unit length. Needed if a mean similarity is asked for.
    """

    def __init__(self, owners: Sequence[int], content: np.ndarray | None = None):
        self.owners, self.content = np.asarray(owners, int), content
        self._group_of = np.arange(len(self.owners))
        self._members = {i: [i] for i in range(len(self.owners))}
        self._sums = None if content is None else content.astype(np.float32)
        self._is_owned = self.owners >= 0
        first: dict[int, int] = {}
        for i, owner in enumerate(self.owners.tolist()):
            if owner >= 0 and first.setdefault(owner, i) != i:
                self._merge(first[owner], i)

    def members(self) -> list[list[int]]:
        """Returns the members of each group, in ascending order."""
        return [sorted(members) for members in self._members.values()]

    def join(self, first: int, second: int, least_mean: float | None = None) -> None:
        """Makes the groups of two members one.

        Args:
            first: Integer, a member.
            second: Integer, another.
            least_mean: Float, the mean similarity of the members of the two groups below which they
                stay apart; so do groups of two owners then. Defaults to `None`.
        """
        a, b = self._group_of[first], self._group_of[second]
        if a == b:
            return
        if least_mean is not None:
            pairs = len(self._members[a]) * len(self._members[b])
            if self._sums[a] @ self._sums[b] < least_mean * pairs:
                return
            if self._is_owned[a] and self._is_owned[b]:
                return
        self._merge(a, b)

    def _merge(self, a: int, b: int) -> None:
        if len(self._members[a]) < len(self._members[b]):
            a, b = b, a
        moved = self._members.pop(b)
        self._group_of[moved] = a
        self._members[a] += moved
        self._is_owned[a] |= self._is_owned[b]
        if self._sums is not None:
            self._sums[a] += self._sums[b]


def find_links(
    clusters: Clusters, numbers: Sequence[tuple[str, int] | None], min_similarity: float
) -> list[tuple[int, int, float]]:
    """Finds which members without an owner are alike, and which are like one with an owner.

    Args:
        clusters: N members in the order of their names.
        numbers: N values of `name_number`.
        min_similarity: Float from 0 to 1.

    Returns:
        List of tuples `(first, second, needed)`, two members and the similarity that they needed,
        the most similar first.
    """
    links: dict[tuple[int, int], tuple[float, float]] = {}
    for start in range(0, len(numbers), _WINDOW):
        for first, second, similarity in _alike(clusters, start, min_similarity):
            links[first, second] = (similarity, min_similarity)
    needed = _SHARE_OF_NEIGHBOURS * min_similarity
    for second in range(len(numbers)):
        for first in range(max(second - _NEIGHBOURS, 0), second):
            if _are_neighbours(numbers[first], numbers[second]):
                similarity = float(clusters.content[first] @ clusters.content[second])
                if similarity >= needed:
                    links[first, second] = (similarity, needed)
    ordered = sorted(links.items(), key=lambda link: -link[1][0])
    return [(first, second, least) for (first, second), (_, least) in ordered]


def _are_neighbours(first: tuple[str, int] | None, second: tuple[str, int] | None) -> bool:
    if first is None or second is None:
        return False
    return first[0] == second[0] and abs(first[1] - second[1]) <= _NEIGHBOURS


def _alike(
    clusters: Clusters, start: int, min_similarity: float
) -> Iterator[tuple[int, int, float]]:
    """Yields the links of `_WINDOW` members to those before them."""
    first = max(start - _WINDOW, 0)
    rows = np.arange(start, min(start + _WINDOW, len(clusters.owners)))
    columns = np.arange(first, rows[-1] + 1)
    similarity = clusters.content[rows] @ clusters.content[columns].T
    before = columns < rows[:, None]
    near = rows[:, None] - columns <= _WINDOW
    is_free = clusters.owners < 0
    asked = is_free[rows][:, None] | is_free[columns]
    similarity = np.where(before & near & asked, similarity, -1)
    most = np.argsort(-similarity, axis=1)[:, :_MOST_LINKS]
    for i, best in enumerate(most):
        for column in best[similarity[i, best] >= max(min_similarity, 0)]:
            yield int(columns[column]), int(rows[i]), float(similarity[i, column])
