"""Figures as PNG files, without touching anybody's matplotlib settings."""

from keras_series.utils.files import replacing


def new_figure(**settings):
    """A matplotlib figure of its own.

    Args:
        **settings: Arguments of `matplotlib.figure.Figure`.

    Raises:
        ImportError: If matplotlib is missing, with what to install.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Expected matplotlib, to draw figures. Received: no such package. "
            "Install it with: pip install 'keras-series[report]'"
        ) from error
    return Figure(layout="constrained", **settings)


def save_figure(figure, path):
    """Writes a figure as a PNG, whole or not at all."""
    with replacing(path) as partial:
        figure.savefig(partial, dpi=120)
