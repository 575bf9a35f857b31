"""What a run ran on, so that it can be repeated: versions, revision and devices."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import subprocess

import keras

from keras_series import __version__

_LIBRARIES = ("keras", "tensorflow", "tensorflow-datasets", "numpy", "jax", "torch")
_VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "TF_XLA_FLAGS", "CUDA_VISIBLE_DEVICES")


def describe_environment() -> dict[str, object]:
    """Returns what a run runs on.

    Returns:
        Dictionary of `libraries`, versions by name; `backend` and `devices` of Keras; `revision`,
        that of the checkout, with a `+` if it has changes, and `None` outside one; `platform`; and
        `variables`, those of the environment that change results or speed.
    """
    return {
        "libraries": _versions(),
        "backend": keras.backend.backend(),
        "devices": _devices(),
        "revision": _revision(),
        "platform": f"{platform.platform()}, {os.cpu_count()} cores",
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def _devices():
    if keras.backend.backend() != "torch":
        return keras.distribution.list_devices()
    import torch  # Whose devices Keras does not list.

    return [f"cuda:{place}" for place in range(torch.cuda.device_count())] or ["cpu:0"]


def _versions():
    versions = {"python": platform.python_version(), "keras_series": __version__}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _revision():
    root = pathlib.Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        revision, changes = (
            subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, check=True)
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision.stdout.strip() + ("+" if changes.stdout else "")
