"""Annotations of a dataset: how they are read, and what is left without some photos."""

import numpy as np
import pytest

from keras_series.data import Annotations
from keras_series.evaluation import statistics
from tests.annotated_series import ANNOTATIONS, value
from tests.examples import dataset, encode_grey, example


def test_photos_and_pairs_are_numbered_through_all_series():
    photos = [encode_grey(grey) for grey in (10, 20, 30)]
    examples = [
        example("a", photos, [(0, 2, 0.75), (1, 2, -1.0)]),
        example("b", photos[:2], [(1, 0, 0.5)]),
    ]
    annotations = Annotations.from_examples(dataset(examples))
    assert annotations.series_count == 2
    np.testing.assert_array_equal(annotations.series_index, [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(annotations.first, [0, 1, 4])
    np.testing.assert_array_equal(annotations.second, [2, 2, 3])
    np.testing.assert_array_equal(annotations.pair_series_index, [0, 0, 1])
    np.testing.assert_array_equal(annotations.majority_share, [0.75, 2, 0.5])
    np.testing.assert_array_equal(annotations.labelled, [True, False, True])
    np.testing.assert_array_equal(annotations.untied, [True, False, False])
    assert annotations.series_ids.tolist() == ["a", "b"]
    assert annotations.photo_hashes[0] == annotations.photo_hashes[3]
    assert annotations.degradations is None


def test_a_dataset_without_series_is_refused():
    empty = dataset([example("a", [encode_grey(10)], [(0, 0, 0.5)])]).take(0)
    with pytest.raises(ValueError, match="Received: one without any"):
        Annotations.from_examples(empty)


def test_a_lost_photo_removes_its_pairs_and_the_ranks_of_its_series():
    rest = ANNOTATIONS.without(np.array([False, False, True, False, False]))
    np.testing.assert_array_equal(rest.preferences, [0.2, 0.6])
    np.testing.assert_array_equal(rest.ranks, [0, 0, 0, 1, 2])
    assert value(statistics.series_top(np.array([0.9, 0.9]), rest)) == 1.0
