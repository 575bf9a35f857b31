import dataclasses
import os
import urllib.parse
from collections.abc import Callable, Mapping

import keras

from keras_series.layers.cell_options import check_option
from keras_series.models.squeeze_excitation import squeeze_and_excite
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
        weights_hash: MD5 or SHA-256 of that file, which is checked after a download.
        modify: Function that makes the network, once its weights are loaded, into another one with
            layers of the same names. `None` leaves it as it is.

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
    modify: Callable[[keras.Model], keras.Model] | None = None


_APPLICATIONS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"


def _resnet(name, constructor, blocks, weights_hash):
    """A row for a ResNet with so many blocks in each of its stages 2 to 5."""
    taps = {stage: f"conv{stage}_block{count}_out" for stage, count in enumerate(blocks, start=2)}
    return Backbone(
        constructor=constructor,
        preprocess=keras.applications.resnet.preprocess_input,
        stages={1: "conv1_relu", **taps},
        weights_url=(
            f"{_APPLICATIONS_URL}/resnet/{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
        ),
        weights_hash=weights_hash,
    )


_RESNET50 = _resnet(
    "resnet50", keras.applications.ResNet50, (3, 4, 6, 3), "4d473c1dd8becc155b73f8504c6f6626"
)
_TINY = Backbone(
    constructor=tiny_resnet,
    preprocess=lambda photos: photos / 127.5 - 1.0,
    stages={
        1: "conv1_relu",
        2: "conv2_block2_out",
        3: "conv3_block1_out",
        4: "conv4_block1_out",
        5: "conv5_block1_out",
    },
)
BACKBONES = {
    "resnet50": _RESNET50,
    "resnet101": _resnet(
        "resnet101", keras.applications.ResNet101, (3, 4, 23, 3), "88cf7a10940856eca736dc7b7e228a21"
    ),
    "resnet152": _resnet(
        "resnet152", keras.applications.ResNet152, (3, 8, 36, 3), "ee4c566cf9a93f14d82f913c2dc6dd0c"
    ),
    "se_resnet50": dataclasses.replace(_RESNET50, modify=squeeze_and_excite),
    "vgg16": Backbone(
        constructor=keras.applications.VGG16,
        preprocess=keras.applications.vgg16.preprocess_input,
        stages={stage: f"block{stage}_pool" for stage in (1, 2, 3, 4, 5)},
        weights_url=(
            f"{_APPLICATIONS_URL}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
        ),
        weights_hash="6d6bbae143d832006294945121d1f1fc",
    ),
    # The next two have their preprocessing inside.
    "efficientnetv2b0": Backbone(
        constructor=keras.applications.EfficientNetV2B0,
        preprocess=lambda photos: photos,
        stages={
            1: "block1a_project_activation",
            2: "block2b_add",
            3: "block3b_add",
            4: "block5e_add",
            5: "top_activation",
        },
        weights_url=f"{_APPLICATIONS_URL}/efficientnet_v2/efficientnetv2-b0_notop.h5",
        weights_hash="893217f2bb855e2983157299931e43ff",
    ),
    "convnext_tiny": Backbone(
        constructor=keras.applications.ConvNeXtTiny,
        preprocess=lambda photos: photos,
        stages={
            2: "convnext_tiny_stage_0_block_2_identity",
            3: "convnext_tiny_stage_1_block_2_identity",
            4: "convnext_tiny_stage_2_block_8_identity",
            5: "convnext_tiny_stage_3_block_2_identity",
        },
        weights_url=f"{_APPLICATIONS_URL}/convnext/convnext_tiny_notop.h5",
        weights_hash="d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "tiny": _TINY,
    "se_tiny": dataclasses.replace(_TINY, modify=squeeze_and_excite),
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
    if row.modify is not None:
        network = row.modify(network)
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
