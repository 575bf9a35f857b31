"""The table of signatures agrees with exported models, their cards and the documentation."""

import json
import pathlib

import pytest
import tensorflow as tf

from keras_series.export import SIGNATURES
from keras_series.export.signatures import markdown_table
from tests.shared_export import make_model, shared_export

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "pipelines.md"


@pytest.fixture(scope="module")
def exported_path(tmp_path_factory):
    return shared_export(tmp_path_factory)


@pytest.fixture(scope="module")
def exported(exported_path):
    return tf.saved_model.load(exported_path)


@pytest.fixture(scope="module")
def card(exported_path):
    return json.loads((exported_path / "model.json").read_text())


@pytest.fixture(scope="module")
def sizes():
    return {"E": make_model().head.units[0], "S": 48}


def describe(function):
    """The inputs and outputs of a loaded signature, as `Signature.describe` writes them."""
    sides = {
        "inputs": function.structured_input_signature[1],
        "outputs": function.structured_outputs,
    }
    return {
        side: {name: f"{spec.dtype.name} {spec.shape.as_list()}" for name, spec in specs.items()}
        for side, specs in sides.items()
    }


@pytest.mark.parametrize("name", SIGNATURES)
def test_an_exported_signature_has_the_specs_of_the_table(exported, sizes, name):
    assert SIGNATURES[name].name == name
    assert describe(exported.signatures[name]) == SIGNATURES[name].describe(sizes)


def test_an_exported_model_has_the_signatures_of_the_table(exported):
    assert set(exported.signatures) == set(SIGNATURES)


def test_an_exported_model_has_no_other_endpoint(exported):
    """`ServingModule` has each signature as an attribute, too, for `TFSMLayer`."""
    public = {name for name in vars(exported) if not name.startswith("_")}
    assert {name for name in public if callable(getattr(exported, name))} == set(SIGNATURES)


def test_the_card_has_the_signatures_of_the_table(card, sizes):
    assert card["signatures"] == {
        name: signature.describe(sizes) for name, signature in SIGNATURES.items()
    }


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_golden_cases_have_the_names_of_the_table(card, name):
    assert set(card["golden"]) == set(SIGNATURES)
    case = card["golden"][name]
    assert set(case["inputs"]) == set(SIGNATURES[name].inputs)
    assert set(case["outputs"]) == set(SIGNATURES[name].outputs)


def test_the_page_has_the_table():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    expected = markdown_table().splitlines()
    start = lines.index(expected[0])
    table = lines[start : lines.index("", start)]
    assert table == expected
