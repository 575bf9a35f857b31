"""Whole trips: every file in one shot, every shot in one group, and groups as they were shot."""

import dataclasses
import importlib.util

import pytest

from keras_series.ranking import (
    file_hash,
    find_shots,
    group_shots,
    read_metadata,
    read_photo,
    thumbnail,
)
from tests.trips import make_trip, pairwise_f1

HAS_HEIC = importlib.util.find_spec("pillow_heif") is not None
# None of them was looked at when the constants were chosen.
SEEDS = range(100, 106)


def group_trip(folder, seed, events):
    trip = make_trip(folder, seed, events, HAS_HEIC)
    files = sorted(trip.folder.iterdir())
    hashes = {path: file_hash(path) for path in files}
    found = find_shots({path: read_metadata(path) for path in files}, hashes)
    shots = [
        dataclasses.replace(shot, thumbnail=thumbnail(read_photo(shot.path))) for shot in found
    ]
    groups = group_shots(shots)
    assert {path: file_hash(path) for path in sorted(trip.folder.iterdir())} == hashes
    return trip, groups


def assert_is_understood(trip, groups):
    shots = [shot for _, group in groups for shot in group]
    files = [path for shot in shots for path in (shot.path, *shot.other_files, *shot.copies)]
    assert sorted(files) == sorted(trip.folder.iterdir())
    for shot in shots:
        assert all(trip.raws[raw] == shot.path for raw in shot.other_files)
        assert all(trip.copies[copy] == shot.path for copy in shot.copies)
        assert (shot.thumbnail is None) <= (shot.path in trip.broken)
    assert sum(len(shot.other_files) for shot in shots) == len(trip.raws)
    assert sum(len(shot.copies) for shot in shots) == len(trip.copies)


def assert_groups_are_right(trip, groups):
    extra = {*trip.raws, *trip.copies}
    truth = {path: group for path, group in trip.group.items() if path not in extra}
    paths = [(kind, {shot.path for shot in group}) for kind, group in groups]
    assert pairwise_f1([group for _, group in paths], truth) >= 0.97
    for number, kind in trip.kind.items():
        if kind == "bracket":
            whole = {path for path, group in truth.items() if group == number}
            assert ("bracket", whole) in paths
    found = sum(kind == "panorama" for kind, _ in paths)
    assert found <= sum(kind == "panorama" for kind in trip.kind.values())


def test_a_trip(tmp_path):
    trip, groups = group_trip(tmp_path / "trip", SEEDS[0], events=9)
    assert_is_understood(trip, groups)
    assert_groups_are_right(trip, groups)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_long_trips(seed, tmp_path):
    trip, groups = group_trip(tmp_path / "trip", seed, events=45)
    assert_is_understood(trip, groups)
    assert_groups_are_right(trip, groups)
