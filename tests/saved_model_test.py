"""Versions of an exported model: each appears whole or not at all, whatever stops the export."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from keras_series.export import export, golden, next_version, saved_model
from keras_series.utils import files
from tests.shared_export import make_model

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def model():
    return make_model()


def test_versions_count_up_and_are_not_overwritten(model, tmp_path):
    assert export(model, tmp_path, check=False).name == "1"
    assert export(model, tmp_path, version=7, check=False).name == "7"
    assert next_version(tmp_path) == 8
    with pytest.raises(FileExistsError, match="version=7"):
        export(model, tmp_path, version=7)


def test_two_exports_at_once_are_two_versions(model, tmp_path, monkeypatch):
    add_head = saved_model._add_head

    def add_head_while_another_appears(partial, exported):
        add_head(partial, exported)
        for version in ("1", "2"):
            (tmp_path / version).mkdir()
            (tmp_path / version / "saved_model.pb").touch()

    monkeypatch.setattr(saved_model, "_add_head", add_head_while_another_appears)
    assert export(model, tmp_path, check=False).name == "3"
    assert (tmp_path / "3" / "model.json").exists()
    for version in ("1", "2"):
        shutil.rmtree(tmp_path / version)
    with pytest.raises(FileExistsError, match=r"Received: .*/1"):
        export(model, tmp_path, version=1, check=False)


def test_version_must_be_positive(model, tmp_path):
    with pytest.raises(ValueError, match="at least 1"):
        export(model, tmp_path, version=0)


def test_failed_export_leaves_nothing(model, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        export(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_export_with_different_answers_is_refused(model, tmp_path, monkeypatch):
    cases = golden.golden_cases

    def other_cases(*arguments):
        made = cases(*arguments)
        made["rank"]["outputs"]["strength"][0][1] += 0.01
        return made

    monkeypatch.setattr(golden, "golden_cases", other_cases)
    with pytest.raises(ValueError, match="Received others: rank by"):
        export(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_export_are_removed(model, tmp_path):
    dead, alive = tmp_path / ".partial.dead", tmp_path / ".partial.alive"
    dead.mkdir()
    alive.mkdir()
    with files.locked(alive):
        export(model, tmp_path, check=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial.alive", "1"]


EXPORT = """
import sys
from keras_series.export import export
from keras_series.models import from_preset
export(from_preset("tiny", image_size=32, stages=(3,)), sys.argv[1])
"""


@pytest.mark.slow
def test_an_export_killed_at_any_moment_leaves_a_whole_version_or_none(tmp_path):
    """In a second, 20 exports, each killed a little later than the one before; minutes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", EXPORT]
    start = time.monotonic()
    subprocess.run([*command, tmp_path / "whole"], env=environment, check=True)
    duration = time.monotonic() - start
    expected = {file.name for file in (tmp_path / "whole" / "1").rglob("*")}
    versions = []
    for moment in range(20):
        base = tmp_path / f"{moment}"
        process = subprocess.Popen(
            [*command, base], env=environment, start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(duration * (moment + 1) / 20)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        versions += (path for path in base.glob("[0-9]*") if path.is_dir())
    for version in versions:
        assert {file.name for file in version.rglob("*")} == expected
        golden.check(version)
