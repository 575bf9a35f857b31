"""The average of trained weights and those at the start, with which a model is validated."""

import keras
import numpy as np
import pytest

from keras_series.training.interpolation import Interpolation


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_only_validation_has_the_average(share):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    start, validated, interpolation = model.get_weights(), [], Interpolation(model, share)
    keep = keras.callbacks.LambdaCallback()
    keep.on_test_batch_begin = lambda batch, logs=None: validated.append(model.get_weights())
    data = np.ones((4, 2)), np.full((4, 1), 9.0)
    callbacks = [interpolation, keep]
    model.fit(*data, validation_data=data, callbacks=callbacks, epochs=2, verbose=0)
    trained = model.get_weights()
    assert max(np.abs(a - b).max() for a, b in zip(trained, start, strict=True)) > 0.01
    with interpolation.applied():
        applied = model.get_weights()
    for values in (validated[-1], applied):
        for value, a, b in zip(values, trained, start, strict=True):
            np.testing.assert_allclose(value, share * a + (1 - share) * b, atol=1e-6)
    for value, a in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(value, a)
