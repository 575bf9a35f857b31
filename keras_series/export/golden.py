"""Golden cases: photos and expected answers that are kept with an exported model.

The expected answers come from the live Keras model, so a check compares serving with training. For
a model that was deployed long ago, it compares today's machine with the one it was exported on.
"""

from __future__ import annotations

import importlib.resources
import itertools
import json
import os
import pathlib
import statistics
import time
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_series.export.bradley_terry import bradley_terry_strengths, rank_by
from keras_series.export.exported_model import check_exported
from keras_series.export.serving_module import NEUTRAL
from keras_series.export.signatures import DEFAULT, SIGNATURES, Signature, Tensor
from keras_series.export.warmup import read_warmup, replay_warmup
from keras_series.models import SeriesPreferenceModel
from keras_series.photos import decode_photos_with_reasons, resize_photo

PHOTOS = pathlib.Path("assets.extra", "golden")
CARD = "model.json"
# By the precision of the export: how far answers may be from those of the live model. Absolute for
# answers of up to 1, relative to the largest number of an answer above that.
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.2}
# Of a message of TensorFlow that is shown.
_MOST_CHARACTERS = 300
# A drawn scene, a blurred copy of it, another scene, and the first 1,000 bytes of the first file.
_BROKEN_NAME = "broken.jpg"
_PHOTO_NAMES = ("scene.jpg", "blurred.jpg", "other.png", _BROKEN_NAME)


def golden_photos() -> dict[str, bytes]:
    """Returns encoded photos by file name. The first two have the same size, the last is broken."""
    folder = importlib.resources.files("keras_series.export") / "golden_photos"
    return {name: (folder / name).read_bytes() for name in _PHOTO_NAMES}


def golden_cases(model: SeriesPreferenceModel, photos: Mapping[str, bytes]) -> dict[str, dict]:
    """Returns the answers of a live model, as inputs and outputs of each signature.

    Args:
        model: A `SeriesPreferenceModel`.
        photos: Encoded photos by file name. The first two have the same size.

    Returns:
        `{signature: {"inputs": {name: value}, "outputs": {name: value}}}`, with lists that can be
        written as JSON. Photos appear by their file names.
    """
    names, image_size, resize = list(photos), model.encoder.image_size, model.encoder.resize
    photo_bytes = tf.constant(list(photos.values()))
    decoded, reasons = decode_photos_with_reasons(photo_bytes, image_size, resize)
    valid = reasons == 0
    # A graph, since eager convolutions of one shape share what oneDNN keeps of their weights.
    embed = tf.function(
        lambda photos: model.embed(photos, training=False),
        input_signature=[tf.TensorSpec([None, image_size, image_size, 3], tf.float32)],
        autograph=False,
    )
    reference = model.reference_embedding
    embedding = np.where(valid[:, None], embed(decoded), reference)
    pairs = valid[:, None] & valid[None, :]
    matrix = tf.where(pairs, model.compare(embedding[:, None], embedding[None]), NEUTRAL)
    strength = bradley_terry_strengths(matrix[None], valid[None])
    pixels = np.stack([_pixels(photos[name]) for name in names[:2]])
    from_pixels = embed(resize_photo(pixels, image_size, resize))
    outputs = {
        "preference": {
            "preference": tf.linalg.diag_part(tf.reverse(matrix, [1])),
            "valid": tf.linalg.diag_part(tf.reverse(pairs, [1])),
            "reason": tf.where(valid, reasons[::-1], reasons),
        },
        "score": {
            "score": model.compare(embedding, reference),
            "valid": valid,
            "reason": reasons,
        },
        "rank": {
            "preference": matrix[None],
            "strength": strength,
            "rank": rank_by(strength, valid[None], tf.ones_like(valid)[None]),
            "valid": valid[None],
            "reason": reasons[None],
        },
        "embed": {"embedding": embedding, "valid": valid, "reason": reasons},
        "compare": {"preference": model.compare(embedding, embedding[::-1])},
        "score_pixels": {"score": model.compare(from_pixels, reference)},
        "preference_pixels": {"preference": model.compare(from_pixels[:1], from_pixels[1:])},
        "embed_pixels": {"embedding": embed(_stretched(pixels, image_size))},
    }
    outputs[DEFAULT] = outputs["preference"]
    outputs["score_and_embed"] = {**outputs["score"], **outputs["embed"]}
    return {
        name: {
            "inputs": _inputs(signature, names, embedding),
            "outputs": {key: _as_list(outputs[name][key]) for key in signature.outputs},
        }
        for name, signature in SIGNATURES.items()
    }


def requests(
    cases: Mapping[str, dict], photos: Mapping[str, bytes], image_size: int
) -> dict[str, dict]:
    """Returns the inputs of golden cases as arrays by name, for each signature.

    Args:
        cases: What `golden_cases` returns.
        photos: Encoded photos by file name.
        image_size: Integer, the side of the network's input in pixels.
    """
    return {
        name: {
            key: _array(SIGNATURES[name].inputs[key], value, photos, image_size)
            for key, value in case["inputs"].items()
        }
        for name, case in cases.items()
    }


def check(folder: str | os.PathLike) -> tuple[dict[str, float], float]:
    """Compares the answers of an exported version for its golden photos with the expected ones.

    It replays the version's warm-up requests, which ask every signature for the golden photos.

    Args:
        folder: Folder of the version, `<base>/<version>`.

    Returns:
        The largest difference for each signature, absolute for answers of up to 1, else relative;
        and how much is tolerated, see `TOLERANCES`.

    Raises:
        FileNotFoundError: If there is no exported version.
        ValueError: If the version is damaged, the warm-up requests are not those of the golden
            photos, or a difference is not tolerated.
    """
    folder = pathlib.Path(folder)
    check_exported(str(folder))
    if not (folder / CARD).exists():
        raise FileNotFoundError(
            f"Expected an exported version, with {CARD} in it. Received: {str(folder)!r}"
        )
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    cases, image_size = card["golden"], card["encoder"]["image_size"]
    tolerance = TOLERANCES[card.get("precision", "float32")]
    photos = {path.name: path.read_bytes() for path in (folder / PHOTOS).iterdir()}
    try:
        _check_requests(requests(cases, photos, image_size), dict(read_warmup(folder)))
        answers = replay_warmup(folder)
    except tf.errors.OpError as error:
        raise ValueError(
            f"Expected a whole exported version that can be run. Received: {str(folder)!r} "
            f"({' '.join(error.message.split())[:_MOST_CHARACTERS]})"
        ) from error
    differences = {
        signature: _difference(answers[signature], case["outputs"])
        for signature, case in cases.items()
    }
    wrong = {name: value for name, value in differences.items() if not value <= tolerance}
    if wrong:
        listed = ", ".join(f"{name} by {value:.2g}" for name, value in wrong.items())
        raise ValueError(
            f"Expected the golden answers of {folder / CARD} within {tolerance}. "
            f"Received others: {listed}"
        )
    return differences, tolerance


def seconds_per_photo(folder: str | os.PathLike) -> float:
    """Returns the time that an exported version takes to decode and embed a golden photo.

    Args:
        folder: Folder of the version, `<base>/<version>`.

    Returns:
        Median of five calls with eight photos each, divided by eight.
    """
    names = [name for name in _PHOTO_NAMES if name != _BROKEN_NAME]
    photos = [(pathlib.Path(folder) / PHOTOS / name).read_bytes() for name in names]
    batch = tf.constant(list(itertools.islice(itertools.cycle(photos), 8)))
    embed = tf.saved_model.load(str(folder)).signatures["embed"]
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        embed(photo_bytes=batch)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]) / 8


def _check_requests(expected, actual):
    same = set(expected) == set(actual) and all(
        set(inputs) == set(actual[signature])
        and all(np.array_equal(value, actual[signature][name]) for name, value in inputs.items())
        for signature, inputs in expected.items()
    )
    if not same:
        raise ValueError(
            "Expected warm-up requests with the golden photos for "
            f"{', '.join(sorted(expected))}. Received: others, for {', '.join(sorted(actual))}"
        )


def _inputs(signature: Signature, names, embedding):
    values = {
        "photo_bytes": names,
        "photo_a_bytes": names,
        "photo_b_bytes": names[::-1],
        "photo_count": [len(names)],
        "embedding_a": embedding.tolist(),
        "embedding_b": embedding[::-1].tolist(),
        "photo": names[:2],
        "photo_a": names[:1],
        "photo_b": names[1:2],
    }
    # The golden photos are one series.
    return {
        name: [values[name]] if "N" in tensor.shape else values[name]
        for name, tensor in signature.inputs.items()
    }


def _as_list(value):
    return keras.ops.convert_to_numpy(value).tolist()


def _array(tensor: Tensor, value, photos, image_size):
    if tensor.dtype == "string":
        return np.vectorize(photos.__getitem__, otypes=[object])(value)
    if tensor.shape[-1] == 3:
        pixels = np.stack([_pixels(photos[file_name]) for file_name in value])
        return _stretched(pixels, image_size) if "S" in tensor.shape else pixels
    return np.array(value, tensor.dtype)


def _difference(actual, expected):
    differences = []
    for name, value in expected.items():
        value = np.asarray(value, np.float64)
        unit = np.abs(value).max(initial=1.0)
        differences.append(np.abs(np.asarray(actual[name]) - value).max(initial=0.0) / unit)
    return max(differences)


def _pixels(photo_bytes):
    return tf.io.decode_image(photo_bytes, channels=3).numpy()


def _stretched(pixels, image_size):
    return tf.image.resize(pixels, [image_size, image_size]).numpy()
