"""Folders of photos as series."""

import datetime

import pytest
from PIL import ExifTags, Image

from keras_series.ranking import find_series
from tests.photo_trees import HEADS, write, write_tricky_tree

NOON = datetime.datetime(2024, 5, 3, 12)


def take(path, seconds=None, zone=None, since=NOON):
    """Writes a photo that was taken this many seconds after noon; `None` if this is not known."""
    exif = Image.Exif()
    if seconds is not None:
        time = since + datetime.timedelta(seconds=seconds)
        tags = exif.get_ifd(ExifTags.IFD.Exif)
        tags[ExifTags.Base.DateTimeOriginal] = f"{time:%Y:%m:%d %H:%M:%S}"
        tags[ExifTags.Base.SubsecTimeOriginal] = f"{time:%f}"[:3]
        if zone:
            tags[ExifTags.Base.OffsetTimeOriginal] = zone
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (4, 4)).save(path, exif=exif.tobytes())


def names(found):
    return {name: [path.name for path in paths] for name, paths in found[0].items()}


def test_each_folder_is_a_series(tmp_path):
    write_tricky_tree(tmp_path)
    photos = tmp_path / "photos"
    series, found = find_series(photos)
    assert names((series, found)) == {
        f"{photos}": ["1.jpg", "DSCF0001.MPO", "caf\udce9.jpg"],
        f"{photos}/b/[c]*": ["2.JPG_large"],
        f"{photos}/b": ["photo"],
        f"{photos}/z/far": ["3.webp"],
    }
    assert found.links == [photos / "z"]
    assert found.left_out[photos / "raw.CR2"] == "format not supported"


def test_bursts_by_time(tmp_path):
    # Ten seconds between e and c are within the gap, eleven between c and a are not.
    for name, seconds in {"a.jpg": 22, "b.jpg": 22, "c.jpg": 11, "d.jpg": 0, "e.jpg": 1}.items():
        take(tmp_path / name, seconds)
    take(tmp_path / "f.jpg")
    (tmp_path / "g.jpg").write_bytes(HEADS["JPEG"])
    take(tmp_path / "other" / "h.jpg", 0)
    assert names(find_series(tmp_path, gap=10)) == {
        f"{tmp_path}, 2024-05-03 12:00:00": ["d.jpg", "e.jpg", "c.jpg"],
        f"{tmp_path}, 2024-05-03 12:00:22": ["a.jpg", "b.jpg"],
        f"{tmp_path}, time unknown": ["f.jpg", "g.jpg"],
        f"{tmp_path / 'other'}, 2024-05-03 12:00:00": ["h.jpg"],
    }


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (0.5, {"12:00:58.8": ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]}),
        (0.1, {"12:00:58.8": ["0.jpg", "1.jpg"], "12:00:59.15": ["2.jpg", "3.jpg"]}),
    ],
)
def test_fractions_of_a_second(gap, expected, tmp_path):
    for number, seconds in enumerate([58.8, 58.9, 59.15, 59.25]):
        take(tmp_path / f"{number}.jpg", seconds)
    expected = {f"{tmp_path}, 2024-05-03 {name}": photos for name, photos in expected.items()}
    assert names(find_series(tmp_path, gap)) == expected


def test_time_zones(tmp_path):
    take(tmp_path / "a.jpg", 7200 + 20, "+02:00")
    take(tmp_path / "b.jpg", 30, "+00:00")
    take(tmp_path / "c.jpg", 3600 + 10, "+01:00")
    found = names(find_series(tmp_path, gap=15))
    assert found == {f"{tmp_path}, 2024-05-03 13:00:10+01:00": ["c.jpg", "a.jpg", "b.jpg"]}


def test_clocks_are_compared_where_a_zone_is_missing(tmp_path):
    take(tmp_path / "a.jpg", 20, "+02:00")
    take(tmp_path / "b.jpg", 30)
    take(tmp_path / "c.jpg", 40, "+01:00")
    take(tmp_path / "d.jpg", 50, "+02:00")
    assert names(find_series(tmp_path, gap=15)) == {
        f"{tmp_path}, 2024-05-03 12:00:20+02:00": ["a.jpg", "b.jpg", "c.jpg"],
        f"{tmp_path}, 2024-05-03 12:00:50+02:00": ["d.jpg"],
    }


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a folder of photos\. Received: .*missing"):
        find_series(tmp_path / "missing")
    write(tmp_path, {"a.heic": b"\0\0\0\x18ftypheic"})
    with pytest.raises(ValueError, match=r"photos \(JPEG, PNG, .*Received: 1 format not .*\.heic"):
        find_series(tmp_path)
