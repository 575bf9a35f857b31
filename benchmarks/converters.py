"""Compares an exported model with what tf2onnx and LiteRT make of it, on random inputs.

    python benchmarks/converters.py

Needs the extra `benchmarks`. docs/converters.md has the commands for your own use.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping

import numpy as np

from keras_series import cli

_MODEL = cli.define_path("model", "Folder of an exported version. Defaults to the shipped network.")
COUNTS = (1, 3, 8)

Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]


def onnx_runner(model: str, signature: str, folder: str) -> Run:
    """Returns a function that runs a signature in ONNX Runtime.

    Args:
        model: Folder of an exported version.
        signature: String, its name.
        folder: Folder for the file.
    """
    import onnxruntime

    path = f"{folder}/{signature}.onnx"
    options = [f"--saved-model={model}", f"--signature_def={signature}", f"--output={path}"]
    command = [sys.executable, "-m", "tf2onnx.convert", "--opset=18", *options]
    subprocess.run(command, check=True, capture_output=True)
    session = onnxruntime.InferenceSession(path)
    return lambda inputs: session.run(None, dict(inputs))[0]


def litert_runner(model: str, signature: str, folder: str) -> Run:
    """Returns a function that runs a signature in LiteRT.

    Args:
        model: Folder of an exported version.
        signature: String, its name.
        folder: Folder for the file.
    """
    import tensorflow as tf

    path = pathlib.Path(folder) / f"{signature}.tflite"
    converter = tf.lite.TFLiteConverter.from_saved_model(model, signature_keys=[signature])
    path.write_bytes(converter.convert())
    interpreter = tf.lite.Interpreter(str(path), num_threads=2)
    run = interpreter.get_signature_runner(signature)
    return lambda inputs: next(iter(run(**inputs).values()))


def random_inputs(specs: Mapping[str, object], count: int) -> dict[str, np.ndarray]:
    """Returns random inputs of a signature: pixels for four axes, embeddings for two.

    Args:
        specs: Tensor specifications by name.
        count: Integer, size of the batch.
    """
    rng = np.random.default_rng(count)
    inputs = {}
    for name, spec in specs.items():
        shape = [count, *spec.shape[1:]]
        values = rng.uniform(0, 255, shape) if len(shape) == 4 else rng.normal(size=shape)
        inputs[name] = values.astype("float32")
    return inputs


def main() -> None:
    """Prints the largest difference for each signature and format."""
    import tensorflow as tf

    model = cli.exported_or_pretrained(_MODEL.value)
    signatures = tf.saved_model.load(model).signatures
    print(f"\n{'signature':<14}{'format':<8}{'largest difference, batches of ' + str(COUNTS)}")
    with tempfile.TemporaryDirectory() as folder:
        for signature in ("embed_pixels", "compare"):
            function = signatures[signature]
            specs = function.structured_input_signature[1]
            for name, make in (("ONNX", onnx_runner), ("LiteRT", litert_runner)):
                run, largest = make(model, signature, folder), 0.0
                for count in COUNTS:
                    inputs = random_inputs(specs, count)
                    tensors = {key: tf.constant(value) for key, value in inputs.items()}
                    (expected,) = function(**tensors).values()
                    largest = max(largest, float(np.abs(run(inputs) - expected).max()))
                print(f"{signature:<14}{name:<8}{largest:.1e}", flush=True)


if __name__ == "__main__":
    cli.run(main)
