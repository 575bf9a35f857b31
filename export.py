"""Exports a trained model as a SavedModel for TensorFlow Serving and other pipelines.

    python export.py --workdir=runs/demo --base=exported/demo

writes exported/demo/1 (then 2, 3, ...) after checking it in a clean process: every signature gives
the answers of the live model, and the warm-up requests run.

    python export.py --pretrained=lite --base=exported/lite

exports the trained network that comes with the package.

    python export.py --check=exported/demo/1

checks a version again, on any machine, against the answers that are stored with it, and says how
long a photo takes there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from absl import flags

from keras_series import cli

if TYPE_CHECKING:
    from keras_series.models import SeriesPreferenceModel

_WORKDIR = cli.define_path("workdir", "Folder of the run whose best.keras is exported.")
_PRETRAINED = flags.DEFINE_enum(
    "pretrained", None, ["lite"], "Weights that come with the package, to export instead."
)
_BASE = cli.define_path("base", "Folder of the model's versions. Created if it does not exist.")
_VERSION = flags.DEFINE_integer(
    "version", None, "Version to write. Defaults to one more than the greatest in --base.", 1
)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels", 200_000_000, "Photos with more pixels are refused before decoding.", 1
)
_TRAINABLE = flags.DEFINE_boolean(
    "trainable",
    False,
    "Keep the network as it was trained, so that the loaded model can be trained further. Slower.",
)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "bfloat16"],
    "Precision of the network. bfloat16 is faster on processors with AVX512_BF16. Answers differ a "
    "little.",
)
_CHECK = cli.define_path("check", "Folder of an exported version to check. Nothing is exported.")


def main():
    if _CHECK.value:
        check(_CHECK.value)
        return

    from keras_series.export import export

    model, provenance = _read_model()
    print("Exporting, and checking the export with photos, one of which is broken.", flush=True)
    path = export(
        model,
        _BASE.value,
        _VERSION.value,
        _MAX_PIXELS.value,
        _TRAINABLE.value,
        provenance,
        precision=_PRECISION.value,
    )
    print(f"\nExported and checked: {path}\nNext: python rank.py --model={path} --photos=FOLDER")


def _read_model() -> tuple[SeriesPreferenceModel, dict]:
    """The model to export, and how it was trained and evaluated."""
    if _PRETRAINED.value:
        from keras_series.models import load_pretrained, pretrained_card

        return load_pretrained(_PRETRAINED.value), pretrained_card(_PRETRAINED.value)
    from keras_series.training import RunFolder

    run = RunFolder(_WORKDIR.value)
    return run.load_best(), run.provenance()


def check(folder: str) -> None:
    """Prints how an exported version answers on this machine: how rightly and how fast."""
    from keras_series.export import golden, seconds_per_photo

    differences, tolerance = golden.check(folder)
    print(f"\n{'signature':<20}{'largest difference':>20}")
    for signature, difference in differences.items():
        print(f"{signature:<20}{difference:>20.1e}")
    print(f"\n{folder}: all within {tolerance} of the answers in {golden.CARD}.")
    print(f"\n{1000 * seconds_per_photo(folder):.0f} ms a photo, eight at a time, with")
    for name in ("TF_ENABLE_ONEDNN_OPTS", "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"):
        print(f"{name:<34}{os.environ.get(name, 'not set')}")


def _is_complete(given):
    source = [bool(given["workdir"]), bool(given["pretrained"])]
    return bool(given["check"]) or (sum(source) == 1 and bool(given["base"]))


if __name__ == "__main__":
    flags.register_multi_flags_validator(
        ["check", "workdir", "pretrained", "base"],
        _is_complete,
        "Expected --base with --workdir or --pretrained, or --check.",
    )
    cli.run(main, only_exports=lambda: bool(_CHECK.value))
