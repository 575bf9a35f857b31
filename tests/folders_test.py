"""The photos that a ranking finds, each once."""

import os

import pytest

from keras_series.ranking.folders import find_files, real_path
from tests.photo_trees import HEADS, write, write_tricky_tree


def names(found, folder):
    return [str(path.relative_to(folder)) for path in found.photos]


def test_photos_of_a_folder(tmp_path):
    write_tricky_tree(tmp_path)
    photos = tmp_path / "photos"
    write(photos, {"y.heic": b"\0\0\0\x18ftypheic"})
    found = find_files([photos])
    assert names(found, photos) == [
        "1.jpg", "DSCF0001.MPO", "b/[c]*/2.JPG_large", "b/photo", "caf\udce9.jpg", "raw.CR2",
        "y.heic", "z/far/3.webp",
    ]  # fmt: skip
    assert found.links == [photos / "z"]
    assert found.left_out[photos / "page.jpg"] == "not an image"


def test_overlapping_places_give_each_file_once(tmp_path, monkeypatch):
    write(tmp_path, {"a/b/1.jpg": HEADS["JPEG"], "a/2.jpg": HEADS["JPEG"], "page.jpg": b"<html>"})
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "a" / "again.jpg").symlink_to(tmp_path / "a" / "2.jpg")
    monkeypatch.chdir(tmp_path)
    places = ["a/b", tmp_path / "a", "a/2.jpg", "link", "page.jpg", "page.jpg"]
    found = find_files(places)
    assert [str(path) for path in found.photos] == ["a/b/1.jpg", str(tmp_path / "a/2.jpg")]
    assert [str(path) for path in found.left_out] == ["page.jpg"]


def test_thumbnails_of_a_page_are_no_photos(tmp_path):
    jpeg = HEADS["JPEG"]
    write(tmp_path, {"1.jpg": jpeg, "quiet/2.jpg": jpeg, "quiet/.nomedia": b""})
    marks = {"ranked_files/.nomedia": b"", "ranked_files/thumbnails.json": b"{}"}
    write(tmp_path, {"ranked_files/0123.jpg": jpeg, **marks})
    assert names(find_files([tmp_path]), tmp_path) == ["1.jpg", "quiet/2.jpg"]


def test_a_photo_comes_before_links_to_it(tmp_path):
    write(tmp_path, {"trip/1.jpg": HEADS["JPEG"]})
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "1.jpg").symlink_to(tmp_path / "trip" / "1.jpg")
    assert names(find_files([tmp_path]), tmp_path) == ["trip/1.jpg"]


@pytest.mark.parametrize("name", ["a.jpg", "b/link.jpg", "folder/a.jpg", "missing/a.jpg", "b/.."])
def test_real_path(name, tmp_path):
    write(tmp_path, {"a.jpg": HEADS["JPEG"], "b/c.jpg": HEADS["JPEG"]})
    (tmp_path / "b" / "link.jpg").symlink_to(tmp_path / "a.jpg")
    (tmp_path / "folder").symlink_to(tmp_path)
    assert real_path(tmp_path / name) == os.path.realpath(tmp_path / name)


def test_places_without_photos_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a folder of photos\. Received: none"):
        find_files([])
    with pytest.raises(ValueError, match=r"a folder of photos, or a photo\. Received: .*missing"):
        find_files([tmp_path / "missing"])
    write(tmp_path, {"a.psd": b"8BPS"})
    with pytest.raises(ValueError, match=r"photos \(JPEG, PNG, .*Received: 1 format not .*\.psd"):
        find_files([tmp_path])
