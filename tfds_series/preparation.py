"""Preparing a dataset of series, and looking at it."""

import io
import itertools
import os
import pathlib
import shutil

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

THUMBNAIL = (160, 120)
LINE = 14


def prepare(dataset, data_dir=None, manual_dir=None):
    """Prepares a dataset unless it is there already.

    Args:
        dataset: A TFDS name, as `"synthetic_series/scenes"`.
        data_dir: Where TFDS keeps its datasets. Defaults to TFDS' own choice.
        manual_dir: Folder of what the user must provide, as photographs. Defaults to TFDS' own
            choice, `downloads/manual` in `data_dir`.

    Returns:
        The prepared TFDS builder.

    Raises:
        ValueError: If there is no such dataset.
        FileNotFoundError: If `manual_dir` is given and no folder, or if the dataset needs one and
            it is missing or empty. The message says what to put there.
    """
    if manual_dir is not None:
        manual_dir = os.path.expanduser(manual_dir)
        if not os.path.isdir(manual_dir):
            raise FileNotFoundError(
                f"Expected --manual_dir to be a folder. Received: {manual_dir!r}, which is none"
            )
    builder = _find_builder(dataset, data_dir)
    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
        )
    except Exception as error:
        if (finished := _find_builder(dataset, data_dir)).is_prepared():
            return finished  # By another process, meanwhile.
        if isinstance(error, AssertionError) and "Manual directory" in str(error):
            raise FileNotFoundError(str(error)) from error
        raise
    _remove_interrupted(builder)
    return builder


def _find_builder(dataset, data_dir):
    try:
        return tfds.builder(dataset, data_dir=data_dir)
    # TFDS has the first for an unknown name and the second for an unknown config.
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise ValueError(
            "Expected the name of a dataset, as synthetic_series/scenes or photo_triage/reviews. "
            f"Received: {dataset!r} ({str(error).partition(chr(10))[0]})"
        ) from error


def count(builder):
    """Series, photos, pairs and ties of each split, as `{split: (series, photos, pairs, ties)}`.

    A tie is a pair with a preference of exactly 0.5.
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


def describe(builder):
    """What was built, as a table for the screen.

    Beside the counts of each split stands what the published dataset has, where the builder tells
    it; below, what was left out.
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


def check_split(builder, split):
    """Refuses a split that the dataset has not, as `"test"` or `"test[:100]"`.

    Raises:
        ValueError: With the splits that there are.
    """
    if split.split("[")[0] not in builder.info.splits:
        raise ValueError(
            f"Expected one of the splits {', '.join(builder.info.splits)} of {builder.info.name}. "
            f"Received: {split!r}"
        )


def labelled_split(builder):
    """The split to judge by: `"test"`, or `"validation"` if the test labels are not published."""
    if "test" in builder.info.splits:
        (example,) = first_series(builder, "test", 1)
        if (example["pairs"]["preference"] >= 0).any():
            return "test"
    return "validation"


def first_series(builder, split, number):
    """The first series of a split, as a list of NumPy examples."""
    check_split(builder, split)
    return list(itertools.islice(tfds.as_numpy(builder.as_dataset(split=split)), number))


def draw_contact_sheet(examples, path):
    """Draws series one below the other, the best photo first, as a PNG.

    Under each photo stands its rank, and its degradation and severity where they are known; then
    the share of people who prefer it to each of the photos to its right.

    Args:
        examples: Series, as `first_series` gives them.
        path: File to write.
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


def write_photos(examples, folder):
    """Writes the photos of series as files, a folder for each series.

    A file's name tells its place and, where they are known, its degradation and severity.

    Args:
        examples: Series, as `first_series` gives them.
        folder: Folder to write to, made if it is missing.
    """
    for example in examples:
        target = pathlib.Path(folder, example["series_id"].decode())
        target.mkdir(parents=True, exist_ok=True)
        for place, photo_bytes in enumerate(example["photos"]["photo_bytes"]):
            name = "-".join([str(place + 1), *_degradation(example["photos"], place)])
            (target / f"{name}.jpg").write_bytes(photo_bytes)


def _remove_interrupted(builder):
    """Removes what builds that were killed have left beside the dataset."""
    # A build that still runs loses nothing by it: it could not replace the finished one.
    for path in builder.data_path.parent.glob(f"incomplete.*_{builder.data_path.name}"):
        shutil.rmtree(path, ignore_errors=True)


def _row(*cells):
    return "".join(f"{'-' if cell is None else cell:>8}" for cell in cells)


def _listed(value, longest=5):
    """Numbers as they are; of lists and dictionaries the size and the first entries."""
    if not isinstance(value, (list, dict)):
        return str(value)
    entries = [f"{key} ({value[key]})" if isinstance(value, dict) else str(key) for key in value]
    rest = ", ..." if len(entries) > longest else ""
    return f"{len(entries)}: {', '.join(entries[:longest])}{rest}"


def _draw_photo(sheet, corner, photo_bytes, lines):
    photo = Image.open(io.BytesIO(photo_bytes)).convert("RGB")
    photo.thumbnail(THUMBNAIL)
    sheet.paste(photo, corner)
    text = "\n".join(lines)
    ImageDraw.Draw(sheet).text((corner[0], corner[1] + THUMBNAIL[1]), text, fill="black")


def _rank_label(photos, place):
    rank = photos["rank"][place]
    return " ".join([f"#{rank}" if rank else "rank unknown", *_degradation(photos, place)])


def _preference_labels(example, place, others):
    """Lines as "85% over #2", one for each of the other photos whose preference is published."""
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


def _degradation(photos, place):
    if "degradation" not in photos:
        return []
    return [photos["degradation"][place].decode(), f"{photos['severity'][place]:.2f}"]
