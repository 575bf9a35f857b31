"""Records the photos and series that a copy lacks, and limits their number."""

from __future__ import annotations

from absl import logging

from tfds_series.photo_triage.pair_lists import ListedSeries
from tfds_series.photo_triage.source_files import SourceFiles

_MOST = 0.01


def file_name(series: int, photo: int) -> str:
    """Returns the published file name of a photo, whatever extension the copy uses.

    Args:
        series: Integer, number of the series.
        photo: Integer, number of the photo in the series.

    Returns:
        File name such as `"000001-02.JPG"`.
    """
    return f"{series:06d}-{photo:02d}.JPG"


class LeftOut:
    """Photos and series that are left out of the dataset.

    Each is logged and added to the dataset's metadata. The build stops once more than 1% of the
    listed photos are left out.

    Args:
        lists: Dictionary of each split's series, keyed by number.
        report: Dictionary, the dataset's metadata. It gets `left_out_photos`, the reason for each
            file name, and `left_out_series`, a list of series identifiers.
    """

    def __init__(self, lists: dict[str, dict[int, ListedSeries]], report: dict) -> None:
        series = [each for part in lists.values() for each in part.values()]
        self.photo_count = sum(len(each.ranks) for each in series)
        self.photos = report["left_out_photos"] = {}
        self.series = report["left_out_series"] = []

    def add_missing(self, lists: dict[str, dict[int, ListedSeries]], files: SourceFiles) -> None:
        """Adds all listed photos that are not in the copy.

        Args:
            lists: Dictionary of each split's series, keyed by number.
            files: Files of the copy.

        Raises:
            ValueError: If more than 1% of the listed photos are missing.
        """
        for part in lists.values():
            for number, series in part.items():
                for photo in sorted(series.ranks):
                    if (number, photo) not in files.photos:
                        self.photos[file_name(number, photo)] = "missing"
        self._check()
        for name in self.photos:
            logging.warning("Left out %s: missing", name)

    def add_undecodable(self, name: str, reason: str) -> None:
        """Adds a photo that cannot be decoded.

        Args:
            name: Published file name of the photo.
            reason: Why it cannot be decoded.

        Raises:
            ValueError: If more than 1% of the listed photos are left out by now.
        """
        logging.warning("Left out %s: %s", name, reason)
        self.photos[name] = reason
        self._check()

    def add_series(self, series_id: str) -> None:
        """Adds a series without a complete pair of photos.

        Args:
            series_id: Identifier of the series.
        """
        logging.warning("Left out series %s: it has no complete pair of photos", series_id)
        self.series.append(series_id)

    def _check(self) -> None:
        if len(self.photos) > _MOST * self.photo_count:
            name, reason = next(iter(self.photos.items()))
            raise ValueError(
                f"Expected at least {1 - _MOST:.0%} of the {self.photo_count} photos in the pair "
                f"lists, named like 000001-01.JPG. Received: a copy in which at least "
                f"{len(self.photos)} are missing or broken, such as {name} ({reason}). Check that "
                "it was unpacked completely."
            )
