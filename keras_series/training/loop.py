"""The training loop."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from keras_series.data import BatchOptions, SeriesBatches, SeriesDataset, embed_examples
from keras_series.models import SeriesPreferenceModel, from_preset
from keras_series.training.calibration import calibrate
from keras_series.training.losses import PairCrossentropy
from keras_series.training.metrics import PairAccuracy
from keras_series.training.optimizers import MultiRateSGD
from keras_series.training.recipe import Recipe
from keras_series.training.recorder import RunRecorder
from keras_series.training.run_folder import RunFolder, save_model


def train(
    workdir: str | os.PathLike,
    dataset: SeriesDataset,
    preset: str = "paper",
    overrides: Mapping | None = None,
    recipe: Recipe | None = None,
    train_split: str = "train",
) -> pathlib.Path:
    """Trains a model and keeps the best one in the run's folder. An interrupted run resumes.

    Args:
        workdir: Folder of the run, see `RunFolder`. It is created if it does not exist.
        dataset: `SeriesDataset` with a split `validation`.
        preset: String, a key of `keras_series.models.PRESETS`. Defaults to `"paper"`.
        overrides: Dictionary of arguments of `from_preset`. Defaults to none.
        recipe: `Recipe`. Defaults to `Recipe()`, the recipe of the paper's authors.
        train_split: String, the split to train on, as `"train[:1000]"`. Defaults to `"train"`.

    Returns:
        Path of `best.keras`, with its reference embedding and temperature set.

    Raises:
        ValueError: If no pair can be trained on.
    """
    overrides, recipe = dict(overrides or {}), recipe or Recipe()
    keras.utils.set_random_seed(recipe.seed)
    model = compiled_model(preset, overrides, recipe)
    examples, validation_examples = dataset.examples(train_split), dataset.examples("validation")
    batches = _batches(
        examples,
        model,
        recipe,
        min_majority_share=recipe.min_majority_share,
        augment=recipe.augment,
        shuffle=True,
    )
    if not batches.pairs:
        raise ValueError(
            f"Expected pairs to train on in {dataset.name}, {train_split}. Received: none with a "
            "published preference other than 0.5 and a majority share of at least "
            f"{recipe.min_majority_share}"
        )
    folder = RunFolder(workdir)
    _fit(model, batches, _batches(validation_examples, model, recipe), recipe, folder)
    _finish(folder, examples, validation_examples)
    folder.write_training(
        {
            "dataset": dataset.full_name,
            "train_split": train_split,
            "pairs": batches.pairs,
            "preset": preset,
            "overrides": overrides,
            "recipe": dataclasses.asdict(recipe),
        }
    )
    return folder.best


def compiled_model(preset: str, overrides: Mapping, recipe: Recipe) -> SeriesPreferenceModel:
    """Returns the model of a preset, compiled with the optimiser, loss and metric of a recipe.

    Args:
        preset: String, a key of `keras_series.models.PRESETS`.
        overrides: Dictionary of arguments of `from_preset`.
        recipe: `Recipe`.
    """
    model = from_preset(preset, **overrides)
    model.compile(
        optimizer=MultiRateSGD(
            learning_rate=recipe.learning_rate,
            momentum=recipe.momentum,
            dense_multiplier=recipe.dense_multiplier,
            gradient_decay=recipe.weight_decay,
        ),
        loss=PairCrossentropy(),
        weighted_metrics=[PairAccuracy()],
    )
    return model


def _batches(examples, model, recipe, **settings):
    options = BatchOptions(
        image_size=model.encoder.image_size,
        resize=model.encoder.resize,
        pack_size=recipe.pack_size,
        batch_size=recipe.batch_size,
        labels=recipe.labels,
        seed=recipe.seed,
        **settings,
    )
    return SeriesBatches(examples, options, recipe.epochs)


def _fit(model, batches, validation, recipe, folder):
    recorder = RunRecorder(folder)
    epochs_done = recorder.restore(model)
    if epochs_done:
        print(f"Resuming the run in {folder.path} after epoch {epochs_done}.")
    model.fit(
        batches.as_dataset(),
        validation_data=validation.as_dataset(),
        epochs=recipe.epochs,
        initial_epoch=epochs_done,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch)
            ),
            keras.callbacks.LearningRateScheduler(recipe.rate),
            keras.callbacks.TensorBoard(folder.tensorboard),
            recorder,
        ],
        shuffle=False,  # The batches are shuffled already.
        verbose=1 if sys.stdout.isatty() else 2,
    )


def _finish(
    folder: RunFolder, examples: tf.data.Dataset, validation_examples: tf.data.Dataset
) -> None:
    """Sets what the best model needs besides its weights: the reference and the temperature."""
    model = folder.load_best()
    embeddings, valid = embed_examples(model, examples)
    if not valid.all():
        logging.warning(
            "%d of %d photos could not be decoded; their pairs were left out.",
            np.count_nonzero(~valid),
            len(valid),
        )
    model.set_reference(embeddings[valid].mean(axis=0))
    model.set_temperature(calibrate(model, validation_examples))
    save_model(model, folder.best)
