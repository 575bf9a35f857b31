"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import keras_series
import tfds_series

NAMES = [
    module.name
    for package in (keras_series, tfds_series)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", NAMES)
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_some_examples_are_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        example
        for name in NAMES
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(examples) > 20
