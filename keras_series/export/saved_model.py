"""Export: a trained model as a SavedModel that takes encoded photos."""

import contextlib
import datetime
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_series import __version__
from keras_series.export import golden
from keras_series.export.serving_module import ServingModule
from keras_series.export.warmup import write_warmup
from keras_series.photos.decoding import MAX_PIXELS

_LIBRARIES = ("keras", "tensorflow", "numpy")


def export(model, base, version=None, max_pixels=MAX_PIXELS, keep_variables=False, provenance=None):
    """Writes `<base>/<version>`, checked and whole, or not at all.

    It is written beside, checked there in a clean process against the live model's answers, and
    renamed, as TensorFlow Serving loads a version the moment it sees it. What an earlier export
    left behind that was killed is removed.

    Beside the SavedModel the version has `model.json`, which says what it is, and in
    `assets.extra/` golden photos, whose answers are in there, warm-up requests for the server, and
    `head.npz`, with which embeddings can be compared without TensorFlow.

    Args:
        model: A `SeriesPreferenceModel`, with its reference embedding set.
        base: Folder of the model's versions, made if it is missing.
        version: Positive integer. Defaults to one more than the greatest there.
        max_pixels: See `ServingModule`.
        keep_variables: See `ServingModule`.
        provenance: Dictionary for `model.json`: how the model was trained and evaluated.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: If the version is not positive, or the exported model does not say what the
            live one says.
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
    module = ServingModule(model, max_pixels, keep_variables)
    with _partial_folder(base) as partial:
        tf.saved_model.save(module, str(partial), signatures=module.signatures())
        _add_golden_cases(partial, base.name, model, {"max_pixels": max_pixels}, provenance or {})
        _add_head(partial, model)
        _check_in_clean_process(partial)
        partial.chmod(0o755)
        os.rename(partial, target)
    return target


def next_version(base):
    """One more than the greatest version in `base`; 1 where there is none."""
    versions = (int(path.name) for path in base.iterdir() if path.name.isdecimal())
    return max(versions, default=0) + 1


@contextlib.contextmanager
def _partial_folder(base):
    """A folder in `base` that is removed unless it has been renamed."""
    for path in base.glob(".partial.*"):
        with _locked(path) as is_ours:
            if is_ours:  # Its export is dead: the lock would have died with it.
                shutil.rmtree(path)
    # A server reads integers as versions and passes other names over.
    partial = pathlib.Path(tempfile.mkdtemp(prefix=".partial.", dir=base))
    with _locked(partial):
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder):
    """Locks a folder while the block runs; gives whether that was possible."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _add_golden_cases(folder, model_name, model, options, provenance):
    photos = golden.golden_photos()
    cases = golden.golden_cases(model, photos)
    write_warmup(folder, model_name, golden.requests(cases, photos))
    (folder / golden.PHOTOS).mkdir()
    for name, photo_bytes in photos.items():
        (folder / golden.PHOTOS / name).write_bytes(photo_bytes)
    card = {**_describe(folder, model), **options, **provenance, "golden": cases}
    (folder / golden.CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def _add_head(folder, model):
    head = {
        "hidden": model.head.hidden.kernel,
        "preference": model.head.preference.kernel,
        "reference": model.reference_embedding,
        "temperature": model.temperature,
    }
    arrays = {name: keras.ops.convert_to_numpy(value) for name, value in head.items()}
    np.savez(folder / "assets.extra" / "head.npz", **arrays)


def _describe(folder, model):
    """What `model.json` says of a model and of its signatures."""
    # Not loaded, which takes many times the memory.
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    definitions = saved.meta_graphs[0].signature_def
    return {
        "what": "Judges which photo of a series people prefer; see keras-series.",
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "encoder": model.encoder.get_config(),
        "head": {"units": model.head.units},
        "parameters": model.count_params(),
        "temperature": float(model.temperature),
        "signatures": {
            name: {
                "inputs": _specs(definitions[name].inputs),
                "outputs": _specs(definitions[name].outputs),
            }
            for name in sorted(definitions)
            if not name.startswith("__")
        },
        "libraries": {"python": platform.python_version(), "keras_series": __version__}
        | {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def _specs(tensors):
    return {
        name: f"{tf.DType(info.dtype).name} {tf.TensorShape(info.tensor_shape).as_list()}"
        for name, info in sorted(tensors.items())
    }


def _check_in_clean_process(folder):
    root = str(pathlib.Path(__file__).parents[2])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    result = subprocess.run(
        [sys.executable, "-m", golden.__name__, folder],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise ValueError(
            "Expected an exported model that says what the live one says. Received, from a clean "
            f"process that loaded it:\n{result.stderr[-2000:]}"
        )
