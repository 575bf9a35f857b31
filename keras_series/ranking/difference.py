"""Where two photos differ, according to a trained network."""

from __future__ import annotations

import functools
import pathlib
import threading
from collections.abc import Callable

import numpy as np

# Points on the line between no difference and the difference of two embeddings.
_STEPS = 32
# The places of a photo take 130 kB, and a person compares photos of one series.
_PHOTOS = 64


class DifferenceMaps:
    """Divides the log-odds that one photo is preferred to another among the places of the photos.

    1. The embedding of a photo is a linear function of the means over space of what the attention
       units let through. So each place (x, y) has a share in it, `e(x, y)`, and the shares add up.
    2. The log-odds are `g(d)` with `d = e_a - e_b`, and `g(0) = 0`. With `v`, the mean of the
       gradient of `g` on the line from 0 to `d`, they are `v . d` (Sundararajan et al., *Axiomatic
       attribution for deep networks*, ICML 2017).
    3. The map is `v . (e_a(x, y) - e_b(x, y))`. Its sum is the log-odds, up to the error of the
       mean over 32 points. It is positive where the first photo is the better one.

    Args:
        load_model: Function without arguments that returns a `SeriesPreferenceModel`. It is called
            on the first use.
        read_photo: Function from a path to the bytes of a photo. Defaults to the bytes of the file.
    """

    def __init__(
        self,
        load_model: Callable,
        read_photo: Callable[[pathlib.Path], bytes] = pathlib.Path.read_bytes,
    ):
        self._load_model = load_model
        self._read_photo = read_photo
        self._places = functools.lru_cache(_PHOTOS)(self._compute_places)
        self._lock = threading.Lock()

    def __call__(self, first: pathlib.Path, second: pathlib.Path) -> np.ndarray | None:
        """Returns the map of two photos.

        Args:
            first: Path of a photo.
            second: Path of the other one.

        Returns:
            Float array `[S, S]` of the square of each photo that the network sees. `None` if one of
            them is not valid.

        Raises:
            OSError: If a photo cannot be read.
            ValueError: If a photo cannot be converted.
        """
        with self._lock:
            places = self._places(first), self._places(second)
            if any(each is None for each in places):
                return None
            difference = places[0] - places[1]
            return difference @ self._direction(difference.sum((0, 1)))

    @property
    def covers(self) -> str:
        """Which square of a photo the maps are of: `"crop"`, the central one, or `"pad"`."""
        return self._model.encoder.resize

    @functools.cached_property
    def _model(self):
        return self._load_model()

    def _compute_places(self, path: pathlib.Path) -> np.ndarray | None:
        """Returns the share of each place in the embedding, `[S, S, units]`."""
        from keras_series.photos import decode_photos

        encoder, head = self._model.encoder, self._model.head
        photo_bytes = self._read_photo(path)
        photos, valid = decode_photos([photo_bytes], encoder.image_size, encoder.resize)
        if not valid.numpy()[0]:
            return None
        kernel, start, stages = np.asarray(head.embedding.kernel), 0, []
        for maps in encoder.attended_maps(photos):
            for attended in maps:
                attended = np.asarray(attended[0], np.float32)
                rows = kernel[start : start + attended.shape[-1]]
                stages.append(attended @ rows / (attended.shape[0] * attended.shape[1]))
                start += attended.shape[-1]
        coarsest = stages[-1].shape[0]
        return np.sum([_pooled(stage, coarsest) for stage in stages], axis=0)

    def _direction(self, difference: np.ndarray) -> np.ndarray:
        """Returns the mean of the log-odds' gradient on the line from 0 to a difference."""
        import tensorflow as tf

        steps = (np.arange(_STEPS, dtype=np.float32) + 0.5) / _STEPS
        line = tf.constant(steps[:, None] * difference)
        with tf.GradientTape() as tape:
            tape.watch(line)
            log_odds = self._model.head.compare(line, tf.zeros_like(line))
        return tape.gradient(log_odds, line).numpy().mean(0)


def as_json(difference: np.ndarray, covers: str) -> dict:
    """Returns a map as the page takes it.

    Args:
        difference: Float array `[S, S]`.
        covers: String, see `DifferenceMaps.covers`.

    Returns:
        Dictionary with `side`, S; `values`, integers from -100 to 100 row by row; and `covers`.
    """
    most = max(float(np.abs(difference).max()), 1e-9)
    values = np.rint(100 * difference / most).astype(int).ravel().tolist()
    return {"side": difference.shape[0], "values": values, "covers": covers}


def _pooled(places: np.ndarray, side: int) -> np.ndarray:
    """Returns the sums of `places` in squares, `[side, side, units]`."""
    scale = places.shape[0] // side
    return places.reshape(side, scale, side, scale, -1).sum((1, 3))
