"""TFDS datasets of photo series, opened once and passed on."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_datasets as tfds

from keras_series.data.mixture import Mixture
from tfds_series.preparation import check_split, labelled_split, prepare


@dataclasses.dataclass(frozen=True)
class SeriesDataset:
    """A prepared TFDS dataset of photo series.

    Attributes:
        name: String, the TFDS name it was opened by, as `"synthetic_series/scenes"`.
        builder: The prepared TFDS builder.
    """

    name: str
    builder: tfds.core.DatasetBuilder

    @classmethod
    def open(cls, name: str, data_dir: str | os.PathLike | None = None) -> SeriesDataset:
        """Opens a dataset. A dataset that does not exist yet is prepared first.

        Args:
            name: TFDS name, as `"synthetic_series/scenes"`.
            data_dir: Folder of prepared datasets. Defaults to TFDS' own choice,
                `~/tensorflow_datasets`.

        Raises:
            ValueError: If there is no such dataset.
            FileNotFoundError: If the dataset needs files that the user must provide, see
                `tfds_series.preparation.prepare`.
        """
        return cls(name, prepare(name, data_dir))

    @property
    def full_name(self) -> str:
        """Name with config and version, as `"synthetic_series/scenes/1.0.0"`."""
        return self.builder.info.full_name

    @functools.cached_property
    def evaluation_split(self) -> str:
        """`"test"`, or `"validation"` if the labels of `"test"` are not published."""
        return labelled_split(self.builder)

    def examples(self, split: str) -> tf.data.Dataset:
        """Returns the examples of a split, always in the same order.

        Args:
            split: TFDS split, as `"train"` or `"test[:100]"`.

        Raises:
            ValueError: If there is no such split.
        """
        check_split(self.builder, split)
        return self.builder.as_dataset(split=split)

    def mixture(self, split: str) -> Mixture:
        """Returns the examples of a split as a `Mixture` of one part."""
        return Mixture([self.examples(split)])


@dataclasses.dataclass(frozen=True)
class MixedDataset:
    """Several datasets to train on together. Validation is on the first.

    Attributes:
        datasets: Sequence of `SeriesDataset`s.
        shares: Sequence of positive floats, see `Mixture`. Defaults to 1 for each dataset.
    """

    datasets: Sequence[SeriesDataset]
    shares: Sequence[float] | None = None

    @property
    def name(self) -> str:
        """The names of the datasets, separated by commas."""
        return ",".join(dataset.name for dataset in self.datasets)

    @property
    def full_name(self) -> str:
        """The full names of the datasets, separated by commas."""
        return ",".join(dataset.full_name for dataset in self.datasets)

    def examples(self, split: str) -> tf.data.Dataset:
        """Returns the examples of a split of the first dataset.

        Raises:
            ValueError: If there is no such split.
        """
        return self.datasets[0].examples(split)

    def mixture(self, split: str) -> Mixture:
        """Returns the examples of a split of each dataset as a `Mixture`.

        Raises:
            ValueError: If a dataset has no such split, or the shares are not valid.
        """
        return Mixture([dataset.examples(split) for dataset in self.datasets], self.shares)
