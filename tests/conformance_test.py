"""Tests that every public layer and model must pass.

Each class is described once, with non-default arguments. The tests cover its arguments and config,
saving and reloading, and the output shape.
"""

import dataclasses
import inspect
from collections.abc import Callable

import keras
import numpy as np
import pytest

import keras_series.layers
import keras_series.models
from keras_series.layers import CACell, ParallelAttentionUnit, PreferenceHead, SACell
from keras_series.models import PhotoEncoder, SeriesPreferenceModel

MAPS = (2, 5, 4, 16)
# Arguments whose names Keras uses itself: `model.weights` is the list of variables.
TAKEN = {"weights"}


@dataclasses.dataclass
class Described:
    """A class, non-default arguments, and the shapes of the inputs it is called on."""

    cls: type
    arguments: Callable[[], dict]
    input_shapes: tuple

    def make(self):
        return self.cls(**self.arguments(), name="described")


def small_encoder():
    return PhotoEncoder(
        backbone="tiny",
        stages=(5, 3),
        arrangement="spatial-channel",
        pooling="maximum",
        weights=None,
        image_size=64,
        reduction_ratio=4,
        gate="released",
        resize="pad",
    )


DESCRIBED = [
    Described(SACell, lambda: {"pooling": "average", "gate": "released"}, (MAPS, MAPS)),
    Described(
        CACell,
        lambda: {"reduction_ratio": 4, "pooling": "maximum", "gate": "released"},
        (MAPS, MAPS),
    ),
    Described(
        ParallelAttentionUnit,
        lambda: {
            "arrangement": "channel-spatial",
            "reduction_ratio": 8,
            "pooling": "average",
            "gate": "released",
        },
        (MAPS,),
    ),
    Described(PreferenceHead, lambda: {"units": (16, 8)}, ((2, 5, 16),)),
    Described(
        PhotoEncoder,
        lambda: {k: v for k, v in small_encoder().get_config().items() if k not in SHARED},
        ((2, 64, 64, 3),),
    ),
    Described(
        SeriesPreferenceModel,
        lambda: {"encoder": small_encoder(), "head": PreferenceHead(units=(16, 8))},
        ((2, 3, 64, 64, 3),),
    ),
]
SHARED = {"name", "trainable", "dtype"}

every_class = pytest.mark.parametrize("described", DESCRIBED, ids=lambda d: d.cls.__name__)


def arguments_of(cls):
    parameters = inspect.signature(cls.__init__).parameters.values()
    named = [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD]
    return set(named) - {"self"}


def randomize(model):
    generator = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(generator.uniform(0.1, 0.5, variable.shape))


def as_model(described):
    """Returns the object and a model that can be saved: itself, or a model of that layer."""
    made = described.make()
    if isinstance(made, keras.Model):
        return made, made
    inputs = [keras.Input(shape[1:]) for shape in described.input_shapes]
    return made, keras.Model(inputs if len(inputs) > 1 else inputs[0], made(*inputs))


def test_every_exported_class_is_described():
    exported = [
        getattr(module, name)
        for module in (keras_series.layers, keras_series.models)
        for name in module.__all__
    ]
    layers = {e for e in exported if inspect.isclass(e) and issubclass(e, keras.layers.Layer)}
    assert layers == {described.cls for described in DESCRIBED}


@every_class
def test_arguments_are_attributes_and_config_keys(described):
    arguments = described.arguments()
    assert set(arguments) == arguments_of(described.cls)
    made = described.make()
    assert set(made.get_config()) - SHARED == set(arguments)
    for name in set(arguments) - TAKEN:
        assert getattr(made, name) == arguments[name] or name in ("encoder", "head")


@every_class
def test_arguments_are_not_the_defaults(described):
    parameters = inspect.signature(described.cls.__init__).parameters
    for name, value in described.arguments().items():
        assert value != parameters[name].default


@every_class
def test_saved_and_reloaded_is_the_same(described, tmp_path):
    made, model = as_model(described)
    randomize(model)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    same = reloaded if model is made else reloaded.get_layer("described")
    assert type(same) is described.cls
    assert same.get_config() == made.get_config()
    generator = np.random.default_rng(1)
    inputs = [generator.normal(size=s).astype("float32") for s in described.input_shapes]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    for before, after in zip(model.weights, reloaded.weights, strict=True):
        np.testing.assert_array_equal(before.numpy(), after.numpy())
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model(inputs)), keras.ops.convert_to_numpy(reloaded(inputs))
    )


@every_class
def test_output_shape_is_promised(described):
    made, _ = as_model(described)
    promised = made.compute_output_shape(*described.input_shapes)
    output = made(*[np.ones(shape, "float32") for shape in described.input_shapes])
    assert tuple(output.shape) == tuple(promised)


def test_the_first_layer_of_a_head_is_saved_too(tmp_path):
    head = PreferenceHead(units=(16, 8))
    embeddings = keras.Input((None, 16))
    model = keras.Model(embeddings, head(embeddings))
    features = np.ones((2, 3, 10), "float32")
    expected = head.embed(features)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras").get_layer(head.name)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(reloaded.embed(features)),
        keras.ops.convert_to_numpy(expected),
    )
