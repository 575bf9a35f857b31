import keras
from keras import layers

_STEM_FILTERS = 16
# Filters and residual blocks of the stages 2 to 5.
_STAGES = ((24, 2), (48, 1), (80, 1), (112, 1))
# Faster than Keras' 0.99: a network this small is trained for hundreds of steps, not for many
# thousands.
_MOMENTUM = 0.97


def tiny_resnet(include_top=False, weights=None, input_shape=(112, 112, 3)):
    """A residual network of 0.35 million parameters with the five stages of a ResNet.

    Small enough to be trained from nothing on two processor cores. As in ResNet50, stage s halves
    the resolution s times and its last layer is named `conv{s}_block{n}_out`, `conv1_relu` for the
    first; there are two 3x3 convolutions a block instead of a bottleneck. Most of its
    calculations are spent at the high resolutions, where noise, blur and compression show.

    It takes the arguments of a Keras application, as far as `Backbone` needs them.

    Args:
        include_top: `False`; there is no classifier.
        weights: `None` or the path of a weights file.
        input_shape: `(height, width, 3)`.

    Returns:
        A `keras.Model`, from photos in -1 to 1 to the features of its fifth stage.

    Example:

    >>> from keras_series.models.tiny_resnet import tiny_resnet
    >>> network = tiny_resnet(input_shape=(96, 96, 3))
    >>> network.get_layer("conv3_block1_out").output.shape
    (None, 12, 12, 48)
    """
    if include_top:
        raise ValueError("Expected `include_top` to be False: tiny_resnet has no classifier.")
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


def _residual_block(features, filters, name, strides):
    shortcut = features
    if strides != 1:
        shortcut = _convolution(features, filters, f"{name}_0", kernel_size=1, strides=strides)
    features = _convolution(features, filters, f"{name}_1", strides=strides)
    features = layers.ReLU(name=f"{name}_1_relu")(features)
    features = _convolution(features, filters, f"{name}_2")
    features = layers.Add(name=f"{name}_add")([shortcut, features])
    return layers.ReLU(name=f"{name}_out")(features)


def _convolution(features, filters, name, kernel_size=3, strides=1):
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
