"""Models: backbones with named stages, the photo encoder, the preference model and presets."""

from keras_series.models.backbones import BACKBONES, Backbone
from keras_series.models.photo_encoder import PhotoEncoder
from keras_series.models.presets import PRESETS, from_preset
from keras_series.models.pretrained import (
    PRETRAINED,
    load_pretrained,
    pretrained_card,
    pretrained_weights,
)
from keras_series.models.series_preference_model import SeriesPreferenceModel

__all__ = [
    "BACKBONES",
    "PRESETS",
    "PRETRAINED",
    "Backbone",
    "PhotoEncoder",
    "SeriesPreferenceModel",
    "from_preset",
    "load_pretrained",
    "pretrained_card",
    "pretrained_weights",
]
