"""An exported model that several test files share, since an export takes 20 seconds or more."""

import fcntl
import os
import pathlib

import keras
import numpy as np
import pytest

from keras_series.export import export
from keras_series.models import SeriesPreferenceModel, from_preset

# How far the answers for a photo may be apart in two batches.
ROUNDING = 1e-6


def make_model() -> SeriesPreferenceModel:
    """Returns the live model, with the same weights on every call."""
    keras.utils.set_random_seed(3)
    model = from_preset("tiny", image_size=48, arrangement="channel-spatial", resize="pad")
    # As in a trained network. TensorFlow's optimiser would drop biases of zero.
    rng = np.random.default_rng(3)
    for variable in model.encoder.variables:
        if variable.path.endswith(("bias", "moving_mean")):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    model.set_reference(np.linspace(-1, 1, 128).astype("float32"))
    return model


def shared_export(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Returns the folder of a version of `make_model`, exported once for all processes of a run.

    Tests must not change its files.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # Each process has a folder of its own in that of the run.
    base = folder / "shared_export"
    with open(folder / "shared_export.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A version is there whole or not at all.
        if not (base / "1").exists():
            export(make_model(), base, provenance={"training": {"preset": "tiny"}})
    return base / "1"
