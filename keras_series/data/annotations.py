"""What people said of the photos of a dataset, as arrays."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Annotations:
    """Preferences and descriptions of a dataset's photos, read in one pass.

    F photos and P pairs are numbered through all S series.

    Attributes:
        series_index: Integer array `[F]`, the series of each photo.
        ranks: Integer array `[F]`. 1 is the best photo of a series, 0 is not published.
        first: Integer array `[P]`, the first photo of each pair.
        second: Integer array `[P]`, the second photo of each pair.
        preferences: Float array `[P]`. P(first is preferred) in [0, 1], -1 where not published.
        series_ids: String array `[S]`, or `None`.
        file_names: String array `[F]`, empty where unknown, or `None`.
        photo_hashes: Array `[F]` of the SHA-256 digests of the encoded photos, or `None`.
        degradations: String array `[F]`, the fault of each photo, or `None` if the dataset has
            none.
        severities: Float array `[F]` in [0, 1], how strong the fault is, or `None`.
        ratings: Float array `[F]`, people's scores of single photos, or `None`.
    """

    series_index: np.ndarray
    ranks: np.ndarray
    first: np.ndarray
    second: np.ndarray
    preferences: np.ndarray
    series_ids: np.ndarray | None = None
    file_names: np.ndarray | None = None
    photo_hashes: np.ndarray | None = None
    degradations: np.ndarray | None = None
    severities: np.ndarray | None = None
    ratings: np.ndarray | None = None

    @classmethod
    def from_examples(cls, examples: tf.data.Dataset) -> Annotations:
        """Reads the annotations of a `tf.data.Dataset` of TFDS examples.

        Raises:
            ValueError: If there are no photos.
        """
        columns: dict[str, list[np.ndarray]] = {}
        photo_count = 0
        for index, example in enumerate(examples.as_numpy_iterator()):
            for name, values in _describe(example, index, photo_count).items():
                columns.setdefault(name, []).append(values)
            photo_count += len(example["photos"]["rank"])
        if not photo_count:
            raise ValueError("Expected a dataset with series. Received: one without any")
        return cls(**{name: np.concatenate(values) for name, values in columns.items()})

    @property
    def series_count(self) -> int:
        """S, the number of series."""
        return int(self.series_index[-1]) + 1

    @property
    def pair_series_index(self) -> np.ndarray:
        """Integer array `[P]`, the series of each pair."""
        return self.series_index[self.first]

    @property
    def majority_share(self) -> np.ndarray:
        """Float32 array `[P]`, max(p, 1 - p) of each pair; 2 where it is not published."""
        return np.maximum(self.preferences, 1 - self.preferences).astype(np.float32)

    @property
    def labelled(self) -> np.ndarray:
        """Boolean array `[P]`, true where the preference is published."""
        return self.preferences >= 0

    @property
    def untied(self) -> np.ndarray:
        """Boolean array `[P]`, true where the preference is published and is not 0.5."""
        return self.labelled & (self.preferences != 0.5)

    def without(self, lost: np.ndarray) -> Annotations:
        """Returns the annotations without the pairs, ranks and ratings of some photos.

        The best photo of a series that has lost a photo is unknown, so all its ranks become 0.

        Args:
            lost: Boolean array `[F]`.
        """
        kept = self.keeps(lost)
        in_broken_series = np.isin(self.series_index, self.series_index[lost])
        return dataclasses.replace(
            self,
            ranks=np.where(in_broken_series, 0, self.ranks),
            ratings=None if self.ratings is None else np.where(lost, np.nan, self.ratings),
            first=self.first[kept],
            second=self.second[kept],
            preferences=self.preferences[kept],
        )

    def keeps(self, lost: np.ndarray) -> np.ndarray:
        """Returns which pairs `without(lost)` keeps, a boolean array `[P]`."""
        return ~(lost[self.first] | lost[self.second])


def _describe(example, index, first_photo):
    """The columns of one series, by their names in `Annotations`."""
    photos, pairs = example["photos"], example["pairs"]
    count = len(photos["rank"])
    columns = {
        "series_index": np.full(count, index),
        "ranks": photos["rank"],
        "first": pairs["first"] + first_photo,
        "second": pairs["second"] + first_photo,
        "preferences": pairs["preference"],
        "series_ids": np.array([example["series_id"].decode()], object),
        "file_names": _texts(photos.get("file_name", [b""] * count)),
        "photo_hashes": np.array([_digest(each) for each in photos["photo_bytes"]], object),
    }
    if "degradation" in photos:
        columns["degradations"] = _texts(photos["degradation"])
        columns["severities"] = photos["severity"]
    if "rating" in photos:
        columns["ratings"] = photos["rating"]
    return columns


def _digest(photo_bytes):
    return hashlib.sha256(photo_bytes).digest()


def _texts(values):
    return np.array([value.decode() for value in values], object)
