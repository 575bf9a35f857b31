"""Which files are of one shot, and which are copies."""

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from keras_series.ranking import file_hash, find_copies, find_shots, pair_files, read_metadata
from tests.drawn_photos import encode
from tests.raw_files import make_dng

TIME = "2024:05:03 12:00:00"
PREVIEW = encode(Image.new("RGB", (8, 8)), "JPEG")


def write(path, time=TIME, camera=("Canon", "EOS R5", "1"), fraction=None):
    """Writes a JPEG, or a DNG by its suffix."""
    path.parent.mkdir(exist_ok=True, parents=True)
    if path.suffix.lower() == ".dng":
        path.write_bytes(make_dng(PREVIEW, (8, 8), time=time, camera=camera))
        return path
    exif = Image.Exif()
    exif.update(zip((Base.Make, Base.Model), camera, strict=False))
    tags = exif.get_ifd(IFD.Exif)
    if time:
        tags[Base.DateTimeOriginal] = time
    if fraction:
        tags[Base.SubsecTimeOriginal] = fraction
    path.write_bytes(encode(Image.new("RGB", (8, 8)), "JPEG", exif=exif.tobytes()))
    return path


@pytest.mark.parametrize(
    ("photo", "raw"),
    [
        ("a/IMG_1.jpg", "a/IMG_1.DNG"), ("a/img_1.JPG", "a/IMG_1.dng"),
        ("JPEG/IMG_1.jpg", "RAW/IMG_1.dng"), ("a/IMG_1.jpg", "a/RAW/IMG_1.dng"),
        ("a/jpeg/IMG_1.jpg", "a/IMG_1.dng"),
    ],
)  # fmt: skip
def test_a_raw_file_and_its_photo(photo, raw, tmp_path):
    photo, raw = write(tmp_path / photo, fraction="25"), write(tmp_path / raw)
    assert pair_files([raw, photo]) == [(photo, [raw])]


@pytest.mark.parametrize(
    ("photo", "raw", "options"),
    [
        ("a/IMG_1.jpg", "a/IMG_1.dng", {"time": "2024:05:03 12:00:01"}),
        ("a/IMG_1.jpg", "a/IMG_1.dng", {"camera": ("NIKON", "Z 6", "1")}),
        ("a/IMG_1.jpg", "a/IMG_2.dng", {}),
        ("a/IMG_1-edited.jpg", "a/IMG_1.dng", {}),
        ("a/IMG_1.jpg", "b/c/IMG_1.dng", {}),
        ("a/IMG_1.jpg", "b/IMG_1.dng", {"time": None}),
    ],
)
def test_files_of_two_shots(photo, raw, options, tmp_path):
    photo, raw = write(tmp_path / photo), write(tmp_path / raw, **options)
    assert pair_files([photo, raw]) == [(photo, []), (raw, [])]


def test_without_a_time_the_folder_decides(tmp_path):
    photo, raw = write(tmp_path / "1.jpg", None), write(tmp_path / "1.dng")
    assert pair_files([photo, raw]) == [(photo, [raw])]


def test_two_photos_are_two_shots_and_the_raw_file_is_of_the_nearer(tmp_path):
    edited, photo = write(tmp_path / "edited" / "1.jpg"), write(tmp_path / "1.jpg")
    raw = write(tmp_path / "1.dng")
    assert pair_files([edited, photo, raw]) == [(edited, []), (photo, [raw])]


def test_raw_files_alone(tmp_path):
    raw, converted = write(tmp_path / "1.dng"), write(tmp_path / "dng" / "1.dng")
    assert pair_files([raw, converted]) == [(raw, [converted])]


def test_the_shortest_name_is_no_copy(tmp_path):
    names = ("IMG_1 (1).jpg", "IMG_1 copy.jpg", "IMG_1.jpg", "b.jpg")
    paths = [tmp_path / name for name in names]
    hashes = dict(zip(paths, "aaab", strict=True))
    assert find_copies(hashes) == [(paths[2], paths[:2]), (paths[3], [])]


def test_the_photo_in_a_folder_of_copies_is_the_copy(tmp_path):
    best = [tmp_path / "best" / name for name in ("IMG_1.jpg", "IMG_3.jpg", "a.jpg")]
    trip = [tmp_path / "trip" / name for name in ("IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg")]
    hashes = dict(zip([*best, *trip], "13a123", strict=True))
    hashes[tmp_path / "other" / "a.jpg"], hashes[tmp_path / "other" / "b.jpg"] = "ab"
    found = dict(find_copies(hashes))
    assert found[trip[0]] == [best[0]]
    assert found[trip[1]] == []
    assert found[trip[2]] == [best[1]]
    assert found[tmp_path / "other" / "a.jpg"] == [best[2]]


def test_a_longer_name_is_that_of_a_copy_in_any_folder(tmp_path):
    best = [tmp_path / "best" / name for name in ("IMG_1 (1).jpg", "a.jpg", "b.jpg")]
    hashes = dict(zip([*best, tmp_path / "trip" / "IMG_1.jpg"], "1ab1", strict=True))
    assert dict(find_copies(hashes))[tmp_path / "trip" / "IMG_1.jpg"] == [best[0]]


def test_each_file_is_in_one_shot(tmp_path):
    photo, raw = write(tmp_path / "1.jpg"), write(tmp_path / "1.dng")
    copies = [tmp_path / "1 (1).jpg", tmp_path / "b" / "1.dng"]
    for path, original in zip(copies, (photo, raw), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(original.read_bytes())
    paths = [photo, raw, *copies]
    (shot,) = find_shots({p: read_metadata(p) for p in paths}, {p: file_hash(p) for p in paths})
    assert (shot.path, shot.other_files) == (photo, (raw,))
    assert sorted(shot.copies) == sorted(copies)
    assert shot.metadata == read_metadata(photo)
