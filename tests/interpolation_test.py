"""The average of trained weights and those at the start, with which a model is validated."""

import keras
import numpy as np
import pytest

from keras_series.models import from_preset
from keras_series.training import Interpolation, Recipe, compile_model


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_only_validation_has_the_average(share):
    model = from_preset("tiny", image_size=32)
    compile_model(model, Recipe(learning_rate=0.1))
    start, validated, interpolation = model.get_weights(), [], Interpolation(model, share)
    keep = keras.callbacks.LambdaCallback()
    keep.on_test_batch_begin = lambda batch, logs=None: validated.append(model.get_weights())
    photos = np.random.default_rng(0).uniform(0, 255, (1, 2, 32, 32, 3)).astype("float32")
    labels = np.array([[[0.0, 1.0], [0.0, 0.0]]], np.float32)
    pair = (photos, labels, labels)
    model.fit(
        *pair[:2], sample_weight=labels, validation_data=pair, callbacks=[interpolation, keep],
        epochs=2, verbose=0,
    )  # fmt: skip
    trained = model.get_weights()
    assert max(np.abs(a - b).max() for a, b in zip(trained, start, strict=True)) > 0.01
    with interpolation.applied():
        applied = model.get_weights()
    for values in (validated[-1], applied):
        for value, a, b in zip(values, trained, start, strict=True):
            np.testing.assert_allclose(value, share * a + (1 - share) * b, atol=1e-6)
    for value, a in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(value, a)
