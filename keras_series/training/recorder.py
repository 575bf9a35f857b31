"""The callback that keeps a run's folder up to date while `fit` trains."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator

import keras

from keras_series.training.checkpoints import Checkpoints, Place
from keras_series.training.devices import all_should_end, wait_for_all
from keras_series.training.interpolation import Interpolation
from keras_series.training.rates import RATES
from keras_series.training.run_folder import MONITOR, RunFolder, save_model
from keras_series.utils import new_figure

# The exit code of a run that was asked to end: EX_TEMPFAIL, the same command goes on.
TERMINATED = 75


class RunRecorder(keras.callbacks.Callback):
    """Records a run in its folder: best model, metrics, curves and checkpoints.

    After each epoch it writes, in this order, `best.keras` if the validation accuracy has improved,
    `metrics.csv`, `curves.png`, and a checkpoint. The checkpoint comes last, so a run that was
    killed resumes where it was at its last checkpoint.

    A signal to terminate (SIGTERM) in a block `with recorder.terminable()` ends the run after the
    step at hand: it writes a checkpoint and raises `SystemExit` with the code 75.

    Args:
        folder: `RunFolder`. It is created if it does not exist.
        steps: Integer, number of steps in an epoch.
        phase: String, see `Checkpoints`. Defaults to `"model"`.
        minutes: Float, also write a checkpoint within an epoch whenever so many minutes have
            passed. Defaults to 0, at the end of an epoch only.
        is_writer: Whether this process writes to the folder, and not another one of the same run.
            Defaults to `True`.
        interpolation: `Interpolation` that is applied to the weights in `best.keras`. Defaults to
            none.

    Raises:
        ImportError: If matplotlib, which draws the curves, is not installed.
    """

    def __init__(
        self,
        folder: RunFolder,
        steps: int,
        phase: str = "model",
        minutes: float = 0,
        is_writer: bool = True,
        interpolation: Interpolation | None = None,
    ):
        super().__init__()
        new_figure()  # Fails now rather than after the first epoch.
        self.folder, self.steps, self.minutes = folder, steps, minutes
        self.is_writer, self.interpolation = is_writer, interpolation
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.rows = []
        self._checkpoints = Checkpoints(folder.checkpoints, phase)
        self._saved_metrics = {}
        self._is_terminated = False

    def restore(self, model: keras.Model) -> Place:
        """Restores a compiled model from the last checkpoint, if there is one.

        Args:
            model: The compiled model.

        Returns:
            The `Place` in the run.
        """
        wait_for_all("a phase of training")  # Until the first process has written its checkpoint.
        self._place, self._saved_metrics = self._checkpoints.restore(model)
        self.rows = self.folder.read_metrics()[: self._place.epoch]
        return self._place

    @contextlib.contextmanager
    def terminable(self) -> Iterator[None]:
        """Takes signals to terminate while the block runs, if it runs in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python takes handlers in the main thread only.
            return
        earlier = signal.signal(signal.SIGTERM, self._terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, earlier)

    def on_train_begin(self, logs=None):
        self._saved_at = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if epoch != self._place.epoch:
            self._place = Place(epoch)
        self._is_first_step = self._place.step > 0

    def on_train_batch_end(self, batch, logs=None):
        if self._is_first_step:
            self._sync()
            self._checkpoints.add_metrics(self.model, self._saved_metrics)
            self._is_first_step = False
        self._place = Place(self._place.epoch, self._place.step + 1)
        self._check_finite("loss", logs)
        self._is_terminated |= all_should_end(self._place.epoch * self.steps + self._place.step)
        is_due = self.minutes and time.monotonic() - self._saved_at >= 60 * self.minutes
        # After the last step follow validation and the checkpoint of the epoch.
        if (is_due or self._is_terminated) and self._place.step < self.steps:
            self._save()
            self._end_if_terminated()

    def on_epoch_end(self, epoch, logs=None):
        self._check_finite("val_loss", logs)
        # Rates differ from run to run, and these rows do not.
        row = {name: float(value) for name, value in (logs or {}).items() if name not in RATES}
        row = {"epoch": epoch + 1, **row}
        is_best = row[MONITOR] > max((old[MONITOR] for old in self.rows), default=-1.0)
        self.rows.append(row)
        self._sync()
        if is_best:
            with self.interpolation.applied() if self.interpolation else contextlib.nullcontext():
                if self.is_writer:
                    save_model(self.model, self.folder.best)
        if self.is_writer:
            self.folder.write_metrics(self.rows)
        self._place = Place(epoch + 1)
        self._save()
        self._end_if_terminated()

    def _save(self):
        self._sync()
        try:
            if self.is_writer:
                self._checkpoints.save(self.model, self._place)
        except ValueError as error:
            raise self._not_finite(str(error)) from error
        self._saved_at = time.monotonic()

    def _sync(self):
        # JAX trains on copies of the variables. All processes of a run write them back together.
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()

    def _check_finite(self, name, logs):
        value = (logs or {}).get(name, 0.0)
        if not math.isfinite(value):
            raise self._not_finite(f"Expected a finite {name}. Received: {value}")

    def _not_finite(self, message):
        return ValueError(
            f"{message}, in epoch {self._place.epoch + 1}, step {self._place.step}. The last "
            f"checkpoint is still in {self.folder.checkpoints}. Try a lower --learning_rate or "
            "--head_learning_rate with another --workdir"
        )

    def _terminate(self, number, frame):
        self._is_terminated = True

    def _end_if_terminated(self):
        if self._is_terminated:
            place = f"epoch {self._place.epoch}, step {self._place.step}"
            print(f"\nTerminated after {place}. The same command goes on.", flush=True)
            raise SystemExit(TERMINATED)
