"""Golden cases: photos and answers kept with an exported model, to tell if it still gives them.

The answers are those of the live Keras model, so a check compares training with serving; of a model
that was deployed long ago, yesterday's numbers with today's machine.
"""

import io
import json
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_series.export.bradley_terry import bradley_terry, rank_by
from keras_series.export.serving_module import NEUTRAL
from keras_series.export.warmup import read_warmup, replay_warmup
from keras_series.photos.decoding import decode_photos, resize_photo

PHOTOS = pathlib.Path("assets.extra", "golden")
CARD = "model.json"
# Of the answers, or of the largest number among them if that is more than 1.
TOLERANCE = 1e-4
_EDGE = 192


def golden_photos():
    """Encoded photos by file name: a drawn scene, its blurred copy, another scene, a broken one."""
    from tfds_series.synthetic_series.degradations import degrade
    from tfds_series.synthetic_series.scenes import draw_scene

    scene, other = (draw_scene(np.random.default_rng(seed), _EDGE) for seed in (1, 2))
    blurred = degrade(scene, "defocus", 0.6, np.random.default_rng(3))
    photos = {
        "scene.jpg": _encode(scene, "jpeg", quality=95),
        "blurred.jpg": _encode(blurred, "jpeg", quality=95),
        "other.png": _encode(other, "png"),
    }
    return {**photos, "broken.jpg": photos["scene.jpg"][:1000]}


def golden_cases(model, photos):
    """What a live model says of photos, as inputs and outputs of each signature.

    Args:
        model: A `SeriesPreferenceModel`.
        photos: Encoded photos by file name; the first two have the same size.

    Returns:
        `{signature: {"inputs": {name: value}, "outputs": {name: value}}}`, of lists that can be
        written as JSON. Photos stand there by their file names.
    """
    names, image_size, resize = list(photos), model.encoder.image_size, model.encoder.resize
    decoded, valid = decode_photos(tf.constant(list(photos.values())), image_size, resize)
    reference = model.reference_embedding
    embedding = np.where(valid[:, None], model.embed(decoded, training=False), reference)
    pairs = valid[:, None] & valid[None, :]
    matrix = tf.where(pairs, model.compare(embedding[:, None], embedding[None]), NEUTRAL)
    strength = bradley_terry(matrix[None], valid[None])
    opposite = tf.reverse(matrix, [1])
    score = model.compare(embedding, reference)
    pixels = [_pixels(photos[name]) for name in names[:2]]
    from_pixels = model.embed(resize_photo(np.stack(pixels), image_size, resize), training=False)
    everything = {"photo_bytes": names}
    preference = _case(
        {"photo_a_bytes": names, "photo_b_bytes": names[::-1]},
        preference=tf.linalg.diag_part(opposite),
        valid=tf.linalg.diag_part(tf.reverse(pairs, [1])),
    )
    return {
        "serving_default": preference,
        "preference": preference,
        "score": _case(everything, score=score, valid=valid),
        "rank": _case(
            {"photo_bytes": [names], "photo_count": [len(names)]},
            preference=matrix[None],
            strength=strength,
            rank=rank_by(strength, valid[None], tf.ones_like(valid)[None]),
            valid=valid[None],
        ),
        "embed": _case(everything, embedding=embedding, valid=valid),
        "score_and_embed": _case(everything, score=score, embedding=embedding, valid=valid),
        "compare": _case(
            {"embedding_a": embedding.tolist(), "embedding_b": embedding[::-1].tolist()},
            preference=model.compare(embedding, embedding[::-1]),
        ),
        "score_pixels": _case({"photo": names[:2]}, score=model.compare(from_pixels, reference)),
        "preference_pixels": _case(
            {"photo_a": names[:1], "photo_b": names[1:2]},
            preference=model.compare(from_pixels[:1], from_pixels[1:]),
        ),
    }


def requests(cases, photos):
    """The inputs of golden cases as arrays by name, for each signature.

    Args:
        cases: As `golden_cases` gives them.
        photos: Encoded photos by file name.
    """
    return {
        signature: {name: _array(name, value, photos) for name, value in case["inputs"].items()}
        for signature, case in cases.items()
    }


def check(folder):
    """Compares what an exported version says of its golden photos with what it should say.

    Its warm-up requests are replayed, which ask each signature for them.

    Args:
        folder: Of the version, `<base>/<version>`.

    Returns:
        For each signature the largest difference, as a share of `TOLERANCE`'s unit.

    Raises:
        FileNotFoundError: If it is no folder of an exported version.
        ValueError: If the warm-up requests are others, or a difference is beyond `TOLERANCE`.
    """
    folder = pathlib.Path(folder)
    if not (folder / "saved_model.pb").exists() or not (folder / CARD).exists():
        raise FileNotFoundError(
            f"Expected an exported version, with saved_model.pb and {CARD} in it. "
            f"Received: {str(folder)!r}"
        )
    cases = json.loads((folder / CARD).read_text(encoding="utf-8"))["golden"]
    photos = {path.name: path.read_bytes() for path in (folder / PHOTOS).iterdir()}
    _check_same("warm-up requests", requests(cases, photos), dict(read_warmup(folder)))
    answers = replay_warmup(folder)
    differences = {
        signature: _difference(answers[signature], case["outputs"])
        for signature, case in cases.items()
    }
    wrong = {name: value for name, value in differences.items() if not value <= TOLERANCE}
    if wrong:
        told = ", ".join(f"{name} by {value:.2g}" for name, value in wrong.items())
        raise ValueError(
            f"Expected the golden answers of {folder / CARD} within {TOLERANCE}. "
            f"Received others: {told}"
        )
    return differences


def _check_same(what, expected, actual):
    """Refuses inputs of signatures, arrays by name, that are not those expected."""
    same = set(expected) == set(actual) and all(
        set(inputs) == set(actual[signature])
        and all(np.array_equal(value, actual[signature][name]) for name, value in inputs.items())
        for signature, inputs in expected.items()
    )
    if not same:
        raise ValueError(
            f"Expected {what} of the golden photos for {', '.join(sorted(expected))}. "
            f"Received: others, for {', '.join(sorted(actual))}"
        )


def _case(inputs, **outputs):
    arrays = {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
    return {"inputs": inputs, "outputs": {name: value.tolist() for name, value in arrays.items()}}


def _array(name, value, photos):
    if name.endswith("_bytes"):
        return np.vectorize(photos.__getitem__, otypes=[object])(value)
    if name.startswith("photo") and name != "photo_count":
        return np.stack([_pixels(photos[file_name]) for file_name in value])
    return np.array(value, np.int32 if name == "photo_count" else np.float32)


def _difference(actual, expected):
    differences = []
    for name, value in expected.items():
        value = np.asarray(value, np.float64)
        unit = np.abs(value).max(initial=1.0)
        differences.append(np.abs(np.asarray(actual[name]) - value).max(initial=0.0) / unit)
    return max(differences)


def _encode(pixels, kind, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _pixels(photo_bytes):
    return tf.io.decode_image(photo_bytes, channels=3).numpy()


if __name__ == "__main__":
    check(sys.argv[1])
