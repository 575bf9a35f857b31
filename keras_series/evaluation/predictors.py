"""Who judges the pairs of a dataset: a model, an exported model, or one of the trivial judges."""

import dataclasses
import pathlib

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_series.data.inference import compare_in_batches, embed_series, map_photos

# The trivial judge of sharpness sees photos like this, whatever the model beside it sees.
_SHARPNESS_SIZE = 224


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a judge says of F photos and P pairs.

    Attributes:
        predictions: float `[P]`, P(first is preferred).
        swapped: float `[P]`, P(second is preferred), asked for separately.
        scores: float `[F]`, of single photos.
        valid: bool `[F]`, false where a photo could not be decoded; its numbers mean nothing.
    """

    predictions: np.ndarray
    swapped: np.ndarray
    scores: np.ndarray
    valid: np.ndarray


class ModelJudge:
    """A `SeriesPreferenceModel` as judge.

    Args:
        model: The model, with its reference embedding set.
        batch_size: Photos at a time.
    """

    def __init__(self, model, batch_size=32):
        self.model = model
        self.batch_size = batch_size

    @property
    def temperature(self):
        """What the model's logits are divided by."""
        return float(keras.ops.convert_to_numpy(self.model.temperature))

    def judge(self, series, first, second):
        """The `Judgement` of a `tf.data.Dataset` of TFDS examples and pairs of its photos."""
        embeddings, valid = embed_series(self.model, series, self.batch_size)
        reference = keras.ops.convert_to_numpy(self.model.reference_embedding)
        references = np.broadcast_to(reference, embeddings.shape)
        return Judgement(
            compare_in_batches(self.model.compare, embeddings[first], embeddings[second]),
            compare_in_batches(self.model.compare, embeddings[second], embeddings[first]),
            compare_in_batches(self.model.compare, embeddings, references),
            valid,
        )


class ExportedJudge:
    """An exported SavedModel as judge; needs TensorFlow alone.

    Args:
        path: Folder of an exported version, with the signatures `embed`, `compare` and `score`.
        batch_size: Photos at a time.

    Raises:
        FileNotFoundError: If there is no exported model.
        ValueError: If it lacks one of these signatures.
    """

    temperature = None  # It is inside.

    def __init__(self, path, batch_size=32):
        if not (pathlib.Path(path) / "saved_model.pb").exists():
            raise FileNotFoundError(
                "Expected the folder of an exported version, with saved_model.pb in it. "
                f"Received: {str(path)!r}"
            )
        self.loaded = tf.saved_model.load(str(path))
        missing = sorted({"embed", "compare", "score"} - set(self.loaded.signatures))
        if missing:
            raise ValueError(
                f"Expected a model written by export.py at {path}. Received: one without the "
                f"signatures {', '.join(missing)}"
            )
        self.batch_size = batch_size

    def judge(self, series, first, second):
        """The `Judgement` of a `tf.data.Dataset` of TFDS examples and pairs of its photos."""
        signatures = self.loaded.signatures
        photos = series.flat_map(
            lambda example: tf.data.Dataset.from_tensor_slices(example["photos"]["photo_bytes"])
        )
        batches = []
        with tqdm(unit=" photos", disable=None, leave=False) as progress:
            for photo_bytes in photos.batch(self.batch_size):
                embedded = signatures["embed"](photo_bytes=photo_bytes)
                score = signatures["score"](photo_bytes=photo_bytes)["score"]
                batches.append((embedded["embedding"], score, embedded["valid"]))
                progress.update(len(photo_bytes))
        embeddings, scores, valid = map(np.concatenate, zip(*batches, strict=True))

        def compare(embedding_a, embedding_b):
            outputs = signatures["compare"](
                embedding_a=tf.constant(embedding_a), embedding_b=tf.constant(embedding_b)
            )
            return outputs["preference"]

        return Judgement(
            compare_in_batches(compare, embeddings[first], embeddings[second]),
            compare_in_batches(compare, embeddings[second], embeddings[first]),
            scores,
            valid,
        )


def sharpness(photos):
    """Variance of the Laplacian of the grey photo, `[b]`, of photos `[b, S, S, 3]`."""
    grey = tf.linalg.matvec(photos, [0.299, 0.587, 0.114])
    centre = grey[:, 1:-1, 1:-1]
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return tf.math.reduce_variance(neighbours - 4 * centre, axis=[1, 2])


def trivial_predictions(series, first, second):
    """What is had for nothing: P(first is preferred) `[P]` by the name of each trivial judge.

    `first_photo` always prefers the photo taken first, `sharpness` the one with the greater
    variance of the Laplacian at 224 x 224 pixels, and `coin` is what tossing one gives in the mean.
    """
    (sharp,), _ = map_photos(lambda photos: (sharpness(photos),), series, _SHARPNESS_SIZE)
    return {
        "first_photo": np.ones(len(first)),
        "sharpness": (np.sign(sharp[first] - sharp[second]) + 1) / 2,
        "coin": np.full(len(first), 0.5),
    }
