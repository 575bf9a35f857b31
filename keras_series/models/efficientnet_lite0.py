import pathlib

import keras
from keras import layers

_STEM_FILTERS = 32
_HEAD_FILTERS = 1280
_CLASSES = 1000
_EPSILON = 1e-3
# Per group of blocks: the stage it belongs to, the number of blocks, and of each the kernel size,
# the stride of the first, the factor by which channels are expanded, and the output filters.
_GROUPS = (
    (1, 1, 3, 1, 1, 16),
    (2, 2, 3, 2, 6, 24),
    (3, 2, 5, 2, 6, 40),
    (4, 3, 3, 2, 6, 80),
    (4, 3, 5, 1, 6, 112),
    (5, 4, 5, 2, 6, 192),
    (5, 1, 3, 1, 6, 320),
)


def efficientnet_lite0(
    include_top: bool = False,
    weights: pathlib.Path | str | None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
) -> keras.Model:
    """Builds EfficientNet-Lite0: an EfficientNet-B0 for devices without much arithmetic.

    The differences from EfficientNet-B0 are ReLU6 instead of swish, and no squeeze-and-excitation.
    The network has 3.0 million parameters without the top, and needs 0.4 GFLOP for a photo of 224
    pixels. Stage s has 1 / 2**s of the input resolution. Its last layer is named
    `stage{s}_out`; the stages have 16, 24, 40, 112 and 320 channels.

    Sources: Tan and Le, *EfficientNet: Rethinking model scaling for convolutional neural networks*
    (ICML 2019); Liu, *Higher accuracy on vision models with EfficientNet-Lite* (TensorFlow blog,
    2020). `tools/convert_efficientnet_lite0.py` converts the published ImageNet weights.

    The arguments are those of a Keras application that `Backbone` needs.

    Args:
        include_top: Boolean. Whether to add the last convolution and the ImageNet classifier, which
            gives 1000 logits. Defaults to `False`.
        weights: String or path of a weights file, or `None` for random weights. Defaults to `None`.
        input_shape: Tuple `(height, width, 3)` in pixels. Defaults to `(224, 224, 3)`.

    Returns:
        A `keras.Model` from photos, `(RGB 0-255 - 127) / 128`, to the feature map of the fifth
        stage, or to logits.

    Example:

    >>> from keras_series.models.efficientnet_lite0 import efficientnet_lite0
    >>> network = efficientnet_lite0(input_shape=(96, 96, 3))
    >>> network.get_layer("stage4_out").output.shape
    (None, 6, 6, 112)
    """
    photos = keras.Input(input_shape)
    features = _convolution(photos, _STEM_FILTERS, 3, "stem", strides=2)
    for group, (stage, count, kernel_size, strides, expansion, filters) in enumerate(_GROUPS, 1):
        for block in range(1, count + 1):
            name = f"group{group}_block{block}"
            features = _block(features, filters, kernel_size, strides, expansion, name)
            strides = 1
        if group == len(_GROUPS) or _GROUPS[group][0] != stage:
            features = layers.Identity(name=f"stage{stage}_out")(features)
    if include_top:
        features = _convolution(features, _HEAD_FILTERS, 1, "head")
        features = layers.GlobalAveragePooling2D(name="head_pool")(features)
        features = layers.Dense(_CLASSES, name="classifier")(features)
    network = keras.Model(photos, features, name="efficientnet_lite0")
    if weights is not None:
        network.load_weights(weights)
    return network


def _block(
    features: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    strides: int,
    expansion: int,
    name: str,
) -> keras.KerasTensor:
    """An inverted residual block (Sandler et al., *MobileNetV2*, CVPR 2018)."""
    channels = features.shape[-1]
    inner = features
    if expansion > 1:
        inner = _convolution(inner, expansion * channels, 1, f"{name}_expand")
    inner = layers.DepthwiseConv2D(
        kernel_size, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(inner)
    inner = _normalisation(inner, f"{name}_depthwise")
    inner = layers.ReLU(6.0, name=f"{name}_depthwise_relu6")(inner)
    inner = _convolution(inner, filters, 1, f"{name}_project", activated=False)
    if strides == 1 and channels == filters:
        inner = layers.Add(name=f"{name}_add")([features, inner])
    return inner


def _convolution(
    features: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    name: str,
    strides: int = 1,
    activated: bool = True,
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
    features = _normalisation(features, name)
    return layers.ReLU(6.0, name=f"{name}_relu6")(features) if activated else features


def _normalisation(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(features)
