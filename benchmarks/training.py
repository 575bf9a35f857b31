"""Measures the speed of training and writes docs/training_speed.md.

    python benchmarks/training.py

Each way of training is a process of its own. The processes take turns, so that a busy machine slows
all of them alike, and medians are compared. The photos are drawn, as large as those of PhotoTriage,
in series whose sizes are those of PhotoTriage's training split.
"""

from __future__ import annotations

import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np
from absl import flags

from keras_series import cli

_REPETITIONS = flags.DEFINE_integer("repetitions", 5, "How often each way has its turn.", 1)
_PAGE = cli.define_path("page", "Page to write.", "docs/training_speed.md")

WORKER = pathlib.Path(__file__).with_name("training_worker.py")
PACK_SIZE = 32
# How many series of PhotoTriage's training split have 2, 3, ... photos (Chang et al., 2016).
SERIES_SIZES = {2: 2791, 3: 1043, 4: 464, 5: 155, 6: 78, 7: 23, 8: 6}

PACKED, PAIRS, TORCH = "packed", "pair by pair", "PyTorch, pair by pair"
JAX, PLAIN, CACHED = "packed, JAX", "packed, without oneDNN", "packed, cached photos"
INPUT, INPUT_CACHED = "input alone", "input alone, cached photos"
# A row of the table, the way that should be faster, the other one, and how many times as fast.
COMPARISONS = (
    ("packed series / pair by pair (2.01 if no place of a pack stayed empty)", PACKED, PAIRS, 1.8),
    ("packed series / eager PyTorch, pair by pair, with photos from memory", PACKED, TORCH, 2.0),
    ("TensorFlow / JAX", PACKED, JAX, None),
    ("with oneDNN / without", PACKED, PLAIN, None),
    ("cached photos / decoded each time", CACHED, PACKED, None),
    ("input alone / input and network", INPUT, PACKED, None),
    ("input alone, cached / input alone", INPUT_CACHED, INPUT, None),
)


def sizes_of_series(count: int = 600) -> list[int]:
    """Returns the numbers of photos of series as they are distributed in PhotoTriage."""
    sizes, weights = zip(*SERIES_SIZES.items(), strict=True)
    shares = np.asarray(weights) / sum(weights)
    return np.random.default_rng(0).choice(sizes, count, p=shares).tolist()


class Worker:
    """A process that does some steps whenever it is asked to.

    Args:
        way: String, see `training_worker.py`.
        sizes: Numbers of photos of the series.
        environment: Variables of the process. Defaults to none.
        **options: Its other flags.
    """

    def __init__(
        self,
        way: str,
        sizes: Sequence[int],
        environment: Mapping[str, str] | None = None,
        **options: object,
    ):
        options = {"way": way, "sizes": ",".join(map(str, sizes)), **options}
        self._process = subprocess.Popen(
            [sys.executable, WORKER, *(f"--{name}={value}" for name, value in options.items())],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self._process.stdout:
            if line == "ready\n":
                return
        raise RuntimeError(f"Expected a worker {way} that starts. Received: one that ended")

    def pairs_per_second(self) -> float:
        """Lets the process do its steps."""
        print("go", file=self._process.stdin, flush=True)
        pairs, seconds = self._process.stdout.readline().split()
        return float(pairs) / float(seconds)

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()  # At its own end it could wait for TensorFlow's threads for ever.
        self._process.communicate()


def start_workers(folder: str) -> dict[str, Worker]:
    """Returns a worker for each way; one that cannot be imported is left out."""
    sizes, pairs = sizes_of_series(), [2] * 320
    workers = {
        PACKED: Worker("keras", sizes),
        PAIRS: Worker("keras", pairs),
        PLAIN: Worker("keras", sizes, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        CACHED: Worker("keras", sizes, cache_folder=folder),
        # So many steps that those that wait already, prefetched, hardly count.
        INPUT: Worker("input", sizes, steps=40),
        INPUT_CACHED: Worker("input", sizes, steps=40, cache_folder=folder),
    }
    if importable("jax"):
        workers[JAX] = Worker("keras", sizes, {"KERAS_BACKEND": "jax"})
    if importable("torch"):
        workers[TORCH] = Worker("torch", pairs)
    return workers


def importable(name: str) -> bool:
    """Whether another process can import a module."""
    command = [sys.executable, "-c", f"import {name}"]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def write_page(speeds: Mapping[str, float], page: str) -> None:
    """Writes the page.

    Args:
        speeds: Pairs per second by way.
        page: File to write.
    """
    rows = [
        _row(title, speeds[fast] / speeds[slow], goal)
        for title, fast, slow, goal in COMPARISONS
        if fast in speeds and slow in speeds
    ]
    text = PAGE.format(
        machine=f"{os.cpu_count()} cores, {platform.machine()}",
        empty=f"{empty_places():.1%}",
        rows="\n".join(rows),
        speeds="\n".join(f"| {way} | {speed:.2f} |" for way, speed in speeds.items()),
    )
    pathlib.Path(page).write_text(text, encoding="utf-8")


def _row(title, ratio, goal):
    verdict = "" if goal is None else f"{goal} {'met' if ratio >= goal else '**missed**'}"
    return f"| {title} | {ratio:.2f} | {verdict} |"


def empty_places() -> float:
    """Returns the share of places in packs that stay empty, for all series of PhotoTriage."""
    from keras_series.data import pack_series

    sizes = sizes_of_series(sum(SERIES_SIZES.values()))
    packs = sum(1 for _ in pack_series(sizes, PACK_SIZE, int))
    return 1 - sum(sizes) / (packs * PACK_SIZE)


PAGE = """# Speed of training

`make bench-training` measures these numbers and writes this page. The network is the paper's, with
random weights, at 112 pixels; a step has 32 photos. Series have the sizes of PhotoTriage's, and
photos are drawn, 800 x 533 pixels. Machine: {machine}.

Each ratio compares the pairs per second of two ways that took turns, by their medians.

| comparison | ratio | goal |
|---|---|---|
{rows}

Of the places in the packs of an epoch, {empty} stay empty.

| way | pairs per second |
|---|---|
{speeds}

- *Pair by pair*: the same network and code, with each pair as a series of two, so that a photo
  passes the network once for each pair that it is in.
- *PyTorch*: the same layers in `benchmarks/torch_network.py`, eager, without reading photos.
- *Cached*: `--cache`, see [Training](training.md).
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workers = start_workers(folder)
        speeds = {way: [] for way in workers}
        for turn in range(_REPETITIONS.value):
            print(f"turn {turn + 1} of {_REPETITIONS.value}", flush=True)
            for way, worker in workers.items():
                speeds[way].append(worker.pairs_per_second())
                print(f"{way}: {speeds[way][-1]:.2f} pairs/s", flush=True)
        for worker in workers.values():
            worker.end()
    write_page({way: statistics.median(values) for way, values in speeds.items()}, _PAGE.value)
    print(f"Page: {_PAGE.value}")


if __name__ == "__main__":
    cli.run(main)
