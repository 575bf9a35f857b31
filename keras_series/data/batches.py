"""TFDS examples to batches of static shape, as models take them."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from keras_series.data.augmentation import augment, draw_augmentation
from keras_series.data.mixture import Mixture
from keras_series.data.packing import pack_series, shuffled
from keras_series.data.photo_sources import EncodedPhotos, PhotoFeatures, decode_once
from keras_series.photos import decode_photos


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """How series become batches.

    Attributes:
        image_size: Integer, height and width of the decoded photos in pixels.
        resize: `"crop"` or `"pad"`, see `keras_series.photos.resize_photo`. Defaults to `"crop"`.
        pack_size: Integer N, the number of photos in a pack. Series are never split between packs.
            Defaults to 32.
        batch_size: Integer B, the number of packs in a batch. Defaults to 1.
        labels: `"hard"` (1 where most people prefer the first photo, else 0) or `"soft"` (the
            fraction of people who do). Defaults to `"hard"`.
        min_majority_share: Float in [0.5, 1]. Pairs with max(p, 1 - p) below it have zero weight.
            Defaults to 0.5.
        shuffle: Whether the order depends on `seed` and epoch. Otherwise it is the dataset's order.
            Defaults to `False`.
        augment: Whether half the series are mirrored and each is sharpened by a random amount, all
            photos of a series alike. Defaults to `False`.
        most_sharpening: Float, at least 0, the largest of these amounts. Defaults to 2.
        seed: Non-negative integer. Defaults to 0.
        host: Integer, which part of each batch is returned. Defaults to 0.
        hosts: Integer, number of equal parts that each batch is dealt in. Defaults to 1.
    """

    image_size: int
    resize: str = "crop"
    pack_size: int = 32
    batch_size: int = 1
    labels: str = "hard"
    min_majority_share: float = 0.5
    shuffle: bool = False
    augment: bool = False
    most_sharpening: float = 2.0
    seed: int = 0
    host: int = 0
    hosts: int = 1

    @property
    def own_packs(self) -> range:
        """The places in a batch of the packs that are returned."""
        count = self.batch_size // self.hosts
        return range(self.host * count, (self.host + 1) * count)

    def __post_init__(self):
        if self.labels not in ("hard", "soft"):
            raise ValueError(f'Expected labels "hard" or "soft". Received: {self.labels!r}')
        if not 0.5 <= self.min_majority_share <= 1:
            raise ValueError(
                f"Expected min_majority_share in [0.5, 1]. Received: {self.min_majority_share!r}"
            )


class SeriesBatches:
    """Whole series packed into batches of static shape.

    A batch is `(photos, labels, weights)`:

    - photos: float32 `[B, N, S, S, 3]`, RGB 0-255.
    - labels: float32 `[B, N, N]`. Entry (i, j) says how far photo i is preferred to photo j.
    - weights: float32 `[B, N, N]`. 1 for each labelled pair, in the one direction in which the
      dataset has it (the model is swap-symmetric, so the other direction adds nothing). 0 for
      everything else: pairs across series, ties, pairs without a published label, pairs with a
      photo that cannot be decoded, and the few spare places of a pack, which repeat earlier photos.

    Photos are decoded in parallel with the training step. Memory holds only the encoded photos of
    the series at hand.

    Args:
        examples: `tf.data.Dataset` of TFDS examples, or a `Mixture` of several. It is read once to
            learn the series' sizes.
        options: `BatchOptions`.
        epochs: Integer, number of epochs. A different order may need a different number of packs;
            every epoch has as many batches as the longest one, filled up with packs of zero weight.
            Defaults to 1.

    Attributes:
        epoch: Integer, read when an iteration starts. Together with `seed` it determines the order,
            so a run that resumes at an epoch sees what an uninterrupted run sees.
        batches: Integer, number of batches in every epoch.
        pairs: Integer, number of pairs with nonzero weight.
        photos: Integer, number of photos in the examples.
        pairs_per_epoch: Float, number of these pairs that an epoch has, by the shares of a mixture.
        photos_per_epoch: Float, likewise of the photos.
        fingerprint: String, the SHA-256 of all photos and pairs of the examples.

    Raises:
        ValueError: If a series has more photos than a pack.
    """

    def __init__(self, examples: tf.data.Dataset | Mixture, options: BatchOptions, epochs: int = 1):
        self.mixture = examples if isinstance(examples, Mixture) else Mixture([examples])
        self.options = options
        self.epoch = 0
        content = hashlib.sha256()
        read = [self._read_sizes(part, content) for part in self.mixture.parts]
        self._sizes, pairs = zip(*read, strict=True)
        photos = [sum(sizes) for sizes in self._sizes]
        self.photos, self.pairs = sum(photos), sum(pairs)
        self.photos_per_epoch = float(np.dot(photos, self.mixture.shares))
        self.pairs_per_epoch = float(np.dot(pairs, self.mixture.shares))
        self.fingerprint = content.hexdigest()
        self._source = EncodedPhotos(options.image_size, options.resize)
        packs = max(
            sum(1 for _ in self._packed(self._sizes, epoch, int)) for epoch in range(epochs)
        )
        self.batches = -(-packs // options.batch_size)

    def cache(self, folder: str | os.PathLike) -> None:
        """Decodes each photo once, into a folder that later epochs and runs read.

        Pixels are rounded to 8 bits. If the disk has too little room, photos are decoded each time.

        Args:
            folder: Folder of all decoded datasets. It is created if it does not exist.
        """
        size, resize = self.options.image_size, self.options.resize
        decoded = itertools.chain.from_iterable(
            photo_batches(part, size, resize).as_numpy_iterator() for part in self.mixture.parts
        )
        name = f"{self.fingerprint[:16]}-{size}-{resize}"
        source = decode_once(decoded, self.photos, size, pathlib.Path(folder) / name)
        self._source = source or self._source

    @property
    def has_features(self) -> bool:
        """Whether batches have features in place of photos."""
        return isinstance(self._source, PhotoFeatures)

    def use_features(self, features: np.ndarray, valid: np.ndarray) -> None:
        """Puts features in place of photos: batches begin with float32 `[B, N, D]`.

        Args:
            features: float32 array `[F, D]`, one row for each photo of the examples, in order of
                dataset, series and place.
            valid: Boolean array `[F]`, false where a photo cannot be decoded.
        """
        self._source = PhotoFeatures(features, valid)

    def as_dataset(self, first: int = 0) -> tf.data.Dataset:
        """Returns the batches of one epoch.

        Args:
            first: Integer, number of batches to leave out. Defaults to 0.
        """
        size = self.options.pack_size
        pairs = tf.TensorSpec([size, size], tf.float32)
        packs = tf.data.Dataset.from_generator(
            self._epoch_arrays,
            output_signature=(
                tf.TensorSpec([size], self._source.dtype),
                tf.TensorSpec([size], tf.bool),
                tf.TensorSpec([size], tf.float32),
                pairs,
                pairs,
            ),
        )
        own = len(self.options.own_packs)
        batches = (
            packs.skip(first * own)
            .map(self._decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(own, drop_remainder=True)
        )
        cardinality = tf.data.experimental.assert_cardinality(self.batches - first)
        return batches.apply(cardinality).prefetch(2)

    def _read_sizes(self, part, content):
        """The number of photos of each series of a dataset, and the number of its pairs."""
        sizes, pairs = [], 0
        for example in part.as_numpy_iterator():
            sizes.append(_photo_count(example))
            pairs += int(np.count_nonzero(self._labels(example["pairs"]["preference"])[1]))
            _add_content(content, example)
        return sizes, pairs

    def _packed(self, streams: Sequence[Iterable], epoch: int, size_of: Callable) -> Iterator[list]:
        options = self.options
        counts = [len(sizes) for sizes in self._sizes]
        items = self.mixture.draw(streams, counts, options.seed, epoch)
        if options.shuffle:
            items = shuffled(items, np.random.default_rng([options.seed, epoch]))
        return pack_series(items, options.pack_size, size_of)

    def _epoch_arrays(self):
        size, own = self.options.batch_size, self.options.own_packs
        return (arrays for n, arrays in enumerate(self._all_arrays()) if n % size in own)

    def _all_arrays(self):
        epoch, number, spare = self.epoch, 0, None
        starts = itertools.accumulate(map(sum, self._sizes), initial=0)
        streams = list(map(_with_photo_index, self.mixture.parts, starts))
        for pack in self._packed(streams, epoch, _photo_count):
            arrays = self._arrays(pack, epoch, spare)
            yield arrays
            number, spare = number + 1, arrays[0]
        for _ in range(self.batches * self.options.batch_size - number):
            yield self._arrays([], epoch, spare)

    def _arrays(self, pack, epoch, spare):
        options = self.options
        photos = np.zeros([options.pack_size], self._source.dtype.as_numpy_dtype)
        mirrored = np.zeros([options.pack_size], bool)
        sharpening = np.zeros([options.pack_size], np.float32)
        labels, weights = np.zeros((2, options.pack_size, options.pack_size), np.float32)
        start = 0
        for example in pack:
            stop = start + _photo_count(example)
            photos[start:stop] = self._source.find(example)
            if options.augment:
                mirrored[start:stop], sharpening[start:stop] = draw_augmentation(
                    example["series_id"], options.seed, epoch, options.most_sharpening
                )
            pairs = example["pairs"]
            places = start + pairs["first"], start + pairs["second"]
            labels[places], weights[places] = self._labels(pairs["preference"])
            start = stop
        # Blank photos would distort the statistics of batch normalisation so much that the last
        # packs of an epoch undo what was learned. Photos seen before fill the spare places.
        spare = photos[:start] if spare is None else spare
        photos[start:] = np.resize(spare, options.pack_size - start)
        return photos, mirrored, sharpening, labels, weights

    def _labels(self, preference):
        has_weight = (preference >= 0) & (preference != 0.5)  # -1 is not published.
        majority_share = np.maximum(preference, 1 - preference)
        has_weight &= majority_share >= np.float32(self.options.min_majority_share)
        label = preference > 0.5 if self.options.labels == "hard" else preference
        return np.where(has_weight, label, 0), has_weight

    def _decode(self, photos, mirrored, sharpening, labels, weights):
        photos, valid = self._source.read(photos)
        photos = tf.ensure_shape(photos, [self.options.pack_size, *self._source.shape])
        if self.options.augment:
            photos = augment(photos, mirrored, sharpening)
        valid = tf.cast(valid, tf.float32)
        return photos, labels, weights * valid[:, None] * valid[None, :]


def encoded_photos(examples: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the encoded photos of all examples, string scalars in order of series and place."""
    return examples.flat_map(
        lambda example: tf.data.Dataset.from_tensor_slices(example["photos"]["photo_bytes"])
    )


def photo_batches(
    examples: tf.data.Dataset, image_size: int, resize: str = "crop", batch_size: int = 32
) -> tf.data.Dataset:
    """Returns all photos of a dataset, decoded, in order of series and place.

    Args:
        examples: `tf.data.Dataset` of TFDS examples.
        image_size: Integer S, height and width of the decoded photos in pixels.
        resize: `"crop"` or `"pad"`, see `keras_series.photos.resize_photo`. Defaults to `"crop"`.
        batch_size: Integer, number of photos in a batch. The last batch may have fewer. Defaults
            to 32.

    Returns:
        `tf.data.Dataset` of `(photos, valid)`: float32 `[b, S, S, 3]`, RGB 0-255, and boolean
        `[b]`, false where a photo cannot be decoded.
    """
    return (
        encoded_photos(examples)
        .batch(batch_size)
        .map(
            lambda photo_bytes: decode_photos(photo_bytes, image_size, resize),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .prefetch(tf.data.AUTOTUNE)
    )


def _photo_count(example):
    return len(example["photos"]["photo_bytes"])


def _with_photo_index(part, start):
    """Yields the examples of a dataset with the places of their photos among all photos."""
    for example in part.as_numpy_iterator():
        stop = start + _photo_count(example)
        yield {**example, "photo_index": np.arange(start, stop)}
        start = stop


def _add_content(content, example):
    """Adds what is trained on, photos and pairs, to a hash."""
    for photo_bytes in example["photos"]["photo_bytes"]:
        content.update(b"%d " % len(photo_bytes) + photo_bytes)
    for name in ("first", "second", "preference"):
        content.update(np.asarray(example["pairs"][name]).tobytes())
