"""Folders of photos to ranked series."""

from keras_series.ranking.capture_time import CaptureTime, capture_time
from keras_series.ranking.changes import Change, count_changes, format_changes
from keras_series.ranking.choices import mark_choices, read_choices
from keras_series.ranking.copies import check_copy_folder, plan_copies
from keras_series.ranking.folders import find_series
from keras_series.ranking.journal import undo
from keras_series.ranking.marks import mark_ranking
from keras_series.ranking.order import RankedPhoto, rank_series
from keras_series.ranking.output import format_series, printable, write_page, write_table
from keras_series.ranking.pipeline import rank_folder
from keras_series.ranking.results_json import write_json
from keras_series.ranking.sidecars import find_other_sidecars, plan_sidecars
from keras_series.ranking.writing import carry_out

__all__ = [
    "CaptureTime",
    "Change",
    "RankedPhoto",
    "capture_time",
    "carry_out",
    "check_copy_folder",
    "count_changes",
    "find_other_sidecars",
    "find_series",
    "format_changes",
    "format_series",
    "mark_choices",
    "mark_ranking",
    "plan_copies",
    "plan_sidecars",
    "printable",
    "rank_folder",
    "rank_series",
    "read_choices",
    "undo",
    "write_json",
    "write_page",
    "write_table",
]
