"""A whole trip ranked: every file once, nothing changed, and the same result however often."""

import importlib.util
import os
import signal
import subprocess
import sys
import time

import pytest

from keras_series.ranking import rank_photos
from tests.shared_export import shared_export
from tests.trips import make_trip, pairwise_f1

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("rawpy"), reason="needs the extra photos"
)
HAS_HEIC = importlib.util.find_spec("pillow_heif") is not None
_CODE = """
import sys
from keras_series.ranking import rank_photos
from keras_series.ranking.table import write_table
folder, model, cache, table = sys.argv[1:]
write_table(rank_photos([folder], model, cache=cache).series, table)
"""


def contents(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture(scope="module")
def trip(tmp_path_factory):
    return make_trip(tmp_path_factory.mktemp("trip") / "photos", 100, events=9, heic=HAS_HEIC)


def test_a_trip(trip, tmp_path, tmp_path_factory):
    before = contents(trip.folder)
    version = shared_export(tmp_path_factory)
    ranking = rank_photos([trip.folder], version, cache=tmp_path / "c")
    photos = [(series, photo) for series in ranking.series for photo in series.photos]
    files = [path for _, each in photos for path in (each.path, *each.other_files, *each.copies)]
    assert sorted(files) == sorted(before)
    groups = [{photo.path for photo in series.photos} for series in ranking.series]
    assert pairwise_f1(groups, {path: trip.group[path] for path in set().union(*groups)
                                if path in trip.group}) >= 0.97  # fmt: skip
    for series, photo in photos:
        assert (photo.reason is not None) == (photo.path in trip.broken)
        assert photo.keep or series.kind == "series" or photo.reason
    assert rank_photos([trip.folder], version, cache=tmp_path / "c").series == ranking.series
    assert contents(trip.folder) == before


@pytest.mark.slow
def test_killed_runs_give_the_same_table(trip, tmp_path, tmp_path_factory):
    version, before = shared_export(tmp_path_factory), contents(trip.folder)
    command = [sys.executable, "-c", _CODE, trip.folder, version]
    subprocess.run([*command, tmp_path / "whole", tmp_path / "whole.csv"], check=True)
    for seconds in (5, 6, 7, 8, 9, 10):
        process = subprocess.Popen([*command, tmp_path / "killed", tmp_path / "killed.csv"])
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([*command, tmp_path / "killed", tmp_path / "killed.csv"], check=True)
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert contents(trip.folder) == before
