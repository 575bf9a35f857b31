"""Prepares datasets of photo series and shows what they contain."""

import io
import itertools
import os
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

# Pixels on a contact sheet: the largest width and height of a photo, and the height of a text line.
THUMBNAIL = (160, 120)
LINE = 14


def prepare(
    dataset: str,
    data_dir: pathlib.Path | str | None = None,
    manual_dir: pathlib.Path | str | None = None,
    beam_options: Sequence[str] | None = None,
) -> tfds.core.DatasetBuilder:
    """Prepares a dataset unless it is already prepared.

    Args:
        dataset: TFDS name, such as `"synthetic_series/scenes"`.
        data_dir: Directory of the prepared datasets. Defaults to TFDS's own,
            `~/tensorflow_datasets`.
        manual_dir: Folder with the files that the user must provide, such as photographs. Defaults
            to TFDS's own, `downloads/manual` in `data_dir`.
        beam_options: Options of an Apache Beam pipeline that makes the examples, such as
            `["--runner=FlinkRunner"]`, which `synthetic_series` can use. Defaults to `None`, the
            cores of this machine.

    Returns:
        The TFDS builder of the prepared dataset.

    Raises:
        ValueError: If no such dataset exists, or Beam cannot make it.
        FileNotFoundError: If `manual_dir` is given but is not a folder, or if the dataset needs a
            manual directory that is missing or empty. The message says what belongs in it.
    """
    if manual_dir is not None:
        manual_dir = os.path.expanduser(manual_dir)
        if not os.path.isdir(manual_dir):
            raise FileNotFoundError(
                f"Expected --manual_dir to be an existing folder. Received: {manual_dir!r}"
            )
    builder = _find_builder(dataset, data_dir)
    settings = _beam_settings(builder, beam_options)
    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir, **settings)
        )
    except Exception as error:
        if (finished := _find_builder(dataset, data_dir)).is_prepared():
            return finished  # Another process has finished it in the meantime.
        if isinstance(error, AssertionError) and "Manual directory" in str(error):
            raise FileNotFoundError(str(error)) from error
        raise
    _remove_interrupted(builder)
    return builder


def _beam_settings(builder, beam_options):
    if beam_options is None:
        return {}
    if not hasattr(builder, "uses_beam"):
        raise ValueError(
            f"Expected --beam with synthetic_series. Received: {builder.info.full_name}"
        )
    builder.uses_beam = True
    beam = tfds.core.lazy_imports.apache_beam
    return {"beam_options": beam.options.pipeline_options.PipelineOptions(list(beam_options))}


def _find_builder(dataset: str, data_dir: pathlib.Path | str | None) -> tfds.core.DatasetBuilder:
    try:
        return tfds.builder(dataset, data_dir=data_dir)
    # TFDS raises the first for an unknown name and the second for an unknown config.
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise ValueError(
            "Expected a dataset name such as synthetic_series/scenes or photo_triage/reviews. "
            f"Received: {dataset!r} ({str(error).partition(chr(10))[0]})"
        ) from error


def count(builder: tfds.core.DatasetBuilder) -> dict[str, tuple[int, int, int, int]]:
    """Counts the series, photos, pairs and ties of each split.

    Args:
        builder: TFDS builder of a prepared dataset.

    Returns:
        `{split: (series, photos, pairs, ties)}`. A tie is a pair with a preference of exactly 0.5.
    """
    counts = {}
    for split in builder.info.splits:
        totals = np.zeros(4, int)
        for example in tfds.as_numpy(builder.as_dataset(split=split)):
            preferences = example["pairs"]["preference"]
            ties = np.count_nonzero(preferences == 0.5)
            totals += 1, len(example["photos"]["rank"]), len(preferences), ties
        counts[split] = tuple(totals.tolist())
    return counts


def describe(builder: tfds.core.DatasetBuilder) -> str:
    """Describes a prepared dataset as a text table.

    The table has the counts of each split, followed by those of the published dataset if the
    builder has `PUBLISHED_COUNTS`. The lines below the table list the dataset's metadata, such as
    the photos that were left out.

    Args:
        builder: TFDS builder of a prepared dataset.

    Returns:
        Text of several lines.
    """
    lines = [builder.info.full_name, f"{'split':<14}" + _row("series", "photos", "pairs", "ties")]
    published = getattr(builder, "PUBLISHED_COUNTS", {})
    for split, counts in count(builder).items():
        lines.append(f"{split:<14}" + _row(*counts))
        if split in published:
            lines.append(f"{'  published':<14}" + _row(*published[split]))
    for name, value in (builder.info.metadata or {}).items():
        if value:
            lines.append(f"{name.replace('_', ' ')}: {_listed(value)}")
    return "\n".join(lines)


def check_split(builder: tfds.core.DatasetBuilder, split: str) -> None:
    """Checks that a dataset has a split.

    Args:
        builder: TFDS builder of a prepared dataset.
        split: TFDS split, such as `"test"` or `"test[:100]"`.

    Raises:
        ValueError: If there is no such split. The message lists the existing splits.
    """
    if split.split("[")[0] not in builder.info.splits:
        raise ValueError(
            f"Expected one of the splits {', '.join(builder.info.splits)} of {builder.info.name}. "
            f"Received: {split!r}"
        )


def labelled_split(builder: tfds.core.DatasetBuilder) -> str:
    """Returns the split to evaluate on.

    Args:
        builder: TFDS builder of a prepared dataset.

    Returns:
        `"test"`, or `"validation"` if the labels of `"test"` are not published.
    """
    if "test" in builder.info.splits:
        (example,) = first_series(builder, "test", 1)
        if (example["pairs"]["preference"] >= 0).any():
            return "test"
    return "validation"


def first_series(builder: tfds.core.DatasetBuilder, split: str, number: int) -> list[dict]:
    """Returns the first series of a split.

    Args:
        builder: TFDS builder of a prepared dataset.
        split: TFDS split, such as `"test"` or `"test[:100]"`.
        number: Integer, the largest number of series to return.

    Returns:
        List of examples as nested dictionaries of NumPy arrays.

    Raises:
        ValueError: If there is no such split.
    """
    check_split(builder, split)
    return list(itertools.islice(tfds.as_numpy(builder.as_dataset(split=split)), number))


def draw_contact_sheet(examples: Sequence[dict], path: pathlib.Path | str) -> None:
    """Draws a contact sheet with one series per row, the best photo first.

    The caption of a photo gives its rank, its degradation and severity if they are known, and the
    percentage of people who prefer it to each photo on its right.

    Args:
        examples: List of series as `first_series` returns them.
        path: PNG file to write.
    """
    sizes = [len(example["photos"]["rank"]) for example in examples]
    width, heights = THUMBNAIL[0] + 4, [THUMBNAIL[1] + LINE * size + 8 for size in sizes]
    sheet = Image.new("RGB", (max(sizes) * width, sum(heights)), "white")
    for example, height, below in zip(examples, heights, np.cumsum(heights), strict=True):
        order = example["photos"]["rank"].argsort(kind="stable")
        for column, place in enumerate(order):
            lines = [_rank_label(example["photos"], place)]
            lines += _preference_labels(example, place, order[column + 1 :])
            corner = (column * width, int(below - height))
            _draw_photo(sheet, corner, example["photos"]["photo_bytes"][place], lines)
    sheet.save(path)


def write_photos(examples: Sequence[dict], folder: pathlib.Path | str) -> None:
    """Writes the photos of each series to a folder named by the series' identifier.

    A file name consists of the photo's position in the series, counted from 1, and its degradation
    and severity if they are known.

    Args:
        examples: List of series as `first_series` returns them.
        folder: Folder to write to. It is created if it does not exist.
    """
    for example in examples:
        target = pathlib.Path(folder, example["series_id"].decode())
        target.mkdir(parents=True, exist_ok=True)
        for place, photo_bytes in enumerate(example["photos"]["photo_bytes"]):
            name = "-".join([str(place + 1), *_degradation(example["photos"], place)])
            (target / f"{name}.jpg").write_bytes(photo_bytes)


def _remove_interrupted(builder: tfds.core.DatasetBuilder) -> None:
    """Removes the incomplete folders of interrupted builds next to the dataset."""
    # This cannot hurt a build that is still running, as it could not replace the finished one.
    for path in builder.data_path.parent.glob(f"incomplete.*_{builder.data_path.name}"):
        shutil.rmtree(path, ignore_errors=True)


def _row(*cells: str | int | None) -> str:
    return "".join(f"{'-' if cell is None else cell:>8}" for cell in cells)


def _listed(value: object, longest: int = 5) -> str:
    """Formats a number as it is, and a list or dictionary as its size and first entries."""
    if not isinstance(value, (list, dict)):
        return str(value)
    entries = [f"{key} ({value[key]})" if isinstance(value, dict) else str(key) for key in value]
    rest = ", ..." if len(entries) > longest else ""
    return f"{len(entries)}: {', '.join(entries[:longest])}{rest}"


def _draw_photo(
    sheet: Image.Image, corner: tuple[int, int], photo_bytes: bytes, lines: list[str]
) -> None:
    photo = Image.open(io.BytesIO(photo_bytes)).convert("RGB")
    photo.thumbnail(THUMBNAIL)
    sheet.paste(photo, corner)
    text = "\n".join(lines)
    ImageDraw.Draw(sheet).text((corner[0], corner[1] + THUMBNAIL[1]), text, fill="black")


def _rank_label(photos: dict, place: int) -> str:
    rank = photos["rank"][place]
    return " ".join([f"#{rank}" if rank else "rank unknown", *_degradation(photos, place)])


def _preference_labels(example: dict, place: int, others: Sequence[int]) -> list[str]:
    """Returns lines such as "85% over #2", one for each published preference over the others."""
    pairs = example["pairs"]
    shares = {}
    for first, second, preference in zip(
        pairs["first"], pairs["second"], pairs["preference"], strict=True
    ):
        shares[first, second], shares[second, first] = preference, 1 - preference
    ranks = example["photos"]["rank"]
    return [
        f"{shares[place, other]:.0%} over #{ranks[other]}"
        for other in others
        if (place, other) in shares and 0 <= shares[place, other] <= 1
    ]


def _degradation(photos: dict, place: int) -> list[str]:
    if "degradation" not in photos:
        return []
    return [photos["degradation"][place].decode(), f"{photos['severity'][place]:.2f}"]
