"""Examples made by worker processes, or by Apache Beam."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence

import tensorflow_datasets.public_api as tfds

_FEWEST_TASKS = 64
_CHUNK = 8


def make_examples(make: Callable, tasks: Sequence, uses_beam: bool) -> Iterable:
    """Returns examples as TFDS takes them from `_generate_examples`.

    Args:
        make: Callable that can be pickled, from a task to a key and an example. The result depends
            only on the task.
        tasks: Sequence of arguments of `make`.
        uses_beam: Whether Apache Beam makes the examples, on any number of machines, rather than
            this machine's cores.

    Returns:
        An iterator, or a `beam.PTransform`. The dataset is the same.
    """
    if not uses_beam:
        return ordered_map(make, tasks)
    beam = tfds.core.lazy_imports.apache_beam
    return beam.Create(tasks) | beam.Reshuffle() | beam.Map(make)


def ordered_map(function: Callable, tasks: Sequence, processes: int | None = None) -> Iterator:
    """Yields `function(task)` for each task, in order.

    Args:
        function: Callable that can be pickled and whose result depends only on the task.
        tasks: Sequence of arguments of the function. Fewer than 64 run in the current process,
            because starting workers takes longer.
        processes: Integer, number of processes to start. Defaults to `None`, one per core.

    Yields:
        The results, which are the same for every number of processes.
    """
    processes = processes or os.cpu_count() or 1
    if processes == 1 or len(tasks) < _FEWEST_TASKS:
        yield from map(function, tasks)
        return
    # Spawn, because a fork of a process in which TensorFlow runs threads can hang.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        with _without_main_module():
            results: Iterable = pool.map(function, tasks, chunksize=_CHUNK)
        yield from results


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Keeps spawned processes from running the user's script, even one without a main guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
