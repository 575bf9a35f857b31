"""Ways to start a training wrong: each ends with a message, and nothing is overwritten."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.examples import FewSeries

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    FewSeries(data_dir=folder).download_and_prepare()
    return folder


def start(data_dir, workdir, flags=(), variables=None):
    defaults = {
        "dataset": "few_series", "preset": "tiny", "override": "image_size=32", "epochs": 1,
        "pack_size": 4, "data_dir": data_dir, "workdir": workdir,
    }  # fmt: skip
    given = {flag[2:].partition("=")[0] for flag in flags}
    command = [f"--{name}={value}" for name, value in defaults.items() if name not in given]
    return subprocess.run(
        [sys.executable, ROOT / "train.py", *command, *flags],
        capture_output=True, text=True, cwd=ROOT, env=os.environ | (variables or {}),
    )  # fmt: skip


WRONG = {
    "another dataset": (["--dataset=no_series"], {}, "Expected a dataset name"),
    "another split": (["--train_split=training"], {}, "Expected one of the splits"),
    "another preset": (["--preset=huge"], {}, "huge"),
    "another argument": (["--override=depth=3"], {}, "depth"),
    "no weights": (["--preset=lite", "--override=weights=/no/file.h5"], {}, "/no/file.h5"),
    "small packs": (["--pack_size=2"], {}, "Increase pack_size"),
    "no pairs": (["--min_majority_share=1"], {}, "Expected pairs to train on"),
    "no model": (["--init_from=/no/run", "--override=image_size=32"], {}, "--init_from"),
    "devices": (["--devices=2"], {}, "Expected KERAS_BACKEND=jax"),
    "hosts": (["--hosts=a:1,b"], {}, "Expected --host_index from 0 to 1"),
    "backend": ([], {"KERAS_BACKEND": "numpy"}, "Expected KERAS_BACKEND=tensorflow or jax"),
    "unknown backend": ([], {"KERAS_BACKEND": "mxnet"}, "Unable to import backend : mxnet"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_start(case, data_dir, tmp_path):
    flags, variables, message = WRONG[case]
    result = start(data_dir, tmp_path / "run", flags, variables)
    assert result.returncode != 0
    assert message in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "run").glob("*.keras"))


def test_channels_first(data_dir, tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    result = start(data_dir, tmp_path / "run", variables={"KERAS_HOME": str(tmp_path)})
    assert result.returncode == 1
    assert 'Expected "image_data_format": "channels_last"' in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("workdir", ["file", "file/run"])
def test_a_folder_that_cannot_be_written(workdir, data_dir, tmp_path):
    (tmp_path / "file").write_text("kept")
    result = start(data_dir, tmp_path / workdir)
    assert result.returncode == 1
    assert str(tmp_path / "file") in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "file").read_text() == "kept"
