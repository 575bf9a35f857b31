"""Serves an exported model to four clients for half an hour: errors, memory and latency.

    PYTHONPATH=. python benchmarks/soak.py --minutes=30

The server is the tests' stand-in for TensorFlow Serving. Every fifth photo is broken. Two clients
use gRPC and two REST, each calls `score`, `preference` and `rank` in turn, and every answer is
compared with the export's own.
"""

from __future__ import annotations

import collections
import itertools
import pathlib
import threading
import time

import numpy as np
from absl import flags
from in_process import grainy_jpeg

from keras_series import cli

_MODEL = cli.define_path("model", "Folder of an exported version. Defaults to the shipped network.")
_MINUTES = flags.DEFINE_float("minutes", 30, "How long the clients call.", 0.01)

CLIENTS = 4
PHOTOS = 20
# An answer may differ by this much in another batch.
TOLERANCE = 1e-5


def make_photos() -> list[bytes]:
    """Returns encoded photos of different sizes. Every fifth is cut off."""
    photos = [grainy_jpeg(400 + 20 * number, 600 - 10 * number) for number in range(PHOTOS)]
    return [
        photo[: len(photo) // 3] if number % 5 == 4 else photo
        for number, photo in enumerate(photos)
    ]


class Call:
    """Calls a server until a time, compares the answers, and keeps what it saw.

    Args:
        address: String, `host:port`.
        protocol: `"grpc"` or `"rest"`.
        photos: Encoded photos.
        scores: The expected score of each photo, `None` for the broken ones.
        seed: Integer.
    """

    def __init__(self, address, protocol, photos, scores, seed):
        self._where = address, protocol
        self._photos, self._scores = photos, scores
        self._rng = np.random.default_rng(seed)
        self.seconds = collections.defaultdict(list)
        self.errors = []

    def until(self, end: float) -> None:
        """Calls until `time.monotonic()` is `end`."""
        from serving.client import Client
        from serving.transports import Server

        with Client(Server(*self._where), retries=0) as client:
            for method in itertools.cycle(("score", "preference", "rank")):
                if time.monotonic() >= end:
                    return
                self._once(client, method)

    def _once(self, client, method):
        count = {"score": 8, "preference": 2, "rank": 5}[method]
        chosen = self._rng.choice(len(self._photos), count, replace=False)
        photos = [self._photos[place] for place in chosen]
        start = time.perf_counter()
        try:
            answer = getattr(client, method)(*([photos] if method != "preference" else photos))
        except Exception as error:
            self.errors.append(f"{method}: {error}")
            return
        self.seconds[method].append(time.perf_counter() - start)
        valid = [self._scores[place] is not None for place in chosen]
        if not self._is_right(method, answer, chosen, valid):
            self.errors.append(f"{method}: another answer: {answer}")

    def _is_right(self, method, answer, chosen, valid):
        if method == "preference":
            return (answer is not None) == all(valid)
        if method == "rank":
            return [rank is not None for rank in answer.ranks] == valid
        expected = [self._scores[place] for place in chosen]
        return all(
            one is other if one is None or other is None else abs(one - other) <= TOLERANCE
            for one, other in zip(answer, expected, strict=True)
        )


def megabytes() -> int:
    """Returns the memory of this process in megabytes."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def main() -> None:
    """Prints the memory each minute, then the errors and the latency of each method."""
    import tensorflow as tf

    from tests.model_server import ModelServer

    signatures = tf.saved_model.load(cli.exported_or_pretrained(_MODEL.value)).signatures
    photos = make_photos()
    outputs = signatures["score"](photo_bytes=tf.constant(photos))
    numbers = zip(outputs["score"].numpy(), outputs["valid"].numpy(), strict=True)
    scores = [float(score) if valid else None for score, valid in numbers]
    with ModelServer({1: signatures}) as server:
        protocols = list(itertools.islice(itertools.cycle(server.addresses), CLIENTS))
        calls = [
            Call(server.addresses[protocol], protocol, photos, scores, seed)
            for seed, protocol in enumerate(protocols)
        ]
        end = time.monotonic() + 60 * _MINUTES.value
        threads = [threading.Thread(target=call.until, args=(end,)) for call in calls]
        for thread in threads:
            thread.start()
        memory = []
        while any(thread.is_alive() for thread in threads):
            time.sleep(min(60, 60 * _MINUTES.value / 10))
            server.forget()
            memory.append(megabytes())
            print(f"{memory[-1]} MB", flush=True)
    report(calls, memory)


def report(calls: list[Call], memory: list[int]) -> None:
    """Prints what the clients saw."""
    errors = [error for call in calls for error in call.errors]
    print(f"\nMemory, MB: first {memory[0]}, last {memory[-1]}, most {max(memory)}")
    for method in ("score", "preference", "rank"):
        seconds = np.concatenate([call.seconds[method] for call in calls])
        middle, high = 1000 * np.percentile(seconds, [50, 99])
        print(f"{method:<12}{len(seconds):>8} calls, p50 {middle:.0f} ms, p99 {high:.0f} ms")
    print(f"{len(errors)} errors")
    for error in errors[:10]:
        print(error)


if __name__ == "__main__":
    cli.run(main, only_exports=lambda: True)
