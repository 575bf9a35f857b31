"""The biq2021 dataset, built from a copy of BIQ2021 or from its download."""

from __future__ import annotations

import collections
import concurrent.futures
import csv
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow_datasets.public_api as tfds
from absl import logging

from keras_series.utils import with_srgb_colours
from tfds_series.biq2021.preferences import pair_preferences, ranks
from tfds_series.biq2021.source_files import SourceFiles
from tfds_series.features import series_features
from tfds_series.source_files import UNDECODABLE, UNREADABLE, check_decodable, copy_or_download
from tfds_series.splits import SPLITS, split_of

_HOMEPAGE = "https://github.com/nisarahmedrana/BIQ2021"
_REVISION = "62c7b40"
_URL = f"{_HOMEPAGE}/archive/{_REVISION}.zip"
_SERIES_SUBSET = "ss01"
_GROUP = 8
_MISSING = "missing"
# Photos that are read and decoded at a time.
_THREADS = 8
_INSTRUCTIONS = f"""\
How to get BIQ2021 (Ahmed and Asif, Journal of Electronic Imaging, 2022):

1. Download {_URL}
   (400 MB), or clone {_HOMEPAGE} and check out {_REVISION}.
2. Put the zip file, or what is in it, into a folder of its own and pass it with
   `python prepare.py --dataset=biq2021 --manual_dir=FOLDER` or
   `tfds.download.DownloadConfig(manual_dir=FOLDER)`. The folder is only read.
3. Check that the folder contains, at any depth or in a zip file named BIQ2021*.zip:
     Train (Images and MOS).csv, Test (Images and MOS).csv
     Images/ss01 (1).jpg, ...      all photos, or some of them

Terms: the repository has no licence file and offers the dataset for research; cite the paper; do
not redistribute the photos.
"""


@dataclasses.dataclass(eq=False)
class Biq2021Config(tfds.core.BuilderConfig):
    """Selects the photos and how they are grouped.

    Attributes:
        groups: `"series"` for the series of subset ss01, or `"mixed"` for the photos of the other
            subsets in groups of eight of different scenes. Defaults to `"series"`.

    Raises:
        ValueError: If `groups` is neither.
    """

    groups: str = "series"

    def __post_init__(self) -> None:
        if self.groups not in ("series", "mixed"):
            raise ValueError(f'Expected groups "series" or "mixed". Received: {self.groups!r}')


class Builder(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of BIQ2021, from the user's copy or else from the published repository.

    Attributes:
        SERIES_LIST: File with the series, the split and the SHA-256 hash of each photo of ss01.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS
    BUILDER_CONFIGS = [  # noqa: RUF012
        Biq2021Config(name="series", description="Series of photos of one subject."),
        Biq2021Config(
            name="mixed", description="Groups of eight photos of different scenes.", groups="mixed"
        ),
    ]
    SERIES_LIST = pathlib.Path(__file__).parent / "series.csv"

    def _info(self) -> tfds.core.DatasetInfo:
        """Returns the dataset metadata."""
        return self.dataset_info_from_configs(
            features=series_features(photo={"rating": np.float32}),
            homepage=_HOMEPAGE,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict]]]:
        """Returns the example generator of each split that has photos."""
        files = copy_or_download(
            dl_manager, SourceFiles, {"archive": _URL}, "BIQ2021", _INSTRUCTIONS
        )
        try:
            scores = files.read_scores()
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}.\n\n{_INSTRUCTIONS}") from error
        photos = _UsablePhotos(files, scores)
        find = self._find_series if self.builder_config.groups == "series" else _find_groups
        splits = find(photos)
        self._report(photos.left_out, [split for split in SPLITS if split not in splits])
        if not splits:
            reasons = dict(collections.Counter(photos.left_out.values()).most_common(5))
            raise ValueError(
                f"Expected photos of BIQ2021, revision {_REVISION}, in {files.place}. "
                f"Received: none that can be used; left out: {reasons}\n\n{_INSTRUCTIONS}"
            )
        return {
            split: self._generate_examples(splits[split], photos)
            for split in SPLITS
            if split in splits
        }

    def _generate_examples(
        self, groups: dict[str, list[str]], photos: _UsablePhotos
    ) -> Iterator[tuple[str, dict]]:
        """Yields the key and the example of each group of photos."""
        for series_id, names in groups.items():
            ratings = [photos.scores[name] for name in names]
            example = {
                "series_id": series_id,
                "photos": [
                    {
                        "photo_bytes": photos.read(name),
                        "file_name": f"{name}.jpg",
                        "rank": rank,
                        "rating": rating,
                    }
                    for name, rating, rank in zip(names, ratings, ranks(ratings), strict=True)
                ],
                "pairs": pair_preferences(ratings),
            }
            yield series_id, example

    def _find_series(self, photos: _UsablePhotos) -> dict[str, dict[str, list[str]]]:
        """Returns the names of the photos of each series, by split."""
        splits: dict[str, dict[str, list[str]]] = {}
        with self.SERIES_LIST.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        hashes = photos.hashes_of({row["photo"]: row["sha256"] for row in rows})
        for row in rows:
            if row["photo"] in hashes:
                series = splits.setdefault(row["split"], {})
                series.setdefault(f"series-{int(row['series']):03d}", []).append(row["photo"])
        return splits

    def _report(self, left_out: dict[str, str], missing_splits: list[str]) -> None:
        """Logs what is left out, and adds it to the dataset's metadata."""
        report = self.info.metadata
        report.clear()
        report.update(missing_splits=missing_splits, left_out_photos=left_out)
        for split in missing_splits:
            logging.warning("Left out the split %s: the copy has no photo of it.", split)
        for name, reason in left_out.items():
            if reason != _MISSING:
                logging.warning("Left out %s: %s", name, reason)
        if missing := sum(reason == _MISSING for reason in left_out.values()):
            logging.warning("Left out %d photos that the copy does not have.", missing)


class _Checked(NamedTuple):
    """A photo's hash, or why it is left out."""

    content_hash: str | None
    reason: str | None = None


class _UsablePhotos:
    """The photos of a copy that have a score and can be decoded.

    Args:
        files: `SourceFiles`.
        scores: Dictionary of the scores, by name.

    Attributes:
        left_out: Dictionary of the reasons why photos are left out, by file name.
    """

    def __init__(self, files: SourceFiles, scores: dict[str, float]) -> None:
        self.scores = scores
        self.left_out: dict[str, str] = {}
        self._files = files.photos

    def hashes_of(self, expected: dict[str, str | None]) -> dict[str, str]:
        """Returns the SHA-256 hashes of photos, without those that are left out.

        Photos are read and decoded on all cores.

        Args:
            expected: For each photo, by its name as `"ss01 (104)"`, the only hash that is accepted,
                or `None` for any.
        """
        with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
            checked = list(pool.map(self._check, expected, expected.values()))
        found = dict(zip(expected, checked, strict=True))
        self.left_out = {
            f"{name}.jpg": result.reason
            for name, result in found.items()
            if not result.content_hash
        }
        return {name: result.content_hash for name, result in found.items() if result.content_hash}

    def _check(self, name, expected):
        reason = _MISSING if name in self.scores else "no score"
        for file in self._files.get(name, ()) if name in self.scores else ():
            try:
                content = file.read()
                content_hash = hashlib.sha256(content).hexdigest()
                if content_hash != (expected or content_hash):
                    reason = f"differs from revision {_REVISION}"
                    continue
                check_decodable(content)
            except (*UNREADABLE, *UNDECODABLE) as error:
                reason = f"unreadable: {error}"
                continue
            self._files[name] = [file]
            return _Checked(content_hash)
        return _Checked(None, reason)

    def read(self, name: str) -> bytes:
        """Returns the bytes of a photo that `hashes_of` accepted, in colours that models read."""
        return with_srgb_colours(self._files[name][0].read())


def _find_groups(photos: _UsablePhotos) -> dict[str, dict[str, list[str]]]:
    """Returns the names of the photos of each group of different scenes, by split.

    A photo's split depends on its hash alone. The groups are of photos with neighbouring hashes.
    """
    others = [name for name in photos.scores if not name.startswith(_SERIES_SUBSET)]
    found = photos.hashes_of(dict.fromkeys(others))
    hashes = {content_hash: name for name, content_hash in found.items()}
    names: dict[str, list[str]] = {}
    for content_hash in sorted(hashes):
        names.setdefault(split_of(content_hash), []).append(hashes[content_hash])
    return {
        split: {
            f"{split}-{start // _GROUP:04d}": members[start : start + _GROUP]
            for start in range(0, len(members), _GROUP)
        }
        for split, members in names.items()
    }
