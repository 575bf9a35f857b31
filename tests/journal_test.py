"""What a run writes is taken back, and only that; also after a kill."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import pytest

from keras_series.ranking.changes import KEEP, LEAVE, REMOVE, RESTORE, UNREACHED
from keras_series.ranking.copies import plan_copies
from keras_series.ranking.journal import runs_folder, to_path, to_uri, undo
from keras_series.ranking.marks import MarkedShot, mark_ranking
from keras_series.ranking.outputs import undo_latest
from keras_series.ranking.sidecars import plan_sidecars
from keras_series.ranking.writing import carry_out
from keras_series.ranking.xmp import Marks
from tests.ranked_series import draw, draw_ranking, snapshot
from tests.sidecar_files import DIGIKAM

ROOT = pathlib.Path(__file__).parents[1]
KILLS = 20


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The home folder of the journals."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))


@pytest.fixture
def trip(tmp_path):
    """A folder with photos, one of which has a sidecar."""
    (tmp_path / "trip").mkdir()
    (tmp_path / "trip" / "IMG_1.XMP").write_bytes(DIGIKAM.encode("utf-16"))
    return tmp_path / "trip"


def plan(trip, overwrite=True):
    """The sidecars and copies of a ranking."""
    shots = mark_ranking(draw_ranking(trip), overwrite)
    return plan_sidecars(shots) + plan_copies(shots, trip.parent / "best" / "of 2024", [trip])


def counts(changes):
    """How many changes there are of each kind."""
    kinds = [change.kind for change in changes]
    return {kind: kinds.count(kind) for kind in kinds}


def test_a_run_is_taken_back_byte_for_byte(trip):
    changes = plan(trip)
    before = snapshot(trip.parent)
    done = carry_out(changes)
    assert [change.kind for change in done] == [change.kind for change in changes]
    written = len(snapshot(trip.parent)) - len(before)
    assert written > 10
    undone = counts(undo())
    assert undone == {REMOVE: len(changes) - 1 + 2, RESTORE: 1}
    assert snapshot(trip.parent) == before
    assert not (trip.parent / "best").exists()
    assert undo() == []


def test_a_dry_run_takes_nothing_back(trip):
    done = carry_out(plan(trip))
    before = snapshot(trip.parent)
    shown = undo(dry_run=True)
    assert snapshot(trip.parent) == before
    assert [change.path for change in undo()] == [change.path for change in shown]
    assert {change.path for change in done} <= {change.path for change in shown}


def test_a_second_undo_takes_back_the_run_before(trip):
    states = [snapshot(trip)]
    for stars in ("IMG_2.xmp", "IMG_3.xmp"):
        carry_out([change for change in plan(trip) if change.path.name == stars])
        states.append(snapshot(trip))
    for state in reversed(states[:-1]):
        assert counts(undo()) == {REMOVE: 1}
        assert {**snapshot(trip), **state} == snapshot(trip)
    assert undo() == []


def test_files_that_have_changed_since_are_left_alone(trip):
    carry_out(plan(trip))
    (trip / "IMG_1.XMP").write_bytes(b"edited")
    (trip / "IMG_2.xmp").write_bytes(b"edited, too")
    (trip / "IMG_3.xmp").unlink()
    best = trip.parent / "best" / "of 2024"
    draw(best / "IMG_1.JPG", 77)
    undone = {change.path: (change.kind, change.detail) for change in undo()}
    for path in (trip / "IMG_1.XMP", trip / "IMG_2.xmp", best / "IMG_1.JPG"):
        assert undone[path] == (LEAVE, "it has changed since the run")
        assert path.exists()
    assert undone[trip / "IMG_3.xmp"] == (KEEP, "it is not there")
    assert [path.name for path in best.iterdir()] == ["IMG_1.JPG"]
    assert undo() == []
    # The bytes from before the run stay in the folder of the journals.
    kept = [path.read_bytes() for path in runs_folder().rglob("*.previous")]
    assert kept == [DIGIKAM.encode("utf-16")]


def test_a_restored_sidecar_that_is_gone_is_named(trip):
    carry_out(plan(trip))
    (trip / "IMG_1.XMP").unlink()
    undone = {change.path: (change.kind, change.detail) for change in undo()}
    assert undone[trip / "IMG_1.XMP"] == (LEAVE, "it has been removed since the run")


def test_a_folder_that_is_gone_is_named(trip):
    done = carry_out(plan(trip))
    trip.rename(trip.parent / "moved")
    undone = {change.path: change.detail for change in undo()}
    here = [change.path for change in done if change.path.parent == trip]
    assert {undone[path] for path in here} == {"its folder is not there"}
    assert (trip.parent / "moved" / "IMG_2.xmp").exists()


def test_a_drive_that_comes_back(trip):
    changes = plan(trip)
    before = snapshot(trip.parent)
    carry_out(changes)
    trip.rename(trip.parent / "away")
    assert set(counts(undo())) == {UNREACHED, REMOVE}
    assert f"remove {runs_folder() / '000001'}" in list(undo_latest())[-1]
    (trip.parent / "away").rename(trip)
    assert set(counts(undo())) == {REMOVE, RESTORE, KEEP}
    assert snapshot(trip.parent) == before
    assert undo() == []


def test_a_folder_of_the_run_that_the_user_has_removed(trip):
    carry_out(plan(trip))
    shutil.rmtree(trip.parent / "best")
    assert set(counts(undo())) == {REMOVE, RESTORE, KEEP}
    assert undo() == []


def test_a_run_with_nothing_to_write_is_no_run(trip):
    carry_out(plan(trip))
    runs = snapshot(runs_folder())
    carry_out(plan(trip))
    assert snapshot(runs_folder()) == runs


def test_names_that_are_not_utf_8_are_taken_back(tmp_path):
    trip = tmp_path / os.fsdecode(b"caf\xe9 %#?")
    changes = plan(trip)
    before = snapshot(trip)
    carry_out(changes)
    assert snapshot(trip) != before
    undo()
    assert snapshot(trip) == before


def test_only_the_last_runs_are_kept(trip):
    for number in range(25):
        (trip / "IMG_1.XMP").write_bytes(DIGIKAM.encode())
        carry_out([change for change in plan(trip) if change.path.name == "IMG_1.XMP"])
        assert len(list(runs_folder().iterdir())) == min(number + 1, 20)


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_journal_that_is_cut_off(trip, cut):
    changes = plan(trip)
    before = snapshot(trip)
    carry_out(changes[:2])
    (journal,) = runs_folder().rglob("journal.jsonl")
    content = journal.read_bytes()
    last = content.rstrip(b"\n").rindex(b"\n") + 1
    journal.write_bytes(content[: last + cut] + content[last - 1 :])
    assert len(undo()) == 2
    assert snapshot(trip) == before


def test_nothing_is_written_without_a_journal(trip, tmp_path):
    changes = plan(trip)
    (tmp_path / "home").write_text("a file")
    before = snapshot(trip.parent)
    with pytest.raises(OSError, match="Set KERAS_HOME to a folder that can be written"):
        carry_out(changes)
    assert snapshot(trip.parent) == before


@pytest.mark.parametrize("name", [b"a b.jpg", b"caf\xe9", b"%41#?;&=\n", "\u65e5".encode()])
def test_a_uri_keeps_every_byte_of_a_path(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    assert to_path(to_uri(path)) == path


@pytest.mark.parametrize(
    "uri", ["", "a.jpg", "http://a/b", "file://host/a", "file:a", "file:///%00"]
)
def test_other_uris_are_refused(uri):
    with pytest.raises(ValueError, match="Expected the URI of a file"):
        to_path(uri)


RUN = """
import pathlib, sys
from tests.journal_test import carry_out, plan_existing
changes = plan_existing(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
carry_out(changes)
print("done", flush=True)
"""


def draw_large_trip(trip):
    """Draws a hundred shots, half of which have a sidecar, and makes three of them large."""
    for number in range(100):
        photo = draw(trip / f"{number}.jpg", number)
        if number % 2:
            photo.with_suffix(".xmp").write_text(DIGIKAM, encoding="utf-8")
        if number % 40 == 0:
            photo.write_bytes(os.urandom(20 << 20))


def plan_existing(trip):
    """Sidecars of all photos in a folder, and copies of every fourth."""
    shots = [
        MarkedShot(path, marks=Marks(5, "Green", overwrite=True), keep=number % 4 == 0)
        for number, path in enumerate(sorted(trip.glob("*.jpg")))
    ]
    return plan_sidecars(shots) + plan_copies(shots, trip.parent / "best")


def run(trip, seconds=None):
    """Runs in a process that is killed after some seconds, and returns how long it has taken."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, trip],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    process.stdin.write("\n")
    process.stdin.flush()
    if seconds is not None:
        time.sleep(seconds)
        process.kill()
    has_ended = process.stdout.readline() == "done\n"
    seconds = time.monotonic() - began
    process.communicate()
    return seconds, has_ended


@pytest.mark.slow
def test_killed_runs_leave_whole_files_and_are_taken_back(trip):
    draw_large_trip(trip)
    before = without_state(snapshot(trip.parent))
    seconds, _ = run(trip)
    whole = without_state(snapshot(trip.parent))
    undo()
    assert without_state(snapshot(trip.parent)) == before
    rng, ended = random.Random(0), []
    while ended.count(False) < KILLS:
        ended.append(run(trip, rng.uniform(0, seconds))[1])
        for name, content in without_state(snapshot(trip.parent)).items():
            assert ".partial." in name or content in (before.get(name), whole[name]), name
        if len(ended) % 4 == 0:
            run(trip)
            assert without_state(snapshot(trip.parent)) == whole
        if len(ended) % 2 == 0:
            while undo():
                pass
            assert without_state(snapshot(trip.parent)) == before


def without_state(files):
    """The files of a snapshot that are not those of a journal."""
    return {name: content for name, content in files.items() if not name.startswith("home")}
