"""Layers: the attention cells, the attention unit and the preference head."""

from keras_series.layers.ca_cell import CACell
from keras_series.layers.parallel_attention_unit import ParallelAttentionUnit
from keras_series.layers.preference_head import PreferenceHead
from keras_series.layers.sa_cell import SACell

__all__ = ["CACell", "ParallelAttentionUnit", "PreferenceHead", "SACell"]
