"""Measures rank.py on photos of 12 megapixels: memory, speed, a second and a killed run (Linux).

    python benchmarks/ranking.py --count=400

The photos are drawn: smooth shapes with the grain of a camera, in bursts of five.
"""

from __future__ import annotations

import datetime
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
from absl import flags
from PIL import ExifTags, Image

from keras_series import cli

_COUNT = flags.DEFINE_integer("count", 400, "Number of photos.", lower_bound=10)
_RANK = pathlib.Path(__file__).parents[1] / "rank.py"
_WIDTH, _HEIGHT = 4000, 3000
_NETWORK_SIZE = 512
_SCENES = 6
_BURST = 5
_SAMPLE = 24
_START = datetime.datetime(2024, 5, 3, 10)


def draw_scene(number: int) -> bytes:
    """Returns a JPEG of 12 megapixels.

    Args:
        number: Integer, which shapes it shows.
    """
    rng = np.random.default_rng(number)
    shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype="uint8"))
    pixels = np.asarray(shapes.resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC), "int16")
    pixels = pixels + rng.normal(0, 4, (_HEIGHT, _WIDTH, 1)).astype("int16")
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype("uint8")).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_photos(folder: pathlib.Path, count: int) -> None:
    """Writes photos of which no two have the same bytes.

    Args:
        folder: Folder to write to.
        count: Integer, number of photos.
    """
    scenes = [draw_scene(number) for number in range(_SCENES)]
    for number in range(count):
        burst, place = divmod(number, _BURST)
        exif = Image.Exif()
        taken = _START + datetime.timedelta(minutes=burst, seconds=place)
        tags = exif.get_ifd(ExifTags.IFD.Exif)
        tags[ExifTags.Base.DateTimeOriginal] = f"{taken:%Y:%m:%d %H:%M:%S}"
        tags[ExifTags.Base.ImageUniqueID] = f"{number:032}"
        segment = exif.tobytes()
        size = (len(segment) + 2).to_bytes(2, "big")
        scene = scenes[burst % _SCENES]
        content = scene[:2] + b"\xff\xe1" + size + segment + scene[2:]
        (folder / f"IMG_{number:05}.jpg").write_bytes(content)


def rank(
    folder: pathlib.Path, name: str, kill_after: float | None = None
) -> tuple[float, float, float]:
    """Runs rank.py with a cache and a table of a name.

    Args:
        folder: Folder with the folder `photos`.
        name: String, name of the cache and the table.
        kill_after: Float, seconds until the process is killed. Defaults to `None`: it is not.

    Returns:
        Seconds, seconds of all cores, and peak memory in MB.
    """
    command = [sys.executable, _RANK, folder / "photos"]
    command += [f"--cache={folder / name}.sqlite", f"--csv={folder / name}.csv"]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    if kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    _, status, usage = os.wait4(process.pid, 0)
    if kill_after is None and status:
        raise RuntimeError(f"Expected rank.py to end well. Received: status {status}")
    seconds = time.monotonic() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def measure_steps(photos: Sequence[pathlib.Path]) -> dict[str, float]:
    """Returns the seconds that each step takes for a photo, one step after the other.

    Args:
        photos: Some of the photos.
    """
    from keras_series.export import ExportedModel, pretrained_export
    from keras_series.photos import decode_photos_with_reasons
    from keras_series.ranking.encoding import _hash
    from keras_series.ranking.lazy_model import BATCH_SIZE
    from keras_series.ranking.metadata import read_metadata
    from keras_series.ranking.photo_bytes import read_photo
    from keras_series.ranking.similarity import thumbnail

    model = ExportedModel(pretrained_export(), BATCH_SIZE)
    contents = [read_photo(path) for path in photos]

    def in_batches(function: Callable) -> Callable:
        starts = range(0, len(contents), BATCH_SIZE)
        return lambda: [function(contents[start : start + BATCH_SIZE]) for start in starts]

    steps = {
        "read and hash": lambda: [(_hash(path), read_photo(path)) for path in photos],
        "capture time and camera": lambda: [read_metadata(path) for path in photos],
        "thumbnail": lambda: [thumbnail(each) for each in contents],
        "decode for the network": in_batches(
            lambda part: decode_photos_with_reasons(part, _NETWORK_SIZE)
        ),
        "decode and network": in_batches(lambda part: model.describe(part)),
    }
    return {name: _seconds(step) / len(photos) for name, step in steps.items()}


def _seconds(step: Callable) -> float:
    step()  # Traces the functions, and fills the caches.
    start = time.monotonic()
    step()
    return time.monotonic() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "photos").mkdir()
        write_photos(folder / "photos", _COUNT.value)
        first, cores, memory = rank(folder, "whole")
        print(
            f"first run: {first:.1f} s, {_COUNT.value / first:.1f} photos/s, "
            f"{cores:.1f} s of all cores, {memory:.0f} MB"
        )
        second, cores, memory = rank(folder, "whole")
        print(
            f"second run: {second:.2f} s, {first / second:.0f} times as fast, "
            f"{cores:.1f} s of all cores, {memory:.0f} MB"
        )
        rank(folder, "killed", kill_after=first / 2)
        rest, _, _ = rank(folder, "killed")
        same = (folder / "whole.csv").read_bytes() == (folder / "killed.csv").read_bytes()
        print(f"killed after {first / 2:.1f} s: then {rest:.1f} s, the same table: {same}")
        photos = sorted((folder / "photos").iterdir())[:_SAMPLE]
        for step, seconds in measure_steps(photos).items():
            print(f"{step}: {seconds * 1000:.1f} ms a photo")


if __name__ == "__main__":
    # The memory of this process counts as that of the processes that it starts.
    cli.run(main, only_exports=lambda: True, backends=None)
