"""An ordered map over processes."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence

_FEWEST_TASKS = 64
_CHUNK = 8


def ordered_map(function: Callable, tasks: Sequence, processes: int | None = None) -> Iterator:
    """Gives `function(task)` for each task, in order.

    Args:
        function: a function of a module (pickled by name), whose result depends on the task alone.
        tasks: few of them are worked through in this process, where a start costs more.
        processes: how many to start; None for one a core.

    Yields:
        The results; the same whatever the number of processes.
    """
    processes = processes or os.cpu_count() or 1
    if processes == 1 or len(tasks) < _FEWEST_TASKS:
        yield from map(function, tasks)
        return
    # Spawned, since a fork of a process in which TensorFlow runs threads can hang.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        with _without_main_module():
            results: Iterable = pool.map(function, tasks, chunksize=_CHUNK)
        yield from results


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Keeps spawned processes from running the user's script again, guarded or not."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
