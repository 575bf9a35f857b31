"""Augmentation of training batches, which is the same for all photos of a series."""

import numpy as np

from tests.examples import batches, encode_grey, example


def test_mirroring_is_the_same_within_a_series():
    marked = [
        example(f"{i}", [encode_grey(200, mirror_mark=True)] * 2, [(0, 1, 0.9)]) for i in range(40)
    ]
    packed = batches(marked, augment=True, pack_size=2)
    left_is_dark = [photos.numpy()[0, :, 0, 0, 0] < 100 for photos, _, _ in packed.as_dataset()]
    mirrored = [not series[0] for series in left_is_dark]
    assert all(series[0] == series[1] for series in left_is_dark)
    assert 8 < sum(mirrored) < 32


def test_sharpening_is_the_same_within_a_series_and_differs_between_epochs():
    edges = [
        example(
            f"{i}",
            [encode_grey(60, mirror_mark=True), encode_grey(90, mirror_mark=True)],
            [(0, 1, 0.9)],
        )
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
