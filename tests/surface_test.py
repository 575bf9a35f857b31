"""The public names: what others import, and may rely on."""

import subprocess
import sys

import pytest

import keras_series.layers
import keras_series.models


def test_layers():
    assert keras_series.layers.__all__ == [
        "CACell",
        "ParallelAttentionUnit",
        "PreferenceHead",
        "SACell",
    ]


def test_models():
    assert set(keras_series.models.__all__) >= {
        "BACKBONES",
        "PRESETS",
        "PhotoEncoder",
        "SeriesPreferenceModel",
        "from_preset",
    }


@pytest.mark.parametrize("module", ["keras_series", "tfds_series"])
def test_import_is_light(module):
    code = f"import {module}, sys; print('keras' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
