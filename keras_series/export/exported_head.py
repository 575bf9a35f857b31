"""The head of an exported model, which compares embeddings without TensorFlow."""

from __future__ import annotations

import os
import pathlib

import numpy as np

HEAD_FILE = pathlib.PurePath("assets.extra", "head.npz")


class ExportedHead:
    """The head of an exported model in NumPy. It answers as the signature `compare` does.

    Args:
        path: Folder of an exported version, `<base>/<version>`, on this machine.

    Raises:
        FileNotFoundError: If the folder has no `assets.extra/head.npz`.
    """

    def __init__(self, path: str | os.PathLike):
        with np.load(pathlib.Path(path) / HEAD_FILE, allow_pickle=False) as arrays:
            self._arrays = dict(arrays)

    def compare(self, embedding_a: np.ndarray, embedding_b: np.ndarray) -> np.ndarray:
        """Compares pairs of photos by their embeddings.

        Args:
            embedding_a: float32 array `[P, 128]`.
            embedding_b: float32 array `[P, 128]`.

        Returns:
            float32 array `[P]`, P(a is preferred to b).
        """
        hidden = np.tanh(np.tanh(embedding_a - embedding_b) @ self._arrays["hidden"])
        logits = (hidden @ self._arrays["preference"])[:, 0]
        return 1 / (1 + np.exp(-logits / self._arrays["temperature"]))

    def score(self, embedding: np.ndarray) -> np.ndarray:
        """Scores photos by their embeddings, as the signature `score` does.

        Args:
            embedding: float32 array `[F, 128]`.

        Returns:
            float32 array `[F]`, P(the photo is preferred to the mean training photo).
        """
        return self.compare(embedding, self._arrays["reference"])
