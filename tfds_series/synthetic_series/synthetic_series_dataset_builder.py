"""synthetic_series dataset."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets.public_api as tfds
from absl import logging

from tfds_series.features import series_features
from tfds_series.synthetic_series import photo_folder, scenes, workers
from tfds_series.synthetic_series.series import SeriesOptions, make_series

_SPLITS = photo_folder.SPLITS
# More series of one photo would only repeat it.
_MOST_SERIES_PER_PHOTO = 50


@dataclasses.dataclass(eq=False)
class SyntheticSeriesConfig(tfds.core.BuilderConfig):
    """How series are made.

    Attributes:
        scenes: `"drawn"` by the program or `"photos"` of the manual directory.
        train_series: series in the split; of photos, about as many, and at least one a photo.
        validation_series: likewise.
        test_series: likewise.
        photo_size: the longer edge of the photos, in pixels.
        steepness: k of preference = sigmoid(k * (severity of second - severity of first)).
        seed: another seed gives other series.
    """

    scenes: str = "drawn"
    train_series: int = 2600
    validation_series: int = 150
    test_series: int = 200
    photo_size: int = 192
    steepness: float = 3.0
    seed: int = 0

    def __post_init__(self):
        if self.scenes not in ("drawn", "photos"):
            raise ValueError(f'Expected scenes "drawn" or "photos". Received: {self.scenes!r}')

    @property
    def options(self) -> SeriesOptions:
        return SeriesOptions(self.photo_size, self.steepness)


class Builder(tfds.core.GeneratorBasedBuilder):
    """DatasetBuilder for synthetic_series dataset."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    Only the config `photos` needs this: put your own photographs (JPEG, PNG, WebP, TIFF, ...), at
    least three different ones, in any folders, into the manual directory, by default
    `~/tensorflow_datasets/downloads/manual/`, or name another folder by
    `prepare.py --manual_dir=...` or `tfds.download.DownloadConfig(manual_dir=...)`. They are
    only read.
    """
    BUILDER_CONFIGS = [  # noqa: RUF012
        SyntheticSeriesConfig(name="scenes", description="Scenes drawn by the program."),
        SyntheticSeriesConfig(
            name="many_scenes",
            description="As `scenes`, with four times the series to train on.",
            train_series=10400,
        ),
        SyntheticSeriesConfig(
            name="photos", description="The user's own photographs as scenes.", scenes="photos"
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        """Returns the dataset metadata."""
        return self.dataset_info_from_configs(
            features=series_features(
                photo={"degradation": tfds.features.Text(), "severity": np.float32}
            )
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        """Returns SplitGenerators."""
        config = self.builder_config
        if config.scenes == "drawn":
            return {split: self._generate_examples(split, None) for split in _SPLITS}
        photos, unreadable = photo_folder.find_photos(dl_manager.manual_dir)
        if unreadable:
            logging.warning("Left out %d unreadable photos: %s", len(unreadable), unreadable)
        if len(photos) < len(_SPLITS):
            raise ValueError(
                f"Expected at least {len(_SPLITS)} different photos under {dl_manager.manual_dir}. "
                f"Received: {len(photos)}, and unreadable ones: {unreadable}"
            )
        split_photos = photo_folder.split_photos(photos)
        return {split: self._generate_examples(split, split_photos[split]) for split in _SPLITS}

    def _generate_examples(
        self, split: str, photos: list[photo_folder.SourcePhoto] | None
    ) -> Iterator[tuple[str, dict]]:
        """Yields examples."""
        config = self.builder_config
        count = getattr(config, f"{split}_series")
        if photos is None:
            tasks = [(f"{split}-{index:06d}", None) for index in range(count)]
        else:
            repeats = min(max(1, round(count / len(photos))), _MOST_SERIES_PER_PHOTO)
            tasks = [
                (f"{photo.content_hash[:16]}-{repeat:02d}", photo.path)
                for photo in photos
                for repeat in range(repeats)
            ]
        make = functools.partial(_make_example, config.options, config.seed)
        yield from workers.ordered_map(make, tasks)


def _make_example(options: SeriesOptions, seed: int, task: tuple[str, str | None]):
    """Makes the series of one task; runs in a worker, and depends on its arguments alone."""
    series_id, path = task
    rng = np.random.default_rng([seed, *series_id.encode()])
    if path is None:
        scene = scenes.draw_scene(rng, options.scene_size)
    else:
        scene = photo_folder.read_scene(path, options.scene_size)
    return series_id, make_series(scene, series_id, options, rng)
