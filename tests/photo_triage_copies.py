"""Generates small copies of PhotoTriage, the same files in each layout in use.

Run as a script, it writes the dummy data of the builder:

    python -m tests.photo_triage_copies tfds_series/photo_triage/dummy_data
"""

import io
import itertools
import json
import pathlib
import shutil
import sys
import zipfile

import numpy as np
from PIL import Image

from tests.real_data import real_data

REAL_LISTS = real_data("photo_triage")
FOLDERS = {"train": "train_val", "validation": "train_val", "test": "test"}
LISTS = {
    "train": "train_pairlist.txt",
    "validation": "val_pairlist.txt",
    "test": "test_pairlist.txt",
}


def rows_of_series(number, strengths):
    """Lines of a pair list, from the equation: P = 1 / (1 + exp(s_b - s_a)), clipped."""
    ranks = np.argsort(np.argsort(-np.asarray(strengths))) + 1
    rows = []
    for a, b in itertools.combinations(range(len(strengths)), 2):
        preference = min(max(1 / (1 + np.exp(strengths[b] - strengths[a])), 0.01), 0.99)
        rows.append(f"{number} {a + 1} {b + 1} {preference:.3f} {ranks[a]} {ranks[b]}")
    return rows


def small_lists():
    """The lines of three lists: 80 series of 2 or 3 photos, 4 and 3 of 2, a tie among them."""
    rng = np.random.default_rng(0)
    train = [rng.normal(size=2 + number % 2) for number in range(80)]
    train[0] = np.zeros(2)
    parts = {"train": train, "validation": rng.normal(size=(4, 2))}
    numbers = itertools.count(1)
    lists = {
        split: [row for strengths in part for row in rows_of_series(next(numbers), strengths)]
        for split, part in parts.items()
    }
    lists["test"] = [f"{next(numbers)} 1 2" for _ in range(3)]
    return lists


def photo_names(rows):
    columns = [row.split() for row in rows]
    names = {f"{int(row[0]):06d}-{int(row[place]):02d}" for row in columns for place in (1, 2)}
    return sorted(names)


def encode_photo(name, size=(16, 12)):
    """A JPEG whose colour depends on its name."""
    colour = np.random.default_rng(list(name.encode())).integers(0, 256, 3)
    file = io.BytesIO()
    Image.new("RGB", size, tuple(map(int, colour))).save(file, "jpeg")
    return file.getvalue()


def draw_files(lists, extension=".JPG", reviews=None):
    """Content of each file by its path in the published layout."""
    files = {}
    for split, rows in lists.items():
        part = FOLDERS[split]
        files[f"{part}/{LISTS[split]}"] = "".join(f"{row}\n" for row in rows).encode()
        for name in photo_names(rows):
            files[f"{part}/{part}_imgs/{name}{extension}"] = encode_photo(name)
    for number, entries in (reviews or {}).items():
        path = f"train_val/reviews_trainval/reviews_trainval/{number:06d}.json"
        files[path] = json.dumps({"reviews": entries}).encode()
    return files


def write_folders(folder, files):
    for path, content in files.items():
        target = pathlib.Path(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def write_zips(folder, files):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for part in sorted({path.split("/")[0] for path in files}):
        with zipfile.ZipFile(pathlib.Path(folder, f"{part}.zip"), "w") as archive:
            for path, content in files.items():
                if path.startswith(f"{part}/"):
                    archive.writestr(path, content)


def write_nested(folder, files):
    write_folders(folder, {f"{path.split('/')[0]}/{path}": files[path] for path in files})


def write_flat(folder, files):
    def flat(path):
        name = path.split("/")[-1]
        return name if name.endswith(".txt") else f"images/{name}"

    write_folders(folder, {flat(path): content for path, content in files.items()})


LAYOUTS = {
    "zips": write_zips,
    "folders": write_folders,
    "nested": write_nested,
    "flat": write_flat,
}


def votes_of(strengths, votes_per_pair, number_of_photo):
    """Reviews of every pair in the proportion of the Bradley-Terry probability.

    Args:
        strengths: of the photos.
        votes_per_pair: how many reviewers saw each.
        number_of_photo: what the review file calls each photo.
    """
    entries = []
    for a, b in itertools.combinations(range(len(strengths)), 2):
        wins = round(votes_per_pair / (1 + np.exp(strengths[b] - strengths[a])))
        left, right = number_of_photo[a], number_of_photo[b]
        for vote in range(votes_per_pair):
            entries.append(
                {
                    "compareID1": left,
                    "compareID2": right,
                    "compareFile1": f"1-{left + 1}.JPG",
                    "compareFile2": f"1-{right + 1}.JPG",
                    "userChoice": "LEFT" if vote < wins else "RIGHT",
                    "reason": [f"{left} or {right} is fine", ""] if vote == 0 else ["", ""],
                }
            )
    return entries


def main():
    """Writes the dummy data: three series to train on, with reviews, one in each other split."""
    # Of 15 votes, whole numbers have the probabilities of these strengths.
    strengths = {1: np.log([4, 2, 1]), 2: np.log([1, 2]), 3: np.log([1, 1]), 4: np.log([4, 1])}
    lists = {
        "train": [row for number in (1, 2, 3) for row in rows_of_series(number, strengths[number])],
        "validation": rows_of_series(4, strengths[4]),
        "test": ["5 1 2"],
    }
    reviews = {1: votes_of(strengths[1], 15, [2, 0, 1]), 2: votes_of(strengths[2], 15, [1, 0])}
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    write_folders(sys.argv[1], draw_files(lists, reviews=reviews))


if __name__ == "__main__":
    main()
