"""What a copy lacks: photos and series that are left out, logged, reported, and limited."""

from __future__ import annotations

from absl import logging

from tfds_series.photo_triage.pair_lists import ListedSeries
from tfds_series.photo_triage.source_files import SourceFiles

_MOST = 0.01


def file_name(series: int, photo: int) -> str:
    """The published name of a photo, whatever extension the copy has."""
    return f"{series:06d}-{photo:02d}.JPG"


class LeftOut:
    """The photos and series that are left out.

    Args:
        lists: series by number, by split.
        report: the dataset's metadata, to which they are written.
    """

    def __init__(self, lists: dict[str, dict[int, ListedSeries]], report: dict):
        series = [each for part in lists.values() for each in part.values()]
        self.photo_count = sum(len(each.ranks) for each in series)
        self.photos = report["left_out_photos"] = {}
        self.series = report["left_out_series"] = []

    def add_missing(self, lists: dict[str, dict[int, ListedSeries]], files: SourceFiles) -> None:
        """Adds all listed photos that are not in the copy.

        Raises:
            ValueError: if they are too many.
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

        Raises:
            ValueError: if they are too many now.
        """
        logging.warning("Left out %s: %s", name, reason)
        self.photos[name] = reason
        self._check()

    def add_series(self, series_id: str) -> None:
        """Adds a series of which no pair is left."""
        logging.warning("Left out series %s: no pair of photos is left of it", series_id)
        self.series.append(series_id)

    def _check(self):
        if len(self.photos) > _MOST * self.photo_count:
            name, reason = next(iter(self.photos.items()))
            raise ValueError(
                f"Expected at least {1 - _MOST:.0%} of the {self.photo_count} photos in "
                f"the pair lists, named as 000001-01.JPG. Received: a copy in which at least "
                f"{len(self.photos)} are missing or broken, {name} among them ({reason}). Was it "
                "unpacked as a whole?"
            )
