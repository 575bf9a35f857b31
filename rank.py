"""Ranks the photos of a folder, the best first, with an exported model.

    python rank.py --model=exported/demo/1 --photos=my_photos --html=ranked.html

Each folder below --photos that has photos is a series, or with --gap=30 whatever was taken with at
most thirty seconds between one photo and the next. Photos are read, never written. The exported
model decodes and compares them itself, so this needs TensorFlow alone: it is the example to start
from.
"""

import dataclasses
import html
import pathlib

import numpy as np
from absl import flags
from tqdm import tqdm

from keras_series import cli
from keras_series.files import replacing
from keras_series.photo_series import find_series

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model, <base>/<version>.")
_PHOTOS = flags.DEFINE_string("photos", None, "Folder of photos; each folder in it is a series.")
_GAP = flags.DEFINE_float(
    "gap",
    None,
    "Splits folders into series wherever more than so many seconds lie between two photos, by the "
    "time of their EXIF data.",
    lower_bound=0.0,
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Photos judged at a time.", lower_bound=1)
_HTML = flags.DEFINE_string("html", None, "Page to write: the same as pictures, the best first.")

_STYLE = """
body { font-family: sans-serif; margin: 2rem; color: #222; }
h2 { font-size: 1rem; margin: 2rem 0 0.5rem; }
figure { display: inline-block; margin: 0 1rem 1rem 0; }
img { height: 14rem; }
figure:first-of-type img { outline: 4px solid #2a7; }
figcaption { font-size: 0.85rem; }
"""


@dataclasses.dataclass(frozen=True)
class RankedPhoto:
    """A photo in its place in the order of its series.

    Attributes:
        path: Its file.
        score: P(preferred to the mean training photo), comparable across series; `None` for a file
            that cannot be read as a photo. Those come last.
        sure: P(preferred to the next photo of the order); `None` for the last one.
    """

    path: pathlib.Path
    score: float | None
    sure: float | None = None


def rank_series(model, paths, batch_size, progress):
    """Ranks the photos of a series by how many of the others people would prefer each to.

    Args:
        model: What `tf.saved_model.load` gives.
        paths: Files of any format.
        batch_size: Photos in a call.
        progress: A `tqdm` bar, told of each photo.

    Returns:
        A list of `RankedPhoto`, the best first.
    """
    scores, embeddings, valid = _embed(model, paths, batch_size, progress)
    places = np.flatnonzero(valid)
    wins = [_compare(model, embeddings[place], embeddings[places]).mean() for place in places]
    order = places[np.argsort(-np.asarray(wins), kind="stable")]
    sure = [float(p) for p in _compare(model, embeddings[order[:-1]], embeddings[order[1:]])]
    ranked = [
        RankedPhoto(paths[place], float(scores[place]), next_sure)
        for place, next_sure in zip(order, [*sure, None], strict=True)
    ]
    return ranked + [RankedPhoto(paths[place], None) for place in np.flatnonzero(~valid)]


def _embed(model, paths, batch_size, progress):
    import tensorflow as tf

    parts = []
    for start in range(0, len(paths), batch_size):
        photo_bytes = [_read(path) for path in paths[start : start + batch_size]]
        outputs = model.signatures["score_and_embed"](photo_bytes=tf.constant(photo_bytes))
        parts.append([outputs[name].numpy() for name in ("score", "embedding", "valid")])
        progress.update(len(photo_bytes))
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _compare(model, embedding_a, embedding_b):
    import tensorflow as tf

    embedding_a = tf.constant(np.broadcast_to(embedding_a, embedding_b.shape))
    compare = model.signatures["compare"]
    return compare(embedding_a=embedding_a, embedding_b=embedding_b)["preference"].numpy()


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""  # No photo either: the model says so, and the others are judged.


def format_series(name, ranked):
    """A series as a table."""
    lines = [f"\n{name}", f"{'rank':>6}  {'score':>6}  {'sure':>5}  photo"]
    for rank, photo in enumerate(ranked, start=1):
        if photo.score is None:
            note = f"{photo.path.name} (could not be read as a photo)"
            lines.append(f"{'-':>6}  {'-':>6}  {'-':>5}  {note}")
        else:
            sure = "" if photo.sure is None else f"{photo.sure:.0%}"
            lines.append(f"{rank:>6}  {photo.score:>6.3f}  {sure:>5}  {photo.path.name}")
    return "\n".join(lines)


def write_page(series, path):
    """Writes a page on which the series stand as pictures.

    Args:
        series: Dictionary of names to lists of `RankedPhoto`.
        path: File to write. It refers to the photos where they are.
    """
    sections = (
        f"<section><h2>{html.escape(name)}</h2>{''.join(map(_figure, ranked))}</section>\n"
        for name, ranked in series.items()
    )
    with replacing(path) as partial, open(partial, "w", encoding="utf-8") as file:
        file.write(
            "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>Ranked photos"
            f"</title><style>{_STYLE}</style></head><body><h1>Ranked photos</h1>\n"
        )
        file.writelines(sections)
        file.write("</body></html>\n")


def _figure(photo):
    name = html.escape(photo.path.name)
    if photo.score is None:
        return f"<p>{name} could not be read as a photo.</p>"
    address = html.escape(photo.path.resolve().as_uri())
    sure = "" if photo.sure is None else f", better than the next: {photo.sure:.0%}"
    return (
        f"<figure><a href='{address}'><img src='{address}' loading='lazy' alt=''></a>"
        f"<figcaption>{name}{sure}</figcaption></figure>"
    )


def main():
    if _HTML.value and pathlib.Path(_HTML.value).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"Expected --html to be a name as page.html. Received: {_HTML.value!r}")
    series = find_series(_PHOTOS.value, _GAP.value)
    if not (pathlib.Path(_MODEL.value) / "saved_model.pb").exists():
        raise ValueError(
            "Expected --model to be the folder of an exported version, with saved_model.pb in it. "
            f"Received: {_MODEL.value!r}"
        )
    import tensorflow as tf

    model = tf.saved_model.load(_MODEL.value)
    ranked = {}
    total = sum(map(len, series.values()))
    with tqdm(total=total, unit=" photos", disable=None, leave=False) as progress:
        for name, paths in series.items():
            ranked[name] = rank_series(model, paths, _BATCH_SIZE.value, progress)
            progress.write(format_series(name, ranked[name]))
    unread = sum(photo.score is None for photos in ranked.values() for photo in photos)
    print(f"\n{total} photos in {len(series)} series, {unread} could not be read.")
    print("sure: how likely people prefer a photo to the next one.")
    if _HTML.value:
        write_page(ranked, _HTML.value)
        print(f"Page: {_HTML.value}")


if __name__ == "__main__":
    cli.run(main, "model", "photos")
