"""TFDS datasets of series, opened by name and read by split."""

import pytest

from keras_series.data import SeriesDataset
from tests.examples import FewSeries


@pytest.fixture(scope="module")
def few_series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    FewSeries(data_dir=folder).download_and_prepare()
    return SeriesDataset.open("few_series", folder)


def test_the_full_name_has_the_version(few_series):
    assert few_series.name == "few_series"
    assert few_series.full_name == "few_series/1.0.0"


def test_examples_of_a_split_are_always_in_the_same_order(few_series):
    runs = [
        [one["series_id"] for one in few_series.examples("train").as_numpy_iterator()]
        for _ in range(2)
    ]
    assert sorted(runs[0]) == [b"0", b"1", b"2", b"3"]
    assert runs[0] == runs[1]
    assert few_series.examples("test[:3]").cardinality() == 3


def test_the_evaluation_split_is_the_test_split_if_it_has_labels(few_series):
    assert few_series.evaluation_split == "test"


def test_unknown_split_is_named(few_series):
    with pytest.raises(ValueError, match="'holdout'"):
        few_series.examples("holdout")


def test_unknown_dataset_is_named():
    with pytest.raises(ValueError, match="'no_such_series'"):
        SeriesDataset.open("no_such_series")
