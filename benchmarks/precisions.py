"""Compares the shipped network in bfloat16 and in int8 with float32, on real series.

    pip install '.[benchmarks]'
    PYTHONPATH=. python benchmarks/precisions.py --data_dir=datasets

It prints how many times as fast each is as float32 in the same runtime, the share of pairs that it
decides alike, and the share that it decides as people do, of pairs with scores more than 0.05
apart. Int8 is ONNX Runtime's static quantisation, calibrated on photos of the training split.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from benchmarks.converters import onnx_runner
from keras_series import cli

_DATA_DIR = cli.define_path("data_dir", "Directory of prepared datasets, with biq2021/series.")

LEAST_APART = 0.05
BATCH_SIZE, REPETITIONS, CALIBRATION_PHOTOS = 8, 7, 48

Embed = Callable[[np.ndarray], np.ndarray]


def exported_runner(path: str) -> Embed:
    """Returns a function that runs `embed_pixels` of an export."""
    from keras_series.export import ExportedModel

    model = ExportedModel(path, signatures=["embed_pixels"])
    return lambda photos: model.run("embed_pixels", photo=photos)["embedding"]


def int8_runner(folder: str, photos: np.ndarray, excluded: Iterable[str] = ()) -> Embed:
    """Returns a function that runs `embed.onnx` of a folder, quantised.

    Args:
        folder: Folder with the file.
        photos: float32 array `[N, S, S, 3]` to calibrate with.
        excluded: Parts of the names of operations that are not quantised. Defaults to none.
    """
    import onnx
    import onnxruntime
    from onnxruntime import quantization

    source, target = f"{folder}/embed_pixels.onnx", f"{folder}/int8.onnx"
    quantization.quant_pre_process(source, target, skip_symbolic_shape=True)
    names = [node.name for node in onnx.load(target).graph.node]
    quantization.quantize_static(
        target,
        target,
        _Calibration(photos),
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        nodes_to_exclude=[name for name in names if any(part in name for part in excluded)],
    )
    session = onnxruntime.InferenceSession(target)
    return lambda photos: session.run(None, {"photo": photos})[0]


class _Calibration:
    def __init__(self, photos):
        self._photos = iter(photos)

    def get_next(self):
        photo = next(self._photos, None)
        return None if photo is None else {"photo": photo[np.newaxis]}


def embed_all(embed: Embed, photos: np.ndarray) -> np.ndarray:
    """Returns the embeddings of photos, a batch at a time."""
    starts = range(0, len(photos), BATCH_SIZE)
    return np.concatenate([embed(photos[start : start + BATCH_SIZE]) for start in starts])


def seconds(runners: Mapping[str, Embed], photos: np.ndarray) -> dict[str, float]:
    """Returns the median time of a batch, for runners that take turns."""
    times = {name: [] for name in runners}
    for _ in range(REPETITIONS):
        for name, embed in runners.items():
            start = time.perf_counter()
            embed(photos[:BATCH_SIZE])
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def read_photos(examples, most: int = -1) -> np.ndarray:
    """Returns the decoded photos of a dataset, float32 `[N, 512, 512, 3]`."""
    from keras_series.data import photo_batches

    photos = photo_batches(examples, 512).unbatch().take(most)
    return np.stack([photo for photo, _ in photos.as_numpy_iterator()])


def main() -> None:
    """Prints the table."""
    from keras_series.data import Annotations, SeriesDataset
    from keras_series.export import ExportedModel, export, pretrained_export
    from keras_series.models import load_pretrained

    dataset = SeriesDataset.open("biq2021/series", _DATA_DIR.value)
    examples = dataset.examples("validation")
    photos = read_photos(examples)
    calibration = read_photos(dataset.examples("train"), CALIBRATION_PHOTOS)
    plain = str(pretrained_export())
    with tempfile.TemporaryDirectory() as folder:
        half = export(load_pretrained(), f"{folder}/e", check=False, precision="bfloat16")
        onnx = onnx_runner(plain, "embed_pixels", folder)
        runners = {
            "float32": exported_runner(plain),
            "bfloat16": exported_runner(str(half)),
            "float32, ONNX Runtime": lambda photos: onnx({"photo": photos}),
            "int8, ONNX Runtime": int8_runner(folder, calibration),
            "int8 but the attention, ONNX Runtime": int8_runner(folder, calibration, ["attention"]),
        }
        embeddings = {name: embed_all(embed, photos) for name, embed in runners.items()}
        times = seconds(runners, photos)
    compare = ExportedModel(plain).compare
    known = Annotations.from_examples(examples)
    gaps = known.ratings[known.first] - known.ratings[known.second]
    first, second = (side[np.abs(gaps) > LEAST_APART] for side in (known.first, known.second))
    truth = gaps[np.abs(gaps) > LEAST_APART] > 0
    decisions = {name: compare(e[first], e[second]) > 0.5 for name, e in embeddings.items()}
    print(f"\n{len(truth)} pairs\n{'':<38}{'speed':>6}{'alike':>9}{'right':>8}")
    for name, decided in decisions.items():
        base = "float32, ONNX Runtime" if "ONNX" in name else "float32"
        alike, right = np.mean(decided == decisions["float32"]), np.mean(decided == truth)
        print(f"{name:<38}{times[base] / times[name]:>6.2f}{alike:>9.2%}{right:>8.1%}")


if __name__ == "__main__":
    cli.run(main, only_exports=lambda: True)
