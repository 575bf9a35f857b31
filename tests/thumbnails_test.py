"""Thumbnails: upright, in sRGB, named by content, used again."""

import io
import os
import threading

import numpy as np
import pytest
from PIL import Image

from keras_series.ranking.folders import find_files
from keras_series.ranking.thumbnails import SIDE, ThumbnailFolder, draw_thumbnail
from keras_series.utils import to_srgb
from tests.drawn_photos import app1, draw_photo, encode, exif
from tests.icc_profiles import PROFILES


def decoded(thumbnail):
    content, width, height = thumbnail
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (width, height))
    return np.asarray(image, float)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_thumbnails_are_upright(orientation):
    photo = encode(draw_photo(600, 400), "JPEG", quality=95)
    turned = photo[:2] + app1(exif(orientation)) + photo[2:]
    operations = {
        2: [0], 3: [3], 4: [1], 5: [5], 6: [4], 7: [6], 8: [2],
    }  # fmt: skip
    expected = draw_photo(600, 400)
    for operation in operations.get(orientation, []):
        expected = expected.transpose(Image.Transpose(operation))
    expected.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    found = decoded(draw_thumbnail(turned))
    assert found.shape == np.asarray(expected).shape
    assert np.abs(found - np.asarray(expected)).mean() < 6
    assert b"Exif" not in draw_thumbnail(turned)[0]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_is_shown(mode):
    photo = draw_photo(600, 400)
    if mode == "I;16":
        photo = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 256)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    found = decoded(draw_thumbnail(encode(photo if mode == "I;16" else photo.convert(mode), kind)))
    assert found.shape == (320, 480, 3)
    assert np.abs(found.mean() - np.asarray(draw_photo(600, 400).convert("L")).mean()) < 25


@pytest.mark.parametrize("name", ["display_p3", "adobe_rgb"])
def test_thumbnails_are_in_srgb(name):
    photo = encode(draw_photo(600, 400), "JPEG", quality=95, icc_profile=PROFILES[name])
    expected = to_srgb(Image.open(io.BytesIO(photo))).resize((480, 320), Image.Resampling.LANCZOS)
    found = decoded(draw_thumbnail(photo))
    unconverted = decoded(draw_thumbnail(encode(draw_photo(600, 400), "JPEG", quality=95)))
    assert np.abs(found - np.asarray(expected)).mean() < 3
    assert np.abs(unconverted - np.asarray(expected)).mean() > 5


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"GIF89a", b"no photo"])
def test_a_broken_photo_is_refused(content):
    with pytest.raises(ValueError, match="damaged"):
        draw_thumbnail(content)


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / f"{seed}.jpg" for seed in range(3)]
    for seed, path in enumerate(paths):
        path.write_bytes(encode(draw_photo(seed=seed), "JPEG"))
    return paths


def make(folder, paths, read=lambda path: path.read_bytes()):
    thumbnails = ThumbnailFolder(folder, read)
    made = thumbnails.make(paths)
    thumbnails.finish()
    return made, thumbnails.written


def test_a_second_run_reads_no_photo(photos, tmp_path):
    made, written = make(tmp_path / "a", photos)
    assert sorted(path.name for path in written) == sorted(each.name for each in made.values())
    again, written_again = make(tmp_path / "a", photos, lambda path: 1 / 0)
    assert again == made
    assert written_again == []


def test_the_content_decides(photos, tmp_path):
    made, _ = make(tmp_path / "a", photos)
    os.replace(photos[0], tmp_path / "moved.jpg")
    photos[1].write_bytes(encode(draw_photo(seed=9), "JPEG"))
    again, written = make(tmp_path / "a", [tmp_path / "moved.jpg", *photos[1:]])
    assert again[tmp_path / "moved.jpg"] == made[photos[0]]
    assert [path.name for path in written] == [again[photos[1]].name]
    left = {path.name for path in (tmp_path / "a").glob("*.jpg")}
    assert left == {each.name for each in again.values()}


def test_one_broken_photo_ends_nothing(photos, tmp_path):
    def read(path):
        if path == photos[0]:
            raise ImportError("Expected pillow-heif")
        return path.read_bytes()

    photos[1].unlink()
    made, _ = make(tmp_path / "a", photos, read)
    assert made[photos[0]] == "Expected pillow-heif"
    assert made[photos[1]].startswith("unreadable: No such file")
    assert made[photos[2]].width == 101


def test_the_folder_of_a_killed_run_has_no_photos(photos, tmp_path):
    ThumbnailFolder(tmp_path / "ranked_files", lambda path: path.read_bytes()).make(photos)
    assert sorted(find_files([tmp_path]).photos) == photos


@pytest.mark.parametrize(
    "index",
    [
        "", "[]", '{"version": 1, "photos": {"a": [1, 2, "../../b.jpg", 3, 4]}}',
        '{"version": 1, "photos": {"a": [1]}}', '{"version": 9, "photos": {}}',
    ],
)  # fmt: skip
def test_a_damaged_list_is_written_anew(photos, tmp_path, index):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "thumbnails.json").write_text(index)
    victim = tmp_path.parent / "b.jpg"
    victim.write_text("")
    made, _ = make(folder, photos)
    assert {type(each).__name__ for each in made.values()} == {"Thumbnail"}
    assert victim.exists()


def test_copies_are_drawn_in_several_threads(photos, tmp_path):
    threads = set()

    def read(path):
        threads.add(threading.get_ident())
        return photos[0].read_bytes()

    paths = [tmp_path / f"copy{number}.jpg" for number in range(300)]
    for path in paths:
        path.touch()
    made, written = make(tmp_path / "a", paths, read)
    assert len(set(made.values())) == len(written) == 1
    assert threading.get_ident() not in threads
