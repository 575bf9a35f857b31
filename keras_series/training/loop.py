"""Training: a dataset of series in, a run's folder out."""

import dataclasses
import sys

import keras
import numpy as np
from absl import logging

from keras_series.data import batches as input_pipeline
from keras_series.data.inference import compare_in_batches, embed_series
from keras_series.evaluation.statistics import Annotations, fit_temperature
from keras_series.models import from_preset
from keras_series.training.losses import PairAccuracy, PairCrossentropy
from keras_series.training.optimizers import MultiRateSGD
from keras_series.training.run_folder import RunFolder, save_model, write_training


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train. The defaults are those of the code that Huang et al. released.

    Attributes:
        labels: `"hard"` (1 where most people prefer the first photo, as in the paper) or `"soft"`
            (the share of them).
        min_agreement: In [0.5, 1]. Pairs with max(p, 1 - p) below it are not trained on.
        augment: Flips half the series of an epoch and sharpens each by its own amount, all photos
            of a series alike.
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


def train(
    workdir,
    dataset,
    preset="paper",
    overrides=None,
    recipe=None,
    data_dir=None,
    train_split="train",
):
    """Trains a model and leaves the best one in `workdir`; goes on with a run that was stopped.

    Args:
        workdir: The run's folder: `best.keras` (the weights with the best validation accuracy and
            the reference embedding), `metrics.csv`, `curves.png`, `checkpoints/`, `tensorboard/`,
            and at the end `training.json`.
        dataset: A TFDS name with splits `train` and `validation`, as `"synthetic_series/scenes"`.
        preset: A key of `keras_series.models.PRESETS`.
        overrides: Dictionary of further arguments of `from_preset`.
        recipe: A `Recipe`. Defaults to `Recipe()`.
        data_dir: Where TFDS keeps its datasets. Defaults to TFDS' own choice.
        train_split: What to train on, as `"train[:1000]"`.

    Returns:
        Path of `best.keras`.
    """
    recipe = recipe or Recipe()
    keras.utils.set_random_seed(recipe.seed)
    model = compiled_model(preset, overrides or {}, recipe)
    series = input_pipeline.load_series(dataset, train_split, data_dir)
    batches = _batches(
        series,
        model,
        recipe,
        min_agreement=recipe.min_agreement,
        augment=recipe.augment,
        shuffle=True,
    )
    if not batches.pairs:
        raise ValueError(
            f"Expected pairs to train on in {dataset}, {train_split}. Received: none that is "
            f"labelled, untied, and of an agreement of at least {recipe.min_agreement}"
        )
    validation_series = input_pipeline.load_series(dataset, "validation", data_dir)
    validation = _batches(validation_series, model, recipe)
    run = RunFolder(workdir)
    epochs_done = run.restore(model)
    if epochs_done:
        print(f"Going on after epoch {epochs_done} of the run in {workdir}.")
    model.fit(
        batches.as_dataset(),
        validation_data=validation.as_dataset(),
        epochs=recipe.epochs,
        initial_epoch=epochs_done,
        callbacks=_callbacks(run, batches, recipe),
        shuffle=False,  # The batches come shuffled.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    _finish(run.best_path, series, validation_series)
    write_training(
        workdir,
        {
            "dataset": input_pipeline.dataset_name(dataset, data_dir),
            "train_split": train_split,
            "pairs": batches.pairs,
            "preset": preset,
            "overrides": overrides or {},
            "recipe": dataclasses.asdict(recipe),
        },
    )
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


def _batches(series, model, recipe, **settings):
    options = input_pipeline.BatchOptions(
        image_size=model.encoder.image_size,
        resize=model.encoder.resize,
        pack_size=recipe.pack_size,
        batch_size=recipe.batch_size,
        labels=recipe.labels,
        seed=recipe.seed,
        **settings,
    )
    return input_pipeline.SeriesBatches(series, options, recipe.epochs)


def _callbacks(run, batches, recipe):
    return [
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch)
        ),
        keras.callbacks.LearningRateScheduler(recipe.rate),
        keras.callbacks.TensorBoard(run.folder / "tensorboard"),
        run,
    ]


def _finish(path, series, validation_series):
    """Sets what a saved model needs beside its weights: the reference and the temperature."""
    model = keras.saving.load_model(path, compile=False)
    embeddings, valid = embed_series(model, series)
    if not valid.all():
        logging.warning(
            "%d of %d photos could not be decoded; their pairs were left out.",
            np.count_nonzero(~valid),
            len(valid),
        )
    model.set_reference(embeddings[valid].mean(axis=0))
    model.set_temperature(_temperature(model, validation_series))
    save_model(model, path)


def _temperature(model, series):
    """The temperature that fits the model's probabilities to the preferences of a dataset."""
    annotations = Annotations.from_series(series)
    embeddings, valid = embed_series(model, series)
    counts = annotations.labelled & annotations.keeps(~valid)
    pairs = annotations.first[counts], annotations.second[counts]
    logits = compare_in_batches(model.head.compare, *(embeddings[photos] for photos in pairs))
    return fit_temperature(logits.astype(float), annotations.preferences[counts])
