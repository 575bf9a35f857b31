"""The recipe of a training: its flags in two scripts, and the learning rate of an epoch."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import pytest

from keras_series.training import Recipe

ROOT = pathlib.Path(__file__).parents[1]
# The scripts define the same flags, so each is imported in a process of its own.
READ_FLAGS = """
import dataclasses, importlib, json, sys
from absl import flags

script = importlib.import_module(sys.argv[1])
flags.FLAGS(sys.argv[1:])
bounds = ("lower_bound", "upper_bound")
facts = {
    flag.name: [flag.default, flag.help, *(getattr(flag.parser, bound, None) for bound in bounds)]
    for flag in flags.FLAGS.get_flags_for_module(script)
}
recipe = dataclasses.asdict(script._TRAINING.read_recipe())
print(json.dumps({"flags": facts, "recipe": recipe}))
"""


def read_flags(script, *given):
    command = [sys.executable, "-c", READ_FLAGS, script, *given]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def expected_flag(field):
    """Default, help and bounds of a field's flag. absl puts the options before the help."""
    help, options = field.metadata["help"], field.metadata.get("options")
    help = f"<{'|'.join(options)}>: {help}" if options else help
    return [field.default, help, field.metadata.get("lower"), field.metadata.get("upper")]


@pytest.mark.parametrize("script", ["train", "reproduce"])
def test_every_field_has_a_flag(script):
    found = read_flags(script, "--epochs=7", "--labels=soft", "--augment", "--momentum=0.5")
    expected = {field.name: expected_flag(field) for field in dataclasses.fields(Recipe)}
    assert {name: found["flags"].get(name) for name in expected} == expected
    recipe = Recipe(epochs=7, labels="soft", augment=True, momentum=0.5)
    assert found["recipe"] == dataclasses.asdict(recipe)


def test_rate_by_hand():
    recipe = Recipe()
    rates = {0: 1e-5, 24: 1e-5, 25: 3e-6, 49: 3e-6, 50: 9e-7, 99: 2.7e-7}
    assert {epoch: recipe.rate(epoch) for epoch in rates} == pytest.approx(rates)
    cosine = Recipe(schedule="cosine", learning_rate=2.0, epochs=4)
    rates = [2.0, 1 + 0.5**0.5, 1.0, 1 - 0.5**0.5]
    assert [cosine.rate(epoch) for epoch in range(4)] == pytest.approx(rates)
    halving = Recipe(learning_rate=8.0, decay_factor=0.5, decay_epochs=1)
    assert [halving.rate(epoch) for epoch in range(4)] == [8.0, 4.0, 2.0, 1.0]
