"""Ranks the photos of a folder, the best first, with an exported model.

    python rank.py --model=exported/demo/1 --photos=my_photos --html=ranked.html

Each folder below --photos that has photos (JPEG, PNG, WebP, GIF, BMP) is a series, or with --gap=30
whatever was taken with at most thirty seconds between one photo and the next. Photos are read,
never written.
"""

import os
import pathlib

from absl import flags
from tqdm import tqdm

from keras_series import cli
from keras_series.ranking.folders import find_series

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model, <base>/<version>.")
_PHOTOS = flags.DEFINE_string("photos", None, "Folder of photos; each folder in it is a series.")
_GAP = flags.DEFINE_float(
    "gap",
    None,
    "Splits folders into series wherever more than so many seconds lie between two photos, by the "
    "time of their EXIF data. Photos without one are a series of their own.",
    lower_bound=0.0,
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Photos judged at a time.", lower_bound=1)
_HTML = flags.DEFINE_string("html", None, "Page to write: the same as pictures, the best first.")
_CSV = flags.DEFINE_string("csv", None, "Table to write: series, rank, path, score, sure.")


def _output(flag, *suffixes):
    """The path of a file to write, with its folder made; `None` if it is not wanted.

    Raises:
        ValueError: If it has none of the suffixes (it may be a photo), or cannot be written.
    """
    if not flag.value:
        return None
    path = pathlib.Path(flag.value).expanduser()
    if path.suffix.lower() not in suffixes or path.is_dir():
        expected = " or ".join(suffixes)
        raise ValueError(f"Expected --{flag.name} to be a file {expected}. Received: {str(path)!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"Expected a folder that can be written. Received: {str(path.parent)!r}")
    return path


def _rank_all(series):
    import tensorflow as tf

    from keras_series.ranking.order import format_series, rank_series

    model = tf.saved_model.load(_MODEL.value)
    if not {"score_and_embed", "compare"} <= set(model.signatures):
        raise ValueError(
            "Expected a model with the signatures score_and_embed and compare, as export.py writes "
            f"it. Received: {_MODEL.value!r} with {', '.join(sorted(model.signatures))}"
        )
    ranked = {}
    total = sum(map(len, series.values()))
    with tqdm(total=total, unit=" photos", disable=None, leave=False) as progress:
        for name, paths in series.items():
            ranked[name] = rank_series(model, paths, _BATCH_SIZE.value, progress)
            progress.write(format_series(name, ranked[name]))
    unread = sum(photo.score is None for photos in ranked.values() for photo in photos)
    print(f"\n{total} photos in {len(series)} series, {unread} could not be read.")
    return ranked


def main():
    page, table = _output(_HTML, ".html", ".htm"), _output(_CSV, ".csv")
    series, others = find_series(_PHOTOS.value, _GAP.value)
    if not (pathlib.Path(_MODEL.value) / "saved_model.pb").exists():
        raise ValueError(
            "Expected --model to be the folder of an exported version, with saved_model.pb in it. "
            f"Received: {_MODEL.value!r}"
        )
    ranked = _rank_all(series)
    from keras_series.ranking.order import printable, write_page, write_table

    if others:
        counts = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common())
        print(f"Files that are not looked at: {printable(counts)}.")
    print("score: how likely people prefer it to an average photo; sure: to the next in the table.")
    if page:
        write_page(ranked, page)
        print(f"Page: {page}")
    if table:
        write_table(ranked, table)
        print(f"Table: {table}")


if __name__ == "__main__":
    cli.run(main, "model", "photos")
