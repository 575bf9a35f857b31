"""The photo_triage dataset, built from a copy of PhotoTriage or from its download."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets.public_api as tfds
from absl import logging

from keras_series.utils import with_srgb_colours
from tfds_series.features import series_features
from tfds_series.photo_triage import pair_lists, reviews
from tfds_series.photo_triage.left_out import LeftOut, file_name
from tfds_series.photo_triage.pair_lists import ListedSeries
from tfds_series.photo_triage.source_files import LISTS, SourceFiles
from tfds_series.source_files import UNDECODABLE, UNREADABLE, check_decodable, copy_or_download

_HOMEPAGE = "https://phototriage.cs.princeton.edu/dataset.html"
_URLS = {
    "train_val": "http://phototriage.cs.princeton.edu/data/train_val.zip",
    "test": "http://phototriage.cs.princeton.edu/data/test.zip",
}
_INSTRUCTIONS = f"""\
How to get PhotoTriage (Chang et al., SIGGRAPH 2016):

1. Download train_val.zip and test.zip, as described at {_HOMEPAGE},
   from {" and ".join(_URLS.values())}.
   The server is often down. If so, ask the authors or a colleague who has a copy.
2. Put the files, zipped or unpacked, into a folder of their own and pass it with
   `python prepare.py --dataset=photo_triage --manual_dir=FOLDER` or
   `tfds.download.DownloadConfig(manual_dir=FOLDER)`. The folder is only read.
3. Check that the folder contains, at any depth or in the zip files:
     train_pairlist.txt, val_pairlist.txt   and test_pairlist.txt for the test split
     000001-01.JPG, 000001-02.JPG, ...      the photos
     reviews_trainval/000001.json, ...      for photo_triage/reviews only

Terms: research use; cite the paper; do not redistribute the photos.
"""


@dataclasses.dataclass(eq=False)
class PhotoTriageConfig(tfds.core.BuilderConfig):
    """Selects the features of each series.

    Attributes:
        with_reviews: Boolean, whether to add the reviewers' votes and reasons. Defaults to
            `False`.
    """

    with_reviews: bool = False


class Builder(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of PhotoTriage, from the user's copy or else from the published zip files."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS
    BUILDER_CONFIGS = [  # noqa: RUF012
        PhotoTriageConfig(name="pairs", description="Photos and the preference of each pair."),
        PhotoTriageConfig(
            name="reviews",
            description="As `pairs`, with the reviewers' votes and reasons.",
            with_reviews=True,
        ),
    ]
    # Series, photos, pairs and ties of the published dataset. The photos of `test` are not counted.
    PUBLISHED_COUNTS = {  # noqa: RUF012
        "train": (4560, 12019, 12075, 91),
        "validation": (195, 503, 483, 1),
        "test": (967, None, 2585, 0),
    }

    def _info(self) -> tfds.core.DatasetInfo:
        """Returns the dataset metadata."""
        features = series_features()
        if self.builder_config.with_reviews:
            features = series_features(
                pair={"left_votes": np.int32, "right_votes": np.int32},
                series={
                    "aligned": np.bool_,
                    "reasons": tfds.features.Sequence({
                        "pair": np.int32,
                        "photo": np.int32,
                        "is_praise": np.bool_,
                        "text": tfds.features.Text(),
                    }),
                },
            )  # fmt: skip
        return self.dataset_info_from_configs(
            features=features, homepage=_HOMEPAGE, metadata=tfds.core.MetadataDict()
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict]]]:
        """Returns the example generator of each split."""
        files = copy_or_download(dl_manager, SourceFiles, _URLS, "PhotoTriage", _INSTRUCTIONS)
        lists = _read_lists(files)
        if self.builder_config.with_reviews and not files.reviews:
            raise FileNotFoundError(
                "Expected reviews_trainval/*.json for photo_triage/reviews. Received: a copy "
                "without reviews. The config photo_triage/pairs does not need them"
            )
        report = self.info.metadata
        report.clear()
        report.update(missing_splits=[split for split in LISTS if split not in lists])
        if report["missing_splits"]:
            logging.warning("Left out the test split: the copy lacks its pair list or its photos.")
        left_out = LeftOut(lists, report)
        left_out.add_missing(lists, files)
        if self.builder_config.with_reviews:
            report.update(aligned_series=0, unreadable_reviews={})
        return {
            split: self._generate_examples(series, files, left_out)
            for split, series in lists.items()
        }

    def _generate_examples(
        self, listed: dict[int, ListedSeries], files: SourceFiles, left_out: LeftOut
    ) -> Iterator[tuple[str, dict]]:
        """Yields the key and the example of each series that has a complete pair of photos."""
        for number, series in listed.items():
            photos = {}
            for photo in sorted(series.ranks):
                content = _read_photo(number, photo, files, left_out)
                if content is not None:
                    photos[photo] = content
            example = _make_example(number, series, photos)
            if not example["pairs"]:
                left_out.add_series(example["series_id"])
                continue
            if self.builder_config.with_reviews:
                self._add_reviews(example, number, series, list(photos), files)
            yield example["series_id"], example

    def _add_reviews(
        self,
        example: dict,
        number: int,
        series: ListedSeries,
        photos: list[int],
        files: SourceFiles,
    ) -> None:
        report = self.info.metadata
        entries = []
        if number in files.reviews:
            try:
                entries = reviews.read_reviews(files.reviews[number].read())
            except (ValueError, *UNREADABLE) as error:
                logging.warning("Left out the reviews in %s: %s", files.reviews[number], error)
                report["unreadable_reviews"][example["series_id"]] = str(error)
        photo_of_number = reviews.align(entries, series)
        report["aligned_series"] += photo_of_number is not None
        reviews.attach(example, entries, photo_of_number, photos)


def _read_lists(files: SourceFiles) -> dict[str, dict[int, ListedSeries]]:
    """Reads and checks the pair list of each split that the copy has."""
    lists = {}
    for split in LISTS:
        if split == "test" and not files.lists[split]:
            continue
        try:
            text = files.read_list(split)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}.\n\n{_INSTRUCTIONS}") from error
        lists[split] = pair_lists.read_pair_list(text, LISTS[split], split == "test")
    pair_lists.check_disjoint(lists)
    if not any((number, 1) in files.photos for number in lists.get("test", ())):
        lists.pop("test", None)
    return lists


def _read_photo(number: int, photo: int, files: SourceFiles, left_out: LeftOut) -> bytes | None:
    """Returns the bytes of a photo, or `None` if it is missing or cannot be decoded."""
    found, reason = {}, None
    for file in files.photos.get((number, photo), ()):
        try:
            content = file.read()
            check_decodable(content)
            found.setdefault(with_srgb_colours(content), file)
        except (*UNREADABLE, *UNDECODABLE) as error:
            reason = str(error)
    if len(found) > 1:
        places = ", ".join(map(str, found.values()))
        raise ValueError(
            f"Expected one photo {file_name(number, photo)}. Received several that differ: {places}"
        )
    if not found and reason is not None:  # Missing photos are already reported.
        left_out.add_undecodable(file_name(number, photo), reason)
    return next(iter(found), None)


def _make_example(number: int, series: ListedSeries, photos: dict[int, bytes]) -> dict:
    """Returns the example of a series, given the bytes of its available photos by number."""
    places = {photo: place for place, photo in enumerate(photos)}
    return {
        "series_id": f"{number:06d}",
        "photos": [
            {
                "photo_bytes": content,
                "file_name": file_name(number, photo),
                "rank": series.ranks[photo],
            }
            for photo, content in photos.items()
        ],
        "pairs": [
            {"first": places[a], "second": places[b], "preference": preference}
            for (a, b), preference in sorted(series.preferences.items())
            if a in places and b in places
        ],
    }
