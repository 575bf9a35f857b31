"""Measurements of exported models that need a process of their own. `speed.py` runs them.

    python benchmarks/in_process.py --measure=memory --version=exported/lite/1 --way=session

Each prints its result as a line of JSON. Memory is in megabytes (2**20 bytes), above what
TensorFlow takes by itself after a convolution.
"""

from __future__ import annotations

import collections
import gc
import io
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from absl import flags
from PIL import Image

from keras_series import cli

if TYPE_CHECKING:
    from keras_series.models import SeriesPreferenceModel

_MEASURE = flags.DEFINE_enum(
    "measure", None, ["make", "memory", "reloads", "speed", "profile"], "What to measure."
)
_BASE = flags.DEFINE_string("base", None, "Folder to export to.")
_PRESET = flags.DEFINE_string("preset", "lite", "Preset: lite, or another with random weights.")
_VERSION = flags.DEFINE_string("version", None, "Folder of an exported version.")
_OTHER = flags.DEFINE_string("other", None, "Folder of another exported version.")
_ONNX = flags.DEFINE_string("onnx", None, "The signature embed_pixels as an ONNX file.")
_WAY = flags.DEFINE_enum("way", "eager", ["eager", "session"], "How the version is loaded.")
_REPETITIONS = flags.DEFINE_integer("repetitions", 7, "Turns that count.", 1)

Calls = dict[str, Callable[[], object]]
Run = Callable[..., dict]

BATCHES = (1, 8, 32)
GEMM_SIDE, GEMM_COUNT = 2048, 5
LARGE_PHOTO, MEDIUM_PHOTO = (4000, 6000), (3000, 4000)
RELOADS = 10


def make() -> dict:
    """Exports a preset, checked. Returns the seconds and the peaks of both processes."""
    import keras

    from keras_series.export import export
    from keras_series.models import from_preset, load_pretrained

    keras.utils.set_random_seed(0)
    if _PRESET.value == "lite":
        model = load_pretrained("lite")
    else:
        model = from_preset(_PRESET.value, weights=None)
        randomize(model)
    start = time.perf_counter()
    version = export(model, _BASE.value)
    return {
        "version": str(version),
        "seconds": time.perf_counter() - start,
        "peak": max(_megabytes("VmHWM"), _peak_of_children()),
        "flops": flops_per_photo(model),
        "size": model.encoder.image_size,
    }


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


def flops_per_photo(model: SeriesPreferenceModel) -> int:
    """Returns the number of floating-point operations per photo, as TensorFlow counts them.

    Args:
        model: A `SeriesPreferenceModel`.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec([1, *model.encoder.input_shape[1:]], tf.float32)
    traced = tf.function(lambda photos: model.embed(photos, training=False))
    graph = convert_variables_to_constants_v2(traced.get_concrete_function(spec)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops


def memory() -> dict:
    """Loads a version and uses every signature. Returns the seconds and megabytes of each step."""
    from keras_series.export import read_warmup

    own = _own_megabytes()
    start = time.perf_counter()
    run = load(_VERSION.value, _WAY.value)
    loaded = {"seconds": time.perf_counter() - start, "loaded": _megabytes("VmHWM") - own}
    for signature, inputs in read_warmup(pathlib.Path(_VERSION.value)):
        run(signature, **inputs)
    return {**loaded, "used": _megabytes("VmHWM") - own}


def reloads() -> dict:
    """Loads two versions side by side, drops one, then loads and drops the other ten times."""
    from keras_series.export import read_warmup

    own = _own_megabytes()
    inputs = dict(read_warmup(pathlib.Path(_VERSION.value)))["score"]

    def use(version):
        run = load(version, "eager")
        run("score", **inputs)
        return run

    first = use(_VERSION.value)
    curve = {"one": _megabytes("VmRSS") - own}
    second = use(_OTHER.value)
    curve["both"] = _megabytes("VmRSS") - own
    del first
    gc.collect()
    curve["one again"] = _megabytes("VmRSS") - own
    del second
    curve["reloads"] = []
    for _ in range(RELOADS):
        run = use(_VERSION.value)
        del run
        gc.collect()
        curve["reloads"].append(_megabytes("VmRSS") - own)
    return curve


def load(version: str, way: str) -> Run:
    """Returns a function that runs a signature: `run(signature, **inputs)`.

    Args:
        version: Folder of an exported version.
        way: `"eager"` for `tf.saved_model.load`, `"session"` for a session as a server has it.
    """
    import tensorflow as tf

    if way == "eager":
        exported = tf.saved_model.load(version)

        def run(signature, **inputs):
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            return exported.signatures[signature](**tensors)

        return run
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], version)

    def run_session(signature, **inputs):
        definition = loaded.signature_def[signature]
        feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
        fetches = {name: tensor.name for name, tensor in definition.outputs.items()}
        return session.run(fetches, feeds)

    return run_session


def speed() -> dict:
    """Measures calls that take turns. Returns their median seconds by name."""
    calls = {**export_calls(), **series_calls(), **photo_calls(), **reference_calls()}
    seconds = collections.defaultdict(list)
    for turn in range(_REPETITIONS.value + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
        print(f"turn {turn} of {_REPETITIONS.value}", file=sys.stderr, flush=True)
    # The first turn is a warm-up.
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def export_calls() -> Calls:
    """Returns calls of `embed_pixels`, eager and in a session, and in ONNX Runtime."""
    import onnxruntime

    onnx = onnxruntime.InferenceSession(_ONNX.value)
    calls = {}
    ways = {way: load(_VERSION.value, way) for way in ("eager", "session")}
    for batch in BATCHES:
        photos = random_photos(onnx.get_inputs()[0].shape[1], batch)
        for way, run in ways.items():
            calls[f"{way} {batch}"] = lambda run=run, photos=photos: run(
                "embed_pixels", photo=photos
            )
        calls[f"ONNX {batch}"] = lambda photos=photos: onnx.run(None, {"photo": photos})
        expected = calls[f"eager {batch}"]()["embedding"]
        np.testing.assert_allclose(calls[f"ONNX {batch}"]()[0], expected, atol=1e-2)
    return calls


def random_photos(size: int, batch: int) -> np.ndarray:
    """Returns float32 pixels `[batch, size, size, 3]`, 0-255."""
    rng = np.random.default_rng(1)
    return rng.uniform(0, 255, (batch, size, size, 3)).astype("float32")


def series_calls() -> Calls:
    """Returns calls that compare 8 photos with each other."""
    photos = [grainy_jpeg(600, 800)] * 8
    run = load(_VERSION.value, "eager")

    def preferences():
        for second in range(8):
            for first in range(second):
                run(
                    "preference",
                    photo_a_bytes=[photos[first]],
                    photo_b_bytes=[photos[second]],
                )

    return {
        "rank": lambda: run("rank", photo_bytes=[photos], photo_count=[8]),
        "preferences": preferences,
        "score 32": lambda: run("score", photo_bytes=photos * 4),
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
            return resize_photo(pixels, 224)

        return tf.function(function, autograph=False)

    full_decode, quarter_decode = decode_and_resize(1), decode_and_resize(4)
    decode = tf.function(lambda photo_bytes: decode_photo(photo_bytes, 224), autograph=False)
    return {
        "photo": lambda: decode(photo_bytes),
        "full decode": lambda: full_decode(photo_bytes),
        "photo 12": lambda: decode(medium),
        "decode and resize 12": lambda: quarter_decode(medium),
        "decode at 1/8": lambda: tf.io.decode_jpeg(
            photo_bytes, channels=3, ratio=8, dct_method="INTEGER_ACCURATE"
        ),
    }


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


def reference_calls() -> Calls:
    """Returns matrix products, which show what the machine can do."""
    import tensorflow as tf

    matrix = tf.constant(np.random.default_rng(2).random((GEMM_SIDE, GEMM_SIDE), "float32"))
    return {"matrix products": lambda: [tf.matmul(matrix, matrix) for _ in range(GEMM_COUNT)]}


def profile() -> list[tuple[str, float]]:
    """Returns the kinds of operation of a session and their shares of the time, largest first."""
    import tensorflow as tf

    options = tf.compat.v1.RunOptions(trace_level=tf.compat.v1.RunOptions.FULL_TRACE)
    totals = collections.Counter()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], _VERSION.value)
        signature = loaded.signature_def["embed_pixels"]
        photo = signature.inputs["photo"]
        feeds = {photo.name: random_photos(photo.tensor_shape.dim[1].size, 8)}
        session.run(signature.outputs["embedding"].name, feeds)
        trace = tf.compat.v1.RunMetadata()
        session.run(signature.outputs["embedding"].name, feeds, options, trace)
    for device in trace.step_stats.dev_stats:
        for node in device.node_stats:
            kind = node.timeline_label.partition(" = ")[2].partition("(")[0] or node.node_name
            totals[kind] += node.op_end_rel_micros - node.op_start_rel_micros
    whole = sum(totals.values())
    return [(kind, micros / whole) for kind, micros in totals.most_common(8)]


def _own_megabytes():
    """The memory of TensorFlow by itself, once it has run a convolution."""
    import tensorflow as tf

    import keras_series.export.warmup  # noqa: F401

    tf.nn.conv2d(tf.zeros([1, 8, 8, 3]), tf.zeros([3, 3, 3, 8]), 1, "SAME")
    return _megabytes("VmRSS")


def _megabytes(field):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) // 1024


def _peak_of_children():
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def main() -> None:
    """Prints the result of a measurement as JSON."""
    functions = {"make": make, "memory": memory, "reloads": reloads}
    functions |= {"speed": speed, "profile": profile}
    print(json.dumps(functions[_MEASURE.value]()))


if __name__ == "__main__":
    cli.run(main, "measure")
