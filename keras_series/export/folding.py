"""Folds batch normalisations into the convolutions before them, for inference."""

import keras
from keras import ops

from keras_series.models import BACKBONES, PhotoEncoder

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def fold_encoder(encoder: PhotoEncoder, precision: str = "float32") -> keras.Model:
    """Returns a model that computes what a `PhotoEncoder` does at inference, in fewer operations.

    Args:
        encoder: A `PhotoEncoder`.
        precision: String, the type of the weights and feature maps, such as `"bfloat16"`. The
            photos and the features have 32 bits. Defaults to `"float32"`.

    Returns:
        A `keras.Model` with the same input and output.

    Example:

    >>> import numpy as np
    >>> from keras_series.models import PhotoEncoder
    >>> encoder = PhotoEncoder("tiny", weights=None, image_size=64)
    >>> photos = np.ones((1, 64, 64, 3), dtype="float32")
    >>> bool(np.abs(encoder(photos) - fold_encoder(encoder)(photos)).max() < 1e-4)
    True
    """
    network = fold_batch_norms(encoder.get_layer(encoder.backbone), precision)
    photos = keras.Input(encoder.input_shape[1:])
    maps = network(BACKBONES[encoder.backbone].preprocess(photos))
    names = [f"stage{stage}_attention" for stage in encoder.stages]
    vectors = [
        _copy(encoder.get_layer(name), precision, features)
        for name, features in zip(names, maps, strict=True)
    ]
    return keras.Model(photos, keras.layers.Concatenate(dtype="float32")(vectors))


def _copy(unit, precision, features):
    """Calls a copy of an attention unit."""
    copy = type(unit).from_config({**unit.get_config(), "dtype": precision})
    outputs = copy(features)
    copy.set_weights(unit.get_weights())
    return outputs


def fold_batch_norms(network: keras.Model, precision: str = "float32") -> keras.Model:
    """Returns a copy of a functional model with batch normalisations folded into convolutions.

    `gamma (W x + b - mean) / sqrt(variance + epsilon) + beta` is a convolution again, of the
    weights `s W` and the bias `s (b - mean) + beta` with `s = gamma / sqrt(variance + epsilon)`.
    Graph optimisers do the same only where the convolution has no bias. Normalisations that do not
    directly follow a linear `Conv2D` or `DepthwiseConv2D` are kept.

    Args:
        network: A functional `keras.Model`.
        precision: String, the type of the copy's weights and feature maps. Defaults to `"float32"`.

    Returns:
        A `keras.Model` with the same inputs and outputs.
    """
    folded = dict(filter(None, map(_foldable, network.layers)))
    norms = {norm.name for norm in folded.values()}
    convolutions = {convolution.name: norm for convolution, norm in folded.items()}

    def clone(layer):
        config = {**layer.get_config(), "dtype": precision}
        if layer.name in convolutions:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer, *inputs, **arguments):
        return inputs[0] if layer.name in norms else layer(*inputs, **arguments)

    copy = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in network.layers:
        if layer.name in convolutions:
            _fold(layer, convolutions[layer.name], copy.get_layer(layer.name))
        elif layer.weights and layer.name not in norms:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _foldable(layer):
    """Returns the convolution before a normalisation and `layer`, or `None`."""
    if not isinstance(layer, keras.layers.BatchNormalization) or layer.axis not in (-1, 3):
        return None
    convolution = layer.input._keras_history.operation
    follows_alone = len(convolution._outbound_nodes) == 1
    is_linear = getattr(convolution, "activation", None) is keras.activations.linear
    if type(convolution) in _CONVOLUTIONS and is_linear and follows_alone:
        return convolution, layer
    return None


def _is_depthwise(convolution):
    return isinstance(convolution, keras.layers.DepthwiseConv2D)


def _fold(convolution, norm, copy):
    scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma
    bias = (convolution.bias if convolution.use_bias else 0.0) - norm.moving_mean
    bias = bias * scale + (norm.beta if norm.center else 0.0)
    # The outputs of a depthwise convolution are the last two axes of its kernel.
    shape = copy.kernel.shape[-2:] if _is_depthwise(convolution) else (-1,)
    copy.kernel.assign(convolution.kernel * ops.reshape(scale, shape))
    copy.bias.assign(bias)
