"""One way of training, which does some steps for each line that it reads; see training.py."""

from __future__ import annotations

import io
import itertools
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from absl import flags

from keras_series import cli

_WAY = flags.DEFINE_enum("way", None, ["keras", "torch", "input"], "What to measure.")
_SIZES = flags.DEFINE_list("sizes", None, "Number of photos of each series.")
_CACHE = cli.define_path(
    "cache_folder", "Folder of decoded photos. Defaults to decoding each time."
)
_SIZE = flags.DEFINE_integer("image_size", 112, "Side of the photos in the network, in pixels.")
_PACK = flags.DEFINE_integer("pack_size", 32, "Number of photos in a step.")
_STEPS = flags.DEFINE_integer("steps", 2, "Number of steps for each line.")

# As large as the photos of PhotoTriage.
PHOTO_SHAPE = (533, 800)


def draw_photos(count: int = 8) -> list[bytes]:
    """Returns JPEGs of scenes."""
    from PIL import Image

    from tfds_series.synthetic_series.scenes import draw_scene

    photos = []
    for seed in range(count):
        scene = Image.fromarray(draw_scene(np.random.default_rng(seed), PHOTO_SHAPE[1]))
        file = io.BytesIO()
        scene.crop((0, 0, PHOTO_SHAPE[1], PHOTO_SHAPE[0])).save(file, "jpeg", quality=92)
        photos.append(file.getvalue())
    return photos


def series_batches():
    """Returns the series as batches, all pairs of a series labelled."""
    import tensorflow as tf

    from keras_series.data import BatchOptions, SeriesBatches

    photos = draw_photos()

    def generate() -> Iterator[dict]:
        for number, size in enumerate(map(int, _SIZES.value)):
            pairs = np.array(list(itertools.combinations(range(size), 2)), np.int32)
            chosen = [photos[(number + place) % len(photos)] for place in range(size)]
            yield {
                "series_id": str(number),
                "photos": {"photo_bytes": chosen},
                "pairs": {
                    "first": pairs[:, 0],
                    "second": pairs[:, 1],
                    "preference": np.full(len(pairs), 0.9, np.float32),
                },
            }

    numbers = tf.TensorSpec([None], tf.int32)
    examples = tf.data.Dataset.from_generator(
        generate,
        output_signature={
            "series_id": tf.TensorSpec([], tf.string),
            "photos": {"photo_bytes": tf.TensorSpec([None], tf.string)},
            "pairs": {
                "first": numbers,
                "second": numbers,
                "preference": tf.TensorSpec([None], tf.float32),
            },
        },
    )
    batches = SeriesBatches(examples, BatchOptions(_SIZE.value, pack_size=_PACK.value))
    if _CACHE.value:
        batches.cache(_CACHE.value)
    return batches


def keras_step() -> Callable[[], int]:
    """Returns a function that trains for a step and returns the number of its pairs."""
    from keras_series.models import from_preset
    from keras_series.training import Recipe, compile_model

    model = from_preset("paper", weights=None, image_size=_SIZE.value)
    compile_model(model, Recipe())
    stream = iter(series_batches().as_dataset().repeat())

    def step() -> int:
        photos, labels, weights = (part.numpy() for part in next(stream))
        model.train_on_batch(photos, labels, weights)
        return int(weights.sum())

    return step


def input_step() -> Callable[[], int]:
    """Returns a function that only makes a batch and returns the number of its pairs."""
    stream = iter(series_batches().as_dataset().repeat())
    return lambda: int(next(stream)[2].numpy().sum())


def torch_step() -> Callable[[], int]:
    """Returns a function that trains pair by pair in PyTorch, with photos from memory."""
    import torch

    from benchmarks.torch_network import PairNetwork

    network = PairNetwork()
    optimizer = torch.optim.SGD(network.parameters(), 1e-5, momentum=0.9, weight_decay=5e-4)
    pairs = _PACK.value // 2
    first, second = torch.randn(2, pairs, 3, _SIZE.value, _SIZE.value)
    labels = torch.ones(pairs)

    def step() -> int:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(first, second), labels)
        loss.backward()
        optimizer.step()
        return pairs

    return step


def main() -> None:
    step = {"keras": keras_step, "torch": torch_step, "input": input_step}[_WAY.value]()
    for _ in range(3):  # Compiles, and fills what is prefetched.
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        pairs = sum(step() for _ in range(_STEPS.value))
        print(pairs, time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    cli.run(main, "way", backends=("tensorflow", "jax"))
