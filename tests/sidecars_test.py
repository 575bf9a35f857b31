"""Which sidecars a ranking writes, into which files, and what programs read from them."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest
from PIL import Image

from keras_series.ranking.changes import CREATE, KEEP, LEAVE, UPDATE, count_changes
from keras_series.ranking.marks import MarkedShot, mark_ranking
from keras_series.ranking.results import SERIES, RankedPhoto, RankedSeries
from keras_series.ranking.sidecars import SIDECAR_NAMES, find_other_sidecars, plan_sidecars
from keras_series.ranking.writing import carry_out
from keras_series.ranking.xmp import Marks, new_xmp
from tests.ranked_series import draw, draw_ranking, snapshot
from tests.sidecar_files import ALL, DARKTABLE, LIGHTROOM, meaning

needs_darktable = pytest.mark.skipif(
    not shutil.which("darktable-cli"), reason="needs darktable-cli"
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The home folder of the journals."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))


@pytest.fixture
def trip(tmp_path):
    """A folder for photos."""
    (tmp_path / "trip").mkdir()
    return tmp_path / "trip"


def write(shots, name="name.xmp"):
    """Writes sidecars, and returns kinds and details by the names of the sidecars."""
    changes = plan_sidecars(shots, name)
    before = {change.path: change.path.exists() for change in changes}
    assert all(before[change.path] == (change.kind != CREATE) for change in changes)
    return {change.path.name: (change.kind, change.detail) for change in carry_out(changes)}


@pytest.mark.parametrize(
    ("name", "first", "others"),
    [
        ("name.xmp", ["IMG_1.xmp", "again.xmp"], "IMG_{}.xmp"),
        ("name.ext.xmp", ["IMG_1.JPG.xmp", "IMG_1.NEF.xmp", "again.jpg.xmp"], "IMG_{}.JPG.xmp"),
    ],
)
def test_ratings_of_a_ranking(trip, name, first, others):
    assert write(mark_ranking(draw_ranking(trip)), name) == {
        **dict.fromkeys(first, (CREATE, "rating 5, label Green")),
        others.format(2): (CREATE, "rating 4, label Green"),
        others.format(3): (CREATE, "rating 3, label Yellow"),
        others.format(4): (CREATE, "rating 2"),
    }


def test_the_only_valid_photo_of_a_series_is_not_rated():
    photos = RankedPhoto(pathlib.Path("a"), 0.9, keep=True), RankedPhoto(pathlib.Path("b"), None)
    assert [shot.marks for shot in mark_ranking([RankedSeries("a", SERIES, photos)])] == [None] * 2


@pytest.mark.parametrize("name", SIDECAR_NAMES)
def test_a_second_run_has_nothing_to_do(trip, name):
    shots = mark_ranking(draw_ranking(trip), overwrite=True)
    write(shots, name)
    before = snapshot(trip)
    assert {kind for kind, _ in write(shots, name).values()} == {KEEP}
    assert snapshot(trip) == before


def test_planning_writes_nothing(trip):
    shots = mark_ranking(draw_ranking(trip))
    before = snapshot(trip.parent)
    plan_sidecars(shots)
    assert snapshot(trip.parent) == before


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
@pytest.mark.parametrize("suffix", [".xmp", ".XMP"])
def test_an_existing_sidecar_is_merged_into(trip, text, suffix):
    sidecar = trip / f"IMG_1{suffix}"
    sidecar.write_text(text, encoding="utf-8")
    sidecar.chmod(0o640)
    shots = mark_ranking(draw_ranking(trip), overwrite=True)
    assert write(shots)[sidecar.name][0] == UPDATE
    assert meaning(sidecar.read_bytes()) == meaning(text.encode())
    assert sidecar.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in trip.iterdir() if path.stem == "IMG_1"].count(sidecar.name) == 1


def test_a_link_to_a_sidecar_stays_a_link(trip, tmp_path):
    target = tmp_path / "elsewhere.xmp"
    target.write_text(LIGHTROOM, encoding="utf-8")
    (trip / "IMG_1.xmp").symlink_to(target)
    write(mark_ranking(draw_ranking(trip)))
    assert (trip / "IMG_1.xmp").is_symlink()
    assert b'xmp:Rating="5"' in target.read_bytes()


@pytest.mark.parametrize("content", [b"", DARKTABLE.encode()[:900], b"<html/>"])
def test_a_damaged_sidecar_is_left_alone_and_the_others_go_on(trip, content):
    (trip / "IMG_1.xmp").write_bytes(content)
    written = write(mark_ranking(draw_ranking(trip), overwrite=True))
    assert written["IMG_1.xmp"][0] == LEAVE
    assert (trip / "IMG_1.xmp").read_bytes() == content
    assert [kind for kind, _ in written.values()].count(CREATE) == 4


def test_what_is_no_file_is_left_alone(trip):
    (trip / "IMG_1.xmp").mkdir()
    os.mkfifo(trip / "IMG_2.xmp")
    written = write(mark_ranking(draw_ranking(trip)))
    assert written["IMG_1.xmp"] == written["IMG_2.xmp"] == (LEAVE, "not a file")


def test_shots_of_one_name_do_not_share_a_sidecar(trip):
    jpeg, other = draw(trip / "IMG_1.jpg"), draw(trip / "IMG_1.png", 1)
    shots = [MarkedShot(jpeg, marks=Marks(5)), MarkedShot(other)]
    detail = "shared by photos of different shots: IMG_1.jpg and IMG_1.png"
    (change,) = plan_sidecars(shots)
    assert (change.path.name, change.kind, change.detail) == ("IMG_1.xmp", LEAVE, detail)
    assert write(shots, "name.ext.xmp") == {"IMG_1.jpg.xmp": (CREATE, "rating 5")}


def test_a_folder_that_cannot_be_written(trip, monkeypatch):
    shots = [MarkedShot(draw(trip / folder / "a.jpg"), marks=Marks(5)) for folder in "bc"]
    locked, access = trip / "b", os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != locked and access(path, mode))
    changes = plan_sidecars(shots)
    assert [change.kind for change in changes] == [LEAVE, CREATE]
    assert count_changes(changes) == "1 created, 1 left alone (1 its folder cannot be written)"


def test_a_sidecar_that_is_read_only(trip, monkeypatch):
    sidecar, access = trip / "IMG_1.xmp", os.access
    sidecar.write_text(LIGHTROOM, encoding="utf-8")
    monkeypatch.setattr(os, "access", lambda path, mode: path != sidecar and access(path, mode))
    assert write(mark_ranking(draw_ranking(trip)))["IMG_1.xmp"] == (LEAVE, "it is read-only")


def test_a_folder_that_can_no_longer_be_written(trip):
    shots = [MarkedShot(draw(trip / folder / "a.jpg"), marks=Marks(5)) for folder in "bc"]
    changes = plan_sidecars(shots)
    shutil.rmtree(trip / "b")
    assert [(each.kind, each.detail) for each in carry_out(changes)] == [
        (LEAVE, "No such file or directory"), (CREATE, "rating 5"),
    ]  # fmt: skip


def test_a_sidecar_that_another_program_has_written_since_is_merged_into(trip):
    photo = draw(trip / "a.jpg")
    shots = [MarkedShot(photo, marks=Marks(5))]
    (created,) = plan_sidecars(shots)
    (trip / "a.xmp").write_text(LIGHTROOM, encoding="utf-8")
    assert carry_out([created])[0].kind == LEAVE
    (updated,) = plan_sidecars(shots)
    (trip / "a.xmp").write_text(DARKTABLE, encoding="utf-8")
    assert carry_out([updated])[0].kind == KEEP
    assert (trip / "a.xmp").read_text(encoding="utf-8") == DARKTABLE


@pytest.mark.parametrize(("rating", "kind"), [(4, KEEP), (0, CREATE), (None, CREATE)])
@pytest.mark.parametrize("photo_format", ["JPEG", "WEBP"])
def test_the_rating_of_a_photo_itself_is_kept(trip, photo_format, rating, kind):
    packet = new_xmp(Marks(rating)) + b"\0"
    Image.new("RGB", (8, 8)).save(trip / "a.jpg", photo_format, xmp=packet)
    shots = [MarkedShot(trip / "a.jpg", marks=Marks(5))]
    assert [change.kind for change in plan_sidecars(shots)] == [kind]
    shots = [MarkedShot(trip / "a.jpg", marks=Marks(5, overwrite=True))]
    assert [change.kind for change in plan_sidecars(shots)] == [CREATE]


def test_the_rating_in_heic_and_raw_files_is_kept(trip):
    pillow_heif = pytest.importorskip("pillow_heif")
    packet = new_xmp(Marks(3))
    heif = pillow_heif.from_pillow(Image.new("RGB", (64, 64)))
    heif.save(trip / "a.heic", xmp=packet)
    # The beginning of the RAW files of an Olympus.
    (trip / "b.orf").write_bytes(b"IIRO\x08\0\0\0" + bytes(5000) + packet + bytes(5000))
    Image.new("RGB", (8, 8)).save(trip / "b.jpg", "JPEG")
    shots = [
        MarkedShot(trip / "a.heic", marks=Marks(5)),
        MarkedShot(trip / "b.jpg", other_files=(trip / "b.orf",), marks=Marks(5)),
    ]
    (trip / "a.xmp").write_bytes(new_xmp(Marks()))  # Without a rating.
    for name in SIDECAR_NAMES:
        details = {(change.kind, change.detail) for change in plan_sidecars(shots, name)}
        assert details == {(KEEP, "the photo itself has rating 3")}


def test_sidecars_of_the_other_name_are_found(trip):
    shots = mark_ranking(draw_ranking(trip))
    (trip / "IMG_1.NEF.XMP").write_text(DARKTABLE, encoding="utf-8")
    assert find_other_sidecars(shots) == [trip / "IMG_1.NEF.XMP"]
    assert find_other_sidecars(shots, "name.ext.xmp") == []


def test_a_name_that_no_sidecar_has():
    with pytest.raises(ValueError, match=r"Expected `sidecar_name` to be one of: 'name.xmp'"):
        plan_sidecars([], "sidecar.xmp")


def in_darktable(folder, photos, *queries):
    """The rows of each query after darktable has read a folder into a library of its own."""
    (folder / "out").mkdir(parents=True)
    command = [
        "darktable-cli", photos, folder / "out", "--core", "--disable-opencl",
        "--configdir", folder / "config", "--cachedir", folder / "cache",
        "--library", folder / "library.db", "--conf", "write_sidecar_files=never",
    ]  # fmt: skip
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    with contextlib.closing(sqlite3.connect(folder / "library.db")) as library:
        return [library.execute(query).fetchall() for query in queries]


RATINGS = "SELECT filename, flags & 7, color FROM images LEFT JOIN color_labels ON id = imgid"
EDITS = "SELECT num, module, operation, op_params, enabled FROM history ORDER BY num"


@needs_darktable
@pytest.mark.parametrize("name", SIDECAR_NAMES)
def test_darktable_reads_rating_and_label(trip, tmp_path, name):
    shots = mark_ranking(draw_ranking(trip))
    write(shots, name)
    for name_of_no_photo in ("IMG_1.NEF", "IMG_5.JPG"):
        (trip / name_of_no_photo).unlink()
    (rows,) = in_darktable(tmp_path / "darktable", trip, RATINGS)
    yellow, green = 1, 2
    assert sorted(rows)[:4] == [
        ("IMG_1.JPG", 5, green), ("IMG_2.JPG", 4, green), ("IMG_3.JPG", 3, yellow),
        ("IMG_4.JPG", 2, None),
    ]  # fmt: skip


@needs_darktable
def test_darktable_finds_its_own_edits_as_before(trip, tmp_path):
    photo = draw(trip / "IMG_1.JPG", 5)
    (trip / "IMG_1.JPG.xmp").write_text(DARKTABLE, encoding="utf-8")
    (before,) = in_darktable(tmp_path / "before", trip, EDITS)
    write([MarkedShot(photo, marks=Marks(5, "Green", overwrite=True))], "name.ext.xmp")
    after, ratings = in_darktable(tmp_path / "after", trip, EDITS, RATINGS)
    assert after == before
    assert "exposure" in [row[2] for row in before]
    assert ratings == [("IMG_1.JPG", 5, 2)]
