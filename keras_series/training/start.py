"""The model that a training starts with."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

import keras

from keras_series.models import BACKBONES, PRETRAINED, SeriesPreferenceModel, load_pretrained
from keras_series.training.head_model import HeadAccuracy, HeadCrossentropy, HeadModel
from keras_series.training.losses import PairCrossentropy
from keras_series.training.metrics import PairAccuracy
from keras_series.training.optimizers import MultiRateSGD
from keras_series.training.recipe import Recipe
from keras_series.training.run_folder import RunFolder


def load_model(place: str | os.PathLike) -> SeriesPreferenceModel:
    """Loads a trained model.

    Args:
        place: Name of weights that come with the package, as `"lite"`; folder of a run, whose best
            model is loaded; or path of a `.keras` file.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If the file holds another kind of model.
    """
    if place in PRETRAINED:
        return load_pretrained(place)
    path = pathlib.Path(place).expanduser()
    if path.is_dir():
        return RunFolder(path).load_best()
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected one of {', '.join(PRETRAINED)}, the folder of a run or a .keras file. "
            f"Received: {os.fspath(place)!r}"
        )
    model = keras.saving.load_model(path, compile=False)
    if not isinstance(model, SeriesPreferenceModel):
        raise ValueError(
            f"Expected a SeriesPreferenceModel in {path}. Received: a {type(model).__name__}"
        )
    return model


def compile_model(
    model: SeriesPreferenceModel | HeadModel, recipe: Recipe, head_only: bool = False
) -> None:
    """Freezes what a recipe freezes, and compiles with its optimiser, loss and metric.

    Args:
        model: `SeriesPreferenceModel`, or a `HeadModel`. It is changed.
        recipe: `Recipe`.
        head_only: Whether the whole backbone is frozen. Defaults to `False`.
    """
    on_features = isinstance(model, HeadModel)
    network = model.model if on_features else model
    # Its layers, since a model's file keeps whether the encoder as a whole is trainable.
    for layer in network.encoder.layers:
        layer.trainable = not recipe.freeze_encoder
    if not recipe.freeze_encoder:
        freeze_backbone(network, recipe.freeze_stages, recipe.freeze_batch_norm)
    if head_only:
        network.encoder.get_layer(network.encoder.backbone).trainable = False
    loss = HeadCrossentropy(recipe.distillation) if on_features else PairCrossentropy()
    model.compile(
        optimizer=_optimizer(recipe),
        loss=loss,
        weighted_metrics=[HeadAccuracy() if on_features else PairAccuracy()],
        jit_compile={"auto": "auto", "on": True, "off": False}[recipe.jit_compile],
    )


def freeze_backbone(model: SeriesPreferenceModel, stages: int, batch_norm: bool) -> None:
    """Makes the first stages of the backbone, or its batch normalisations, untrainable.

    The rest of the backbone becomes trainable. Frozen batch normalisations use their moving
    statistics in training, too.

    Args:
        model: `SeriesPreferenceModel`. It is changed.
        stages: Integer, the number of stages to freeze, from the first. A backbone without a stage
            of that number is frozen up to its last one before.
        batch_norm: Whether to freeze all batch normalisations.
    """
    encoder = model.encoder
    network = encoder.get_layer(encoder.backbone)
    network.trainable = True
    places = {layer.name: place for place, layer in enumerate(network.layers)}
    taps = BACKBONES[encoder.backbone].stages
    ends = [places[name] for stage, name in taps.items() if stage <= stages and name in places]
    last = max(ends, default=-1)
    for place, layer in enumerate(network.layers):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if place <= last or (batch_norm and is_norm):
            layer.trainable = False


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Lets the encoders of models that are built or loaded in the block compute in a precision.

    Weights are float32 in any case, and so are the head and the loss. The precision is no part of
    a model's file: loaded elsewhere, the same model computes in float32.

    Args:
        name: String, `"float32"` or `"bfloat16"`.
    """
    earlier = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if name == "bfloat16" else name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(earlier)


def _optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    steps = recipe.gradient_accumulation_steps
    accumulation = {"gradient_accumulation_steps": steps if steps > 1 else None}
    if recipe.optimizer == "adamw":
        return keras.optimizers.AdamW(
            recipe.learning_rate, weight_decay=recipe.weight_decay, **accumulation
        )
    return MultiRateSGD(
        learning_rate=recipe.learning_rate,
        momentum=recipe.momentum,
        dense_multiplier=recipe.dense_multiplier,
        gradient_decay=recipe.weight_decay,
        **accumulation,
    )
