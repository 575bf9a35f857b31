"""Measures the speed of an exported model, as ratios within one run, and writes docs/benchmarks.md.

    python benchmarks/speed.py

The calls take turns, so that a busy machine slows all of them alike, and their median times are
compared. The network is the paper's at 224 pixels with random weights.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import os
import pathlib
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags
from PIL import Image

from keras_series import cli

if TYPE_CHECKING:
    from keras_series.models import SeriesPreferenceModel

_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 7, "Number of times that each call is measured.", 1
)
_PAGE = flags.DEFINE_string("page", "docs/benchmarks.md", "Markdown file to create or replace.")

Calls = dict[str, Callable[[], object]]

BATCHES = (1, 8, 32)
SIZE = 224
GEMM_SIDE, GEMM_COUNT = 2048, 5
LARGE_PHOTO, MEDIUM_PHOTO = (4000, 6000), (3000, 4000)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two calls that do the same.

    Attributes:
        title: String, the title on the page.
        faster: String, the name of a call.
        slower: String, the name of the call that it is compared with.
        goal: Float, how many times as fast as `slower` the call `faster` should be. `None` if there
            is no goal. Defaults to `None`.
    """

    title: str
    faster: str
    slower: str
    goal: float | None = None


COMPARISONS = (
    *(
        Comparison(
            f"exported model / model.predict, batch {batch}", f"export {batch}", f"predict {batch}"
        )
        for batch in BATCHES
    ),
    Comparison("one rank of 8 photos / 28 calls of preference", "rank", "preferences", 6),
    Comparison(
        "24-megapixel JPEG to model input / full decode and resize", "photo", "full decode", 2.5
    ),
    Comparison(
        "decoding at an eighth of the size alone / full decode and resize",
        "decode at 1/8",
        "full decode",
    ),
    Comparison(
        "12-megapixel JPEG to model input / its decoding at a quarter and resize alone",
        "photo 12",
        "decode and resize 12",
    ),
    Comparison("exported model / ONNX Runtime, batch 8", "export 8", "ONNX 8", 0.9),
    Comparison("all photos in one pass / exported model, batch 8", "one pass 8", "export 8"),
)


def randomize(model: SeriesPreferenceModel) -> None:
    """Sets biases and normalisations to values such as training gives them.

    With their initial zeros, there would be nothing to add.

    Args:
        model: A `SeriesPreferenceModel`.
    """
    rng = np.random.default_rng(3)
    for variable in model.variables:
        kind = variable.path.split("/")[-1]
        if kind in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
        elif kind in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.8, 1.2, variable.shape))


def grainy_jpeg(height: int, width: int) -> bytes:
    """Returns a JPEG of smooth shapes with grain like that of a camera.

    Args:
        height: Integer, at least 40, in pixels.
        width: Integer, at least 40, in pixels.
    """
    rng = np.random.default_rng(0)
    shapes = rng.integers(0, 256, (height // 40, width // 40, 3), dtype="uint8")
    pixels = np.asarray(Image.fromarray(shapes).resize((width, height), Image.Resampling.BICUBIC))
    grain = rng.normal(0, 2, (height, width, 1))
    file = io.BytesIO()
    pixels = np.clip(pixels + grain, 0, 255).astype("uint8")
    Image.fromarray(pixels).save(file, "jpeg", quality=90)
    return file.getvalue()


def model_calls(model: SeriesPreferenceModel, exported: object) -> Calls:
    """Returns calls of the live and of the exported model on the same pixels.

    Args:
        model: A `SeriesPreferenceModel`.
        exported: What `tf.saved_model.load` returns for an export of the model.
    """
    import tensorflow as tf

    calls = {}
    score = exported.signatures["score_pixels"]
    for batch in BATCHES:
        shape = (1, batch, SIZE, SIZE, 3)
        photos = np.random.default_rng(1).integers(0, 256, shape, dtype="uint8")
        tensor = tf.constant(photos[0])
        calls[f"predict {batch}"] = lambda photos=photos: model.predict(photos, verbose=0)
        calls[f"export {batch}"] = lambda tensor=tensor: score(photo=tensor)
    return calls


def series_calls(exported: object) -> Calls:
    """Returns calls that compare 8 photos with each other.

    Args:
        exported: What `tf.saved_model.load` returns for an export.
    """
    import tensorflow as tf

    photos = [grainy_jpeg(600, 800)] * 8
    rank, preference = exported.signatures["rank"], exported.signatures["preference"]

    def preferences():
        for second in range(8):
            for first in range(second):
                preference(
                    photo_a_bytes=tf.constant([photos[first]]),
                    photo_b_bytes=tf.constant([photos[second]]),
                )

    return {
        "rank": lambda: rank(photo_bytes=tf.constant([photos]), photo_count=tf.constant([8])),
        "preferences": preferences,
    }


def photo_calls() -> Calls:
    """Returns calls that decode a large photo, and one of 12 megapixels."""
    import tensorflow as tf

    from keras_series.photos import decode_photo, resize_photo

    photo_bytes, medium = (tf.constant(grainy_jpeg(*size)) for size in (LARGE_PHOTO, MEDIUM_PHOTO))

    def decode_and_resize(ratio):
        def function(photo_bytes):
            pixels = tf.io.decode_jpeg(
                photo_bytes, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE"
            )
            return resize_photo(pixels, SIZE)

        return tf.function(function, autograph=False)

    full_decode, quarter_decode = decode_and_resize(1), decode_and_resize(4)

    decode = tf.function(lambda photo_bytes: decode_photo(photo_bytes, SIZE), autograph=False)
    return {
        "photo": lambda: decode(photo_bytes),
        "full decode": lambda: full_decode(photo_bytes),
        "photo 12": lambda: decode(medium),
        "decode and resize 12": lambda: quarter_decode(medium),
        "decode at 1/8": lambda: tf.io.decode_jpeg(
            photo_bytes, channels=3, ratio=8, dct_method="INTEGER_ACCURATE"
        ),
    }


def reference_calls(model: SeriesPreferenceModel) -> Calls:
    """Returns calls that show what the machine can do.

    These are matrix products, the encoder in ONNX Runtime, and the encoder in TensorFlow on all
    photos in one pass.

    Args:
        model: A `SeriesPreferenceModel`.
    """
    import onnxruntime
    import tensorflow as tf
    import tf2onnx

    from keras_series.export import fold_encoder
    from keras_series.export.serving_module import freeze

    matrix = tf.constant(np.random.default_rng(2).random((GEMM_SIDE, GEMM_SIDE), "float32"))
    encode = tf.function(
        lambda photos: model.embed(photos, training=False),
        input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, name="photos")],
    )
    proto, _ = tf2onnx.convert.from_function(encode, encode.input_signature, opset=18)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    photos = np.random.default_rng(1).uniform(0, 255, (8, SIZE, SIZE, 3)).astype("float32")
    # The converter turns captured tensors, such as the mean colour, into inputs.
    captured = encode.get_concrete_function().graph.captures
    constants = {
        inside.name: value.numpy() for value, inside in captured if value.dtype != "resource"
    }
    names = {each.name for each in session.get_inputs()}
    feeds = {"photos": photos, **{name: constants[name] for name in names & set(constants)}}
    np.testing.assert_allclose(session.run(None, feeds)[0], encode(photos), atol=1e-2)
    encoder = fold_encoder(model.encoder)
    spec = tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32)
    one_pass = freeze(lambda photos: model.head.embed(encoder(photos, training=False)), spec)
    return {
        "matrix products": lambda: [tf.matmul(matrix, matrix) for _ in range(GEMM_COUNT)],
        "one pass 8": lambda: one_pass(tf.constant(photos)),
        "ONNX 8": lambda: session.run(None, feeds),
    }


def measure(calls: Calls, repetitions: int) -> dict[str, float]:
    """Measures calls that take turns. The first turn is a warm-up and does not count.

    Args:
        calls: Functions without arguments, by name.
        repetitions: Integer, at least 1. Number of turns that count.

    Returns:
        Median seconds by name.
    """
    seconds = collections.defaultdict(list)
    for turn in range(repetitions + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
        print(f"turn {turn} of {repetitions}", flush=True)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def flops_per_photo(model: SeriesPreferenceModel) -> int:
    """Returns the number of floating-point operations per photo, as TensorFlow counts them.

    Args:
        model: A `SeriesPreferenceModel`.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32)
    traced = tf.function(lambda photos: model.embed(photos, training=False)).get_concrete_function(
        spec
    )
    graph = convert_variables_to_constants_v2(traced).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


def profile(path: pathlib.Path | str, most: int = 8) -> list[tuple[str, float]]:
    """Profiles the operations of an exported graph on a batch of 8 photos.

    Args:
        path: Folder of an exported version.
        most: Integer, at least 1. Largest number of kinds of operation to return. Defaults to 8.

    Returns:
        Kinds of operation and their shares of the time, largest first.
    """
    import tensorflow as tf

    options = tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE)
    totals = collections.Counter()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
        signature = loaded.signature_def["score_pixels"]
        photos = np.random.default_rng(1).integers(0, 256, (8, SIZE, SIZE, 3), dtype="uint8")
        feeds = {signature.inputs["photo"].name: photos}
        session.run(signature.outputs["score"].name, feeds)
        trace = tf.compat.v1.RunMetadata()
        session.run(signature.outputs["score"].name, feeds, options=options, run_metadata=trace)
    for device in trace.step_stats.dev_stats:
        for node in device.node_stats:
            kind = node.timeline_label.partition(" = ")[2].partition("(")[0] or node.node_name
            totals[kind] += node.op_end_rel_micros - node.op_start_rel_micros
    whole = sum(totals.values())
    return [(kind, micros / whole) for kind, micros in totals.most_common(most)]


def speed_rows(seconds: Mapping[str, float], flops: int) -> list[tuple[str, float, float | None]]:
    """Returns the rows of the page's table.

    Args:
        seconds: What `measure` returns.
        flops: Integer, floating-point operations per photo.

    Returns:
        Tuples of title, ratio of speeds, and goal or `None`.
    """
    rows = [
        (each.title, seconds[each.slower] / seconds[each.faster], each.goal) for each in COMPARISONS
    ]
    for batch in BATCHES:
        rate = batch * flops / seconds[f"export {batch}"]
        gemm = GEMM_COUNT * 2 * GEMM_SIDE**3 / seconds["matrix products"]
        goal = 0.85 if batch == 8 else None
        rows.append(
            (
                f"FLOP rate of the exported model / of matrix products, batch {batch}",
                rate / gemm,
                goal,
            )
        )
    return rows


def processor() -> str:
    """Returns the name of the processor, or what the system knows of it."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write_page(
    path: pathlib.Path,
    rows: Sequence[tuple[str, float, float | None]],
    seconds: Mapping[str, float],
    shares: Sequence[tuple[str, float]],
    flops: int,
) -> None:
    """Writes the Markdown page.

    Args:
        path: File to create or replace.
        rows: What `speed_rows` returns.
        seconds: What `measure` returns.
        shares: What `profile` returns.
        flops: Integer, floating-point operations per photo.
    """
    import tensorflow as tf

    from keras_series.utils import replacing

    lines = [
        "# Speed",
        "",
        "`make bench` measures these numbers and writes this page. All calls took turns in one",
        "run. Each row compares the speeds of two calls, first / second, by their median times: at",
        "a ratio above 1, the first is faster. The network is the paper's with random weights. It",
        f"needs {flops / 1e9:.1f} GFLOP per photo at {SIZE} pixels. The machine had "
        f"{os.cpu_count()} cores",
        f"({processor()}) and TensorFlow {tf.__version__}.",
        "",
        "| comparison | ratio | goal |",
        "|---|---|---|",
        *(f"| {title} | {ratio:.2f} | {_goal(ratio, goal)} |" for title, ratio, goal in rows),
        "",
        "## What limits the speed",
        "",
        "- *FLOP rate and ONNX Runtime*: each photo passes through the encoder separately,",
        "  several in parallel, so that its outputs are identical to the last bit in every batch",
        "  and a broken photo costs nothing. The table compares it with one pass for all photos.",
        "  Running 2, 4 or 10 photos in parallel, half batches, and a `tf.data` pipeline brought",
        "  no gain. The remaining time is spent in the convolutions, see below.",
        "- *24-megapixel JPEG*: a decoder has to read all bits of a JPEG to decode any part of it,",
        "  which limits every decoder. The next row of the table shows that limit: TensorFlow's",
        "  decoder alone, at an eighth of the size.",
        "- *12-megapixel JPEG*: what is above decoding and resizing reads the metadata and checks",
        "  that the photo is whole.",
        "",
        "## In seconds",
        "",
        "A number after a name is the batch size. `predict` and `export` run the network with",
        "`model.predict` and as the exported model. `rank` and `preferences` compare 8 photos",
        "with each other. `photo`, `full decode` and `decode at 1/8` decode the large JPEG,",
        "`photo 12` and `decode and resize 12` the one of 12 megapixels.",
        f"`matrix products` multiplies {GEMM_SIDE} x {GEMM_SIDE} matrices {GEMM_COUNT} times.",
        "`one pass` runs the encoder in TensorFlow on all photos at once, and `ONNX` runs it in",
        "ONNX Runtime.",
        "",
        "| call | median seconds |",
        "|---|---|",
        *(f"| {name} | {value:.4f} |" for name, value in seconds.items()),
        "",
        "## Where the time goes",
        "",
        "The operations of the exported graph with the largest shares of the time, batch 8. Photos",
        "are processed in parallel, so times overlap.",
        "",
        "| operation | share |",
        "|---|---|",
        *(f"| `{kind}` | {share:.1%} |" for kind, share in shares),
    ]
    with replacing(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _goal(ratio, goal):
    return "" if goal is None else f"{goal:g} {'met' if ratio >= goal else '**missed**'}"


def main() -> None:
    """Exports a model, measures it, prints the ratios and writes the page."""
    import keras
    import tensorflow as tf

    from keras_series.export import export
    from keras_series.models import from_preset

    keras.utils.set_random_seed(0)
    model = from_preset("paper", weights=None)
    randomize(model)
    flops = flops_per_photo(model)
    with tempfile.TemporaryDirectory() as base:
        path = export(model, base)
        exported = tf.saved_model.load(path)
        calls = {
            **model_calls(model, exported),
            **series_calls(exported),
            **photo_calls(),
            **reference_calls(model),
        }
        seconds = measure(calls, _REPETITIONS.value)
        shares = profile(path)
    rows = speed_rows(seconds, flops)
    print(f"\n{'ratio':>7}  comparison")
    for title, ratio, goal in rows:
        print(f"{ratio:>7.2f}  {title}" + (f" (goal {goal:g})" if goal else ""))
    write_page(pathlib.Path(_PAGE.value), rows, seconds, shares, flops)
    print(f"\nPage: {_PAGE.value}")


if __name__ == "__main__":
    cli.run(main)
