"""Figures written as PNG files, without changing matplotlib's global settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from keras_series.utils.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(**settings: object) -> Figure:
    """Returns a new matplotlib figure with a constrained layout.

    Args:
        **settings: Arguments of `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is not installed. The message says how to install it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Expected matplotlib, which draws the figures. Received: no such package. "
            "Install it with: pip install 'keras-series[report]'"
        ) from error
    return Figure(layout="constrained", **settings)


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure as a PNG file, whole or not at all.

    Args:
        figure: A `matplotlib.figure.Figure`.
        path: File to create or replace.
    """
    with replacing(path) as partial:
        figure.savefig(partial, dpi=120)
