"""What every package may use: arguments, files, photo files, colour profiles and figures."""

from keras_series.utils.arguments import check_option
from keras_series.utils.colour_profiles import to_srgb, with_srgb_colours
from keras_series.utils.figures import new_figure, save_figure
from keras_series.utils.files import keras_home, partial_folder, replacing
from keras_series.utils.photo_files import (
    FORMATS,
    NOT_AN_IMAGE,
    UNREADABLE,
    FoundFile,
    FoundFiles,
    count_left_out,
    detect_format,
    find_photos,
    iterate_files,
    reason_left_out,
)
from keras_series.utils.quiet_import import import_tensorflow

__all__ = [
    "FORMATS",
    "NOT_AN_IMAGE",
    "UNREADABLE",
    "FoundFile",
    "FoundFiles",
    "check_option",
    "count_left_out",
    "detect_format",
    "find_photos",
    "import_tensorflow",
    "iterate_files",
    "keras_home",
    "new_figure",
    "partial_folder",
    "reason_left_out",
    "replacing",
    "save_figure",
    "to_srgb",
    "with_srgb_colours",
]
