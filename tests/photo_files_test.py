"""Which files of a folder are photos, and why others are not."""

import os
import pathlib
import socket

import pytest

from keras_series.utils import count_left_out, find_photos, iterate_files, reason_left_out
from keras_series.utils.photo_files import FORMATS, image_format
from serving import client, photo_files, photo_finder
from tests.drawn_photos import BROKEN, ENCODED
from tests.photo_trees import HEADS, write, write_tricky_tree

ROOT = pathlib.Path(__file__).parents[1]
OTHER_FORMATS = {
    "a.tif": b"MM\0*\0\0\0\x08",
    "a.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a.avif": b"\0\0\0\x20ftypavif\0\0\0\0",
    "a.cr3": b"\0\0\0\x18ftypcrx \0\0\0\1",
    "a.raf": b"FUJIFILMCCD-RAW 0201",
    "a.orf": b"IIRO\x08\0\0\0",
    "a.rw2": b"IIU\0\x18\0\0\0",
    "a.jxl": b"\0\0\0\x0cJXL \r\n\x87\n",
    "b.jxl": b"\xff\x0a\xfa\x1f",
    "a.jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
    "a.psd": b"8BPS\0\1",
}
NO_IMAGES = {
    "a.mp4": b"\0\0\0\x20ftypisom\0\0\2\0",
    "a.jpg": b"\xff\xd8",
    "a.wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "a.bmp": b"BMW and other cars, a list of all that we photographed",
    "a.txt": b"x",
}


def reasons(folder, find=iterate_files):
    return {os.path.relpath(file.path, folder): file.reason for file in find(folder)}


@pytest.mark.parametrize("find", [iterate_files, photo_finder.iterate_files])
def test_a_tricky_tree(find, tmp_path):
    expected = write_tricky_tree(tmp_path)
    found = reasons(tmp_path / "photos", find)
    assert found == expected
    assert list(found) == list(expected)


def test_links_out_of_the_folder_are_named(tmp_path):
    write_tricky_tree(tmp_path)
    photos = tmp_path / "photos"
    write(tmp_path, {"single.jpg": HEADS["JPEG"]})
    (photos / "linked.jpg").symlink_to(tmp_path / "single.jpg")
    (photos / "inside.jpg").symlink_to("1.jpg")
    found = find_photos(photos)
    assert found.links == [photos / "linked.jpg", photos / "z"]
    assert {photos / "linked.jpg", photos / "inside.jpg"} <= set(found.photos)


def test_a_folder_that_is_a_link_itself(tmp_path):
    write(tmp_path, {"real/a.jpg": HEADS["JPEG"]})
    (tmp_path / "link").symlink_to("real")
    found = find_photos(tmp_path / "link")
    assert (found.photos, found.links) == ([tmp_path / "link" / "a.jpg"], [])


def test_a_link_to_a_hidden_folder_is_followed(tmp_path):
    write(tmp_path, {".store/a.jpg": HEADS["JPEG"]})
    (tmp_path / "shown").symlink_to(".store")
    assert find_photos(tmp_path).photos == [tmp_path / "shown" / "a.jpg"]


@pytest.mark.parametrize("name", ENCODED)
def test_every_photo_that_is_decoded_is_found(name, tmp_path):
    (tmp_path / "a").write_bytes(ENCODED[name])
    assert reason_left_out(tmp_path / "a") is None


@pytest.mark.parametrize(("name", "head"), OTHER_FORMATS.items())
def test_other_formats(name, head, tmp_path):
    write(tmp_path, {name: head})
    assert reason_left_out(tmp_path / name) == "format not supported"


@pytest.mark.parametrize(("name", "head"), NO_IMAGES.items())
def test_no_images(name, head, tmp_path):
    write(tmp_path, {name: head})
    assert reason_left_out(tmp_path / name) == "not an image"


def test_raw_files_are_no_tiffs(tmp_path):
    write(tmp_path, dict.fromkeys(["a.tif", "a.NEF", "a.dng"], HEADS["TIFF"]))
    assert find_photos(tmp_path, [*FORMATS, "TIFF"]).photos == [tmp_path / "a.tif"]


def test_only_the_first_bytes_decide():
    assert {image_format(content[:32]) for content in ENCODED.values()} == set(FORMATS)
    assert image_format(BROKEN["tiff"][:32]) == "TIFF"


def test_special_files_are_not_opened(tmp_path):
    address = "socket.jpg"
    with socket.socket(socket.AF_UNIX) as listener:
        where = os.open(tmp_path, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{where}/{address}")
        os.close(where)
        assert reason_left_out(tmp_path / address) == "not an image"
    assert reason_left_out("/dev/zero") == "not an image"


def test_errors_of_the_system_are_reasons(tmp_path, monkeypatch):
    write(tmp_path, {"locked/a.jpg": b"x", "a.jpg": HEADS["JPEG"]})

    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda p: (refuse if "locked" in p else listdir)(p))
    monkeypatch.setattr("builtins.open", refuse)
    found = reasons(tmp_path)
    monkeypatch.undo()
    assert found == dict.fromkeys(["a.jpg", "locked"], "unreadable: Permission denied")


def test_counts_by_reason_and_suffix():
    left_out = {
        "a.txt": "not an image", "b.CR2": "format not supported", "c.cr2": "format not supported",
        "d": "not an image",
    }  # fmt: skip
    text = count_left_out({pathlib.Path(name): reason for name, reason in left_out.items()})
    assert text == (
        "2 format not supported (.cr2), 1 not an image (.txt), 1 not an image (without a suffix)"
    )


def test_folders_and_files_of_the_client(tmp_path, capsys):
    expected = write_tricky_tree(tmp_path)
    photos, pipe = tmp_path / "photos", tmp_path / "photos" / "pipe.jpg"
    found = photo_files.find_photos([pipe, photos])
    assert found == [pipe, *(photos / name for name, reason in expected.items() if not reason)]
    told = capsys.readouterr().err
    assert "1 format not supported (.cr2)" in told
    assert "2 not found (.jpg)" in told


def test_files_that_the_client_does_not_send(tmp_path):
    expected = write_tricky_tree(tmp_path)
    files = photo_files.PhotoFiles([tmp_path / "photos" / name for name in expected], 17)
    contents = list(files)
    for path, reason, content in zip(files.paths, expected.values(), contents, strict=True):
        too_large = path.name.endswith("caf\udce9.jpg")
        assert files.problem(path) == ("larger than 1.7e-05 MB" if too_large else reason)
        assert bool(content) == (reason is None and not too_large)


def test_the_client_prints_any_name(tmp_path, capsys):
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.touch()
    assert client.main(["score", str(path), "--protocol=rest"]) == 1
    assert r"caf\udce9.jpg (empty)" in capsys.readouterr().out


def test_the_client_has_a_copy():
    original = ROOT / "keras_series" / "utils" / "photo_files.py"
    assert (ROOT / "serving" / "photo_finder.py").read_text() == original.read_text()
