"""Runs that are killed at any moment end as if they had not been."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_series.training import load_model

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[1]
KILLS = 10


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    command = [sys.executable, ROOT / "prepare.py", "--dataset=synthetic_series/few_scenes"]
    subprocess.run([*command, f"--data_dir={data}"], check=True)
    return [
        "--dataset=synthetic_series/few_scenes", f"--data_dir={data}", "--preset=tiny",
        "--override=image_size=64", "--epochs=6", "--learning_rate=1e-3", "--pack_size=8",
        "--deterministic", "--checkpoint_minutes=0.01", "--interpolation=0.5",
    ]  # fmt: skip


def start(workdir, flags, backend):
    return subprocess.Popen(
        [sys.executable, ROOT / "train.py", f"--workdir={workdir}", *flags],
        env={**os.environ, "KERAS_BACKEND": backend},
    )


def evaluate(workdir, flags):
    command = [sys.executable, ROOT / "evaluate.py", f"--workdir={workdir}", *flags[:2]]
    subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, check=True)
    report = json.loads((workdir / "evaluation.json").read_text())
    return report["predictors"]["model"], report["counts"]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_killed_run_ends_as_if_nothing_had_been(flags, tmp_path, backend):
    if backend == "jax":
        pytest.importorskip("jax")
    began = time.monotonic()
    assert start(tmp_path / "whole", flags, backend).wait() == 0
    seconds = time.monotonic() - began
    rng = np.random.default_rng(0)
    for _ in range(KILLS):
        process = start(tmp_path / "killed", flags, backend)
        time.sleep(seconds * rng.uniform(0.1, 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(tmp_path / "killed", flags, backend).wait() == 0
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert evaluate(whole, flags) == evaluate(killed, flags)
    assert (whole / "metrics.csv").read_bytes() == (killed / "metrics.csv").read_bytes()
    models = [load_model(each) for each in (whole, killed)]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)
