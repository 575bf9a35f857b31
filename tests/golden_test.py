"""What an exported model is checked with: its card, golden cases and warm-up requests."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_series.export import golden, read_warmup
from tests.shared_export import shared_export


@pytest.fixture(scope="module")
def exported_path(tmp_path_factory):
    return shared_export(tmp_path_factory)


@pytest.fixture(scope="module")
def exported(exported_path):
    return tf.saved_model.load(exported_path)


def test_the_card_describes_the_model(exported_path, exported):
    card = json.loads((exported_path / "model.json").read_text())
    assert card["encoder"]["resize"] == "pad"
    assert card["training"] == {"preset": "tiny"}
    assert card["signatures"]["score"] == {
        "inputs": {"photo_bytes": "string [None]"},
        "outputs": {
            "score": "float32 [None]",
            "valid": "bool [None]",
            "reason": "int32 [None]",
        },
    }
    assert set(card["signatures"]) == set(exported.signatures) == set(card["golden"])


def test_there_is_a_warm_up_request_for_each_signature(exported_path, exported):
    requests = dict(read_warmup(exported_path))
    assert set(requests) == set(exported.signatures)
    assert requests["rank"]["photo_count"].tolist() == [4]


def test_the_check_finds_different_answers(exported_path, tmp_path):
    copy = shutil.copytree(exported_path, tmp_path / "1")
    card = json.loads((copy / "model.json").read_text())
    card["golden"]["score"]["outputs"]["score"][0] += 2e-4
    (copy / "model.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=r"Received others: score by 0\.0002"):
        golden.check(copy)


@pytest.mark.parametrize(
    ("name", "share"),
    [("saved_model.pb", 0.5), ("variables/variables.data-00000-of-00001", 0.5)],
)
def test_the_check_finds_a_copy_that_is_not_whole(exported_path, tmp_path, name, share):
    copy = shutil.copytree(exported_path, tmp_path / "1")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="Expected a whole"):
        golden.check(copy)


def test_the_check_finds_a_missing_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"saved_model\.pb in it"):
        golden.check(tmp_path)


def test_expected_answers_are_right_in_a_process_that_assumes_frozen_weights(exported_path):
    """There, eager convolutions of one shape would share the weights of the first."""
    code = """
import json, sys
from keras_series.export import golden
from tests.shared_export import make_model

json.dump(golden.golden_cases(make_model(), golden.golden_photos()), sys.stdout)
"""
    environment = {
        **os.environ,
        "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
        "TF_ENABLE_ONEDNN_OPTS": "1",
    }
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    actual = json.loads(result.stdout)
    for name, case in json.loads((exported_path / "model.json").read_text())["golden"].items():
        for key, value in case["outputs"].items():
            np.testing.assert_allclose(actual[name]["outputs"][key], value, rtol=1e-4, atol=1e-4)
