"""Small series that the tests give to training and evaluation, one by one or as a dataset."""

import io
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from keras_series.data import BatchOptions, SeriesBatches
from tfds_series.features import series_features

# Pixels of a side.
SIZE = 8
_PHOTO_TYPES = {
    "photo_bytes": tf.string,
    "file_name": tf.string,
    "rank": tf.int32,
    "degradation": tf.string,
    "severity": tf.float32,
    "rating": tf.float32,
}


def encode_grey(grey: int, mirror_mark: bool = False) -> bytes:
    """A grey PNG; with a mark, its left half is black."""
    pixels = np.full((SIZE, SIZE, 3), grey, "uint8")
    if mirror_mark:
        pixels[:, : SIZE // 2] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def example(series_id: str, photos: list[bytes], pairs: list[tuple[int, int, float]]) -> dict:
    """A series of photos, whose pairs are (first, second, preference)."""
    first, second, preference = zip(*pairs, strict=True)
    return {
        "series_id": series_id,
        "photos": {"photo_bytes": photos, "rank": [0] * len(photos)},
        "pairs": {"first": first, "second": second, "preference": preference},
    }


def dataset(examples: list[dict]) -> tf.data.Dataset:
    """The examples as a dataset, of the keys that the photos of the first have."""
    photo_names = examples[0]["photos"]
    signature = {
        "series_id": tf.TensorSpec([], tf.string),
        "photos": {name: tf.TensorSpec([None], _PHOTO_TYPES[name]) for name in photo_names},
        "pairs": {
            "first": tf.TensorSpec([None], tf.int32),
            "second": tf.TensorSpec([None], tf.int32),
            "preference": tf.TensorSpec([None], tf.float32),
        },
    }
    return tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=signature)


def batches(examples: list[dict], **options: Any) -> SeriesBatches:
    """The examples as batches of one pack of eight photos, unless `BatchOptions` say otherwise."""
    options = BatchOptions(**{"image_size": SIZE, "pack_size": 8, **options})
    return SeriesBatches(dataset(examples), options, epochs=3)


def greys(photos: np.ndarray) -> list[int]:
    """The brightness of each decoded photo, in the order of the packs."""
    return [round(float(photo.max())) for photo in photos.reshape(-1, SIZE, SIZE, 3)]


def one_series(number: int, preference: float) -> dict:
    """A series of two photos, the first with an edge, with all that an evaluation reads."""
    photos = [encode_grey(3 * number + place, mirror_mark=place == 0) for place in range(2)]
    one = example(f"series {number}", photos, [(0, 1, preference)])
    one["photos"]["rank"] = [1, 2] if preference > 0.5 else [2, 1]
    one["photos"]["file_name"] = [f"{number}-{place}.png" for place in range(2)]
    return one


def many_series(count: int = 40, start: int = 0) -> tf.data.Dataset:
    """Series of two photos; people prefer the first in every second one."""
    return dataset([one_series(start + n, (0.9, 0.2)[n % 2]) for n in range(count)])


class FewSeries(tfds.core.GeneratorBasedBuilder):
    """Four series of two or three grey photos, the brighter the better; a broken one among them."""

    name = "few_series"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=series_features())

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples() for split in ("train", "validation", "test")}

    def _generate_examples(self):
        for number in range(4):
            greys = [40 + 50 * place + number for place in range(2 + number % 2)]
            photos = [encode_grey(grey) for grey in greys]
            if number == 3:
                photos[0] = b"broken"
            last = len(greys) - 1
            one = example(f"{number}", photos, [(0, 1, 0.1), (0, last, 0.1)])
            one["photos"]["file_name"] = [f"{grey}.png" for grey in greys]
            one["photos"]["rank"] = list(range(len(greys), 0, -1))
            pairs = one["pairs"]
            one["pairs"] = {name: list(values) for name, values in pairs.items()}
            yield number, one
