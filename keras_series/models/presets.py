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

PRESETS = {
    "paper": _PAPER,
    "tiny": {**_PAPER, "backbone": "tiny", "weights": None, "image_size": 112},
}


def from_preset(name, **overrides):
    """A model by name, with all its weights made.

    `"paper"` is the network of Huang et al., *Learning multi-scale attentive features for series
    photo selection* (ICASSP 2020), as the paper describes it. The PyTorch code that the authors
    released differs: `gate="released"` leaves the sigmoids of the attention gates out, as it does;
    its single fully connected layer and its unshared attention units are not followed. `"tiny"`
    has the same parts on a small residual network that trains from nothing on two processor cores.

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
