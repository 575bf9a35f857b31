"""Decoding and resizing of encoded photos into model inputs, in TensorFlow core ops only."""

from keras_series.photos.decoding import (
    MAX_PIXELS,
    decode_photo,
    decode_photos,
    decode_photos_with_reasons,
)
from keras_series.photos.headers import PhotoFormat
from keras_series.photos.reasons import Reason
from keras_series.photos.resizing import MEAN_COLOUR, resize_photo

__all__ = [
    "MAX_PIXELS",
    "MEAN_COLOUR",
    "PhotoFormat",
    "Reason",
    "decode_photo",
    "decode_photos",
    "decode_photos_with_reasons",
    "resize_photo",
]
