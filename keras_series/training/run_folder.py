"""The folder of a training run, whole at any moment, where a stopped run goes on."""

import csv
import json
import pathlib

import keras
import tensorflow as tf

from keras_series.utils.figures import new_figure, save_figure
from keras_series.utils.files import replacing

MONITOR = "val_pair_accuracy"


class RunFolder(keras.callbacks.Callback):
    """Keeps a run's folder while `fit` trains: checkpoints, best model, metrics and their curves.

    After each epoch it writes, in this order, `best.keras` if the validation accuracy has risen,
    `metrics.csv`, `curves.png`, and a checkpoint of weights, optimiser and epoch. Each file is
    written beside and renamed, and the checkpoint comes last: a run that was killed goes on after
    its last whole epoch.

    Args:
        folder: The run's folder, made if it is missing.

    Raises:
        ImportError: If matplotlib, which draws the curves, is missing; before any training.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows = []
        new_figure()

    @property
    def best_path(self):
        """Path of the weights with the best validation accuracy."""
        return self.folder / "best.keras"

    def restore(self, model):
        """Brings a compiled model to where the run stood.

        Returns:
            The number of epochs that are done, 0 in a new folder.
        """
        model.optimizer.build(model.trainable_variables)
        self._epochs_done = tf.Variable(0, dtype=tf.int64)
        state = tf.train.Checkpoint(
            model=model, optimizer=model.optimizer, epochs_done=self._epochs_done
        )
        self._checkpoints = tf.train.CheckpointManager(
            state, str(self.folder / "checkpoints"), max_to_keep=2
        )
        self._checkpoints.restore_or_initialize()
        epochs_done = int(self._epochs_done.numpy())
        self.rows = read_metrics(self.folder / "metrics.csv")[:epochs_done]
        return epochs_done

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        if row[MONITOR] > max((old[MONITOR] for old in self.rows), default=-1.0):
            save_model(self.model, self.best_path)
        self.rows.append(row)
        write_metrics(self.rows, self.folder / "metrics.csv")
        draw_curves(self.rows, self.folder / "curves.png")
        self._epochs_done.assign(epoch + 1)
        self._checkpoints.save(checkpoint_number=epoch + 1)


def write_training(folder, facts):
    """Writes `training.json`, what a run's best model was trained on and how."""
    with replacing(pathlib.Path(folder) / "training.json") as partial:
        partial.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read_provenance(folder):
    """What is known of a run: `training`, and `evaluation` with its intervals if it has been made.

    Args:
        folder: The run's folder.
    """
    provenance = {"training": _read_json(folder, "training.json"), "evaluation": None}
    if report := _read_json(folder, "evaluation.json"):
        kept = ("dataset", "split", "counts", "verdict", "findings")
        provenance["evaluation"] = {name: report.get(name) for name in kept}
        provenance["evaluation"]["metrics"] = report["judges"]["model"]
    return provenance


def _read_json(folder, name):
    path = pathlib.Path(folder) / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def save_model(model, path):
    """Writes a model to a `.keras` file, whole or not at all."""
    with replacing(path) as partial:
        model.save(partial)


def read_metrics(path):
    """The rows of a `metrics.csv`, as dictionaries of floats; none if there is no such file."""
    if not pathlib.Path(path).exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [{**row, "epoch": int(row["epoch"])} for row in rows]


def write_metrics(rows, path):
    """Writes rows of numbers, all with the names of the first one, as CSV."""
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)


def draw_curves(rows, path):
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
