"""Folders of photos as series, and when a photo was taken."""

import datetime

import pytest
from PIL import ExifTags, Image

from keras_series.ranking import capture_time, find_series

NOON = datetime.datetime(2024, 5, 3, 12)


def write(path, taken):
    """Writes a photo with this text as its EXIF capture time."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    Image.new("RGB", (4, 4)).save(path, exif=exif.tobytes())


def take(path, seconds):
    """Writes a photo that was taken this many seconds after noon."""
    write(path, f"{NOON + datetime.timedelta(seconds=seconds):%Y:%m:%d %H:%M:%S}")


def names(found):
    return {name: [path.name for path in paths] for name, paths in found[0].items()}


def test_each_folder_is_a_series(tmp_path):
    files = ("b/2.JPG", "b/1.png", "a/deep/3.webp", "b/4.HEIC", "b/5.heic", "b/notes")
    hidden = ("b/._2.jpg", ".thumbnails/1.jpg", "b/@eaDir/1.jpg", ".a.txt")
    for name in files + hidden:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_series(tmp_path)
    assert found[1] == {".heic": 2, "without a suffix": 1}
    assert names(found) == {
        f"{tmp_path / 'a' / 'deep'}": ["3.webp"],
        f"{tmp_path / 'b'}": ["1.png", "2.JPG"],
    }


def test_bursts_by_time(tmp_path):
    # Ten seconds between e and c are within the gap, eleven between c and a are not.
    (tmp_path / "other").mkdir()
    for name, seconds in {"a.jpg": 22, "b.jpg": 22, "c.jpg": 11, "d.jpg": 0, "e.jpg": 1}.items():
        take(tmp_path / name, seconds)
    Image.new("RGB", (4, 4)).save(tmp_path / "f.jpg")
    (tmp_path / "g.jpg").write_bytes(b"no photo")
    take(tmp_path / "other" / "h.jpg", 0)
    assert names(find_series(tmp_path, gap=10)) == {
        f"{tmp_path}, 2024-05-03 12:00:00": ["d.jpg", "e.jpg", "c.jpg"],
        f"{tmp_path}, 2024-05-03 12:00:22": ["a.jpg", "b.jpg"],
        f"{tmp_path}, time unknown": ["f.jpg", "g.jpg"],
        f"{tmp_path / 'other'}, 2024-05-03 12:00:00": ["h.jpg"],
    }


@pytest.mark.parametrize("text", ["", "    :  :     :  :  ", "2024", "0000:00:00 00:00:00"])
def test_an_invalid_capture_time_is_none(text, tmp_path):
    write(tmp_path / "a.jpg", text)
    assert capture_time(tmp_path / "a.jpg") is None


@pytest.mark.parametrize(
    "text", ["2024:05:03 12:00:00\0\0", "2024:05:03 12:00:00+02:00", "2024-05-03 12:00:00"]
)
def test_variants_of_the_capture_time(text, tmp_path):
    write(tmp_path / "a.jpg", text)
    assert capture_time(tmp_path / "a.jpg") == NOON


def test_capture_time_falls_back_to_the_tag_datetime(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = "2024:05:03 12:00:00"
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg", exif=exif.tobytes())
    assert capture_time(tmp_path / "a.jpg") == NOON


def test_capture_time_of_each_format(tmp_path):
    for name in ("a.jpg", "a.png", "a.webp"):
        take(tmp_path / name, 5)
        assert capture_time(tmp_path / name) == NOON + datetime.timedelta(seconds=5)


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a folder of photos\. Received: .*missing"):
        find_series(tmp_path / "missing")
    (tmp_path / "a.heic").touch()
    with pytest.raises(ValueError, match=r"photos \(\.bmp, \.gif, .*Received: \.heic"):
        find_series(tmp_path)
