"""Two small series with annotations, for metrics that are worked out by hand."""

from collections.abc import Callable

import numpy as np

from keras_series.data import Annotations

# Two series, of three photos and of two.
ANNOTATIONS = Annotations(
    series_index=np.array([0, 0, 0, 1, 1]),
    ranks=np.array([2, 1, 3, 1, 2]),
    first=np.array([0, 0, 1, 3]),
    second=np.array([1, 2, 2, 4]),
    preferences=np.array([0.2, 0.7, 0.9, 0.6]),
)


def value(metric: Callable[[np.ndarray], np.ndarray], series_count: int = 2) -> float:
    """Returns a metric where every series counts once."""
    return metric(np.ones((1, series_count)))[0]
