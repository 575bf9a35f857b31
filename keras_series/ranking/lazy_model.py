"""An exported model that is loaded once photos must be encoded."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_series.export import ExportedHead
from keras_series.utils import import_tensorflow

# Enough to keep all cores of a laptop busy. Memory grows by 60 MB a photo.
BATCH_SIZE = 4
# TensorFlow draws a part of the fingerprint at random whenever it writes a SavedModel.
_FINGERPRINT = "fingerprint.pb"
# Photos that an export encodes at once. A photo that is alone there is rounded otherwise.
_PHOTOS_AT_ONCE = 8


class LazyModel:
    """An exported model. TensorFlow is imported once it is needed, which takes seconds.

    Args:
        path: Folder of an exported version, on this machine.
        batch_size: Integer, at least 1. Number of photos per call. Defaults to 4.

    Raises:
        FileNotFoundError: If there is no exported model.
    """

    def __init__(self, path: str | os.PathLike, batch_size: int = BATCH_SIZE):
        self.path = os.fspath(path)
        self.batch_size = batch_size
        try:
            self.identity = _hash(pathlib.Path(path, _FINGERPRINT))
            self._head = ExportedHead(path)
        except OSError as error:
            raise FileNotFoundError(
                "Expected the folder of an exported version, as export.py writes it. "
                f"Received: {self.path!r}"
            ) from error

    def encode(
        self, photo_bytes: Sequence[bytes]
    ) -> list[tuple[np.ndarray | None, float | None, str | None]]:
        """Encodes photos, with the same results however they are divided into batches.

        Args:
            photo_bytes: List of encoded photos.

        Returns:
            For each photo its embedding, float32 `[128]`, its score and `None`; or `None` twice and
            the reason for which it is not valid.
        """
        outputs = self._exported.describe(photo_bytes)
        from keras_series.photos import Reason  # It imports TensorFlow.

        valid = np.flatnonzero(outputs["valid"])
        if len(valid) % _PHOTOS_AT_ONCE == 1:
            last = valid[-1]
            beside = self._exported.describe([photo_bytes[last]] * 2)
            outputs["embedding"][last] = beside["embedding"][0]
        columns = (outputs[name] for name in ("embedding", "valid", "reason"))
        return [
            # Scores of several photos at once would be rounded differently.
            (embedding, float(self._head.score(embedding[np.newaxis])[0]), None)
            if is_valid
            else (None, None, str(Reason(int(reason))))
            for embedding, is_valid, reason in zip(*columns, strict=True)
        ]

    def compare(self, embedding_a: np.ndarray, embedding_b: np.ndarray) -> np.ndarray:
        """Compares pairs of photos, see `ExportedHead.compare`.

        Args:
            embedding_a: float32 array `[P, 128]`.
            embedding_b: float32 array `[P, 128]`.
        """
        return self._head.compare(embedding_a, embedding_b)

    @functools.cached_property
    def _exported(self):
        import_tensorflow()
        from keras_series.export import ExportedModel

        return ExportedModel(self.path, self.batch_size)


def _hash(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
