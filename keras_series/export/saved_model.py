"""Writes a trained model as a SavedModel that takes encoded photos."""

from __future__ import annotations

import contextlib
import datetime
import errno
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_series import __version__
from keras_series.export import golden
from keras_series.export.serving_module import ServingModule
from keras_series.export.signatures import SIGNATURES
from keras_series.export.simplification import simplify_functions
from keras_series.export.warmup import write_warmup
from keras_series.models import SeriesPreferenceModel
from keras_series.photos import MAX_PIXELS
from keras_series.utils import partial_folder

_LIBRARIES = ("keras", "tensorflow", "numpy")
# Not TF_ONEDNN_ASSUME_FROZEN_WEIGHTS, which would keep the weights once more for each signature.
_ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "0"}


def export(
    model: SeriesPreferenceModel,
    base: str | os.PathLike,
    version: int | None = None,
    max_pixels: int = MAX_PIXELS,
    trainable: bool = False,
    provenance: Mapping | None = None,
    check: bool = True,
    precision: str = "float32",
) -> pathlib.Path:
    """Writes `<base>/<version>`, checked and whole, or not at all.

    The version is written under a temporary name, checked in a clean process against the answers of
    the live model, and renamed, since TensorFlow Serving loads a version the moment it sees it.
    What earlier exports left behind when they were killed is removed.

    Besides the SavedModel the version has `model.json`, which describes it, and in `assets.extra/`
    the golden photos, whose expected answers are in `model.json`; warm-up requests for the server;
    and `head.npz`, with which embeddings can be compared without TensorFlow.

    Args:
        model: A `SeriesPreferenceModel` with its reference embedding set.
        base: Folder of the model's versions. It is created if it does not exist.
        version: Positive integer. Defaults to one more than the greatest version in `base`.
        max_pixels: Integer, see `ServingModule`. Defaults to 200 million.
        trainable: Boolean, see `ServingModule`. Defaults to `False`.
        provenance: Dictionary added to `model.json`: how the model was trained and evaluated.
            Defaults to none.
        check: Whether the version is checked in a clean process, which takes most of the time.
            Defaults to `True`.
        precision: String, see `ServingModule`. Defaults to `"float32"`.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: If the version is not positive, the exported model does not give the answers of
            the live model, or Keras has another backend than TensorFlow.
        FileExistsError: If the version exists already.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Expected Keras' TensorFlow backend for an export. Received: "
            f"{keras.backend.backend()}. A .keras file is the same on every backend, so set "
            "KERAS_BACKEND=tensorflow and export again"
        )
    base = pathlib.Path(base)
    base.mkdir(parents=True, exist_ok=True)
    is_named = version is not None
    version = version if is_named else next_version(base)
    if version < 1:
        raise ValueError(f"Expected a version of at least 1. Received: {version=}")
    target = base / str(version)
    if target.exists():
        raise FileExistsError(f"Expected a version that is not in {base} yet. Received: {version=}")
    options = {"max_pixels": max_pixels, "precision": precision}
    checking = _clean_check() if check else contextlib.nullcontext(lambda folder: None)
    with partial_folder(base) as partial, checking as check_folder:
        module = ServingModule(model, max_pixels, trainable, precision)
        tf.saved_model.save(module, str(partial), signatures=module.signatures())
        simplify_functions(partial)
        _add_golden_cases(partial, base.name, model, options, provenance or {})
        _add_head(partial, model)
        check_folder(partial)
        partial.chmod(0o755)
        return _rename(partial, target, is_named)


def _rename(partial, target, is_named):
    """Renames to a version, or to the next one if another process has written it meanwhile."""
    while True:
        try:
            os.rename(partial, target)
            return target
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            if is_named:
                raise FileExistsError(
                    f"Expected a version that no other process writes. Received: {target}"
                ) from error
            target = target.with_name(str(next_version(target.parent)))


def next_version(base: pathlib.Path) -> int:
    """Returns one more than the greatest version in a folder, 1 if there is none.

    Args:
        base: Folder of a model's versions.
    """
    versions = (int(path.name) for path in base.iterdir() if path.name.isdecimal())
    return max(versions, default=0) + 1


def _add_golden_cases(folder, model_name, model, options, provenance):
    photos = golden.golden_photos()
    cases = golden.golden_cases(model, photos)
    write_warmup(folder, model_name, golden.requests(cases, photos, model.encoder.image_size))
    (folder / golden.PHOTOS).mkdir()
    for name, photo_bytes in photos.items():
        (folder / golden.PHOTOS / name).write_bytes(photo_bytes)
    card = {**_describe(model), **options, **provenance, "golden": cases}
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


def _describe(model):
    sizes = {"E": model.head.units[0], "S": model.encoder.image_size}
    return {
        "what": "Predicts which photo of a series people prefer; see keras-series.",
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "encoder": model.encoder.get_config(),
        "head": {"units": model.head.units},
        "parameters": model.count_params(),
        "temperature": float(model.temperature),
        "signatures": {
            name: signature.describe(sizes) for name, signature in sorted(SIGNATURES.items())
        },
        "libraries": {"python": platform.python_version(), "keras_series": __version__}
        | {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


@contextlib.contextmanager
def _clean_check() -> Iterator[Callable[[pathlib.Path], None]]:
    """Yields a function that checks the folder of a version in a clean process.

    The process starts at once, so that it imports TensorFlow while this one exports.
    """
    root = str(pathlib.Path(__file__).parents[2])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    code = "import sys; from keras_series.export import check; check(sys.stdin.read())"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def check(folder):
        _, errors = process.communicate(str(folder))
        if process.returncode:
            raise ValueError(
                "Expected an exported model that gives the answers of the live one. Received, from "
                f"a clean process that loaded it:\n{errors[-2000:]}"
            )

    with process:
        try:
            yield check
        finally:
            process.kill()
