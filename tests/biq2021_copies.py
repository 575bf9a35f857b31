"""Draws small copies of BIQ2021, and the list of their series.

Run as a script, it writes the dummy data of the builder:

    python -m tests.biq2021_copies tfds_series/biq2021/dummy_data
"""

import hashlib
import io
import pathlib
import sys
import zipfile

import numpy as np
from PIL import Image

TRAIN_SCORES = "Train (Images and MOS).csv"
TEST_SCORES = "Test (Images and MOS).csv"
SERIES_LIST = "series.csv"
# Names, series and scores of subset ss01, by split. Series 3 is a single photo.
SERIES = {
    "train": [("ss01 (1)", 1, 0.2), ("ss01 (2)", 1, 0.7), ("ss01 (3)", 1, 0.7),
              ("ss01 (4)", 2, 0.41), ("ss01 (5)", 2, 0.51), ("ss01 (6)", 3, 0.9)],
    "validation": [("ss01 (7)", 4, 0.5), ("ss01 (8)", 4, 0.503)],
    "test": [("ss01 (9)", 5, 0.0), ("ss01 (10)", 5, 1.0)],
}  # fmt: skip
MIXED = [f"ss{subset:02d} ({number})" for subset in (2, 3) for number in range(1, 31)]


def draw_photo(name):
    """A JPEG of 24 x 24 pixels that the name determines."""
    rng = np.random.default_rng(list(name.encode()))
    buffer = io.BytesIO()
    pixels = rng.integers(0, 256, (3, 3, 3), np.uint8)
    Image.fromarray(pixels).resize((24, 24), Image.Resampling.BICUBIC).save(buffer, "JPEG")
    return buffer.getvalue()


def scores():
    """The score of each photo by name."""
    rated = {name: score for rows in SERIES.values() for name, _, score in rows}
    return rated | {name: place / len(MIXED) for place, name in enumerate(MIXED)}


def draw_files():
    """The content of each file of a copy, by its path."""
    rows = [f"{name}.jpg,{score:.4f}" for name, score in scores().items()]
    lists = {
        TRAIN_SCORES: ("Image Name,MOS,,", rows[::2], ",,"),
        TEST_SCORES: ("Image Name,MOS", rows[1::2], ""),
    }
    files = {
        path: "\ufeff".encode() + "\r\n".join([title, *(row + end for row in part), ""]).encode()
        for path, (title, part, end) in lists.items()
    }  # fmt: skip
    return files | {f"Images/{name}.jpg": draw_photo(name) for name in scores()}


def series_list():
    """The list of the series, as the builder's folder has it."""
    rows = [
        f"{name},{series},{series},{split},{hashlib.sha256(draw_photo(name)).hexdigest()}"
        for split, photos in SERIES.items()
        for name, series, _ in photos
    ]
    return "\n".join(["photo,scene,series,split,sha256", *rows, ""])


def write_folder(folder, files):
    for path, content in files.items():
        target = pathlib.Path(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def write_zip(folder, files, name="BIQ2021-62c7b40.zip"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as archive:
        for path, content in files.items():
            archive.writestr(f"BIQ2021-62c7b40/{path}", content)


def write_clone(folder, files):
    write_folder(pathlib.Path(folder, "BIQ2021"), files)
    write_folder(pathlib.Path(folder, "BIQ2021/.git"), {"HEAD": b"ref: refs/heads/main\n"})


LAYOUTS = {"folder": write_folder, "zip": write_zip, "clone": write_clone}

if __name__ == "__main__":
    write_folder(sys.argv[1], draw_files())
    pathlib.Path(sys.argv[1], SERIES_LIST).write_text(series_list(), encoding="utf-8")
