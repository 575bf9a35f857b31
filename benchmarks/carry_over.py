"""Counts how often an exported model prefers photographs to degraded copies of them.

    python benchmarks/carry_over.py --model=exported/demo/1 --photos=/path/to/photos

tells whether what was learned on drawn scenes carries over to real photos, by kind and severity.
"""

import io

import numpy as np
from absl import flags
from PIL import Image

from keras_series import cli

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model, <base>/<version>.")
_PHOTOS = flags.DEFINE_string("photos", None, "Folder of good photographs. They are only read.")
_COPIES = flags.DEFINE_integer("copies", 3, "Degraded copies of each photo, kind and severity.", 1)
_EDGE = flags.DEFINE_integer("edge", 1024, "Longer edge that photos are degraded at, pixels.", 64)

SEVERITIES = (0.3, 0.6, 0.9)


def encode(photo):
    """A photo, uint8 `[H, W, 3]`, as a JPEG of high quality."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def wins(preference, photos, kind, severity, copies):
    """The share of degraded copies that lose against their photo."""
    import tensorflow as tf

    from tfds_series.synthetic_series.degradations import degrade

    originals, degraded = [], []
    for number, photo in enumerate(photos):
        for copy in range(copies):
            rng = np.random.default_rng([number, copy])
            originals.append(encode(photo))
            degraded.append(encode(degrade(photo, kind, severity, rng)))
    outputs = preference(photo_a_bytes=tf.constant(originals), photo_b_bytes=tf.constant(degraded))
    return float(np.mean(outputs["preference"].numpy() > 0.5))


def percent(shares):
    """Shares as texts."""
    return [f"{share:.0%}" for share in shares]


def print_row(name, cells):
    """Prints a row of the table."""
    print(f"{name:<16}" + "".join(f"{cell:>8}" for cell in cells), flush=True)


def main():
    import tensorflow as tf

    from tfds_series.synthetic_series import photo_folder
    from tfds_series.synthetic_series.degradations import DEGRADATIONS

    sources, unreadable = photo_folder.find_photos(_PHOTOS.value)
    if not sources:
        raise ValueError(f"Expected photos in {_PHOTOS.value!r}. Received: none")
    photos = [photo_folder.read_scene(source.path, _EDGE.value) for source in sources]
    preference = tf.saved_model.load(_MODEL.value).signatures["preference"]
    print()
    print_row("severity", [*SEVERITIES, "all"])
    shares = []
    for kind in DEGRADATIONS:
        row = [wins(preference, photos, kind, each, _COPIES.value) for each in SEVERITIES]
        print_row(kind, percent([*row, np.mean(row)]))
        shares.append(row)
    print_row("all", percent([*np.mean(shares, axis=0), np.mean(shares)]))
    copies = f"{_COPIES.value} copies of each"
    print(f"{len(photos)} photos, {copies}; {len(unreadable)} photos could not be read.")


if __name__ == "__main__":
    cli.run(main, "model", "photos")
