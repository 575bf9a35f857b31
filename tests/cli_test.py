"""What the scripts share: flags for paths."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from absl import flags

from keras_series import cli
from keras_series.ranking import MAX_GAP, MIN_SIMILARITY

FOLDER = cli.define_path("folder_of_a_test", "A folder.")
ROOT = pathlib.Path(__file__).parents[1]
PATHS = {
    "train.py": {"workdir", "init_from"},
    "evaluate.py": {"workdir", "model", "data_dir"},
    "export.py": {"workdir", "base", "check"},
    "keras_series/commands.py": {
        "model",
        "photos",
        "cache",
        "csv",
        "json",
        "html",
        "copy_best",
        "choices",
        "apply",
    },
    "prepare.py": {"data_dir", "manual_dir", "sheet", "photos"},
    "score_photos.py": {"photos", "model", "output"},
    "reproduce.py": {"folder"},
    "keras_series/cli.py": {"data_dir"},
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("~/photos [2024]", "/home/me/photos [2024]"),
        ("~", "/home/me"),
        ("a~/b", "a~/b"),
        ("gs://bucket/~", "gs://bucket/~"),
    ],
)
def test_home_folder(given, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    flags.FLAGS(["script", f"--folder_of_a_test={given}"], known_only=True)
    assert FOLDER.value == expected
    assert flags.FLAGS[FOLDER.name].serialize() == f"--folder_of_a_test={expected}"


@pytest.mark.parametrize(("script", "expected"), PATHS.items())
def test_paths_of_the_scripts(script, expected):
    text = (ROOT / script).read_text(encoding="utf-8")
    assert set(re.findall(r'define_paths?\(\s*"(\w+)"', text)) == expected


def test_tensorflow_is_imported_without_its_lines_on_cuda(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, ROOT / "export.py", f"--check={tmp_path}"],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith("error: Expected the folder of an exported version")


def test_defaults_of_the_ranking_are_those_of_the_library():
    result = subprocess.run(
        [sys.executable, ROOT / "rank.py", "--helpfull"], capture_output=True, text=True
    )
    for name, value in {"max_gap": MAX_GAP, "min_similarity": MIN_SIMILARITY}.items():
        text = result.stdout.split(f"--{name}:")[1].split("--")[0]
        assert f"(default: '{value}')" in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "1"),
        (["--html=a.html"], "None"),
        (["--serve"], "None"),
        (["--serve", "--model=x"], "1"),
    ],
)
def test_weights_are_frozen_unless_maps_are_made(given, expected):
    # The maps run convolutions of the Keras model, which would use the weights of others.
    code = (
        "import os, sys; from keras_series import commands; "
        "commands._run = lambda *_: print(os.environ.get('TF_ONEDNN_ASSUME_FROZEN_WEIGHTS')); "
        "commands.rank()"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    result = subprocess.run(
        [sys.executable, "-c", code, "folder", *given],
        capture_output=True, text=True, cwd=ROOT, env=environment,
    )  # fmt: skip
    assert result.stdout.strip() == expected, result.stderr
