"""Measures the speed and the memory of exported models and writes docs/benchmarks.md.

    python benchmarks/speed.py

Speeds are ratios within one process: the calls take turns, so that a busy machine slows all of them
alike, and their median times are compared. Memory is measured in a process each. The networks are
the paper's at 224 pixels with random weights, and the trained one that comes with the package.
"""

from __future__ import annotations

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from absl import flags

from keras_series import cli

_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 7, "Number of times that each call is measured.", 1
)
_PAGE = flags.DEFINE_string("page", "docs/benchmarks.md", "Markdown file to create or replace.")

Row = tuple[str, float, float | None]

PRESETS = ("paper", "lite")
IN_PROCESS = pathlib.Path(__file__).with_name("in_process.py")
# As the server of serving/compose.yaml runs.
SERVING = {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1"}
GEMM_FLOPS = 5 * 2 * 2048**3
# For each preset: a row of the table, the call that should be faster, the slower one, and how many
# times as fast it should be.
COMPARISONS = (
    ("eager / ONNX Runtime, batch 1", "eager 1", "ONNX 1", None),
    ("eager / ONNX Runtime, batch 8", "eager 8", "ONNX 8", 1.0),
    ("eager / ONNX Runtime, batch 32", "eager 32", "ONNX 32", 1.0),
    ("session / ONNX Runtime, batch 8", "session 8", "ONNX 8", 1.0),
    ("session / ONNX Runtime, batch 32", "session 32", "ONNX 32", 1.0),
    ("one rank of 8 photos / 28 calls of preference", "rank", "preferences", 7.0),
)
DECODING = (
    ("24-megapixel JPEG to model input / full decode and resize", "photo", "full decode", 2.5),
    ("decoding at an eighth of the size alone / the same", "decode at 1/8", "full decode", None),
    (
        "12-megapixel JPEG to model input / its decoding at a quarter and resize alone",
        "photo 12",
        "decode and resize 12",
        None,
    ),
)


def measure(what: str, environment: Mapping[str, str] = SERVING, **options: object) -> object:
    """Runs a measurement of `in_process.py` in a process of its own.

    Args:
        what: String, the name of the measurement.
        environment: Variables of the process. Defaults to those of a server.
        **options: Its flags.

    Returns:
        What it prints as JSON.
    """
    given = [f"--{name}={value}" for name, value in options.items()]
    result = subprocess.run(
        [sys.executable, IN_PROCESS, f"--measure={what}", *given],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def measure_preset(preset: str, folder: str) -> dict:
    """Exports a preset and measures the export.

    Args:
        preset: String, `"lite"` or a preset that gets random weights.
        folder: Folder for the files.

    Returns:
        The results of each measurement by name.
    """
    base, onnx = f"{folder}/{preset}", f"{folder}/{preset}.onnx"
    made, again = (measure("make", {}, preset=preset, base=base) for _ in range(2))
    version, other = made["version"], again["version"]
    to_onnx = ["-m", "tf2onnx.convert", "--signature_def=embed_pixels", "--opset=18"]
    subprocess.run(
        [sys.executable, *to_onnx, f"--saved-model={version}", f"--output={onnx}"],
        check=True,
        capture_output=True,
    )
    repetitions = _REPETITIONS.value
    return {
        "made": made,
        "eager": measure("memory", version=version, way="eager"),
        "session": measure("memory", version=version, way="session"),
        "reloads": measure("reloads", version=version, other=other),
        "seconds": measure("speed", version=version, onnx=onnx, repetitions=repetitions),
        "profile": measure("profile", version=version),
    }


def speed_rows(results: Mapping[str, dict]) -> list[Row]:
    """Returns the rows of the table of speeds.

    Args:
        results: What `measure_preset` returns, by preset.

    Returns:
        Tuples of title, ratio of speeds, and goal or `None`.
    """
    rows = []
    for preset, result in results.items():
        seconds, made = result["seconds"], result["made"]
        for title, faster, slower, goal in COMPARISONS:
            rows.append((f"{preset}: {title}", seconds[slower] / seconds[faster], goal))
        rate = 8 * made["flops"] / seconds["eager 8"]
        gemm = GEMM_FLOPS / seconds["matrix products"]
        # Depthwise convolutions read much and compute little, so only the paper's has a goal.
        goal = 0.85 if preset == "paper" else None
        rows.append((f"{preset}: eager / the rate of matrix products, batch 8", rate / gemm, goal))
    seconds = results[PRESETS[0]]["seconds"]
    rows += [(title, seconds[slower] / seconds[faster], g) for title, faster, slower, g in DECODING]
    return rows


def size_rows(results: Mapping[str, dict]) -> list[tuple]:
    """Returns the rows of the table of memory and time: title, a value for each preset, limit.

    Args:
        results: What `measure_preset` returns, by preset.
    """
    wanted = (
        ("loaded, MB above TensorFlow's own", "eager", "loaded", 300),
        ("after every signature was used, MB", "eager", "used", 1200),
        ("in a session: loaded, MB", "session", "loaded", None),
        ("in a session: after every signature was used, MB", "session", "used", 1200),
        ("time to load, s", "eager", "seconds", 1.5),
        ("in a session: time to load, s", "session", "seconds", None),
        ("to make an export, checked, s", "made", "seconds", 25),
        ("to make an export, checked, peak MB of a process", "made", "peak", 1800),
    )
    return [
        (title, *(result[group][name] for result in results.values()), limit)
        for title, group, name, limit in wanted
    ]


def processor() -> str:
    """Returns the name of the processor and the instructions that matter here."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    known = next((line.split() for line in lines if line.startswith("flags")), [])
    instructions = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    found = ", ".join(name for name in instructions if name in known)
    return f"{names[0] if names else platform.processor()}; {found}"


def page(results: Mapping[str, dict]) -> str:
    """Returns the Markdown page.

    Args:
        results: What `measure_preset` returns, by preset.
    """
    import tensorflow as tf

    lines = [INTRODUCTION.format(cores=os.cpu_count(), processor=processor(), tf=tf.__version__)]
    lines += ["## Speed", "", "| comparison | ratio | goal |", "|---|---|---|"]
    lines += [
        f"| {title} | {ratio:.2f} | {_judged(ratio, goal, goal is not None and ratio >= goal)} |"
        for title, ratio, goal in speed_rows(results)
    ]
    lines += [LIMITS, "## Memory and time", ""]
    lines += [f"| | {' | '.join(results)} | at most |", "|---|---|---|---|"]
    for title, *values, limit in size_rows(results):
        cells = " | ".join(f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in values)
        met = limit is not None and max(values) <= limit
        lines.append(f"| {title} | {cells} | {_judged(max(values), limit, met)} |")
    lines += [MEMORY, RELOADS]
    lines += [
        "| | one | both | one again | ten times loaded and dropped |",
        "|---|---|---|---|---|",
    ]
    for preset, result in results.items():
        curve = result["reloads"]
        steps = [str(curve[step]) for step in ("one", "both", "one again")]
        lines.append(
            f"| {preset} | {' | '.join(steps)} | {', '.join(map(str, curve['reloads']))} |"
        )
    lines += ["", CALLS, f"| call | {' | '.join(results)} |", "|---|---|---|"]
    for name in results[PRESETS[0]]["seconds"]:
        values = [f"{result['seconds'][name]:.4f}" for result in results.values()]
        lines.append(f"| {name} | {' | '.join(values)} |")
    lines += ["", PROFILE]
    for preset, result in results.items():
        shares = ", ".join(f"`{kind}` {share:.0%}" for kind, share in result["profile"])
        lines.append(f"- *{preset}*: {shares}")
    return "\n".join(lines) + "\n"


def _judged(value: float, goal: float | None, met: bool) -> str:
    return "" if goal is None else f"{goal:g} {'met' if met else '**missed**'}"


INTRODUCTION = """\
# Speed and memory

`make bench` measures these numbers and writes this page. The networks are `paper`, the paper's at
224 pixels with random weights, and `lite`, the trained one that comes with the package, at 512
pixels. `TF_ENABLE_ONEDNN_OPTS` and `TF_ONEDNN_ASSUME_FROZEN_WEIGHTS` were 1, see [Inside other
pipelines](pipelines.md#two-variables-of-the-environment).

Machine: {cores} cores, {processor}; TensorFlow {tf}.

Each row of the first table compares the speeds of two calls, first / second, by their median
times: at a ratio above 1, the first is faster. *Eager* is `tf.saved_model.load`, *session* is how
TensorFlow Serving loads a model.
"""
LIMITS = """
- *ONNX Runtime*: for `paper` the two are alike. `lite` has depthwise convolutions, which read much
  and compute little; ONNX Runtime does them faster.
- *24-megapixel JPEG*: a decoder has to read all bits of a JPEG to decode any part of it. The next
  row shows that limit: TensorFlow's decoder alone, at an eighth of the size.
- *12-megapixel JPEG*: what is above decoding and resizing reads the metadata and checks that the
  photo is whole.
"""
MEMORY = """
- *After every signature*: oneDNN keeps the weights as it needs them once for each signature that is
  used, some 130 MB for `paper`, and nine signatures run the network. A process that uses one or two
  takes that much less, and the variable can be left out, see above.
- *To make an export*: half of it is the check, and most of that TensorFlow's optimiser, which works
  on the operations that decode photos anew for each signature.
"""
RELOADS = """\
Memory in MB above TensorFlow's own as versions come and go in one process: one version that
scores photos, a second beside it, the first dropped; then one version loaded, used and dropped ten
times. What TensorFlow frees stays with the process for a while, so the numbers vary.
"""
CALLS = """\
## In seconds

A number after a name is the batch size. `eager`, `session` and `ONNX` run the signature
`embed_pixels`. `rank` and `preferences` compare 8 photos of 800 x 600 with each other, and `score
32` scores 32 of them. `photo`, `full decode` and `decode at 1/8` decode the large JPEG, `photo
12` and `decode and resize 12` the one of 12 megapixels. `matrix products` multiplies 2048 x 2048
matrices 5 times.
"""
PROFILE = """\
## Where the time goes

The operations of a session with the largest shares of the time, batch 8. Operations run in
parallel, so times overlap.
"""


def main() -> None:
    """Measures each preset and writes the page."""
    from keras_series.utils import replacing

    with tempfile.TemporaryDirectory() as folder:
        results = {preset: measure_preset(preset, folder) for preset in PRESETS}
    text = page(results)
    with replacing(pathlib.Path(_PAGE.value)) as partial:
        partial.write_text(text, encoding="utf-8")
    print(f"{text}\nPage: {_PAGE.value}")


if __name__ == "__main__":
    cli.run(main)
