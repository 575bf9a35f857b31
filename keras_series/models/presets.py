"""Named settings of the whole model."""

import inspect

from keras_series.layers.cell_options import check_option
from keras_series.layers.preference_head import PreferenceHead
from keras_series.models.photo_encoder import PhotoEncoder
from keras_series.models.series_preference_model import SeriesPreferenceModel

# Arguments of `PhotoEncoder`, and `units` of `PreferenceHead`.
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

PRESETS = {
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
    # Table 1: the systems that the paper compares with.
    "resnet50": _BASELINE,
    "senet": {**_BASELINE, "backbone": "se_resnet50"},
    "chang2016": {**_BASELINE, "backbone": "vgg16", "resize": "pad"},
    # The gates of the code that the paper's authors released.
    "released": {**_PAPER, "gate": "released"},
    "tiny": {**_PAPER, "backbone": "tiny", "weights": None, "image_size": 112},
}


def from_preset(name, **overrides):
    """A model by name, with all its weights made.

    `"paper"` is the network of Huang et al., *Learning multi-scale attentive features for series
    photo selection* (ICASSP 2020), as the paper describes it. The other presets differ from it in
    what the row of the paper's tables differs in:

    - Table 1: `"resnet50"`, ResNet50 with its pooled last stage under the same head; `"senet"`,
      the same with squeeze-and-excitation (Hu et al., CVPR 2018) in every residual block;
      `"chang2016"`, VGG16 likewise, of whole photos padded with the training set's mean colour
      (Chang et al., *Automatic triage for a photo series*, SIGGRAPH 2016).
    - Table 2: `"l3"`, `"l4"` and `"l5"`, a single stage.
    - Table 3: `"na"`, `"ca"`, `"sa"`, `"ca_sa"` and `"sa_ca"`, other attention.
    - Table 4: `"average_pooling"` and `"maximum_pooling"` in the attention cells.

    `"released"` leaves the sigmoids of the attention gates out, as the PyTorch code does that the
    authors released; its single fully connected layer and its unshared attention units are not
    followed. `"tiny"` has the parts of `"paper"` on a small residual network that trains from
    nothing on two processor cores.

    Args:
        name: A key of `PRESETS`.
        **overrides: Arguments of `PhotoEncoder`, and `units` of `PreferenceHead`, that are to
            replace the preset's.

    Returns:
        A `SeriesPreferenceModel`.

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


def _arguments():
    parameters = inspect.signature(PhotoEncoder).parameters.values()
    named = [parameter.name for parameter in parameters if parameter.kind != parameter.VAR_KEYWORD]
    return [*named, "units"]
