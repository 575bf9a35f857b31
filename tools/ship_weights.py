"""Puts the best model of a run into the package, as `load_pretrained` loads it.

    python tools/ship_weights.py --workdir=runs/lite_faults --name=lite

writes keras_series/models/weights/lite.weights.h5, in half precision, and lite.json: how it was
trained, and how the runs before it were, and what an export says of it. What was measured
of the shipped weights is added by

    python evaluate.py --pretrained=lite --dataset=biq2021/series --workdir=e/series
    python tools/ship_weights.py --workdir=runs/lite_faults --evaluated=e/series,e/mixed
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from absl import flags

from keras_series import cli

if TYPE_CHECKING:
    from keras_series.training import RunFolder

_WORKDIR = cli.define_path("workdir", "Folder of the run.")
_NAME = flags.DEFINE_string("name", "lite", "Name of the weights, which is that of the preset.")
_EVALUATED = flags.DEFINE_list(
    "evaluated", [], "Folders of evaluations of the shipped weights, the main one first."
)

_TERMS = (
    "Trained on BIQ2021, which has no licence file and is offered for research, from the weights "
    "of EfficientNet-Lite0 (Apache-2.0), which were trained on ImageNet."
)
_LIMITS = (
    "The raters judged the technical quality of single photos: exposure, focus, shake, noise, "
    "colour. Expression, moment and composition are not in these scores."
)


def main() -> None:
    """Writes the weights and the card."""
    from keras_series.models.backbones import WEIGHTS
    from keras_series.models.weights_file import write_half_precision
    from keras_series.training import RunFolder
    from keras_series.utils import replacing

    run = RunFolder(_WORKDIR.value)
    weights = WEIGHTS / f"{_NAME.value}.weights.h5"
    write_half_precision(run.load_best(), weights)
    evaluations = [RunFolder(folder).provenance()["evaluation"] for folder in _EVALUATED.value]
    card = {
        "pretrained": _NAME.value,
        "training": _training(run),
        "evaluation": evaluations[0] if evaluations else None,
        "other_evaluations": evaluations[1:],
        "terms": _TERMS,
        "limits": _LIMITS,
    }
    path = WEIGHTS / f"{_NAME.value}.json"
    with replacing(path) as partial:
        partial.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{weights} ({weights.stat().st_size / 1e6:.1f} MB)\n{path}")


def _training(run: RunFolder) -> dict | None:
    """How a run was trained, with the run that it started with in place of that one's folder."""
    from keras_series.training import RunFolder

    training = run.provenance()["training"]
    if training and (start := training.get("init_from")):
        training["init_from"] = _training(RunFolder(start)) or start
    return training


if __name__ == "__main__":
    cli.run(main, "workdir")
