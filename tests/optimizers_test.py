import keras
import numpy as np

from keras_series.optimizers import MultiRateSGD


def numpy_steps(weight, gradients, rate, momentum, decay):
    """PyTorch's documented update, in NumPy."""
    velocity = np.zeros_like(weight)
    for gradient in gradients:
        velocity = momentum * velocity - rate * (gradient + decay * weight)
        weight = weight + velocity
    return weight


def test_rates_follow_the_rank_of_the_variable():
    settings = {"momentum": 0.8, "dense_multiplier": 5.0, "gradient_decay": 0.1}
    optimizer = MultiRateSGD(learning_rate=0.01, **settings)
    shapes = {(1, 1, 2, 3): 0.01, (2, 3): 0.05, (3,): 0.01}
    variables = [keras.Variable(np.full(shape, 0.7, "float32")) for shape in shapes]
    gradients = [0.3, -0.2, 0.5]
    for gradient in gradients:
        optimizer.apply([np.full(shape, gradient, "float32") for shape in shapes], variables)
    for variable, rate in zip(variables, shapes.values(), strict=True):
        expected = numpy_steps(0.7, gradients, rate, 0.8, 0.1)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


def test_config_round_trip_keeps_what_is_not_default():
    optimizer = MultiRateSGD(0.5, momentum=0.1, dense_multiplier=3.0, gradient_decay=0.2)
    again = MultiRateSGD.from_config(optimizer.get_config())
    assert (again.momentum, again.dense_multiplier, again.gradient_decay) == (0.1, 3.0, 0.2)
    assert float(again.learning_rate) == 0.5
