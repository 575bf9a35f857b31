"""The folder of a run: the names of its files, and how they are read and written."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence

import keras
from absl import logging

from keras_series.models import SeriesPreferenceModel
from keras_series.utils import new_figure, replacing, save_figure

# The metric whose best epoch is kept.
MONITOR = "val_pair_accuracy"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The folder of a run, `--workdir`.

    Files are written under a temporary name and renamed, so the folder is valid at any moment.

    Attributes:
        path: `pathlib.Path` of the folder. It need not exist.
    """

    path: pathlib.Path

    def __init__(self, path: str | os.PathLike):
        object.__setattr__(self, "path", pathlib.Path(path))

    @property
    def flags(self) -> pathlib.Path:
        """The flags that the run was started with; `--flagfile` reads them."""
        return self.path / "flags.txt"

    @property
    def best(self) -> pathlib.Path:
        """The model with the best validation accuracy."""
        return self.path / "best.keras"

    @property
    def metrics(self) -> pathlib.Path:
        """Loss and accuracy of each epoch."""
        return self.path / "metrics.csv"

    @property
    def curves(self) -> pathlib.Path:
        """The metrics as a plot."""
        return self.path / "curves.png"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the checkpoints that an interrupted run resumes from."""
        return self.path / "checkpoints"

    @property
    def is_started(self) -> bool:
        """Whether there is a run to resume."""
        return self.metrics.exists() or any(self.checkpoints.glob("[0-9]*.npz"))

    @property
    def tensorboard(self) -> pathlib.Path:
        """Folder of TensorBoard logs."""
        return self.path / "tensorboard"

    @property
    def training(self) -> pathlib.Path:
        """What the best model was trained on, and how."""
        return self.path / "training.json"

    @property
    def evaluation(self) -> pathlib.Path:
        """The report of an evaluation."""
        return self.path / "evaluation.json"

    @property
    def evaluation_plots(self) -> pathlib.Path:
        """The plots of an evaluation."""
        return self.path / "evaluation.png"

    @property
    def evaluation_page(self) -> pathlib.Path:
        """The page of an evaluation."""
        return self.path / "evaluation.html"

    @property
    def result(self) -> pathlib.Path:
        """The accuracy of a run that is a row of a reproduction."""
        return self.path / "result.json"

    def load_best(self) -> SeriesPreferenceModel:
        """Loads the best model.

        Raises:
            FileNotFoundError: If there is none.
        """
        if not self.best.exists():
            raise FileNotFoundError(
                f"Expected a trained model at {self.best}. Received: no such file. "
                f"Train one first: python train.py --workdir={self.path} ..."
            )
        return keras.saving.load_model(self.best, compile=False)

    def best_epoch(self) -> int | None:
        """Returns the number of the best epoch, and `None` if no epoch is finished."""
        rows = self.read_metrics()
        return int(max(rows, key=lambda row: row[MONITOR])["epoch"]) if rows else None

    def read_metrics(self) -> list[dict[str, float]]:
        """Returns a dictionary for each epoch, none if no epoch is finished."""
        if not self.metrics.exists():
            return []
        with open(self.metrics, newline="", encoding="utf-8") as file:
            rows = [
                {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
            ]
        return [{**row, "epoch": int(row["epoch"])} for row in rows]

    def write_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Writes `metrics.csv` and `curves.png`.

        Args:
            rows: One dictionary per epoch, all with the keys of the first.
        """
        with (
            replacing(self.metrics) as partial,
            open(partial, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, fieldnames=rows[0])
            writer.writeheader()
            writer.writerows(rows)
        _draw_curves(rows, self.curves)

    def write_training(self, facts: Mapping) -> None:
        """Writes `training.json`.

        Args:
            facts: What JSON can represent.
        """
        _write_json(facts, self.training)

    def write_evaluation(self, report: Mapping) -> None:
        """Writes `evaluation.json`.

        Args:
            report: What JSON can represent.
        """
        _write_json(report, self.evaluation)

    def provenance(self) -> dict:
        """Returns how the best model was trained and evaluated, as far as the folder says.

        Returns:
            Dictionary of `training`, and of `evaluation`, the model's metrics with their intervals;
            `None` for what does not exist, or is of another model.
        """
        provenance = {"training": _read_json(self.training), "evaluation": None}
        report = _read_json(self.evaluation) or {}
        # Reports of older releases have other keys.
        is_own = report.get("best_epoch") == self.best_epoch()
        if "predictors" in report and not is_own:
            logging.warning("Left out what %s says, which is of another model", self.evaluation)
        elif "predictors" in report:
            kept = ("dataset", "split", "counts", "verdict", "findings")
            provenance["evaluation"] = {name: report.get(name) for name in kept}
            provenance["evaluation"]["metrics"] = report["predictors"]["model"]
        return provenance


def save_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model to a `.keras` file, whole or not at all.

    Args:
        model: The model.
        path: File to create or replace.
    """
    # Keras makes variables while it saves, which on several machines would wait for the others.
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        with replacing(path) as partial:
            model.save(partial)
    finally:
        keras.distribution.set_distribution(distribution)


def _read_json(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write_json(content, path):
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _draw_curves(rows, path):
    """Draws loss and pair accuracy, in training and in validation, by epoch."""
    figure = new_figure(figsize=(9, 3.5))
    epochs = [row["epoch"] for row in rows]
    titles = {"loss": "Cross-entropy", "pair_accuracy": "Pair accuracy"}
    for panel, (name, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        panel.plot(epochs, [row[name] for row in rows], marker=".", label="training")
        panel.plot(epochs, [row[f"val_{name}"] for row in rows], marker=".", label="validation")
        panel.set(title=title, xlabel="Epoch")
        panel.grid(alpha=0.3)
        panel.legend()
    save_figure(figure, path)
