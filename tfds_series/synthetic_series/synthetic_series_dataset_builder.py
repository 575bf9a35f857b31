"""The synthetic_series dataset, of drawn scenes or of the user's own photographs."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow_datasets.public_api as tfds
from absl import logging

from tfds_series.features import series_features
from tfds_series.splits import SPLITS
from tfds_series.synthetic_series import photo_folder, scenes
from tfds_series.synthetic_series.degradations import DEGRADATIONS
from tfds_series.synthetic_series.series import KIND_CHANCES, SeriesOptions, make_series
from tfds_series.workers import make_examples

# More series of the same photo would only repeat it.
_MOST_SERIES_PER_PHOTO = 50
# Faults that networks trained on people's scores miss are frequent here, and those that the scores
# teach are rare. docs/model_card.md says what other chances brought.
_MISSED_KIND_CHANCES = {
    "defocus": 0.02,
    "camera_shake": 0.02,
    "under_exposure": 0.03,
    "over_exposure": 0.14,
    "noise": 0.25,
    "jpeg_blocks": 0.25,
    "tilted_horizon": 0.15,
    "cut_off": 0.14,
}
_PHOTOS_VERSION = tfds.core.Version("2.0.0")


@dataclasses.dataclass(eq=False)
class SyntheticSeriesConfig(tfds.core.BuilderConfig):
    """Options for making series.

    Attributes:
        scenes: `"drawn"` for scenes drawn by the program, or `"photos"` for photographs in the
            manual directory. Defaults to `"drawn"`.
        train_series: Integer, number of series in the train split. With photographs the number is
            approximate: each one gives the same number of series, from 1 to 50. Defaults to 2600.
        validation_series: Integer, likewise for the validation split. Defaults to 150.
        test_series: Integer, likewise for the test split. Defaults to 200.
        photo_size: Integer, longer edge of the photos in pixels. Defaults to 192.
        supersampling: Float, at least 1. Faults are added at this multiple of `photo_size`.
            Defaults to 1.7.
        steepness: Float, k in preference = sigmoid(k * (severity of second - severity of first)).
            Defaults to 3.
        kind_chances: Mapping of kinds of faults to their probabilities, which sum to 1. Defaults to
            `KIND_CHANCES`.
        one_kind_share: Float in [0, 1], the share of series whose faults are all of the same kind.
            Defaults to 0.6.
        seed: Non-negative integer. Different seeds give different series. Defaults to 0.

    Raises:
        ValueError: If `scenes` is neither `"drawn"` nor `"photos"`, if `kind_chances` has an
            unknown kind, or if the probabilities do not sum to 1.
    """

    scenes: str = "drawn"
    train_series: int = 2600
    validation_series: int = 150
    test_series: int = 200
    photo_size: int = 192
    supersampling: float = 1.7
    steepness: float = 3.0
    kind_chances: Mapping[str, float] = dataclasses.field(default_factory=KIND_CHANCES.copy)
    one_kind_share: float = 0.6
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scenes not in ("drawn", "photos"):
            raise ValueError(
                f'Expected scenes to be "drawn" or "photos". Received: {self.scenes!r}'
            )
        chances = list(self.kind_chances.values())
        is_complete = min(chances, default=-1) >= 0 and math.isclose(sum(chances), 1)
        if not is_complete or not set(self.kind_chances) <= set(DEGRADATIONS):
            raise ValueError(
                f"Expected probabilities of some of {[*DEGRADATIONS]} that sum to 1. "
                f"Received: kind_chances={dict(self.kind_chances)}"
            )

    @property
    def options(self) -> SeriesOptions:
        """Options for drawing faults, and for writing and labelling photos."""
        return SeriesOptions(
            self.photo_size,
            self.supersampling,
            self.steepness,
            self.kind_chances,
            self.one_kind_share,
        )


class Builder(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of series with faults of known severity.

    Attributes:
        uses_beam: Whether Apache Beam makes the series, see `tfds_series.preparation.prepare`.
    """

    uses_beam = False
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "1.0.0": "Initial release.",
        "2.0.0": "Photographs are assigned to splits as in biq2021/mixed.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = """\
    Only `photos`, `large_photos` and `missed_faults` need this.
    Put at least three different photographs of your own (JPEG, PNG, WebP, TIFF, ...), in subfolders
    or not, into the manual directory, by default `~/tensorflow_datasets/downloads/manual/`. To use
    another folder, pass it with `prepare.py --manual_dir=...` or
    `tfds.download.DownloadConfig(manual_dir=...)`. The photographs are only read.
    """
    BUILDER_CONFIGS = [  # noqa: RUF012
        SyntheticSeriesConfig(name="scenes", description="Scenes drawn by the program."),
        SyntheticSeriesConfig(
            name="many_scenes",
            description="As `scenes`, with four times as many training series.",
            train_series=10400,
        ),
        SyntheticSeriesConfig(
            name="few_scenes",
            description="A few series of large photos, to try out training.",
            train_series=48,
            validation_series=16,
            test_series=32,
            photo_size=448,
            supersampling=1.0,
        ),
        SyntheticSeriesConfig(
            name="photos",
            version=_PHOTOS_VERSION,
            description="Scenes from the user's own photographs.",
            scenes="photos",
        ),
        SyntheticSeriesConfig(
            name="large_photos",
            version=_PHOTOS_VERSION,
            description="As `photos`, in photos of 448 pixels.",
            scenes="photos",
            train_series=1000,
            photo_size=448,
            supersampling=1.0,
        ),
        SyntheticSeriesConfig(
            name="missed_faults",
            version=_PHOTOS_VERSION,
            description="As `large_photos`, mostly with faults that people's scores do not teach.",
            scenes="photos",
            train_series=1000,
            photo_size=448,
            supersampling=1.0,
            steepness=6.0,
            kind_chances=_MISSED_KIND_CHANCES,
            one_kind_share=1.0,
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        """Returns the dataset metadata."""
        return self.dataset_info_from_configs(
            features=series_features(
                photo={"degradation": tfds.features.Text(), "severity": np.float32}
            )
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterable[tuple[str, dict]]]:
        """Returns the example generator of each split."""
        config = self.builder_config
        if config.scenes == "drawn":
            return {split: self._generate_examples(split, None) for split in SPLITS}
        photos, left_out = photo_folder.find_photos(dl_manager.manual_dir)
        files = photo_folder.describe_left_out(left_out)
        if left_out:
            logging.warning("Left out %d files: %s", len(left_out), files)
        if len(photos) < len(SPLITS):
            raise ValueError(
                f"Expected at least {len(SPLITS)} different photos under {dl_manager.manual_dir}. "
                f"Received: {len(photos)}, with these files left out: {files or 'none'}"
            )
        split_photos = photo_folder.split_photos(photos)
        return {split: self._generate_examples(split, split_photos[split]) for split in SPLITS}

    def _generate_examples(
        self, split: str, photos: list[photo_folder.SourcePhoto] | None
    ) -> Iterable[tuple[str, dict]]:
        """Returns the key and the example of each series of a split."""
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
        return make_examples(make, tasks, self.uses_beam)


def _make_example(
    options: SeriesOptions, seed: int, task: tuple[str, str | None]
) -> tuple[str, dict]:
    """Makes the series of a task in a worker process. The result depends only on the arguments."""
    series_id, path = task
    rng = np.random.default_rng([seed, *series_id.encode()])
    if path is None:
        scene = scenes.draw_scene(rng, options.scene_size)
    else:
        scene = photo_folder.read_scene(path, options.scene_size)
    return series_id, make_series(scene, series_id, options, rng)
