"""Squeeze-and-excitation for an existing residual network."""

import keras
from keras import layers

REDUCTION_RATIO = 16


def squeeze_and_excite(network: keras.Model, reduction_ratio: int = REDUCTION_RATIO) -> keras.Model:
    """Adds squeeze-and-excitation to every residual block of a network.

    Before the residual u of a block is added to the shortcut, each of its channels c is weighted:

    1. Squeeze: `z_c = mean over space of u_c`.
    2. Excite: `s = sigmoid(W2 relu(W1 z))`, W1: C -> C / r, W2: C / r -> C, without biases.
    3. Scale: `s_c * u_c`.

    Source: Hu et al., *Squeeze-and-excitation networks* (CVPR 2018), equations 2 to 4.

    Args:
        network: A `keras.Model` whose blocks end in an `Add` of `[shortcut, residual]`, like those
            of `keras.applications.ResNet50`.
        reduction_ratio: Integer, r in step 2. Defaults to 16, the authors' value.

    Returns:
        A new `keras.Model`. It contains the layers of `network` under the same names and with the
        same weights. The added layers have random weights.

    Example:

    >>> from keras_series.models.squeeze_excitation import squeeze_and_excite
    >>> from keras_series.models.tiny_resnet import tiny_resnet
    >>> network = tiny_resnet(input_shape=(64, 64, 3))
    >>> squeeze_and_excite(network).count_params() - network.count_params()
    2752
    """

    def call(layer, *args, **kwargs):
        if isinstance(layer, layers.Add):
            shortcut, residual = args[0]
            name = layer.name.removesuffix("_add")
            return layer([shortcut, _excite(residual, name, reduction_ratio)])
        return layer(*args, **kwargs)

    clone = keras.models.clone_model(network, call_function=call)
    for layer in filter(lambda layer: layer.weights, network.layers):
        clone.get_layer(layer.name).set_weights(layer.get_weights())
    return clone


def _excite(residual: keras.KerasTensor, name: str, reduction_ratio: int) -> keras.KerasTensor:
    channels = residual.shape[-1]
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_se_squeeze")(residual)
    for step, units, activation in (
        ("reduce", channels // reduction_ratio, "relu"),
        ("excite", channels, "sigmoid"),
    ):
        weights = layers.Dense(
            units, activation=activation, use_bias=False, name=f"{name}_se_{step}"
        )(weights)
    return layers.Multiply(name=f"{name}_se_scale")([residual, weights])
