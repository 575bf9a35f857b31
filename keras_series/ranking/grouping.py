"""Which shots belong together: series, exposure brackets, panoramas, and single shots."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from keras_series.ranking.brackets import find_brackets
from keras_series.ranking.clocks import (
    capture_seconds,
    has_full_seconds_only,
    name_number,
    name_order,
)
from keras_series.ranking.clusters import Clusters, find_links
from keras_series.ranking.panoramas import find_panoramas
from keras_series.ranking.results import BRACKET, PANORAMA, SERIES, SINGLE
from keras_series.ranking.shots import Shot
from keras_series.ranking.similarity import describe_content

MAX_GAP = 30.0
MIN_SIMILARITY = 0.7

# In seconds. Faster than this, whatever moves belongs to one series.
_BURST_GAP = 0.5
# Shares of the smallest similarity: just after a burst's gap, and at the largest gap.
_SHARE_AFTER_BURST, _SHARE_AT_MAX_GAP = 0.4, 0.7
_SHARE_OF_FULL_SECONDS = 0.3
# That of the mean similarity of two groups without times.
_SHARE_OF_MEAN = 0.79
# A shot is compared with so many latest ones of a series, and with so many series.
_LATEST, _OPEN = 8, 8
# Two cameras' clocks agree if so many of their simultaneous series show the same content.
_AGREEING = 0.5
# So many shots of each are compared.
_COMPARED = 32


@dataclasses.dataclass
class _Group:
    """Places of shots in a folder, and when the first and the last of them were taken."""

    kind: str
    places: list[int]
    start: float
    stop: float
    camera: str


def group_shots(
    shots: Sequence[Shot], max_gap: float = MAX_GAP, min_similarity: float = MIN_SIMILARITY
) -> list[tuple[str, list[Shot]]]:
    """Groups shots to series, brackets, panoramas and single shots.

    Shots of different folders are never one series. In a folder, the shots of each camera (maker,
    model and serial number) are sorted by capture time, see `capture_seconds`, and then:

    1. Brackets and panoramas are found, see `find_brackets` and `find_panoramas`. They are left out
       of what follows.
    2. A shot belongs to the series of the shot before if at most half a second lies between them.
       Otherwise it belongs to the series of the last `max_gap` seconds whose latest shots its
       content is most like, if the similarity is large enough: 40% of `min_similarity` just after
       half a second, rising to 70% at `max_gap`. Where a camera's times are full seconds, shots
       of the same second are of one series, and those of the next need 30%.
    3. The series of two cameras are joined if they are at most `max_gap` apart, two of their shots
       have a similarity of `min_similarity`, and the cameras' clocks agree: at least half of the
       series of the one that are at most `max_gap` from a series of the other are like it.
    4. Shots without a time are joined with one another and with series if their similarity is at
       least `min_similarity`, or 75% of it where the numbers in their names are at most 3 apart,
       and if the mean similarity of the two groups is at least 79% of that. Each is compared with
       the 500 shots before it in the order of names.

    Args:
        shots: Shots, each with its metadata and thumbnail.
        max_gap: Float, at least 0, in seconds. Defaults to 30.
        min_similarity: Float from 0 to 1, see `describe_content`. At 0 the content of shots with
            times does not count. Defaults to 0.7, which is measured by `benchmarks/grouping.py`.

    Returns:
        List of tuples `(kind, shots)` with the kinds of `RankedSeries`. Each shot is in one of
        them. The groups of a folder are sorted by capture time, those without a time last, by name;
        so are the shots of a group.
    """
    folders: dict[object, list[Shot]] = {}
    for shot in shots:
        folders.setdefault(shot.path.parent, []).append(shot)
    return [
        group
        for folder in sorted(folders)
        for group in _group_folder(folders[folder], max_gap, min_similarity)
    ]


def _group_folder(
    shots: list[Shot], max_gap: float, min_similarity: float
) -> Iterator[tuple[str, list[Shot]]]:
    shots = sorted(shots, key=name_order)
    seconds = capture_seconds(shots)
    # Sorting is stable, so shots of the same time stay in the order of names. NaN comes last.
    order = np.argsort(seconds, kind="stable")
    folder = _Folder([shots[place] for place in order], seconds[order], max_gap, min_similarity)
    for group in folder.groups():
        kind = SINGLE if len(group.places) == 1 else group.kind
        yield kind, [folder.shots[place] for place in group.places]


class _Folder:
    """The shots of a folder, sorted by time and then by name."""

    def __init__(self, shots, seconds, max_gap, min_similarity):
        self.shots, self.seconds = shots, seconds
        self.max_gap, self.min_similarity = max_gap, min_similarity
        self.content = describe_content([shot.thumbnail for shot in shots])

    def groups(self) -> list[_Group]:
        cameras: dict[str, list[int]] = {}
        for place in np.flatnonzero(~np.isnan(self.seconds)):
            cameras.setdefault(self.shots[place].metadata.camera, []).append(int(place))
        groups = [group for places in cameras.values() for group in self._group_camera(places)]
        groups = self._join_cameras(groups)
        unknown = [int(place) for place in np.flatnonzero(np.isnan(self.seconds))]
        if unknown:
            groups = self._join_without_times(groups, unknown)
        return sorted(groups, key=lambda group: min(group.places))

    def _group_camera(self, places: list[int]) -> Iterator[_Group]:
        rest = np.ones(len(places), bool)
        for kind, start, stop in self._find_wholes(places):
            rest[start:stop] = False
            yield self._new_group(kind, places[start:stop])
        yield from self._group_series([places[i] for i in np.flatnonzero(rest)])

    def _find_wholes(self, places: list[int]) -> Iterator[tuple[str, int, int]]:
        """Yields the brackets and panoramas among shots in a row."""
        shots = [self.shots[place] for place in places]
        seconds, content = self.seconds[places], self.content[places]
        brackets = find_brackets(shots, seconds, content)
        yield from ((BRACKET, *bracket) for bracket in brackets)
        # What lies between two brackets may be a panorama.
        edges = [0, *(edge for bracket in brackets for edge in bracket), len(places)]
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            part = slice(first, last)
            for start, stop in find_panoramas(shots[part], seconds[part], content[part]):
                yield PANORAMA, first + start, first + stop

    def _new_group(self, kind: str, places: list[int]) -> _Group:
        first, last = places[0], places[-1]
        camera = self.shots[first].metadata.camera
        return _Group(kind, list(places), self.seconds[first], self.seconds[last], camera)

    def _group_series(self, places: list[int]) -> list[_Group]:
        full_seconds = has_full_seconds_only([self.shots[place] for place in places])
        groups: list[_Group] = []
        for place in places:
            group = self._find_series(groups, place, full_seconds)
            if group is None:
                groups.append(self._new_group(SERIES, [place]))
            else:
                group.places.append(place)
                group.stop = self.seconds[place]
        return groups

    def _find_series(self, groups: list[_Group], place: int, full_seconds: bool) -> _Group | None:
        """Returns the series that a shot belongs to, if any."""
        best, most = None, 0.0
        for group in sorted(groups[-_OPEN:], key=lambda group: -group.stop):
            gap = self.seconds[place] - group.stop
            if gap > self.max_gap:
                break
            if gap <= (0 if full_seconds else _BURST_GAP):
                return group
            excess = self._similarity(group, place) - self._needed(gap, full_seconds)
            if excess >= 0 and (best is None or excess > most):
                best, most = group, excess
        return best

    def _similarity(self, group: _Group, place: int) -> float:
        latest = self.content[group.places[-_LATEST:]]
        if not self.content[place].any() or not latest.any():
            return 1.0  # A photo that cannot be decoded belongs to what was shot just before.
        return max(float((latest @ self.content[place]).max()), 0.0)

    def _needed(self, gap: float, full_seconds: bool) -> float:
        """Returns the least similarity of a shot and a series that ended before it."""
        if full_seconds and gap <= 1:
            return _SHARE_OF_FULL_SECONDS * self.min_similarity
        reach = math.log(max(self.max_gap, gap, 2 * _BURST_GAP) / _BURST_GAP)
        share = max(math.log(max(gap, _BURST_GAP) / _BURST_GAP) / reach, 0.0)
        rise = _SHARE_AT_MAX_GAP - _SHARE_AFTER_BURST
        return (_SHARE_AFTER_BURST + rise * share) * self.min_similarity

    def _join_cameras(self, groups: list[_Group]) -> list[_Group]:
        """Joins the series of cameras whose clocks agree."""
        pairs = list(self._simultaneous(groups))
        alike = [self._are_alike(groups[first], groups[second]) for first, second in pairs]
        agreeing = _agreeing_cameras(groups, pairs, alike)
        clusters = Clusters(range(len(groups)))
        for (first, second), are_alike in zip(pairs, alike, strict=True):
            if are_alike and frozenset((groups[first].camera, groups[second].camera)) in agreeing:
                clusters.join(first, second)
        return [self._joined([groups[i] for i in members]) for members in clusters.members()]

    def _simultaneous(self, groups: list[_Group]) -> Iterator[tuple[int, int]]:
        """Yields pairs of series of two cameras that are at most `max_gap` apart."""
        series = [i for i, group in enumerate(groups) if group.kind == SERIES]
        open_ones: list[int] = []
        for current in sorted(series, key=lambda i: groups[i].start):
            start = groups[current].start
            open_ones = [i for i in open_ones if start - groups[i].stop <= self.max_gap]
            for other in open_ones:
                if groups[other].camera != groups[current].camera:
                    yield other, current
            open_ones.append(current)

    def _are_alike(self, first: _Group, second: _Group) -> bool:
        some, others = (
            self.content[group.places[:: max(len(group.places) // _COMPARED, 1)]]
            for group in (first, second)
        )
        return bool((some @ others.T).max() >= self.min_similarity)

    def _joined(self, groups: Sequence[_Group]) -> _Group:
        if len(groups) == 1:
            return groups[0]
        return self._new_group(SERIES, sorted(place for group in groups for place in group.places))

    def _join_without_times(self, groups: list[_Group], unknown: list[int]) -> list[_Group]:
        """Adds the shots without a time to series, and groups the others."""
        wholes = list(self._find_wholes_by_name(unknown))
        left = set(unknown).difference(*(group.places for group in wholes))
        series = [group for group in groups if group.kind == SERIES]
        wholes += [group for group in groups if group.kind != SERIES]
        owner = {place: i for i, group in enumerate(series) for place in group.places}
        names = sorted([*owner, *left], key=lambda place: name_order(self.shots[place]))
        # Two series with times stay apart, whatever lies between them.
        clusters = Clusters([owner.get(place, -1) for place in names], self.content[names])
        numbers = [name_number(self.shots[place]) for place in names]
        for first, second, needed in find_links(clusters, numbers, self.min_similarity):
            clusters.join(first, second, _SHARE_OF_MEAN * needed)
        found = [sorted(names[i] for i in members) for members in clusters.members()]
        return wholes + [self._new_group(SERIES, places) for places in found]

    def _find_wholes_by_name(self, unknown: list[int]) -> Iterator[_Group]:
        """Yields the brackets and panoramas among shots whose numbers follow one another."""
        numbers = [name_number(self.shots[place]) for place in unknown]
        run: list[int] = []
        for i, place in enumerate(unknown):
            if run and not _follows(numbers[i - 1], numbers[i]):
                yield from self._wholes(run)
                run = []
            run.append(place)
        yield from self._wholes(run)

    def _wholes(self, places: list[int]) -> Iterator[_Group]:
        for kind, start, stop in self._find_wholes(places):
            yield self._new_group(kind, places[start:stop])


def _follows(before: tuple[str, int] | None, after: tuple[str, int] | None) -> bool:
    return bool(before and after and after == (before[0], before[1] + 1))


def _agreeing_cameras(
    groups: Sequence[_Group], pairs: Sequence[tuple[int, int]], alike: Sequence[bool]
) -> set[frozenset[str]]:
    """Returns the pairs of cameras whose clocks agree.

    Args:
        groups: Groups of all cameras.
        pairs: Places of two simultaneous series of different cameras.
        alike: Whether the two show the same content.
    """
    seen: dict[frozenset[str], dict[int, bool]] = {}
    for pair, are_alike in zip(pairs, alike, strict=True):
        found = seen.setdefault(frozenset(groups[i].camera for i in pair), {})
        for i in pair:
            found[i] = found.get(i, False) or are_alike
    agreeing = set()
    for cameras, found in seen.items():
        for camera in cameras:
            flags = [flag for i, flag in found.items() if groups[i].camera == camera]
            if sum(flags) >= _AGREEING * len(flags):
                agreeing.add(cameras)
    return agreeing
