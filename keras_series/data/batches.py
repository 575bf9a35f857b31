"""Series of photos as TFDS keeps them, to batches as models take them."""

import dataclasses
import zlib

import numpy as np
import tensorflow as tf

from keras_series.photos.decoding import decode_photos
from tfds_series.preparation import check_split, labelled_split, prepare

# Packs that are filled side by side, and series that are shuffled among each other: enough to leave
# hardly a place empty and to mix well (TFDS mixes when it writes), few enough to stay below 400 MB
# of encoded photos.
_OPEN_PACKS = 8
_SHUFFLE_BUFFER = 1000
# Up to it drawn scenes have all the local contrast that photographs have.
_MOST_SHARPENING = 2.0


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """How series become batches.

    Attributes:
        image_size: Height and width that photos are brought to.
        resize: `"crop"` or `"pad"`, see `keras_series.photos.decoding.resize_photo`.
        pack_size: N, photos packed side by side, whole series only.
        batch_size: B, packs in a batch.
        labels: `"hard"` (1 where most people prefer the first photo) or `"soft"` (their share).
        min_agreement: Pairs with max(p, 1 - p) below it weigh nothing.
        shuffle: Whether the order changes with `seed` and epoch; otherwise it is the dataset's.
        augment: Whether half the series are mirrored and each is sharpened by an amount of its own,
            all photos of a series alike, chosen by `seed`, epoch and series. Photographs differ in
            sharpness as they come, by camera and resizing, and it is the same for all of a series.
        seed: Non-negative integer.
    """

    image_size: int
    resize: str = "crop"
    pack_size: int = 32
    batch_size: int = 1
    labels: str = "hard"
    min_agreement: float = 0.5
    shuffle: bool = False
    augment: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.labels not in ("hard", "soft"):
            raise ValueError(f'Expected labels "hard" or "soft". Received: {self.labels!r}')
        if not 0.5 <= self.min_agreement <= 1:
            raise ValueError(
                f"Expected min_agreement in [0.5, 1]. Received: {self.min_agreement!r}"
            )


def load_series(dataset, split, data_dir=None):
    """The series of a TFDS dataset, which is prepared if it is not there yet.

    Args:
        dataset: A TFDS name, as `"synthetic_series/scenes"`.
        split: A TFDS split, as `"train"` or `"test[:100]"`.
        data_dir: Where TFDS keeps its datasets. Defaults to TFDS' own choice.

    Returns:
        `tf.data.Dataset` of examples, always in the same order.

    Raises:
        ValueError: If there is no such dataset or split.
        FileNotFoundError: If it needs files of the user's, see `tfds_series.preparation.prepare`.
    """
    builder = prepare(dataset, data_dir)
    check_split(builder, split)
    return builder.as_dataset(split=split)


def evaluation_split(dataset, data_dir=None):
    """The split of a TFDS dataset to judge a model by, see `labelled_split`."""
    return labelled_split(prepare(dataset, data_dir))


def dataset_name(dataset, data_dir=None):
    """The full name of a TFDS dataset, with config and version."""
    return prepare(dataset, data_dir).info.full_name


class SeriesBatches:
    """Whole series packed into batches of static shape.

    A batch is `(photos, labels, weights)`: photos `[B, N, S, S, 3]` float32, RGB 0-255; labels `[B,
    N, N]` float32, where (i, j) says how far photo i is preferred to photo j; weights `[B, N, N]`
    float32, 1 for each labelled pair in the one direction in which the dataset gives it (the model
    is swap-symmetric: the other one would say the same) and 0 for all else: pairs across series,
    ties, pairs without a published label, pairs with a photo that cannot be decoded, and the few
    places that are left over, which repeat photos of the pack before.

    Photos are decoded in parallel while the model works. Only encoded photos of the series at hand
    are held in memory.

    Args:
        series: `tf.data.Dataset` of TFDS examples. It is read once to learn the series' sizes.
        options: `BatchOptions`.
        epochs: How many there will be. Another order may need another number of packs; each epoch
            is given as many batches as the longest, and packs that weigh nothing fill it up.

    Attributes:
        epoch: Read when an iteration starts. With `seed` it fixes the order, so a run that goes on
            at an epoch sees what it would have seen.
        batches: Number of batches in every epoch.
        pairs: Number of pairs that weigh something.

    Raises:
        ValueError: If a series has more photos than a pack.
    """

    def __init__(self, series, options, epochs=1):
        self.series = series
        self.options = options
        self.epoch = 0
        sizes, self.pairs = [], 0
        for example in series.as_numpy_iterator():
            sizes.append(len(example["photos"]["rank"]))
            self.pairs += int(np.count_nonzero(self._labels(example["pairs"]["preference"])[1]))
        packs = max(sum(1 for _ in self._packed(sizes, epoch, int)) for epoch in range(epochs))
        self.batches = -(-packs // options.batch_size)

    def as_dataset(self):
        """The batches of an epoch, as a `tf.data.Dataset`."""
        size = self.options.pack_size
        pairs = tf.TensorSpec([size, size], tf.float32)
        packs = tf.data.Dataset.from_generator(
            self._epoch_arrays,
            output_signature=(
                tf.TensorSpec([size], tf.string),
                tf.TensorSpec([size], tf.bool),
                tf.TensorSpec([size], tf.float32),
                pairs,
                pairs,
            ),
        )
        batches = packs.map(
            self._decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        ).batch(self.options.batch_size, drop_remainder=True)
        return batches.apply(tf.data.experimental.assert_cardinality(self.batches)).prefetch(2)

    def _packed(self, items, epoch, size_of):
        options = self.options
        if options.shuffle:
            items = shuffled(items, np.random.default_rng([options.seed, epoch]))
        return pack_series(items, options.pack_size, size_of)

    def _epoch_arrays(self):
        epoch, number, spare = self.epoch, 0, None
        for pack in self._packed(self.series.as_numpy_iterator(), epoch, _photo_count):
            arrays = self._arrays(pack, epoch, spare)
            yield arrays
            number, spare = number + 1, arrays[0]
        for _ in range(self.batches * self.options.batch_size - number):
            yield self._arrays([], epoch, spare)

    def _arrays(self, pack, epoch, spare):
        options = self.options
        photo_bytes = np.full([options.pack_size], b"", object)
        mirrored = np.zeros([options.pack_size], bool)
        sharpening = np.zeros([options.pack_size], np.float32)
        labels, weights = np.zeros((2, options.pack_size, options.pack_size), np.float32)
        start = 0
        for example in pack:
            stop = start + len(example["photos"]["photo_bytes"])
            photo_bytes[start:stop] = example["photos"]["photo_bytes"]
            if options.augment:
                mirrored[start:stop], sharpening[start:stop] = self._augmentation(example, epoch)
            pairs = example["pairs"]
            places = start + pairs["first"], start + pairs["second"]
            labels[places], weights[places] = self._labels(pairs["preference"])
            start = stop
        # Blank photos would upset the statistics of batch normalisation, so badly that the last
        # packs of an epoch undo what it has learned: photos that were seen already fill the places.
        spare = photo_bytes[:start] if spare is None else spare
        photo_bytes[start:] = np.resize(spare, options.pack_size - start)
        return photo_bytes, mirrored, sharpening, labels, weights

    def _labels(self, preference):
        # Without a published label it is -1.
        weighs = (preference >= 0) & (preference != 0.5)
        weighs &= np.maximum(preference, 1 - preference) >= np.float32(self.options.min_agreement)
        label = preference > 0.5 if self.options.labels == "hard" else preference
        return np.where(weighs, label, 0), weighs

    def _augmentation(self, example, epoch):
        series_number = zlib.crc32(example["series_id"])
        generator = np.random.default_rng([self.options.seed, epoch, series_number])
        return generator.random() < 0.5, generator.uniform(0, _MOST_SHARPENING)

    def _decode(self, photo_bytes, mirrored, sharpening, labels, weights):
        size = self.options.image_size
        photos, valid = decode_photos(photo_bytes, size, self.options.resize)
        photos = tf.where(mirrored[:, None, None, None], tf.reverse(photos, [2]), photos)
        if self.options.augment:
            photos = sharpen(photos, sharpening)
        photos = tf.ensure_shape(photos, [self.options.pack_size, size, size, 3])
        valid = tf.cast(valid, tf.float32)
        return photos, labels, weights * valid[:, None] * valid[None, :]


def sharpen(photos, amounts):
    """Sharpens photos by unsharp masking, with the mean of the 3 x 3 pixels around each.

    Args:
        photos: float32 `[N, H, W, 3]`, RGB 0-255.
        amounts: float32 `[N]`, how many times what differs from that mean is added; 0 is none.

    Returns:
        float32 `[N, H, W, 3]`, RGB 0-255.

    Example:

    >>> photo = tf.constant([0.0, 0.0, 90.0, 90.0])[None, None, :, None]
    >>> sharpen(photo, tf.constant([1.0])).numpy().ravel().tolist()
    [0.0, 0.0, 120.0, 90.0]
    """
    # Beyond the edges nothing is counted.
    smooth = tf.nn.avg_pool2d(photos, ksize=3, strides=1, padding="SAME")
    photos += amounts[:, None, None, None] * (photos - smooth)
    return tf.clip_by_value(photos, 0.0, 255.0)


def _photo_count(example):
    return len(example["photos"]["photo_bytes"])


def shuffled(items, generator, buffer_size=_SHUFFLE_BUFFER):
    """Shuffles a stream: each item changes places with one that has been held back.

    Args:
        items: Iterable.
        generator: `numpy.random.Generator`, which fixes the order.
        buffer_size: How many items are held.

    Yields:
        The items.

    Example:

    >>> import numpy as np
    >>> sorted(shuffled("series", np.random.default_rng(0), buffer_size=3))
    ['e', 'e', 'i', 'r', 's', 's']
    """
    held = []
    for item in items:
        if len(held) < buffer_size:
            held.append(item)
            continue
        place = generator.integers(buffer_size)
        yield held[place]
        held[place] = item
    for place in generator.permutation(len(held)):
        yield held[place]


def pack_series(series, pack_size, size_of):
    """Packs whole series by best fit: each into the fullest pack that still has the room.

    Args:
        series: Iterable of series.
        pack_size: Photos in a pack at most.
        size_of: Function that gives the number of photos of a series.

    Yields:
        Lists of series.

    Raises:
        ValueError: If a series has more photos than a pack.

    Example:

    >>> list(pack_series(["abc", "de", "fg", "h", "ijkl"], pack_size=4, size_of=len))
    [['de', 'fg'], ['abc', 'h'], ['ijkl']]
    """
    packs = []  # Lists of series, beside the photos they hold.
    for each in series:
        size = size_of(each)
        if size > pack_size:
            raise ValueError(
                f"Expected series of at most {pack_size} photos, as many as a pack holds. "
                f"Received: one of {size}. Take a larger pack_size."
            )
        fitting = [pack for pack in packs if pack[0] + size <= pack_size]
        if not fitting and len(packs) == _OPEN_PACKS:
            yield packs.pop(max(range(len(packs)), key=lambda place: packs[place][0]))[1]
        if not fitting:
            packs.append(fresh := [0, []])
            fitting = [fresh]
        pack = max(fitting, key=lambda pack: pack[0])
        pack[0] += size
        pack[1].append(each)
        if pack[0] == pack_size:
            packs = [other for other in packs if other is not pack]
            yield pack[1]
    yield from (members for _, members in packs)


def photo_batches(series, image_size, resize="crop", batch_size=32):
    """All photos of series, each once, in order of series and place.

    Args:
        series: `tf.data.Dataset` of TFDS examples.
        image_size: Height and width that photos are brought to.
        resize: `"crop"` or `"pad"`.
        batch_size: Photos in a batch; the last one may have fewer.

    Returns:
        `tf.data.Dataset` of `(photos, valid)`: float32 `[b, S, S, 3]`, RGB 0-255, and bool `[b]`,
        false where a photo could not be decoded.
    """
    photos = series.flat_map(
        lambda example: tf.data.Dataset.from_tensor_slices(example["photos"]["photo_bytes"])
    )
    return (
        photos.batch(batch_size)
        .map(
            lambda photo_bytes: decode_photos(photo_bytes, image_size, resize),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .prefetch(tf.data.AUTOTUNE)
    )
