import pathlib

import keras
from keras import layers

_STEM_FILTERS = 16
# Number of filters and of residual blocks in each of the stages 2 to 5.
_STAGES = ((24, 2), (48, 1), (80, 1), (112, 1))
# Lower than Keras' default of 0.99, because a network this small is trained for hundreds of steps
# rather than many thousands.
_MOMENTUM = 0.97


def tiny_resnet(
    include_top: bool = False,
    weights: pathlib.Path | str | None = None,
    input_shape: tuple[int, int, int] = (112, 112, 3),
) -> keras.Model:
    """Builds a residual network of 0.35 million parameters with the five stages of a ResNet.

    The network is small enough to train from random weights on two CPU cores. As in ResNet50,
    stage s has 1 / 2**s of the input resolution, and its last layer is named `conv{s}_block{n}_out`
    (`conv1_relu` for stage 1). A block has two 3x3 convolutions instead of a bottleneck. Most of
    the computation is spent at high resolutions, where noise, blur and compression show.

    The arguments are those of a Keras application that `Backbone` needs.

    Args:
        include_top: Boolean. Must be `False`, since the network has no classifier. Defaults to
            `False`.
        weights: String or path of a weights file, or `None` for random weights. Defaults to `None`.
        input_shape: Tuple `(height, width, 3)` in pixels. Defaults to `(112, 112, 3)`.

    Returns:
        A `keras.Model` from photos in the range -1 to 1 to the feature map of the fifth stage.

    Raises:
        ValueError: If `include_top` is true.

    Example:

    >>> from keras_series.models.tiny_resnet import tiny_resnet
    >>> network = tiny_resnet(input_shape=(96, 96, 3))
    >>> network.get_layer("conv3_block1_out").output.shape
    (None, 12, 12, 48)
    """
    if include_top:
        raise ValueError(
            "Expected `include_top` to be False, since tiny_resnet has no classifier. "
            f"Received: {include_top=}"
        )
    photos = keras.Input(input_shape)
    features = _convolution(photos, _STEM_FILTERS, "conv1", strides=2)
    features = layers.ReLU(name="conv1_relu")(features)
    for stage, (filters, blocks) in enumerate(_STAGES, start=2):
        for block in range(1, blocks + 1):
            name = f"conv{stage}_block{block}"
            features = _residual_block(features, filters, name, strides=2 if block == 1 else 1)
    network = keras.Model(photos, features, name="tiny_resnet")
    if weights is not None:
        network.load_weights(weights)
    return network


def _residual_block(
    features: keras.KerasTensor, filters: int, name: str, strides: int
) -> keras.KerasTensor:
    shortcut = features
    if strides != 1:
        shortcut = _convolution(features, filters, f"{name}_0", kernel_size=1, strides=strides)
    features = _convolution(features, filters, f"{name}_1", strides=strides)
    features = layers.ReLU(name=f"{name}_1_relu")(features)
    features = _convolution(features, filters, f"{name}_2")
    features = layers.Add(name=f"{name}_add")([shortcut, features])
    return layers.ReLU(name=f"{name}_out")(features)


def _convolution(
    features: keras.KerasTensor, filters: int, name: str, kernel_size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    features = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(features)
    return layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_bn")(features)
