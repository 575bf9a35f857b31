"""Decoding and resizing of encoded photos into model inputs, in TensorFlow core ops only."""

from keras_series.photos.decoding import MAX_PIXELS, decode_photo, decode_photos
from keras_series.photos.headers import PhotoFormat
from keras_series.photos.resizing import MEAN_COLOUR, resize_photo

__all__ = [
    "MAX_PIXELS",
    "MEAN_COLOUR",
    "PhotoFormat",
    "decode_photo",
    "decode_photos",
    "resize_photo",
]
