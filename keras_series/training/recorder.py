"""The callback that keeps a run's folder up to date while `fit` trains."""

import keras
import tensorflow as tf

from keras_series.training.run_folder import MONITOR, RunFolder, save_model
from keras_series.utils import new_figure


class RunRecorder(keras.callbacks.Callback):
    """Records a run in its folder: best model, metrics, curves and checkpoints.

    After each epoch it writes, in this order, `best.keras` if the validation accuracy has improved,
    `metrics.csv`, `curves.png`, and a checkpoint of weights, optimiser and epoch. The checkpoint
    comes last, so a run that was killed resumes after its last whole epoch.

    Args:
        folder: `RunFolder`. It is created if it does not exist.
        phase: String. What is trained; the state of an optimiser is only restored in the phase that
            it was saved in. Defaults to `"model"`.

    Raises:
        ImportError: If matplotlib, which draws the curves, is not installed.
    """

    def __init__(self, folder: RunFolder, phase: str = "model"):
        super().__init__()
        new_figure()  # Fails now rather than after the first epoch.
        self.folder = folder
        self.phase = phase
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.rows = []

    def restore(self, model: keras.Model) -> int:
        """Restores a compiled model from the last checkpoint, if there is one.

        Args:
            model: The compiled model.

        Returns:
            The number of finished epochs, 0 in a new folder.
        """
        model.optimizer.build(model.trainable_variables)
        self._epochs_done = tf.Variable(0, dtype=tf.int64)
        # Not the model itself, which would bring its optimiser along, of whatever phase.
        state = tf.train.Checkpoint(
            weights=[weight.value for weight in model.weights],
            epoch_count=self._epochs_done,
            **{f"{self.phase}_optimizer": model.optimizer},
        )
        self._checkpoints = tf.train.CheckpointManager(
            state, str(self.folder.checkpoints), max_to_keep=2
        )
        self._checkpoints.restore_or_initialize()
        epochs_done = int(self._epochs_done.numpy())
        self.rows = self.folder.read_metrics()[:epochs_done]
        return epochs_done

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}}
        if row[MONITOR] > max((old[MONITOR] for old in self.rows), default=-1.0):
            save_model(self.model, self.folder.best)
        self.rows.append(row)
        self.folder.write_metrics(self.rows)
        self._epochs_done.assign(epoch + 1)
        self._checkpoints.save(checkpoint_number=epoch + 1)
