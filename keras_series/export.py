"""Export: a trained model as a SavedModel that takes encoded photos."""

import os
import pathlib
import shutil
import tempfile

import tensorflow as tf

from keras_series.photos import MAX_PIXELS
from keras_series.serving_module import ServingModule


def export(model, base, version=None, max_pixels=MAX_PIXELS):
    """Writes `<base>/<version>`, whole or not at all.

    It is written beside and renamed, as TensorFlow Serving loads a version the moment it sees it.

    Args:
        model: A `SeriesPreferenceModel`, with its reference embedding set.
        base: Folder of the model's versions, made if it is missing.
        version: Positive integer. Defaults to one more than the greatest there.
        max_pixels: See `ServingModule`.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: If the version is not positive.
        FileExistsError: If the version is there already.
    """
    base = pathlib.Path(base)
    base.mkdir(parents=True, exist_ok=True)
    version = next_version(base) if version is None else version
    if version < 1:
        raise ValueError(f"Expected a version of at least 1. Received: {version=}")
    target = base / str(version)
    if target.exists():
        raise FileExistsError(f"Expected a version that is not in {base} yet. Received: {version=}")
    module = ServingModule(model, max_pixels)
    # A server reads integers as versions and passes other names over.
    partial = pathlib.Path(tempfile.mkdtemp(prefix=f".{version}.partial.", dir=base))
    try:
        tf.saved_model.save(module, str(partial), signatures=module.signatures())
        partial.chmod(0o755)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial)
        raise
    return target


def next_version(base):
    """One more than the greatest version in `base`; 1 where there is none."""
    versions = (int(path.name) for path in base.iterdir() if path.name.isdecimal())
    return max(versions, default=0) + 1
