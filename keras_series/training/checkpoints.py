"""Checkpoints of a run: NumPy files that are the same on every Keras backend."""

from __future__ import annotations

import dataclasses
import pathlib
import zipfile
from collections.abc import Iterator, Mapping

import keras
import numpy as np
from absl import logging

from keras_series.utils import replacing

_KEPT = 2


@dataclasses.dataclass(frozen=True)
class Place:
    """A place in a run.

    Attributes:
        epoch: Integer, the number of finished epochs. Defaults to 0.
        step: Integer, the number of finished steps of the next epoch. Defaults to 0.
    """

    epoch: int = 0
    step: int = 0


class Checkpoints:
    """The last two checkpoints of a run.

    A checkpoint has the weights, the state of the optimiser, the metrics of the epoch so far, and
    the place in the run. It is one file, written whole or not at all, whose checksums are compared
    when it is read.

    Args:
        folder: `pathlib.Path` of their folder. It is created with the first one.
        phase: String. What is trained; the state of an optimiser is only restored in the phase that
            it was saved in.
    """

    def __init__(self, folder: pathlib.Path, phase: str):
        self._folder, self._phase = folder, phase

    def save(self, model: keras.Model, place: Place) -> None:
        """Writes a checkpoint and removes those before the last two.

        Args:
            model: The compiled model.
            place: `Place` in the run.

        Raises:
            ValueError: If a weight is not finite.
            OSError: If the file cannot be written. The earlier checkpoints are kept.
        """
        arrays = {
            name: keras.ops.convert_to_numpy(variable) for name, variable in self._state(model)
        }
        broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
        if broken:
            raise ValueError(f"Expected finite weights. Received: others in {broken[0]}")
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{place.epoch:06d}-{place.step:08d}.npz"
        with replacing(path) as partial:
            np.savez(partial, place=[place.epoch, place.step], **arrays)
        # Files with a dot are what a killed run was writing.
        for old in [*self._paths()[:-_KEPT], *self._folder.glob(".*.npz")]:
            old.unlink()

    def restore(self, model: keras.Model) -> tuple[Place, dict[str, np.ndarray]]:
        """Restores a compiled model from the last checkpoint that is whole.

        Args:
            model: The compiled model.

        Returns:
            The `Place` in the run, the beginning if there is no checkpoint; and the metrics of the
            epoch so far, for `add_metrics`.

        Raises:
            ValueError: If there are checkpoints, and none is whole or of this release.
        """
        model.optimizer.build(model.trainable_variables)
        paths = self._paths()
        for path in reversed(paths):
            try:
                with open(path, "rb") as file, np.load(file) as content:
                    arrays = dict(content)
                return self._assign(model, arrays), arrays
            except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
                logging.warning("Damaged checkpoint, the one before is used: %s (%s)", path, error)
        if any(self._folder.glob("*.index")):
            raise ValueError(
                f"Expected checkpoints of this release in {self._folder}. Received: those of an "
                "earlier one. Train with another --workdir"
            )
        if paths:
            raise ValueError(
                f"Expected a whole checkpoint in {self._folder}. Received: {len(paths)} damaged "
                "ones. Remove the folder of the run to begin anew"
            )
        return Place(), {}

    def add_metrics(self, model: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
        """Adds the metrics at a checkpoint to those of the first step after it.

        They are sums and counts, which Keras creates in the first step of `fit`.

        Args:
            model: The compiled model, after a step.
            arrays: What `restore` returned.
        """
        for name, variable in _numbered("metric", model.metrics_variables):
            variable.assign(arrays[name] + keras.ops.convert_to_numpy(variable))

    def _assign(self, model, arrays):
        own = {**dict(_numbered("weight", model.weights)), **dict(self._optimizer(model))}
        # The optimiser of another phase has other variables.
        same_phase = any(name.startswith(self._phase) for name in arrays)
        own = {k: v for k, v in own.items() if same_phase or k.startswith("weight")}
        # Not in checkpoints of earlier releases.
        own |= {k: v for k, v in _random_states(model) if k in arrays}
        values = {name: arrays[name] for name in own}
        for name, variable in own.items():
            variable.assign(values[name])
        epoch, step = arrays["place"]
        return Place(int(epoch), int(step))

    def _state(self, model) -> Iterator[tuple[str, object]]:
        yield from _numbered("weight", model.weights)
        yield from _random_states(model)
        yield from self._optimizer(model)
        yield from _numbered("metric", model.metrics_variables)

    def _optimizer(self, model):
        return _numbered(f"{self._phase}_optimizer", model.optimizer.variables)

    def _paths(self):
        return sorted(self._folder.glob("[0-9]*-[0-9]*.npz"))


def _random_states(model):
    """The states of random generators, such as those of dropout, which are no weights."""
    others = {id(variable) for variable in [*model.weights, *model.metrics_variables]}
    others |= {id(variable) for variable in model.optimizer.variables}
    return _numbered("random", [each for each in model.variables if id(each) not in others])


def _numbered(kind, variables):
    return ((f"{kind}_{number}", variable) for number, variable in enumerate(variables))
