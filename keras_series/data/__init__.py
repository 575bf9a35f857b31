"""TFDS examples to annotations, batches and embeddings."""

from keras_series.data.annotations import Annotations
from keras_series.data.augmentation import augment, draw_augmentation, sharpen
from keras_series.data.batches import (
    BatchOptions,
    SeriesBatches,
    encoded_photos,
    photo_batches,
)
from keras_series.data.datasets import MixedDataset, SeriesDataset
from keras_series.data.inference import compare_in_batches, embed_examples, map_photos
from keras_series.data.mixture import Mixture
from keras_series.data.packing import pack_series, shuffled

__all__ = [
    "Annotations",
    "BatchOptions",
    "MixedDataset",
    "Mixture",
    "SeriesBatches",
    "SeriesDataset",
    "augment",
    "compare_in_batches",
    "draw_augmentation",
    "embed_examples",
    "encoded_photos",
    "map_photos",
    "pack_series",
    "photo_batches",
    "sharpen",
    "shuffled",
]
