"""What a run's folder says of the machine, and how its rates are measured."""

import importlib.metadata
import time

import keras
import pytest
import tensorflow as tf

from keras_series.data import BatchOptions, Mixture, SeriesBatches
from keras_series.training import RATES, InputWait, RateLogger, describe_environment
from tests.examples import batches, dataset, encode_grey, example


def test_the_environment():
    facts = describe_environment()
    assert facts["libraries"]["tensorflow"] == importlib.metadata.version("tensorflow")
    assert facts["backend"] == keras.backend.backend()
    assert facts["devices"] == keras.distribution.list_devices()


def slow_batches(seconds, count=4):
    def generate():
        for number in range(count):
            time.sleep(seconds)
            yield number

    numbers = tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec([], tf.int32))
    return numbers.apply(tf.data.experimental.assert_cardinality(count)).prefetch(1)


def test_waiting_for_a_slow_input_is_measured():
    wait = InputWait()
    measured = wait.measure(slow_batches(0.1))
    assert int(measured.cardinality()) == 4
    assert list(measured.as_numpy_iterator()) == [0, 1, 2, 3]
    assert wait.seconds == pytest.approx(0.4, rel=0.5)


def test_a_slow_consumer_hardly_waits():
    wait = InputWait()
    for _ in wait.measure(slow_batches(0.001)):
        time.sleep(0.1)
    assert wait.seconds < 0.2


def test_the_rates_of_an_epoch(monkeypatch):
    clock = iter([100.0, 101.0, 102.0, 104.0])
    monkeypatch.setattr("keras_series.training.rates.time.perf_counter", lambda: next(clock))
    series = [example("a", [encode_grey(1), encode_grey(2)], [(0, 1, 0.9)])] * 8
    wait, logs = InputWait(), {}
    logger = RateLogger(batches(series), wait, epochs=3)  # Two batches of eight photos.
    logger.on_epoch_begin(0)
    logger.on_train_batch_end(0)
    wait.seconds += 0.5
    logger.on_train_batch_end(1)
    logger.on_epoch_end(0, logs)
    # Two seconds for 16 photos and 8 pairs; with validation four, for each of two more epochs.
    assert logs == pytest.approx(dict(zip(RATES, (8, 4, 0.25, 8 / 60), strict=True)))


def test_photos_and_pairs_of_an_epoch_of_a_mixture():
    series = [example("a", [encode_grey(1), encode_grey(2)], [(0, 1, 0.9)])] * 8
    mixture = Mixture([dataset(series), dataset(series)], [1, 0.25])
    mixed = SeriesBatches(mixture, BatchOptions(16, pack_size=8))
    assert (mixed.photos, mixed.pairs) == (32, 16)
    assert (mixed.photos_per_epoch, mixed.pairs_per_epoch) == (20, 10)
