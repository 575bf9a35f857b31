"""Measures the time and peak memory of building photo_triage from photos of realistic size.

    python benchmarks/build_photo_triage.py --pair_lists=FOLDER

FOLDER has train_pairlist.txt and val_pairlist.txt. The photos are generated, with 800 x 600 pixels
and about 120 KB each. The benchmark needs 4 GB of temporary disk space under --scratch.
"""

import io
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy as np
from absl import flags
from PIL import Image
from tqdm import tqdm

from keras_series import cli
from tfds_series.photo_triage.left_out import file_name
from tfds_series.photo_triage.pair_lists import read_pair_list
from tfds_series.photo_triage.source_files import LISTS

_PAIR_LISTS = flags.DEFINE_string("pair_lists", None, "Folder of the real pair lists.")
_SCRATCH = flags.DEFINE_string(
    "scratch", None, "Folder to build in. Defaults to the system's folder for temporary files."
)
_DIFFERENT_PHOTOS = 50
_BYTES = 120_000


def draw_photo(seed: int) -> bytes:
    """Returns a JPEG of soft shapes with grain, with 800 x 600 pixels and about 120 KB.

    Args:
        seed: Non-negative integer. Different seeds give different photos.
    """
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((800, 600))
    pixels = np.clip(coarse + rng.normal(0, 12, (600, 800, 1)), 0, 255).astype(np.uint8)
    for quality in range(95, 5, -3):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "jpeg", quality=quality)
        if file.tell() <= _BYTES:
            break
    return file.getvalue()


def write_copy(pair_lists: pathlib.Path | str, path: pathlib.Path) -> int:
    """Writes a zip file of the pair lists and a generated photo for each name in them.

    Args:
        pair_lists: Folder of the real pair lists.
        path: Zip file to write.

    Returns:
        The number of photos.
    """
    photos = [draw_photo(seed) for seed in range(_DIFFERENT_PHOTOS)]
    names = []
    with zipfile.ZipFile(path, "w") as archive:
        for split in ("train", "validation"):
            text = pathlib.Path(pair_lists, LISTS[split]).read_text(encoding="utf-8")
            archive.writestr(f"train_val/{LISTS[split]}", text)
            for number, series in read_pair_list(text, LISTS[split]).items():
                names += [file_name(number, photo) for photo in series.ranks]
        for place, name in enumerate(tqdm(names, desc="Drawing", disable=None)):
            archive.writestr(f"train_val/train_val_imgs/{name}", photos[place % len(photos)])
    return len(names)


def main() -> None:
    """Builds the dataset in a process of its own and prints the time and peak memory it needs."""
    with tempfile.TemporaryDirectory(dir=_SCRATCH.value) as scratch:
        copy = pathlib.Path(scratch, "copy")
        copy.mkdir()
        count = write_copy(_PAIR_LISTS.value, copy / "train_val.zip")
        code = "import sys; from tfds_series.preparation import prepare; prepare(*sys.argv[1:])"
        start = time.monotonic()
        arguments = ["photo_triage", f"{scratch}/datasets", str(copy)]
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)
        seconds = time.monotonic() - start
        size = (copy / "train_val.zip").stat().st_size
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{count} photos, {size / 1e9:.2f} GB: {seconds:.0f} s, peak {peak:.2f} GiB")


if __name__ == "__main__":
    cli.run(main, "pair_lists")
