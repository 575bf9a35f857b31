"""Preparing a dataset of series, and looking at it."""

import io
import itertools
import os
import pathlib

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
        FileNotFoundError: If the dataset needs `manual_dir` and it is missing or empty. The message
            says what to put there.
    """
    try:
        builder = tfds.builder(dataset, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"Expected the name of a dataset, as synthetic_series/scenes. Received: {dataset!r}"
        ) from error
    config = tfds.download.DownloadConfig(manual_dir=manual_dir and os.path.expanduser(manual_dir))
    try:
        builder.download_and_prepare(download_config=config)
    except AssertionError as error:
        if "Manual directory" not in str(error):
            raise
        raise FileNotFoundError(str(error)) from error
    return builder


def count(builder):
    """Series, photos and pairs of each split, as `{split: (series, photos, pairs)}`."""
    counts = {}
    for split in builder.info.splits:
        examples = tfds.as_numpy(builder.as_dataset(split=split))
        sizes = [(len(each["photos"]["rank"]), len(each["pairs"]["first"])) for each in examples]
        photos, pairs = map(sum, zip(*sizes, strict=True))
        counts[split] = (len(sizes), photos, pairs)
    return counts


def first_series(builder, split, number):
    """The first series of a split, as a list of NumPy examples."""
    return list(itertools.islice(tfds.as_numpy(builder.as_dataset(split=split)), number))


def draw_contact_sheet(examples, path):
    """Draws series one below the other, the best photo first, as a PNG.

    Under each photo stands its rank, and its degradation and severity where they are known.

    Args:
        examples: Series, as `first_series` gives them.
        path: File to write.
    """
    width, height = THUMBNAIL[0] + 4, THUMBNAIL[1] + LINE + 4
    columns = max(len(example["photos"]["rank"]) for example in examples)
    sheet = Image.new("RGB", (columns * width, len(examples) * height), "white")
    for row, example in enumerate(examples):
        for column, place in enumerate(example["photos"]["rank"].argsort(kind="stable")):
            _draw_photo(sheet, (column * width, row * height), example["photos"], place)
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


def _draw_photo(sheet, corner, photos, place):
    photo = Image.open(io.BytesIO(photos["photo_bytes"][place])).convert("RGB")
    photo.thumbnail(THUMBNAIL)
    sheet.paste(photo, corner)
    label = " ".join([f"#{photos['rank'][place]}", *_degradation(photos, place)])
    below = (corner[0], corner[1] + THUMBNAIL[1])
    ImageDraw.Draw(sheet).text(below, label, fill="black")


def _degradation(photos, place):
    if "degradation" not in photos:
        return []
    return [photos["degradation"][place].decode(), f"{photos['severity'][place]:.2f}"]
