"""Backbones: the table of networks and of their stages, and the function that builds one."""

import dataclasses
import os
import pathlib
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_series.models.efficientnet_lite0 import efficientnet_lite0
from keras_series.models.squeeze_excitation import squeeze_and_excite
from keras_series.models.tiny_resnet import tiny_resnet
from keras_series.utils.arguments import check_option


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A row of the table `BACKBONES`: a network and the names of its stages.

    Any Keras application can be added as a row under a new name, and then serves as a backbone like
    the others. To reload a model that uses such a row, add the row again first.

    Args:
        constructor: Callable with the signature of those in `keras.applications`, called as
            `constructor(include_top=False, weights=None, input_shape=(size, size, 3))`.
        preprocess: Callable that converts photos, RGB 0-255 `[batch, height, width, 3]`, to the
            inputs that the network was trained on, in Keras operations. For a Keras application,
            this is its `preprocess_input`.
        stages: Mapping from the number of each stage to the name of its last layer.
        weights_url: String. URL of the ImageNet weights without the classifier, or `None` if there
            are none. Defaults to `None`.
        weights_hash: String. MD5 or SHA-256 of that file, checked after the download. `None` skips
            the check. Defaults to `None`.
        weights_path: Path of the ImageNet weights if they come with the package. Defaults to
            `None`.
        modify: Callable that turns the network, once its weights are loaded, into another one with
            layers of the same names. `None` leaves the network unchanged. Defaults to `None`.

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
    preprocess: Callable[[Any], Any]
    stages: Mapping[int, str]
    weights_url: str | None = None
    weights_hash: str | None = None
    weights_path: pathlib.Path | None = None
    modify: Callable[[keras.Model], keras.Model] | None = None


WEIGHTS = pathlib.Path(__file__).parent / "weights"
_APPLICATIONS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"


def _resnet(
    name: str,
    constructor: Callable[..., keras.Model],
    blocks: Sequence[int],
    weights_hash: str,
) -> Backbone:
    """Returns the row of a ResNet, given the number of blocks in each of its stages 2 to 5."""
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
BACKBONES: dict[str, Backbone] = {
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
    # The next two networks contain their own preprocessing.
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
    "efficientnet_lite0": Backbone(
        constructor=efficientnet_lite0,
        preprocess=lambda photos: (photos - 127.0) / 128.0,
        stages={stage: f"stage{stage}_out" for stage in (1, 2, 3, 4, 5)},
        weights_path=WEIGHTS / "efficientnet_lite0.weights.h5",
    ),
    "tiny": _TINY,
    "se_tiny": dataclasses.replace(_TINY, modify=squeeze_and_excite),
}


def build_backbone(
    name: str,
    stages: Sequence[int],
    weights: pathlib.Path | str | None,
    image_size: int,
) -> keras.Model:
    """Builds a network that outputs the feature maps of the requested stages.

    Args:
        name: String, a key of `BACKBONES`.
        stages: Sequence of integers, the numbers of the stages. At least one, none repeated.
        weights: String or path. `"imagenet"` downloads the ImageNet weights once, `None` starts
            from random weights, and anything else is the path of a local weights file.
        image_size: Integer. Height and width of the photos in pixels.

    Returns:
        A `keras.Model` from preprocessed photos to a list of feature maps, one per stage.

    Raises:
        ValueError: If `name` or `stages` is invalid, or if `weights` is `"imagenet"` and the
            backbone has no ImageNet weights.
        FileNotFoundError: If `weights` is the path of a file that does not exist.
        OSError: If the ImageNet weights cannot be downloaded.
    """
    check_option("backbone", name, BACKBONES)
    row = BACKBONES[name]
    if not stages or len(set(stages)) != len(stages) or not set(stages) <= set(row.stages):
        raise ValueError(
            f"Expected `stages` of the backbone '{name}' to be one or more of "
            f"{tuple(row.stages)}, each at most once. Received: stages={stages}"
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


def _find_weights(name: str, weights: pathlib.Path | str | None) -> str | None:
    """Returns the local path of the weights, downloading them if needed, or `None` for `None`."""
    if weights is None:
        return None
    if weights == "imagenet":
        return os.fspath(BACKBONES[name].weights_path or _download_weights(name))
    path = os.path.expanduser(weights)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"Expected `weights` of the backbone '{name}' to be 'imagenet', None or the path of a "
            f"local file. Received: weights={os.fspath(weights)!r}, which is not a file"
        )
    return path


def _download_weights(name: str) -> str:
    row = BACKBONES[name]
    if row.weights_url is None:
        raise ValueError(
            f"Expected `weights` of the backbone '{name}', which has no ImageNet weights, to be "
            "None or the path of a local file. Received: weights='imagenet'"
        )
    file_name = os.path.basename(urllib.parse.urlsplit(row.weights_url).path)
    try:
        return keras.utils.get_file(
            file_name, row.weights_url, cache_subdir="models", file_hash=row.weights_hash
        )
    # `get_file` wraps the errors of urllib in a bare Exception.
    except Exception as error:
        cache = os.path.join(os.environ.get("KERAS_HOME", os.path.join("~", ".keras")), "models")
        raise OSError(
            f"Could not download the ImageNet weights of the backbone '{name}': {error}\n"
            f"File: {file_name}\n"
            f"Source: {row.weights_url}\n"
            "On a machine without internet access, copy the file to "
            f"{os.path.join(cache, file_name)} or pass weights=PATH. To start from random weights, "
            "pass weights=None."
        ) from error
