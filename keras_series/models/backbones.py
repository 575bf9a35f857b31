import dataclasses
import os
import urllib.parse
from collections.abc import Callable, Mapping

import keras

from keras_series.layers.cell_options import check_option
from keras_series.models.tiny_resnet import tiny_resnet


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A row of the table `BACKBONES`: a network and the names of its stages.

    Any Keras application can be added as a row, under a name of one's own, and is then an encoder
    like the others. A model that uses it can be reloaded once the row has been added again.

    Args:
        constructor: Function like those of `keras.applications`, called as
            `constructor(include_top=False, weights=None, input_shape=(size, size, 3))`.
        preprocess: Function from RGB photos 0-255 `[batch, height, width, 3]` to what the network
            was trained on, in Keras operations: the `preprocess_input` of a Keras application.
        stages: The name of each stage's last layer, by the stage's number.
        weights_url: Where the ImageNet weights (without the classifier) are. `None` if there are
            none.
        weights_hash: MD5 of that file, which is checked after a download.

    Example:

    >>> import keras
    >>> from keras_series.models import BACKBONES, Backbone, PhotoEncoder
    >>> BACKBONES["mobilenet"] = Backbone(
    ...     constructor=keras.applications.MobileNet,
    ...     preprocess=keras.applications.mobilenet.preprocess_input,
    ...     stages={3: "conv_pw_5_relu", 4: "conv_pw_11_relu", 5: "conv_pw_13_relu"},
    ... )
    >>> encoder = PhotoEncoder("mobilenet", weights=None, image_size=64)
    >>> encoder.output_shape
    (None, 3584)
    >>> del BACKBONES["mobilenet"]
    """

    constructor: Callable[..., keras.Model]
    preprocess: Callable
    stages: Mapping[int, str]
    weights_url: str | None = None
    weights_hash: str | None = None


_APPLICATIONS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"

BACKBONES = {
    "resnet50": Backbone(
        constructor=keras.applications.ResNet50,
        preprocess=keras.applications.resnet.preprocess_input,
        stages={
            1: "conv1_relu",
            2: "conv2_block3_out",
            3: "conv3_block4_out",
            4: "conv4_block6_out",
            5: "conv5_block3_out",
        },
        weights_url=(
            f"{_APPLICATIONS_URL}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
        ),
        weights_hash="4d473c1dd8becc155b73f8504c6f6626",
    ),
    "tiny": Backbone(
        constructor=tiny_resnet,
        preprocess=lambda photos: photos / 127.5 - 1.0,
        stages={
            1: "conv1_relu",
            2: "conv2_block2_out",
            3: "conv3_block1_out",
            4: "conv4_block1_out",
            5: "conv5_block1_out",
        },
    ),
}


def build_backbone(name, stages, weights, image_size):
    """One network whose outputs are the last layers of the stages asked for.

    Args:
        name: A key of `BACKBONES`.
        stages: Sequence of stage numbers.
        weights: `"imagenet"`, `None` or the path of a local file.
        image_size: Height and width of the photos.

    Returns:
        A `keras.Model` from preprocessed photos to a list of feature maps, one a stage.
    """
    check_option("backbone", name, BACKBONES)
    row = BACKBONES[name]
    if not stages or len(set(stages)) != len(stages) or not set(stages) <= set(row.stages):
        raise ValueError(
            f"Expected `stages` of the backbone '{name}' to be one or more of "
            f"{tuple(row.stages)}, each once. Received: stages={stages}"
        )
    weights_path = _find_weights(name, weights)
    network = row.constructor(
        include_top=False, weights=None, input_shape=(image_size, image_size, 3)
    )
    if weights_path is not None:
        network.load_weights(weights_path)
    outputs = [network.get_layer(row.stages[stage]).output for stage in stages]
    return keras.Model(network.input, outputs, name=name)


def _find_weights(name, weights):
    """The local path of the weights, which are downloaded if need be; `None` for `None`."""
    if weights is None:
        return None
    if weights == "imagenet":
        return _download_weights(name)
    path = os.path.expanduser(weights)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"Expected `weights` of the backbone '{name}' to be 'imagenet', None or the path of a "
            f"local file. Received: weights={os.fspath(weights)!r}, which is no file"
        )
    return path


def _download_weights(name):
    row = BACKBONES[name]
    if row.weights_url is None:
        raise ValueError(
            f"The backbone '{name}' has no ImageNet weights. Expected `weights` to be None or the "
            "path of a local file. Received: weights='imagenet'"
        )
    file_name = os.path.basename(urllib.parse.urlsplit(row.weights_url).path)
    try:
        return keras.utils.get_file(
            file_name, row.weights_url, cache_subdir="models", file_hash=row.weights_hash
        )
    # `get_file` wraps what urllib raises in a bare Exception.
    except Exception as error:
        cache = os.path.join(os.environ.get("KERAS_HOME", os.path.join("~", ".keras")), "models")
        raise OSError(
            f"Could not download the ImageNet weights of the backbone '{name}': {error}\n"
            f"Wanted: {file_name}\n"
            f"Source: {row.weights_url}\n"
            f"On a machine without internet, copy that file to {os.path.join(cache, file_name)} "
            "or pass weights=PATH. weights=None starts from random weights."
        ) from error
