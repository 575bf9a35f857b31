"""Strengths of the photos of a series, from their pairwise preferences, in NumPy.

`keras_series.export.bradley_terry_strengths` does the same inside an exported model.
"""

from __future__ import annotations

import numpy as np

# Log-odds beyond this are rounding errors; without a bound, strengths would go to infinity.
_MOST_LOGIT = 12.0
_STEPS = 30
_TOLERANCE = 1e-9


def bradley_terry(preferences: np.ndarray) -> np.ndarray:
    """Returns the strengths of photos by the model of Bradley and Terry (1952).

    In the model, P(i is preferred to j) = sigmoid(s_i - s_j). The result is the maximum-likelihood
    estimate where each pair counts once, by Newton's method with steps of at most 1.

    Args:
        preferences: Float array `[B, N, N]`, P(i is preferred to j) in (0, 1). The diagonal is
            ignored.

    Returns:
        float64 array `[B, N]`. The strengths of a series have mean 0.

    Example:

    >>> bradley_terry(np.array([[[0.5, 0.8], [0.2, 0.5]]])).round(3)
    array([[ 0.693, -0.693]])
    """
    count = preferences.shape[-1]
    counts = 1 - np.eye(count)
    logits = np.clip(_logit(preferences), -_MOST_LOGIT, _MOST_LOGIT)
    p = _sigmoid(logits)
    # The least-squares strengths, which are exact if the preferences are consistent.
    strengths = (counts * logits).sum(axis=-1) / max(count, 1)
    for _ in range(_STEPS):
        expected = _sigmoid(strengths[..., :, np.newaxis] - strengths[..., np.newaxis, :])
        gradient = (counts * (p - expected)).sum(axis=-1)
        weights = counts * expected * (1 - expected)
        # The likelihood leaves a common constant free, which 1 / N fixes.
        curvature = np.eye(count) * weights.sum(axis=-1)[..., np.newaxis] - weights + 1 / count
        change = np.linalg.solve(curvature, gradient[..., np.newaxis])[..., 0]
        strengths += _at_most_one(change)
        if np.abs(change).max(initial=0) < _TOLERANCE:
            break
    return strengths


def strengths_beside(preferences: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the strengths of photos that are compared with others whose strengths are known.

    Args:
        preferences: Float array `[N, M]`, P(photo is preferred to other).
        others: Float array `[M]`, strengths of the others.

    Returns:
        float64 array `[N]`, the maximum-likelihood estimates.
    """
    logits = np.clip(_logit(preferences), -_MOST_LOGIT, _MOST_LOGIT)
    p = _sigmoid(logits)
    strengths = (logits + others).mean(axis=-1)
    for _ in range(_STEPS):
        expected = _sigmoid(strengths[:, np.newaxis] - others)
        change = (p - expected).sum(axis=-1) / (expected * (1 - expected)).sum(axis=-1)
        strengths += np.clip(change, -1, 1)
        if np.abs(change).max(initial=0) < _TOLERANCE:
            break
    return strengths


def _at_most_one(change):
    largest = np.abs(change).max(axis=-1, keepdims=True, initial=0)
    return change / np.maximum(largest, 1)


def _logit(p):
    p = np.clip(p.astype(float), 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


def _sigmoid(logits):
    return 1 / (1 + np.exp(-logits))
