"""An evaluation as one self-contained HTML page, with the most confident mistakes as pictures."""

from __future__ import annotations

import base64
import html
import io
import os
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_series.evaluation.text import format_report
from keras_series.models import PhotoEncoder
from keras_series.photos import decode_photos
from keras_series.utils import replacing

_SIDE = 224
_STYLE = """
body { font-family: sans-serif; max-width: 64rem; margin: 2rem auto; color: #222; }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: 0.85rem; }
img { max-width: 100%; vertical-align: top; }
figure { display: inline-block; margin: 0.5rem 1rem 1rem 0; }
figcaption { font-size: 0.85rem; }
"""


def write_page(
    report: Mapping,
    examples: tf.data.Dataset,
    plots: str | os.PathLike,
    path: str | os.PathLike,
    encoder: PhotoEncoder | None = None,
) -> None:
    """Writes a page with the findings, the table, the plots and the most confident mistakes.

    With an encoder, a second picture of each photo shows where its spatial gates, averaged over the
    stages, are above (red) or below (blue) those of the other photo.

    Args:
        report: What `evaluate` returns, with `dataset` and `split`.
        examples: `tf.data.Dataset` of the examples that were evaluated.
        plots: PNG file of the report's plots, which is copied into the page.
        path: HTML file to create or replace.
        encoder: `PhotoEncoder` of the model. Defaults to `None`.
    """
    title = html.escape(f"{report['dataset']}, {report['split']}")
    items = "".join(
        f"<li>{html.escape(each)}</li>" for each in [report["verdict"], *report["findings"]]
    )
    plots = _image_tag(pathlib.Path(plots).read_bytes(), "png")
    mistakes = "".join(_mistake_figures(report["mistakes"], examples, encoder))
    with replacing(path) as partial:
        partial.write_text(
            f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1><ul>{items}</ul>"
            f"<pre>{html.escape(format_report(report))}</pre>{plots}"
            f"<h2>The most confident mistakes</h2>{mistakes or '<p>None.</p>'}</body></html>\n",
            encoding="utf-8",
        )


def gate_difference(encoder: PhotoEncoder, photos: np.ndarray) -> np.ndarray | None:
    """Returns how far the spatial gates of each of two photos are above those of the other.

    Args:
        encoder: A `PhotoEncoder`.
        photos: Float array `[2, S, S, 3]`, RGB 0-255.

    Returns:
        Float array `[2, S, S]` in [-1, 1], one the negative of the other; `None` if the encoder has
        no spatial gates.
    """
    gates = encoder.spatial_gates(photos)
    if not gates:
        return None
    size = photos.shape[1:3]
    mean = np.mean([tf.image.resize(gate, size)[..., 0] for gate in gates], axis=0)
    difference = mean[0] - mean[1]
    difference /= max(np.abs(difference).max(), 1e-9)
    return np.stack([difference, -difference])


def _mistake_figures(mistakes, examples, encoder):
    wanted = {mistake["series_id"] for mistake in mistakes}
    photos = {
        example["series_id"].decode(): example["photos"]["photo_bytes"]
        for example in examples.as_numpy_iterator()
        if example["series_id"].decode() in wanted
    }
    size, resize = (encoder.image_size, encoder.resize) if encoder else (_SIDE, "crop")
    for mistake in mistakes:
        places = mistake["first"], mistake["second"]
        pair, _ = decode_photos([photos[mistake["series_id"]][place] for place in places],
                                size, resize)  # fmt: skip
        difference = gate_difference(encoder, pair) if encoder else None
        shares = mistake["preference"], 1 - mistake["preference"]
        predictions = mistake["prediction"], 1 - mistake["prediction"]
        yield f"<h3>{html.escape(mistake['series_id'])}</h3>"
        for side, photo in enumerate(pair.numpy()):
            pictures = _picture(photo)
            if difference is not None:
                pictures += " " + _picture(_tinted(photo, difference[side]))
            yield (
                f"<figure>{pictures}<figcaption>photo {places[side] + 1}: preferred by "
                f"{shares[side]:.0%} of people, {predictions[side]:.0%} predicted</figcaption>"
                "</figure>"
            )


def _tinted(photo, difference):
    """A grey photo, red where the difference is positive and blue where it is negative."""
    grey = photo.mean(axis=-1, keepdims=True) * np.ones(3)
    colour = np.where(difference[..., None] > 0, (255.0, 0.0, 0.0), (0.0, 0.0, 255.0))
    share = 0.6 * np.abs(difference)[..., None]
    return grey * (1 - share) + colour * share


def _picture(photo):
    image = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).resize((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "jpeg", quality=85)
    return _image_tag(file.getvalue(), "jpeg")


def _image_tag(content, kind):
    return f"<img src='data:image/{kind};base64,{base64.b64encode(content).decode()}' alt=''>"
