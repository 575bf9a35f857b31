"""Measures how often an exported model prefers photographs to degraded copies of them.

    python benchmarks/carry_over.py --photos=/path/to/photos

The table shows, by kind of fault and severity, whether a model carries over to these photos.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags
from PIL import Image

from keras_series import cli

if TYPE_CHECKING:
    from keras_series.export import ExportedModel

_MODEL = cli.define_path("model", "Folder of an exported version. Defaults to the shipped network.")
_PHOTOS = cli.define_path("photos", "Folder of good photographs. They are only read.")
_COPIES = flags.DEFINE_integer(
    "copies", 3, "Number of degraded copies of each photo, for each kind of fault and severity.", 1
)
_EDGE = flags.DEFINE_integer(
    "edge", 1024, "Longer edge of the photos in pixels when they are degraded.", 64
)

SEVERITIES = (0.3, 0.6, 0.9)


def encode(photo: np.ndarray) -> bytes:
    """Returns a photo as a JPEG of high quality.

    Args:
        photo: uint8 array `[H, W, 3]`.
    """
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def fraction_preferred(
    model: ExportedModel, photos: Sequence[np.ndarray], kind: str, severity: float, copies: int
) -> float:
    """Returns the fraction of degraded copies to which the model prefers the original.

    Args:
        model: `ExportedModel` with the signature `preference`.
        photos: uint8 arrays `[H, W, 3]`.
        kind: String, a key of `tfds_series.synthetic_series.degradations.DEGRADATIONS`.
        severity: Float in [0, 1].
        copies: Integer, at least 1. Number of degraded copies of each photo.
    """
    from tfds_series.synthetic_series.degradations import degrade

    originals, degraded = [], []
    for number, photo in enumerate(photos):
        for copy in range(copies):
            rng = np.random.default_rng([number, copy])
            originals.append(encode(photo))
            degraded.append(encode(degrade(photo, kind, severity, rng)))
    outputs = model.run("preference", photo_a_bytes=originals, photo_b_bytes=degraded)
    return float(np.mean(outputs["preference"] > 0.5))


def percent(fractions: Iterable[float]) -> list[str]:
    """Returns fractions as texts in percent."""
    return [f"{fraction:.0%}" for fraction in fractions]


def print_row(name: str, cells: Iterable[object]) -> None:
    """Prints a row of the table.

    Args:
        name: String, the first cell.
        cells: The other cells.
    """
    print(f"{name:<16}" + "".join(f"{cell:>8}" for cell in cells), flush=True)


def main() -> None:
    """Prints a table with a row for each kind of fault and a column for each severity."""
    from keras_series.export import ExportedModel
    from tfds_series.synthetic_series import photo_folder
    from tfds_series.synthetic_series.degradations import DEGRADATIONS

    sources, left_out = photo_folder.find_photos(_PHOTOS.value)
    if not sources:
        raise ValueError(f"Expected photos in {_PHOTOS.value!r}. Received: none")
    photos = [photo_folder.read_scene(source.path, _EDGE.value) for source in sources]
    model = ExportedModel(cli.exported_or_pretrained(_MODEL.value), signatures=["preference"])
    print()
    print_row("severity", [*SEVERITIES, "all"])
    rows = []
    for kind in DEGRADATIONS:
        row = [fraction_preferred(model, photos, kind, each, _COPIES.value) for each in SEVERITIES]
        print_row(kind, percent([*row, np.mean(row)]))
        rows.append(row)
    print_row("all", percent([*np.mean(rows, axis=0), np.mean(rows)]))
    copies = f"{_COPIES.value} copies of each"
    print(f"{len(photos)} photos, {copies}; {len(left_out)} files were left out.")


if __name__ == "__main__":
    cli.run(main, "photos", only_exports=lambda: True)
