"""SGD with a rate for each kind of variable, against its update in NumPy."""

import keras
import numpy as np
import pytest

from keras_series.training import MultiRateSGD


def numpy_steps(weight, gradients, rates, momentum, decay):
    """PyTorch's documented update, in NumPy."""
    velocity = 0.0
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity + gradient + decay * weight
        weight = weight - rate * velocity
    return weight


@pytest.mark.parametrize("momentum", [0.8, 0.0])
def test_rates_follow_the_rank_of_the_variable(momentum):
    optimizer = MultiRateSGD(momentum=momentum, dense_multiplier=5.0, gradient_decay=0.1)
    multipliers = {(1, 1, 2, 3): 1, (2, 3): 5, (3,): 1}
    variables = [keras.Variable(np.full(shape, 0.7, "float32")) for shape in multipliers]
    gradients, rates = [0.3, -0.2, 0.5], np.array([0.01, 0.01, 0.002])
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([np.full(v.shape, gradient, "float32") for v in variables], variables)
    for variable, multiplier in zip(variables, multipliers.values(), strict=True):
        expected = numpy_steps(0.7, gradients, multiplier * rates, momentum, 0.1)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


def test_config_round_trip_keeps_what_is_not_default():
    optimizer = MultiRateSGD(0.5, momentum=0.1, dense_multiplier=3.0, gradient_decay=0.2)
    again = MultiRateSGD.from_config(optimizer.get_config())
    assert (again.momentum, again.dense_multiplier, again.gradient_decay) == (0.1, 3.0, 0.2)
    assert float(again.learning_rate) == 0.5
