"""Photos of a folder in the order of an exported model, as text, table and page."""

import csv
import dataclasses
import html
import itertools
import pathlib

import numpy as np
import tensorflow as tf

from keras_series.utils.files import replacing

_STYLE = """
body { font-family: sans-serif; margin: 2rem; color: #222; }
h2 { font-size: 1rem; margin: 2rem 0 0.5rem; }
figure { display: inline-block; margin: 0 1rem 1rem 0; }
img { height: 14rem; max-width: 100%; object-fit: contain; }
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
        for place, next_sure in itertools.zip_longest(order, sure)
    ]
    return ranked + [RankedPhoto(paths[place], None) for place in np.flatnonzero(~valid)]


def _embed(model, paths, batch_size, progress):
    parts = []
    for start in range(0, len(paths), batch_size):
        photo_bytes = [_read(path) for path in paths[start : start + batch_size]]
        outputs = model.signatures["score_and_embed"](photo_bytes=tf.constant(photo_bytes))
        parts.append([outputs[name].numpy() for name in ("score", "embedding", "valid")])
        progress.update(len(photo_bytes))
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _compare(model, embedding_a, embedding_b):
    outputs = model.signatures["compare"](
        embedding_a=tf.constant(np.broadcast_to(embedding_a, embedding_b.shape)),
        embedding_b=tf.constant(embedding_b),
    )
    return outputs["preference"].numpy()


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""  # No photo either: the model says so, and the others are judged.


def printable(text):
    """A name as text to print, with control characters and bytes that are no UTF-8 escaped.

    Example:

    >>> printable("a\\x1b[31m.jpg")
    'a\\\\x1b[31m.jpg'
    """
    characters = (each if each.isprintable() else ascii(each)[1:-1] for each in str(text))
    return "".join(characters)


def format_series(name, ranked):
    """A series as a table."""
    lines = [f"\n{printable(name)}", f"{'rank':>6}  {'score':>6}  {'sure':>5}  photo"]
    for rank, photo in enumerate(ranked, start=1):
        file_name = printable(photo.path.name)
        if photo.score is None:
            note = f"{file_name} (could not be read as a photo)"
            lines.append(f"{'-':>6}  {'-':>6}  {'-':>5}  {note}")
        else:
            sure = "" if photo.sure is None else f"{photo.sure:.0%}"
            lines.append(f"{rank:>6}  {photo.score:>6.3f}  {sure:>5}  {file_name}")
    return "\n".join(lines)


def write_table(series, path):
    """Writes the series, a dictionary of names to lists of `RankedPhoto`, as a CSV file."""
    # Names that are not UTF-8 keep their bytes.
    settings = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with replacing(path) as partial, open(partial, "w", **settings) as file:
        writer = csv.writer(file)
        writer.writerow(["series", "rank", "path", "score", "sure"])
        for name, ranked in series.items():
            for rank, photo in enumerate(ranked, start=1):
                place = "" if photo.score is None else rank
                writer.writerow([name, place, photo.path, photo.score, photo.sure])


def write_page(series, path):
    """Writes a page on which the series stand as pictures.

    Args:
        series: Dictionary of names to lists of `RankedPhoto`.
        path: File to write. It refers to the photos where they are.
    """
    with replacing(path) as partial, open(partial, "w", encoding="utf-8") as file:
        file.write(
            "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>Ranked photos"
            f"</title><style>{_STYLE}</style></head><body><h1>Ranked photos</h1>\n"
        )
        for name, ranked in series.items():
            file.write(f"<h2>{html.escape(printable(name))}</h2>\n<section>")
            file.writelines(map(_figure, ranked))
            file.write("</section>\n")
        file.write("</body></html>\n")


def _figure(photo):
    name = html.escape(printable(photo.path.name))
    if photo.score is None:
        return f"<p>{name} could not be read as a photo.</p>"
    address = html.escape(photo.path.resolve().as_uri())
    sure = "" if photo.sure is None else f", better than the next: {photo.sure:.0%}"
    return (
        f"<figure><a href='{address}'><img src='{address}' loading='lazy' alt=''></a>"
        f"<figcaption>{name}{sure}</figcaption></figure>"
    )
