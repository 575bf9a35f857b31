"""Trained weights that come with the package."""

from __future__ import annotations

import json
import pathlib

from keras_series.models.backbones import WEIGHTS
from keras_series.models.presets import from_preset
from keras_series.models.series_preference_model import SeriesPreferenceModel
from keras_series.utils.arguments import check_option

# Each is the name of its preset, and of the files of its weights and of its card.
PRETRAINED: tuple[str, ...] = ("lite",)


def load_pretrained(name: str = "lite") -> SeriesPreferenceModel:
    """Loads a trained model that comes with the package. Nothing is downloaded.

    `"lite"` is the preset of that name, trained on real photo series with people's scores.
    docs/model_card.md says on what, how, how well it does and what it cannot do.

    Args:
        name: String, one of `PRETRAINED`. Defaults to `"lite"`.

    Returns:
        A `SeriesPreferenceModel` with its reference embedding and temperature.

    Raises:
        ValueError: If the name is invalid.

    Example:

    >>> from keras_series.models import load_pretrained
    >>> model = load_pretrained("lite")
    >>> model.encoder.backbone
    'efficientnet_lite0'
    """
    weights = pretrained_weights(name)
    model = from_preset(name, weights=None)
    model.load_weights(weights)
    return model


def pretrained_weights(name: str = "lite") -> pathlib.Path:
    """Returns the file of the weights that `load_pretrained` loads.

    Args:
        name: String, one of `PRETRAINED`. Defaults to `"lite"`.

    Raises:
        ValueError: If the name is invalid.
    """
    check_option("name", name, PRETRAINED)
    return WEIGHTS / f"{name}.weights.h5"


def pretrained_card(name: str = "lite") -> dict:
    """Returns how the weights of `load_pretrained` were trained and evaluated.

    Args:
        name: String, one of `PRETRAINED`. Defaults to `"lite"`.

    Raises:
        ValueError: If the name is invalid.
    """
    check_option("name", name, PRETRAINED)
    return json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))
