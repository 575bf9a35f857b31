"""Compares ways to tell from the content alone which photos are a series, on real series.

    pip install '.[benchmarks]'
    python benchmarks/grouping.py --data=FOLDER

FOLDER has `series.csv` and `Images/` of BIQ2021's series, see `tfds_series/biq2021`. All photos of
a split are in one heap, without times, in random order and with names that say nothing. Two photos
that are more alike than a threshold are of one group, and so are all that are linked through
others. The threshold is the one with the highest F1 of pairs on the training photos. `group_shots`
is what the ranking does.

On the 295 validation photos:

| content | precision | recall | F1 |
|---|---|---|---|
| `imagehash.phash` | 0.804 | 0.751 | 0.777 |
| correlation of thumbnails of 8 x 8 pixels | 0.922 | 0.488 | 0.638 |
| embeddings of the shipped network, whitened | 0.792 | 0.830 | 0.810 |
| directions of gradients, `describe_content` | 0.981 | 0.867 | 0.921 |
| `group_shots`, which uses these | 0.982 | 0.916 | 0.948 |
"""

from __future__ import annotations

import csv
import io
import itertools
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from absl import flags
from PIL import Image, ImageOps

from keras_series import cli
from keras_series.ranking import MIN_SIMILARITY, Shot, describe_content, group_shots, thumbnail

_DATA = flags.DEFINE_string("data", None, "Folder with series.csv and Images/.")
_THRESHOLDS = np.arange(0.1, 1, 0.01)


def read_split(folder: pathlib.Path, split: str) -> tuple[list[bytes], np.ndarray]:
    """Returns the photos of a split in random order, and the series of each."""
    with open(folder / "series.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    photos = [(folder / "Images" / f"{row['photo']}.jpg").read_bytes() for row in rows]
    return photos, np.asarray([int(row["series"]) for row in rows])


def perceptual_hashes(photos: Sequence[bytes]) -> np.ndarray:
    """Returns the share of equal bits of each two `imagehash.phash`, `[F, F]`."""
    import imagehash

    upright = (ImageOps.exif_transpose(Image.open(io.BytesIO(photo))) for photo in photos)
    bits = np.stack([imagehash.phash(photo).hash.ravel() for photo in upright])
    return (bits[:, None] == bits).mean(axis=-1)


def correlations(photos: Sequence[bytes]) -> np.ndarray:
    """Returns the correlation of each two thumbnails of 8 x 8 pixels, `[F, F]`."""
    small = np.stack([thumbnail(photo) for photo in photos]).astype(float)
    small = small.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4)).reshape(len(photos), -1)
    return np.corrcoef(small)


def embeddings(photos: Sequence[bytes], held_out: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cosines of embeddings of the shipped network, `[F, F]`, for both lists.

    They are whitened by the first list: a few of their directions have most of the variance, those
    of the quality of a photo.
    """
    from keras_series.export import ExportedModel, pretrained_export

    model = ExportedModel(pretrained_export())
    known, asked = (model.embed(each)[0] for each in (photos, held_out))
    _, scales, axes = np.linalg.svd(known - known.mean(axis=0), full_matrices=False)
    white = [(each - known.mean(axis=0)) @ axes.T / scales for each in (known, asked)]
    white = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in white]
    return white[0] @ white[0].T, white[1] @ white[1].T


def gradients(photos: Sequence[bytes]) -> np.ndarray:
    """Returns the similarity of each two photos by `describe_content`, `[F, F]`."""
    content = describe_content([thumbnail(photo) for photo in photos])
    return content @ content.T


def for_each(measure: Callable) -> Callable:
    """Returns a function that measures two lists of photos, each alone."""
    return lambda *lists: tuple(map(measure, lists))


_MEASURES = {
    "imagehash.phash": for_each(perceptual_hashes),
    "correlation of thumbnails": for_each(correlations),
    "embeddings of the network": embeddings,
    "directions of gradients": for_each(gradients),
}


def linked(similarities: np.ndarray, threshold: float) -> np.ndarray:
    """Returns the group of each photo, `[F]`, if photos above a threshold are linked."""
    from scipy.sparse import csgraph

    return csgraph.connected_components(similarities >= threshold, directed=False)[1]


def grouped(photos: Sequence[bytes]) -> np.ndarray:
    """Returns the group of each photo, `[F]`, as `group_shots` finds them."""
    # Letters instead of numbers, which would say that photos are close.
    names = (
        "".join(chr(97 + int(digit)) for digit in f"{place:05d}") for place in itertools.count()
    )
    shots = [
        Shot(pathlib.Path(f"{name}.jpg"), thumbnail=thumbnail(photo))
        for name, photo in zip(names, photos, strict=False)
    ]
    places = {shot: place for place, shot in enumerate(shots)}
    return _labels([[places[shot] for shot in group] for _, group in group_shots(shots)])


def _labels(groups: Sequence[Sequence[int]]) -> np.ndarray:
    labels = np.zeros(sum(map(len, groups)), int)
    for label, members in enumerate(groups):
        labels[list(members)] = label
    return labels


def pair_scores(labels: np.ndarray, series: np.ndarray) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of the pairs of photos that are together."""
    pairs = np.triu_indices(len(labels), 1)
    found, true = ((each[:, None] == each)[pairs] for each in (labels, series))
    both = (found & true).sum()
    return both / max(found.sum(), 1), both / true.sum(), 2 * both / (found.sum() + true.sum())


def main() -> None:
    """Prints a row for each way to compare contents."""
    (photos, series), (held_out, held_out_series) = (
        read_split(pathlib.Path(_DATA.value), split) for split in ("train", "validation")
    )
    print(f"{len(held_out)} photos of validation: precision, recall and F1 of pairs")
    for name, measure in _MEASURES.items():
        known, asked = measure(photos, held_out)
        best = max(_THRESHOLDS, key=lambda least: pair_scores(linked(known, least), series)[2])
        scores = pair_scores(linked(asked, best), held_out_series)
        print(f"{name:<27}{best:6.2f}" + "".join(f"{score:8.3f}" for score in scores))
    scores = pair_scores(grouped(held_out), held_out_series)
    print(
        f"{'group_shots':<27}{MIN_SIMILARITY:6.2f}" + "".join(f"{score:8.3f}" for score in scores)
    )


if __name__ == "__main__":
    flags.mark_flag_as_required("data")
    cli.run(main)
