"""Packing of whole series: hardly any place of a pack stays empty."""

import numpy as np
import pytest

from keras_series.data import pack_series, shuffled
from tests.real_data import needs_real_data, real_data

# Series of PhotoTriage's training split by their number of photos.
PHOTO_TRIAGE_SIZES = {2: 2791, 3: 1043, 4: 464, 5: 155, 6: 78, 7: 23, 8: 6}
PAIR_LIST = ("photo_triage", "train_pairlist.txt")


@pytest.mark.parametrize("pack_size", [16, 32])
def test_few_places_are_empty_on_photo_triage(pack_size):
    sizes = np.repeat(list(PHOTO_TRIAGE_SIZES), list(PHOTO_TRIAGE_SIZES.values()))
    order = shuffled(sizes, np.random.default_rng(0))
    packs = list(pack_series(order, pack_size, size_of=int))
    assert sum(map(len, packs)) == 4560
    assert max(map(sum, packs)) <= pack_size
    assert sizes.sum() / (len(packs) * pack_size) >= 0.95


@needs_real_data(*PAIR_LIST)
def test_few_places_are_empty_on_the_real_pair_list():
    rows = np.loadtxt(real_data(*PAIR_LIST))
    sizes = [int(rows[rows[:, 0] == series, 1:3].max()) for series in np.unique(rows[:, 0])]
    packs = list(pack_series(sizes, 32, size_of=int))
    assert sum(sizes) / (len(packs) * 32) >= 0.95
