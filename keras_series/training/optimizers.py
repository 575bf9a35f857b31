"""The optimiser of the paper's authors."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_series")
class MultiRateSGD(keras.optimizers.SGD):
    """Stochastic gradient descent with a higher learning rate for fully connected layers.

    The code released by Huang et al. (ICASSP 2020) trains with it: momentum 0.9, weight decay 5e-4,
    and ten times the learning rate for every fully connected layer, including those of the
    CA-Cells. A step updates a weight w with gradient g as follows:

    1. `g' = g + gradient_decay * w`, as PyTorch does. (Keras decays weights apart from the
       gradient, which would not use the higher rate.)
    2. `m = momentum * m + g'`.
    3. `w = w - rate * m`. The rate is `learning_rate * dense_multiplier` if w is a matrix, as only
       the kernels of fully connected layers are, and `learning_rate` otherwise. A change of the
       rate takes effect at once. (In Keras' order it waits until the momentum has faded.)

    Args:
        learning_rate: Float, at least 0, or a schedule. Defaults to `1e-5`, the authors' rate.
        momentum: Float in [0, 1). Defaults to `0.9`.
        dense_multiplier: Float, at least 0, factor of the rate in step 3. Defaults to `10`.
        gradient_decay: Float, at least 0, factor of the weight in step 1. Defaults to `5e-4`.

    Example:

    >>> import keras
    >>> from keras_series.training import MultiRateSGD
    >>> kernel, bias = keras.Variable([[1.0]]), keras.Variable([1.0])
    >>> optimizer = MultiRateSGD(learning_rate=0.01, gradient_decay=0.0)
    >>> optimizer.apply([keras.ops.ones((1, 1)), keras.ops.ones(1)], [kernel, bias])
    >>> round(float(kernel[0, 0]), 3), round(float(bias[0]), 3)
    (0.9, 0.99)
    """

    def __init__(
        self,
        learning_rate=1e-5,
        momentum=0.9,
        dense_multiplier=10.0,
        gradient_decay=5e-4,
        name="multi_rate_sgd",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, momentum=momentum, name=name, **kwargs)
        self.dense_multiplier = dense_multiplier
        self.gradient_decay = gradient_decay

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype) + self.gradient_decay * variable
        if self.momentum:
            velocity = self.momentums[self._get_variable_index(variable)]
            self.assign(velocity, self.momentum * velocity + gradient)
            gradient = velocity
        is_dense = len(variable.shape) == 2
        rate = learning_rate * self.dense_multiplier if is_dense else learning_rate
        self.assign_sub(variable, ops.cast(rate, variable.dtype) * gradient)

    def get_config(self):
        config = super().get_config()
        config.update(
            {"dense_multiplier": self.dense_multiplier, "gradient_decay": self.gradient_decay}
        )
        return config
