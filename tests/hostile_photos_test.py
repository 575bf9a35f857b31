"""Hostile photos, scored by an exported model in a separate process that they may crash."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.hostile_photos import MUTATIONS, SOURCES, make_batch
from tests.shared_export import ROUNDING
from tests.signature_calls import make_model, save

ROOT = pathlib.Path(__file__).parents[1]
MOST_SECONDS = 5
# TensorFlow and the model take 1 GB of this, and two photos of 200 megapixels the rest.
MOST_BYTES = 2_600_000_000


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    save(make_model(), folder)
    return folder


@pytest.mark.parametrize("count", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_hostile_photos_do_no_harm(version, tmp_path, count):
    alone, *batches = score_hostile_photos(version, count, tmp_path)
    valid = np.concatenate([batch["valid"] for batch in batches])
    assert len(valid) >= count
    # Else they would be too broken to reach a decoder, or not broken at all.
    assert 0.1 < valid.mean() < 0.9
    for batch in batches:
        check_batch(batch, alone["alone"])


def score_hostile_photos(version, count, folder):
    """Returns the lines that the process prints. The last one shows where it ended."""
    command = [sys.executable, "-m", "tests.hostile_photos", version, str(count)]
    with open(folder / "lines", "w") as lines, open(folder / "errors", "w") as errors:
        result = subprocess.run(command, cwd=ROOT, stdout=lines, stderr=errors, timeout=3600)
    lines = (folder / "lines").read_text().splitlines()
    end = lines[-1:], (folder / "errors").read_text()[-2000:]
    assert result.returncode == 0, end
    return [json.loads(line) for line in lines]


def check_batch(batch, alone):
    place = f"batch {batch['batch']} of tests.hostile_photos"
    np.testing.assert_allclose(batch["controls"], alone, atol=ROUNDING, err_msg=place)
    assert all(batch["controls_valid"]), place
    scores, valid = np.array(batch["scores"]), np.array(batch["valid"])
    # Not a number is neither.
    assert ((scores >= 0) & (scores <= 1)).all(), place
    np.testing.assert_array_equal(scores[~valid], 0.5, place)
    np.testing.assert_array_equal(np.array(batch["reasons"]) == 0, valid, place)
    assert batch["seconds"] < MOST_SECONDS, place
    assert batch["peak_bytes"] < MOST_BYTES, place


def test_batches_are_the_same_every_time():
    assert make_batch(3) == make_batch(3)
    assert make_batch(3) != make_batch(4)


@pytest.mark.parametrize("change", MUTATIONS)
def test_mutations_change_every_source(change):
    generator = np.random.default_rng(0)
    for source in SOURCES.values():
        assert any(change(source, generator) != source for _ in range(10))
