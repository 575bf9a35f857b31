import io
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_series.data.batches import (
    BatchOptions,
    SeriesBatches,
    load_series,
    pack_series,
    photo_batches,
    shuffled,
)

# Series of PhotoTriage's training split by their number of photos.
PHOTO_TRIAGE_SIZES = {2: 2791, 3: 1043, 4: 464, 5: 155, 6: 78, 7: 23, 8: 6}
PAIR_LIST = pathlib.Path(__file__).parents[2] / "shared/data/photo_triage/train_pairlist.txt"
SIZE = 8


def encode(grey, mirror_mark=False):
    """A grey PNG; with a mark, its left half is black."""
    pixels = np.full((SIZE, SIZE, 3), grey, "uint8")
    if mirror_mark:
        pixels[:, : SIZE // 2] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def example(series_id, photos, pairs):
    first, second, preference = zip(*pairs, strict=True)
    return {
        "series_id": series_id,
        "photos": {"photo_bytes": photos, "rank": [0] * len(photos)},
        "pairs": {"first": first, "second": second, "preference": preference},
    }


PHOTO_TYPES = {
    "photo_bytes": tf.string,
    "file_name": tf.string,
    "rank": tf.int32,
    "degradation": tf.string,
    "severity": tf.float32,
}


def dataset(examples):
    photo_names = examples[0]["photos"]
    signature = {
        "series_id": tf.TensorSpec([], tf.string),
        "photos": {name: tf.TensorSpec([None], PHOTO_TYPES[name]) for name in photo_names},
        "pairs": {
            "first": tf.TensorSpec([None], tf.int32),
            "second": tf.TensorSpec([None], tf.int32),
            "preference": tf.TensorSpec([None], tf.float32),
        },
    }
    return tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=signature)


THREE = example(
    "three", [encode(30), encode(60), encode(90)], [(0, 1, 0.8), (0, 2, 0.5), (1, 2, 0.4)]
)
TWO = example("two", [encode(120), encode(150)], [(0, 1, 0.1)])
UNLABELLED = example("unlabelled", [encode(180), encode(210)], [(0, 1, -1.0)])


def batches(examples, **options):
    options = BatchOptions(**{"image_size": SIZE, "pack_size": 8, **options})
    return SeriesBatches(dataset(examples), options, epochs=3)


def first_batch(examples, **options):
    return [part.numpy() for part in next(iter(batches(examples, **options).as_dataset()))]


def greys(photos):
    """The brightness of each decoded photo, in the order of the packs."""
    return [round(float(photo.max())) for photo in photos.reshape(-1, SIZE, SIZE, 3)]


def test_series_lie_side_by_side_and_pairs_across_weigh_nothing():
    photos, labels, weights = first_batch([THREE, TWO])
    assert photos.shape == (1, 8, SIZE, SIZE, 3)
    assert greys(photos)[:5] == [30, 60, 90, 120, 150]
    expected = np.zeros((8, 8))
    expected[0, 1] = expected[1, 2] = expected[3, 4] = 1  # (0, 2) is a tie.
    np.testing.assert_array_equal(weights[0], expected)
    np.testing.assert_array_equal(labels[0][expected == 1], [1, 0, 0])


def test_soft_labels_are_the_preferences():
    _, labels, weights = first_batch([THREE, TWO], labels="soft")
    np.testing.assert_allclose(labels[weights == 1], [0.8, 0.4, 0.1], rtol=1e-6)


def test_unlabelled_pairs_weigh_nothing():
    assert first_batch([UNLABELLED])[2].sum() == 0


def test_min_agreement_keeps_the_pairs_that_reach_it():
    _, _, weights = first_batch([THREE, TWO], min_agreement=0.8)
    np.testing.assert_array_equal(np.argwhere(weights[0]), [[0, 1], [3, 4]])


def test_undecodable_photo_loses_its_pairs_only():
    broken = example("broken", [encode(1), b"<html>", encode(2)], THREE_PAIRS)
    _, _, weights = first_batch([broken])
    np.testing.assert_array_equal(np.argwhere(weights[0]), [[0, 2]])


THREE_PAIRS = [(0, 1, 0.9), (0, 2, 0.9), (1, 2, 0.9)]


def test_shapes_are_static_and_batches_counted():
    packed = batches([THREE, TWO] * 3, batch_size=2)
    photos, labels, weights = packed.as_dataset().element_spec
    assert photos.shape == (2, 8, SIZE, SIZE, 3)
    assert labels.shape == weights.shape == (2, 8, 8)
    assert (
        int(packed.as_dataset().cardinality()) == packed.batches == len(list(packed.as_dataset()))
    )


def many_series():
    return [example(f"{i}", [encode(i)] * (2 + i % 3), [(0, 1, 0.9)]) for i in range(20, 60)]


def seen(packed, epoch):
    """The brightness of the series, in the order in which their only pair comes."""
    packed.epoch = epoch
    return [
        greys(photos.numpy())[place]
        for photos, _, weights in packed.as_dataset()
        for place in np.argwhere(weights.numpy()[0])[:, 0]
    ]


def test_order_is_fixed_by_seed_and_epoch():
    first, again, other = (batches(many_series(), shuffle=True, seed=s) for s in (4, 4, 5))
    assert seen(first, 1) == seen(again, 1)
    assert seen(first, 1) != seen(first, 2)
    assert seen(first, 1) != seen(other, 1)


def test_every_series_is_seen_once_an_epoch():
    packed = batches(many_series(), shuffle=True)
    for epoch in range(3):
        assert sorted(seen(packed, epoch)) == list(range(20, 60))


def test_left_over_places_repeat_photos_and_weigh_nothing():
    photos, _, weights = first_batch([THREE], batch_size=2)
    assert greys(photos) == [30, 60, 90, 30, 60, 90, 30, 60] * 2
    assert weights[0, 3:].sum() == weights[0, :, 3:].sum() == weights[1].sum() == 0


def test_mirroring_is_alike_within_a_series():
    marked = [
        example(f"{i}", [encode(200, mirror_mark=True)] * 2, [(0, 1, 0.9)]) for i in range(40)
    ]
    packed = batches(marked, augment=True, pack_size=2)
    left_is_dark = [photos.numpy()[0, :, 0, 0, 0] < 100 for photos, _, _ in packed.as_dataset()]
    mirrored = [not series[0] for series in left_is_dark]
    assert all(series[0] == series[1] for series in left_is_dark)
    assert 8 < sum(mirrored) < 32


def test_sharpening_is_alike_within_a_series_and_another_in_each_epoch():
    edges = [
        example(f"{i}", [encode(60, mirror_mark=True), encode(90, mirror_mark=True)], [(0, 1, 0.9)])
        for i in range(20)
    ]
    packed = batches(edges, augment=True, pack_size=2)
    amounts = []
    for packed.epoch in range(2):
        brightest = [photos.numpy().max(axis=(0, 2, 3, 4)) for photos, _, _ in packed.as_dataset()]
        # Where a pixel of brightness g is beside an edge to 0, the mean around it is 2 g / 3.
        amounts.append((np.array(brightest) / [60, 90] - 1) * 3)
    first, second = np.stack(amounts).transpose(2, 0, 1)
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert first.min() >= 0
    assert 1.5 < first.max() <= 2 + 1e-5
    assert np.abs(first[0] - first[1]).min() > 0


@pytest.mark.parametrize("pack_size", [16, 32])
def test_few_places_are_empty_on_photo_triage(pack_size):
    sizes = np.repeat(list(PHOTO_TRIAGE_SIZES), list(PHOTO_TRIAGE_SIZES.values()))
    order = shuffled(sizes, np.random.default_rng(0))
    packs = list(pack_series(order, pack_size, size_of=int))
    assert sum(map(len, packs)) == 4560
    assert max(map(sum, packs)) <= pack_size
    assert sizes.sum() / (len(packs) * pack_size) >= 0.95


def test_few_places_are_empty_on_the_real_pair_list():
    if not PAIR_LIST.exists():
        pytest.skip("needs the pair lists beside the project")
    rows = np.loadtxt(PAIR_LIST)
    sizes = [int(rows[rows[:, 0] == series, 1:3].max()) for series in np.unique(rows[:, 0])]
    packs = list(pack_series(sizes, 32, size_of=int))
    assert sum(sizes) / (len(packs) * 32) >= 0.95


def test_series_that_no_pack_holds_is_refused():
    with pytest.raises(ValueError, match=r"at most 2 photos.*one of 3"):
        batches([TWO, THREE], pack_size=2)


@pytest.mark.parametrize(
    ("option", "message"),
    [({"labels": "both"}, "hard.*soft.*'both'"), ({"min_agreement": 0.3}, r"\[0.5, 1\].*0.3")],
)
def test_wrong_options_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        BatchOptions(image_size=8, **option)


def test_photo_batches_keep_order_and_tell_what_is_broken():
    broken = example("broken", [b"", encode(9)], [(0, 1, 0.9)])
    parts = list(photo_batches(dataset([THREE, broken]), SIZE, batch_size=2))
    assert [len(valid) for _, valid in parts] == [2, 2, 1]
    valid = np.concatenate([valid for _, valid in parts])
    np.testing.assert_array_equal(valid, [True, True, True, False, True])
    photos = np.concatenate([photos for photos, _ in parts])
    assert [greys(photos)[at] for at in (0, 1, 2, 4)] == [30, 60, 90, 9]


def test_unknown_dataset_is_named():
    with pytest.raises(ValueError, match="'no_such_series'"):
        load_series("no_such_series", "train")
