"""Training: a dataset of series in, a run's folder out."""

import dataclasses
import pathlib
import sys

import keras
import numpy as np
from absl import logging

from keras_series import input_pipeline
from keras_series.models import from_preset
from keras_series.objectives import PairAccuracy, PairCrossentropy
from keras_series.optimizers import MultiRateSGD
from keras_series.run_folder import RunFolder, save_model


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train. The defaults are those of the code that Huang et al. released.

    Attributes:
        labels: `"hard"` (1 where most people prefer the first photo, as in the paper) or `"soft"`
            (the share of them).
        min_agreement: In [0.5, 1]. Pairs with max(p, 1 - p) below it are not trained on.
        augment: Flips half the series of an epoch, all photos of a series alike.
        epochs: Times that each series is seen.
        pack_size: Photos packed side by side, whole series only.
        batch_size: Packs in a step.
        learning_rate: Rate of the convolutions in the first epochs.
        dense_multiplier: How many times that rate the fully connected layers have.
        decay_factor: What the rate is multiplied by every `decay_epochs` epochs.
        decay_epochs: See `decay_factor`.
        momentum: Of the gradient descent.
        weight_decay: Of the gradient descent, coupled with the rate as in PyTorch.
        seed: Fixes the initial weights and the order of the series.
    """

    labels: str = "hard"
    min_agreement: float = 0.5
    augment: bool = False
    epochs: int = 100
    pack_size: int = 32
    batch_size: int = 1
    learning_rate: float = 1e-5
    dense_multiplier: float = 10.0
    decay_factor: float = 0.3
    decay_epochs: int = 25
    momentum: float = 0.9
    weight_decay: float = 5e-4
    seed: int = 0

    def rate(self, epoch):
        """The learning rate of an epoch, counted from 0."""
        return self.learning_rate * self.decay_factor ** (epoch // self.decay_epochs)


def train(workdir, dataset, preset="paper", overrides=None, recipe=None, data_dir=None):
    """Trains a model and leaves the best one in `workdir`; goes on with a run that was stopped.

    Args:
        workdir: The run's folder: `best.keras` (the weights with the best validation accuracy and
            the reference embedding), `metrics.csv`, `curves.png`, `checkpoints/`, `tensorboard/`.
        dataset: A TFDS name with splits `train` and `validation`, as `"synthetic_series/scenes"`.
        preset: A key of `keras_series.models.PRESETS`.
        overrides: Dictionary of further arguments of `from_preset`.
        recipe: A `Recipe`. Defaults to `Recipe()`.
        data_dir: Where TFDS keeps its datasets. Defaults to TFDS' own choice.

    Returns:
        Path of `best.keras`.
    """
    recipe = recipe or Recipe()
    keras.utils.set_random_seed(recipe.seed)
    model = compiled_model(preset, overrides or {}, recipe)
    series = input_pipeline.load_series(dataset, "train", data_dir)
    batches = _batches(series, model, recipe, shuffle=True)
    validation = _batches(
        input_pipeline.load_series(dataset, "validation", data_dir), model, recipe, shuffle=False
    )
    run = RunFolder(workdir)
    epochs_done = run.restore(model)
    if epochs_done:
        logging.info("Going on after epoch %d of the run in %s.", epochs_done, workdir)
    model.fit(
        batches.as_dataset(),
        validation_data=validation.as_dataset(),
        epochs=recipe.epochs,
        initial_epoch=epochs_done,
        callbacks=_callbacks(run, batches, recipe, pathlib.Path(workdir)),
        verbose=1 if sys.stdout.isatty() else 2,
    )
    _add_reference(run.best_path, series)
    return run.best_path


def compiled_model(preset, overrides, recipe):
    """A model of a preset with the optimiser, loss and metric of a recipe."""
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


def embed_series(model, series, batch_size=32):
    """The embeddings of all photos of a dataset of series, each photo once.

    Args:
        model: A `SeriesPreferenceModel`.
        series: `tf.data.Dataset` of TFDS examples.
        batch_size: Photos at a time.

    Returns:
        Embeddings `[photos, 128]`, and `valid` `[photos]`, false where a photo was not decodable.
    """
    batches = input_pipeline.photo_batches(
        series,
        image_size=model.encoder.image_size,
        resize=model.encoder.resize,
        batch_size=batch_size,
    )
    embed = _embed_function(model)
    results = [(embed(photos).numpy(), valid.numpy()) for photos, valid in batches]
    embeddings, valid = zip(*results, strict=True)
    return np.concatenate(embeddings), np.concatenate(valid)
