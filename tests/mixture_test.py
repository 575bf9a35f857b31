"""Several datasets in one epoch: shares, order and batches."""

import collections

import pytest
import tensorflow as tf

from keras_series.data import BatchOptions, MixedDataset, Mixture, SeriesBatches
from tests.examples import many_series

LETTERS = ["abcdefghij", "ABCDEFGHIJ"]


def draw(shares, seed=0, epoch=0):
    mixture = Mixture([tf.data.Dataset.range(10)] * len(shares), shares)
    streams = LETTERS[: len(shares)]
    return list(mixture.draw(streams, [10] * len(shares), seed, epoch))


@pytest.mark.parametrize("shares", [(1, 1), (1, 0.5), (2.3, 0.1)])
def test_shares(shares):
    counts = collections.Counter(draw(shares))
    for letters, share in zip(LETTERS, shares, strict=True):
        times = [counts[letter] for letter in letters]
        assert sum(times) == round(10 * share)
        assert max(times) - min(times) <= 1


def test_one_whole_dataset_keeps_its_order():
    assert draw((1,)) == list(LETTERS[0])


def test_each_dataset_keeps_its_order_and_they_take_turns():
    drawn = draw((1, 1))
    assert [letter for letter in drawn if letter in LETTERS[0]] == list(LETTERS[0])
    assert [letter for letter in drawn if letter in LETTERS[1]] == list(LETTERS[1])
    assert drawn[:10] != list(LETTERS[0])


def test_an_epoch_is_repeatable_and_the_next_one_differs():
    assert draw((0.5, 0.5), seed=1, epoch=2) == draw((0.5, 0.5), seed=1, epoch=2)
    assert draw((0.5, 0.5), seed=1, epoch=2) != draw((0.5, 0.5), seed=1, epoch=3)


@pytest.mark.parametrize(("parts", "shares"), [(0, []), (2, [1]), (1, [0]), (1, [-1])])
def test_invalid_shares_are_refused(parts, shares):
    with pytest.raises(ValueError, match="Expected a positive share for each of"):
        Mixture([tf.data.Dataset.range(1)] * parts, shares)


def test_batches_have_the_pairs_of_all_datasets():
    parts = [many_series(4, start=0), many_series(6, start=50)]
    options = BatchOptions(image_size=8, pack_size=8, shuffle=True)
    alone = [SeriesBatches(part, options) for part in parts]
    mixed = SeriesBatches(Mixture(parts), options)
    weights = [
        sum(float(tf.reduce_sum(b[2])) for b in each.as_dataset()) for each in (*alone, mixed)
    ]
    assert mixed.pairs == alone[0].pairs + alone[1].pairs
    assert weights[2] == weights[0] + weights[1]


def test_half_a_dataset_has_half_of_its_series():
    options = BatchOptions(image_size=8, pack_size=3, shuffle=True)
    part = many_series(8, start=0)
    whole, half = (SeriesBatches(Mixture([part], [share]), options) for share in (1, 0.5))
    assert half.batches < whole.batches


class Part:
    def __init__(self, name):
        self.name = name
        self.full_name = f"{name}/1.0.0"

    def examples(self, split):
        return tf.data.Dataset.from_tensors(f"{self.name} {split}")


def test_a_mixed_dataset_is_validated_on_the_first():
    mixed = MixedDataset([Part("a"), Part("b")], [1, 0.5])
    assert (mixed.name, mixed.full_name) == ("a,b", "a/1.0.0,b/1.0.0")
    assert list(mixed.examples("validation").as_numpy_iterator()) == [b"a validation"]
    assert [list(part.as_numpy_iterator()) for part in mixed.mixture("train").parts] == [
        [b"a train"], [b"b train"],
    ]  # fmt: skip
