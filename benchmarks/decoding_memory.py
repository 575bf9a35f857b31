"""Measures the peak memory of decoding large photos, each in a separate process (Linux).

    python benchmarks/decoding_memory.py

The photos are drawn: smooth shapes with the grain of a camera, as JPEG (quality 90), progressive
JPEG and PNG.
"""

from __future__ import annotations

import io
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
from absl import flags
from PIL import Image

from keras_series import cli

_MEGAPIXELS = flags.DEFINE_multi_integer("megapixels", [100, 150, 200], "Sizes of the photos.", 1)
KINDS = {
    "JPEG": {"quality": 90},
    "JPEG, progressive": {"quality": 90, "progressive": True},
    "PNG": {"compress_level": 1},
}
_WIDTH_TO_HEIGHT = 4 / 3
_CHILD = "import sys; from decoding_memory import measure; print(measure(sys.argv[1]))"


def draw(megapixels: int, kind: str) -> bytes:
    """Returns an encoded photo.

    Args:
        megapixels: Integer, millions of pixels.
        kind: A key of `KINDS`.
    """
    height = int((megapixels * 1e6 / _WIDTH_TO_HEIGHT) ** 0.5)
    width = int(height * _WIDTH_TO_HEIGHT)
    rng = np.random.default_rng(0)
    shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype="uint8"))
    tile = np.asarray(shapes.resize((1000, 750), Image.Resampling.BICUBIC)).astype(float)
    tile = np.clip(tile + rng.normal(0, 2, (750, 1000, 1)), 0, 255).astype("uint8")
    repeats = (-(-height // 750), -(-width // 1000), 1)
    photo = Image.fromarray(np.tile(tile, repeats)[:height, :width])
    file = io.BytesIO()
    photo.save(file, kind.split(",")[0], **KINDS[kind])
    return file.getvalue()


def measure(path: str) -> int:
    """Returns the peak memory of decoding a photo in MB, above what the process had before."""
    from keras_series.photos import decode_photos_with_reasons

    with open(path, "rb") as file:
        photo_bytes = file.read()
    decode_photos_with_reasons([b""])  # Traces the function.
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    before = _status("VmRSS")
    _, reasons = decode_photos_with_reasons([photo_bytes])
    if reasons.numpy().tolist() != [0]:
        raise ValueError(f"Expected a valid photo. Received: reason {reasons.numpy()[0]}")
    return (_status("VmHWM") - before) // 1024


def _status(name: str) -> int:
    """A value of Linux' status of this process, in kB."""
    text = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+)", text)[1])


def main() -> None:
    print(f"{'megapixels':>10}" + "".join(f"{kind:>20}" for kind in KINDS))
    for megapixels in _MEGAPIXELS.value:
        cells = []
        for kind in KINDS:
            with tempfile.NamedTemporaryFile() as file:
                file.write(draw(megapixels, kind))
                file.flush()
                code = (
                    "import sys; from decoding_memory import measure; print(measure(sys.argv[1]))"
                )
                result = subprocess.run(
                    [sys.executable, "-c", code, file.name],
                    capture_output=True,
                    text=True,
                    check=True,
                    cwd=__file__.rpartition("/")[0] or ".",
                )
            cells.append(f"{int(result.stdout.split()[-1]):>17} MB")
        print(f"{megapixels:>10}" + "".join(cells), flush=True)


if __name__ == "__main__":
    cli.run(main)
