"""What every package may use: argument checks, whole files and figures."""

from keras_series.utils.arguments import check_option
from keras_series.utils.figures import new_figure, save_figure
from keras_series.utils.files import replacing

__all__ = ["check_option", "new_figure", "replacing", "save_figure"]
