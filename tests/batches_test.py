"""Batches for training, with their labels, weights and order, and batches of single photos."""

import types

import numpy as np
import pytest

from keras_series.data import BatchOptions, photo_batches
from tests.examples import SIZE, batches, dataset, encode_grey, example, greys

THREE = example(
    "three",
    [encode_grey(30), encode_grey(60), encode_grey(90)],
    [(0, 1, 0.8), (0, 2, 0.5), (1, 2, 0.4)],
)
TWO = example("two", [encode_grey(120), encode_grey(150)], [(0, 1, 0.1)])
UNLABELLED = example("unlabelled", [encode_grey(180), encode_grey(210)], [(0, 1, -1.0)])
THREE_PAIRS = [(0, 1, 0.9), (0, 2, 0.9), (1, 2, 0.9)]


def first_batch(examples, **options):
    return [part.numpy() for part in next(iter(batches(examples, **options).as_dataset()))]


def test_pairs_across_series_have_no_weight():
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


def test_unlabelled_pairs_have_no_weight():
    assert first_batch([UNLABELLED])[2].sum() == 0


def test_min_majority_share_keeps_the_pairs_that_reach_it():
    _, _, weights = first_batch([THREE, TWO], min_majority_share=0.8)
    np.testing.assert_array_equal(np.argwhere(weights[0]), [[0, 1], [3, 4]])


def test_undecodable_photo_loses_its_pairs_only():
    broken = example("broken", [encode_grey(1), b"<html>", encode_grey(2)], THREE_PAIRS)
    _, _, weights = first_batch([broken])
    np.testing.assert_array_equal(np.argwhere(weights[0]), [[0, 2]])


def test_shapes_are_static_and_batches_counted():
    packed = batches([THREE, TWO] * 3, batch_size=2)
    photos, labels, weights = packed.as_dataset().element_spec
    assert photos.shape == (2, 8, SIZE, SIZE, 3)
    assert labels.shape == weights.shape == (2, 8, 8)
    assert (
        int(packed.as_dataset().cardinality()) == packed.batches == len(list(packed.as_dataset()))
    )


def many_series():
    return [example(f"{i}", [encode_grey(i)] * (2 + i % 3), [(0, 1, 0.9)]) for i in range(20, 60)]


def seen(packed, epoch):
    """Returns the brightness of each series, in the order in which its only pair appears."""
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


def test_every_series_is_seen_once_per_epoch():
    packed = batches(many_series(), shuffle=True)
    for epoch in range(3):
        assert sorted(seen(packed, epoch)) == list(range(20, 60))


def test_spare_places_repeat_photos_and_have_no_weight():
    photos, _, weights = first_batch([THREE], batch_size=2)
    assert greys(photos) == [30, 60, 90, 30, 60, 90, 30, 60] * 2
    assert weights[0, 3:].sum() == weights[0, :, 3:].sum() == weights[1].sum() == 0


def test_series_larger_than_a_pack_is_refused():
    with pytest.raises(ValueError, match=r"at most 2 photos.*one of 3"):
        batches([TWO, THREE], pack_size=2)


@pytest.mark.parametrize(
    ("option", "message"),
    [({"labels": "both"}, "hard.*soft.*'both'"), ({"min_majority_share": 0.3}, r"\[0.5, 1\].*0.3")],
)
def test_wrong_options_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        BatchOptions(image_size=8, **option)


def test_photo_batches_keep_order_and_mark_broken_photos():
    broken = example("broken", [b"", encode_grey(9)], [(0, 1, 0.9)])
    parts = list(photo_batches(dataset([THREE, broken]), SIZE, batch_size=2))
    assert [len(valid) for _, valid in parts] == [2, 2, 1]
    valid = np.concatenate([valid for _, valid in parts])
    np.testing.assert_array_equal(valid, [True, True, True, False, True])
    photos = np.concatenate([photos for photos, _ in parts])
    assert [greys(photos)[at] for at in (0, 1, 2, 4)] == [30, 60, 90, 9]


def test_cached_photos_give_the_same_batches(tmp_path, capsys):
    series = [*many_series(), example("broken", [encode_grey(1), b""], [(0, 1, 0.9)])]
    plain, cached = (batches(series, shuffle=True, augment=True) for _ in range(2))
    cached.cache(tmp_path)
    assert "Decoded 123 photos to" in capsys.readouterr().out
    for epoch in range(2):
        plain.epoch = cached.epoch = epoch
        for a, b in zip(plain.as_dataset(), cached.as_dataset(), strict=True):
            np.testing.assert_allclose(a[0], b[0], atol=0.5 * 3)  # Sharpened up to threefold.
            np.testing.assert_array_equal(a[1], b[1])
            np.testing.assert_array_equal(a[2], b[2])


def test_a_cache_is_used_again(tmp_path, capsys):
    batches([THREE]).cache(tmp_path)
    (folder,) = tmp_path.iterdir()
    before = folder.stat().st_mtime_ns
    batches([THREE]).cache(tmp_path)
    batches([TWO]).cache(tmp_path)
    assert folder.stat().st_mtime_ns == before
    assert len(list(tmp_path.iterdir())) == 2
    assert capsys.readouterr().out.count("Decoded") == 2


def test_a_full_disk_leaves_out_the_cache(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("shutil.disk_usage", lambda path: types.SimpleNamespace(free=100))
    packed = batches([THREE])
    packed.cache(tmp_path)
    assert "Photos are decoded each time" in capsys.readouterr().out
    assert greys(next(iter(packed.as_dataset()))[0].numpy())[:3] == [30, 60, 90]


def test_the_fingerprint_is_that_of_photos_and_pairs():
    other_pair = example("two", [encode_grey(120), encode_grey(150)], [(0, 1, 0.2)])
    same, *others = (batches([e]).fingerprint for e in (TWO, other_pair, UNLABELLED))
    assert same == batches([TWO]).fingerprint
    assert len({same, *others}) == 3


def test_hosts_deal_a_batch_among_them():
    options = {"shuffle": True, "batch_size": 4}
    whole = list(batches(many_series(), **options).as_dataset(first=1))
    parts = [
        list(batches(many_series(), **options, host=host, hosts=2).as_dataset(first=1))
        for host in range(2)
    ]
    for batch, *halves in zip(whole, *parts, strict=True):
        for a, *b in zip(batch, *halves, strict=True):
            np.testing.assert_array_equal(a, np.concatenate(b))
