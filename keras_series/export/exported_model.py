"""Exported models, loaded: the one place where they are opened, refused and batched."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tqdm import tqdm

MODEL_FILE = "saved_model.pb"
# What `ExportedModel.embed` and `ExportedModel.compare` run.
SCORE_AND_EMBED = "score_and_embed"
SIGNATURES_USED = ("compare", SCORE_AND_EMBED)
_PAIRS_PER_CALL = 4096


class ExportedModel:
    """An exported SavedModel. It needs TensorFlow alone.

    Args:
        path: Folder of an exported version, `<base>/<version>`, on any file system that TensorFlow
            reads.
        batch_size: Integer, at least 1. Number of photos per call. Defaults to 32.
        signatures: Names of the signatures that the model must have. Defaults to those that `embed`
            and `compare` run.

    Raises:
        FileNotFoundError: If there is no exported model.
        ValueError: If it lacks one of the signatures.

    Example:

        model = ExportedModel("exported/demo/1")
        embeddings, scores, valid = model.embed(path.read_bytes() for path in paths)
        preferences = model.compare(embeddings[:-1], embeddings[1:])
    """

    def __init__(
        self,
        path: str | os.PathLike,
        batch_size: int = 32,
        signatures: Sequence[str] = SIGNATURES_USED,
    ):
        self.path = os.fspath(path)
        self.batch_size = batch_size
        check_exported(self.path, signatures)
        self._signatures = tf.saved_model.load(self.path).signatures

    def embed(
        self, photo_bytes: Iterable[bytes], progress: tqdm | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Embeds and scores photos, `batch_size` at a time.

        Args:
            photo_bytes: Iterable of F encoded photos. Only one batch is in memory at a time.
            progress: `tqdm` bar, updated by the number of photos. Defaults to none.

        Returns:
            Embeddings, float32 `[F, 128]`; scores, float32 `[F]`, P(the photo is preferred to the
            mean training photo); and `valid`, boolean `[F]`, false where a photo cannot be decoded
            and its numbers mean nothing.
        """
        outputs = self.describe(photo_bytes, progress)
        return outputs["embedding"], outputs["score"], outputs["valid"]

    def describe(
        self, photo_bytes: Iterable[bytes], progress: tqdm | None = None
    ) -> dict[str, np.ndarray]:
        """Runs the signature `score_and_embed` on photos, `batch_size` at a time.

        Args:
            photo_bytes: Iterable of F encoded photos. Only one batch is in memory at a time.
            progress: `tqdm` bar, updated by the number of photos. Defaults to none.

        Returns:
            The outputs of the signature by name: `embedding`, float32 `[F, 128]`; `score`, float32
            `[F]`; `valid`, boolean `[F]`; and `reason`, int32 `[F]`, the values of
            `keras_series.photos.Reason`.
        """
        batches = []
        for batch in _batches(photo_bytes, self.batch_size):
            batches.append(self.run(SCORE_AND_EMBED, photo_bytes=batch))
            if progress is not None:
                progress.update(len(batch))
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

    def compare(self, embedding_a: np.ndarray, embedding_b: np.ndarray) -> np.ndarray:
        """Compares pairs of photos by their embeddings.

        Args:
            embedding_a: float32 array `[P, 128]`.
            embedding_b: float32 array `[P, 128]`.

        Returns:
            float32 array `[P]`, P(a is preferred to b).
        """
        starts = range(0, max(len(embedding_a), 1), _PAIRS_PER_CALL)
        parts = [slice(start, start + _PAIRS_PER_CALL) for start in starts]
        return np.concatenate(
            [
                self.run("compare", embedding_a=embedding_a[part], embedding_b=embedding_b[part])[
                    "preference"
                ]
                for part in parts
            ]
        )

    def run(self, signature: str, **inputs: object) -> dict[str, np.ndarray]:
        """Runs a signature once.

        Args:
            signature: String, its name.
            **inputs: Arrays or nested lists by name, see `keras_series.export.SIGNATURES`.

        Returns:
            Dictionary of arrays by name.
        """
        function = self._signatures[signature]
        specs = function.structured_input_signature[1]
        outputs = function(
            **{name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()}
        )
        return {name: value.numpy() for name, value in outputs.items()}


def check_exported(
    path: str,
    signatures: Sequence[str] = (),
    open_file: Callable[[str], BinaryIO] | None = None,
) -> None:
    """Raises an error unless a folder has an exported model. The model is not loaded.

    Args:
        path: Folder of an exported version.
        signatures: Names of the signatures that the model must have. Defaults to none.
        open_file: Function that opens a file to read bytes. Defaults to TensorFlow's file systems.

    Raises:
        FileNotFoundError: If there is no exported model.
        ValueError: If it lacks one of the signatures, or is damaged.
    """
    try:
        with (open_file or _open)(os.path.join(path, MODEL_FILE)) as file:
            saved_model = saved_model_pb2.SavedModel.FromString(file.read())
    except DecodeError as error:
        raise ValueError(
            f"Expected a whole {MODEL_FILE} in the folder of an exported version. "
            f"Received: {path!r} with a damaged one ({error})"
        ) from error
    except (OSError, tf.errors.OpError) as error:
        raise FileNotFoundError(
            f"Expected the folder of an exported version, with {MODEL_FILE} in it. "
            f"Received: {path!r}"
        ) from error
    # TensorFlow's own entries begin with two underscores.
    definitions = saved_model.meta_graphs[0].signature_def
    names = [name for name in definitions if not name.startswith("__")]
    if missing := sorted(set(signatures) - set(names)):
        raise ValueError(
            f"Expected a model with the signatures {', '.join(missing)}, as export.py writes it. "
            f"Received: {path!r} with {', '.join(sorted(names))}"
        )


def _open(path):
    return tf.io.gfile.GFile(path, "rb")


def _batches(photo_bytes: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Yields lists of `size` photos; the last may be shorter. Yields one list for no photos."""
    photo_bytes = iter(photo_bytes)
    yield list(itertools.islice(photo_bytes, size))
    while batch := list(itertools.islice(photo_bytes, size)):
        yield batch
