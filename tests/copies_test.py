"""Copies of the photos to keep: which, under which names, and never over another file."""

import collections
import os
import shutil

import pytest

from keras_series.ranking.changes import COPY, KEEP, LEAVE
from keras_series.ranking.copies import check_copy_folder, plan_copies
from keras_series.ranking.journal import undo
from keras_series.ranking.marks import MarkedShot, mark_ranking
from keras_series.ranking.writing import carry_out
from tests.ranked_series import draw, draw_ranking, snapshot


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The home folder of the journals."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))


@pytest.fixture
def best(tmp_path):
    """A folder for copies that does not exist yet."""
    return tmp_path / "best"


def copy(shots, folder):
    """Copies shots and returns the kinds by the names of the copies."""
    changes = carry_out(plan_copies(shots, folder))
    assert all(change.path.parent == folder for change in changes)
    return {change.path.name: change.kind for change in changes}


def kept(*paths):
    """A shot to keep, of these files."""
    return MarkedShot(paths[0], paths[1:], keep=True)


def test_the_photos_to_keep_are_copied_with_their_times(tmp_path, best):
    names = ["IMG_1.JPG", "IMG_1.NEF", "IMG_2.JPG", "IMG_6.JPG", "IMG_7.JPG", "IMG_8.JPG"]
    shots = mark_ranking(draw_ranking(tmp_path / "trip"))
    before = snapshot(tmp_path / "trip")
    assert copy(shots, best) == dict.fromkeys(names, COPY)
    assert snapshot(tmp_path / "trip") == before
    assert snapshot(best) == {name: before[name] for name in names}
    for name in names:
        source, target = (folder / name for folder in (tmp_path / "trip", best))
        assert source.stat().st_mtime_ns == target.stat().st_mtime_ns
    assert copy(shots, best) == dict.fromkeys(names, KEEP)


def test_an_existing_file_is_never_written_over(tmp_path, best):
    shot = kept(draw(tmp_path / "a" / "IMG_1.JPG", 1), draw(tmp_path / "raw" / "IMG_1.NEF", 2))
    draw(best / "IMG_1.NEF", 3)
    (best / "IMG_1-2.JPG").mkdir()
    before = snapshot(best)
    changes = plan_copies([shot], best)
    assert [change.detail for change in changes] == [
        f"of {path}, whose name is taken" for path in (shot.path, *shot.other_files)
    ]
    # The files of a shot keep one name.
    assert copy([shot], best) == {"IMG_1-3.JPG": COPY, "IMG_1-3.NEF": COPY}
    assert {**snapshot(best), **before} == snapshot(best)
    assert copy([shot], best) == {"IMG_1-3.JPG": KEEP, "IMG_1-3.NEF": KEEP}


def test_photos_of_one_name_from_several_folders(tmp_path, best):
    names = ["a/IMG_1.JPG", "b/IMG_1.JPG", "c/img_1.jpg"]
    shots = [kept(draw(tmp_path / name, shade)) for shade, name in enumerate(names)]
    copied = copy(shots, best)
    assert copied == {"IMG_1.JPG": COPY, "IMG_1-2.JPG": COPY, "img_1-3.jpg": COPY}
    assert copy(shots, best) == dict.fromkeys(copied, KEEP)


def test_files_of_one_shot_with_one_name(tmp_path, best):
    shot = kept(draw(tmp_path / "a" / "IMG_1.JPG", 1), draw(tmp_path / "b" / "IMG_1.JPG", 2))
    assert copy([shot], best) == {"IMG_1.JPG": COPY, "IMG_1-2.JPG": COPY}


def test_a_photo_that_is_gone_stops_no_other(tmp_path, best):
    shots = [kept(draw(tmp_path / "a" / f"{n}.jpg", n)) for n in range(3)]
    changes = plan_copies(shots, best)
    shots[0].path.unlink()
    os.truncate(shots[1].path, 0)
    assert [each.kind for each in plan_copies(shots, best)] == [LEAVE, COPY, COPY]
    gone = carry_out(changes)[0]
    assert (gone.kind, gone.detail) == (LEAVE, "No such file or directory")
    assert sorted(snapshot(best)) == ["1.jpg", "2.jpg"]


def test_a_photo_that_changes_while_it_is_copied_is_left_alone(tmp_path, best, monkeypatch):
    shots = [kept(draw(tmp_path / "a" / "1.jpg"))]
    monkeypatch.setattr("keras_series.ranking.writing.hash_file", lambda path: "another")
    (change,) = carry_out(plan_copies(shots, best))
    assert (change.kind, change.detail) == (LEAVE, "the photo has changed while it was copied")
    assert snapshot(best) == {}


def test_a_file_that_appears_meanwhile_is_not_written_over(tmp_path, best):
    changes = plan_copies([kept(draw(tmp_path / "a" / "1.jpg"))], best)
    draw(best / "1.jpg")
    before = snapshot(best)
    assert carry_out(changes)[0].detail == "a file of this name has appeared"
    undo()
    assert snapshot(best) == before


def test_a_disk_without_hard_links(tmp_path, best, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    shots = [kept(draw(tmp_path / "a" / "1.jpg"))]
    changes = plan_copies(shots, best)
    assert copy(shots, best) == {"1.jpg": COPY}
    assert carry_out(changes)[0].detail == "a file of this name has appeared"


def test_what_a_kill_has_left_does_not_harm_a_finished_copy(tmp_path, best):
    shot = kept(draw(tmp_path / "a" / "1.jpg"))
    changes = plan_copies([shot], best)
    copy([shot], best)
    os.link(best / "1.jpg", best / ".1.partial.jpg")
    assert carry_out(changes)[0].kind == LEAVE
    assert snapshot(best) == {"1.jpg": shot.path.read_bytes()}


def test_a_disk_without_room(tmp_path, best, monkeypatch):
    usage = collections.namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 1_000))
    shots = [kept(draw(tmp_path / "a" / f"{n}.jpg", n)) for n in range(3)]
    done = carry_out(plan_copies(shots, best))
    assert {change.kind for change in done} == {LEAVE}
    assert "no room on the disk, which has 0 of 0 MB" in done[0].detail
    assert not best.exists()


@pytest.mark.parametrize("folder", ["trip", "trip/best", "link/best", "trip/../trip/a/b"])
def test_a_folder_inside_the_photos_is_refused(tmp_path, folder):
    photo = draw(tmp_path / "trip" / "a" / "1.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "trip")
    with pytest.raises(ValueError, match="Expected --copy_best to be outside the folders of"):
        plan_copies([kept(photo)], tmp_path / folder, [tmp_path / "trip"])


def test_a_file_is_no_folder(tmp_path):
    with pytest.raises(ValueError, match="Expected --copy_best to be a folder"):
        check_copy_folder(draw(tmp_path / "a.jpg"), [])
