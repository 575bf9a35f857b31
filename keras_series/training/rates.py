"""How fast a run is, how long it waits for its input, and how long it will take."""

from __future__ import annotations

import time

import keras
import tensorflow as tf

from keras_series.data import SeriesBatches

RATES = ("photos_per_second", "pairs_per_second", "input_wait", "minutes_left")


class InputWait:
    """Measures how long the consumer of a dataset waits for its elements.

    Attributes:
        seconds: Float, the time waited so far.
    """

    def __init__(self):
        self.seconds = 0.0

    def measure(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Returns the same dataset, measured. Nothing may be prefetched after it.

        Args:
            batches: `tf.data.Dataset` that ends with a prefetch.
        """
        # The parts of a zip are read in order: the clock before the batch that is waited for.
        clock = tf.data.Dataset.counter().map(
            lambda _: tf.numpy_function(time.perf_counter, [], tf.float64)
        )
        measured = tf.data.Dataset.zip(clock, batches).map(self._add)
        cardinality = tf.data.experimental.assert_cardinality(batches.cardinality())
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False
        return measured.apply(cardinality).with_options(options)

    def _add(self, start, batch):
        def add(start):
            self.seconds += time.perf_counter() - start
            return False

        with tf.control_dependencies([tf.numpy_function(add, [start], tf.bool)]):
            return tf.nest.map_structure(tf.identity, batch)


class RateLogger(keras.callbacks.Callback):
    """Adds to the logs of each epoch how fast it was, for the callbacks that follow.

    These are `RATES`: `photos_per_second` and `pairs_per_second` of training, without validation;
    `input_wait`, the fraction of that time in which the steps waited for their input; and
    `minutes_left`, how long the rest of the run takes if its epochs take as long as this one.

    Args:
        batches: `SeriesBatches` of the training data.
        wait: `InputWait` of the same.
        epochs: Integer, number of epochs of the run.
    """

    def __init__(self, batches: SeriesBatches, wait: InputWait, epochs: int):
        super().__init__()
        self._batches, self._wait, self._epochs = batches, wait, epochs

    def on_epoch_begin(self, epoch, logs=None):
        self._start = self._end = time.perf_counter()
        self._waited, self._steps = self._wait.seconds, 0

    def on_train_batch_end(self, batch, logs=None):
        self._end, self._steps = time.perf_counter(), self._steps + 1

    def on_epoch_end(self, epoch, logs=None):
        seconds, share = self._end - self._start, self._steps / self._batches.batches
        rest = (time.perf_counter() - self._start) / share * (self._epochs - epoch - 1)
        values = (
            self._batches.photos_per_epoch * share / seconds,
            self._batches.pairs_per_epoch * share / seconds,
            (self._wait.seconds - self._waited) / seconds,
            rest / 60,
        )
        logs.update(zip(RATES, values, strict=True))
