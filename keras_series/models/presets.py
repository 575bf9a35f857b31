"""Presets: named settings of the whole model."""

import inspect
from typing import Any

from keras_series.layers.preference_head import PreferenceHead
from keras_series.models.photo_encoder import PhotoEncoder
from keras_series.models.series_preference_model import SeriesPreferenceModel
from keras_series.utils.arguments import check_option

# The arguments of `PhotoEncoder`, and `units` of `PreferenceHead`.
_PAPER = {
    "backbone": "resnet50",
    "stages": (3, 4, 5),
    "arrangement": "parallel",
    "pooling": "both",
    "weights": "imagenet",
    "image_size": 224,
    "units": (128, 128),
}

_BASELINE = {**_PAPER, "stages": (5,), "arrangement": "none"}

PRESETS: dict[str, dict[str, Any]] = {
    "paper": _PAPER,
    # Table 2: single stages.
    "l3": {**_PAPER, "stages": (3,)},
    "l4": {**_PAPER, "stages": (4,)},
    "l5": {**_PAPER, "stages": (5,)},
    # Table 3: arrangements of the attention.
    "na": {**_PAPER, "arrangement": "none"},
    "ca": {**_PAPER, "arrangement": "channel"},
    "sa": {**_PAPER, "arrangement": "spatial"},
    "ca_sa": {**_PAPER, "arrangement": "channel-spatial"},
    "sa_ca": {**_PAPER, "arrangement": "spatial-channel"},
    # Table 4: pooling in the attention cells.
    "average_pooling": {**_PAPER, "pooling": "average"},
    "maximum_pooling": {**_PAPER, "pooling": "maximum"},
    # Table 1: the other systems in the paper's comparison.
    "resnet50": _BASELINE,
    "senet": {**_BASELINE, "backbone": "se_resnet50"},
    "chang2016": {**_BASELINE, "backbone": "vgg16", "resize": "pad"},
    # The gates of the code that the paper's authors released.
    "released": {**_PAPER, "gate": "released"},
    "lite": {**_PAPER, "backbone": "efficientnet_lite0", "image_size": 512},
    "tiny": {**_PAPER, "backbone": "tiny", "weights": None, "image_size": 112},
}


def from_preset(name: str, **overrides: Any) -> SeriesPreferenceModel:
    """Builds a model by name and creates all its weights.

    `"paper"` is the network of Huang et al., *Learning multi-scale attentive features for series
    photo selection* (ICASSP 2020), as the paper describes it. Most other presets are rows of the
    paper's tables, and differ from `"paper"` only as the row does:

    - Table 1: `"resnet50"`, ResNet50 with its last stage pooled under the same head; `"senet"`, the
      same with squeeze-and-excitation (Hu et al., CVPR 2018) in every residual block;
      `"chang2016"`, the same with VGG16, on whole photos padded with the mean colour of the
      training set (Chang et al., *Automatic triage for a photo series*, SIGGRAPH 2016).
    - Table 2: `"l3"`, `"l4"` and `"l5"`, a single stage.
    - Table 3: `"na"`, `"ca"`, `"sa"`, `"ca_sa"` and `"sa_ca"`, other arrangements of the attention.
    - Table 4: `"average_pooling"` and `"maximum_pooling"`, other pooling in the attention cells.

    `"released"` omits the sigmoids of the attention gates, like the PyTorch code that the authors
    released. It does not follow that code's single fully connected layer or its unshared attention
    units.

    Two presets combine the attention and head of `"paper"` with smaller networks: `"lite"` with
    EfficientNet-Lite0 at 512 pixels, which `load_pretrained` gives with trained weights, and
    `"tiny"` with a small residual network that trains from random weights on two CPU cores.

    Args:
        name: String, a key of `PRESETS`.
        **overrides: Arguments of `PhotoEncoder`, or `units` of `PreferenceHead`, that replace those
            of the preset.

    Returns:
        A `SeriesPreferenceModel`.

    Raises:
        ValueError: If the name, an override or its value is invalid.

    Example:

    >>> from keras_series.models import from_preset
    >>> model = from_preset("tiny", arrangement="channel", image_size=64)
    >>> model.encoder.output_shape
    (None, 240)
    """
    check_option("name", name, PRESETS)
    for argument in overrides:
        check_option("override", argument, _arguments())
    settings = {**PRESETS[name], **overrides}
    head = PreferenceHead(units=settings.pop("units"))
    return SeriesPreferenceModel(PhotoEncoder(**settings), head)


def _arguments() -> list[str]:
    parameters = inspect.signature(PhotoEncoder).parameters.values()
    named = [parameter.name for parameter in parameters if parameter.kind != parameter.VAR_KEYWORD]
    return [*named, "units"]
