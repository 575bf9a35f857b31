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

from keras_series.data import (
    BatchOptions,
    MixedDataset,
    SeriesBatches,
    SeriesDataset,
    embed_examples,
)
from keras_series.data.inference import encode_examples
from keras_series.models import from_preset
from keras_series.training.calibration import calibrate
from keras_series.training.checkpoints import Place
from keras_series.training.checks import check_folder, check_photos
from keras_series.training.devices import Cluster, distributed, wait_for_all
from keras_series.training.environment import describe_environment
from keras_series.training.head_model import HeadModel
from keras_series.training.interpolation import Interpolation
from keras_series.training.rates import InputWait, RateLogger
from keras_series.training.recipe import Recipe
from keras_series.training.recorder import RunRecorder
from keras_series.training.run_folder import RunFolder, save_model
from keras_series.training.start import compile_model, load_model, precision
from keras_series.utils import keras_home


def train(
    workdir: str | os.PathLike,
    dataset: SeriesDataset | MixedDataset,
    preset: str = "paper",
    overrides: Mapping | None = None,
    recipe: Recipe | None = None,
    train_split: str = "train",
    init_from: str | os.PathLike | None = None,
    cluster: Cluster | None = None,
) -> pathlib.Path:
    """Trains a model and keeps the best one in the run's folder. An interrupted run resumes.

    Args:
        workdir: Folder of the run, see `RunFolder`. It is created if it does not exist.
        dataset: `SeriesDataset` with a split `validation`, or a `MixedDataset` of several.
        preset: String, a key of `keras_series.models.PRESETS`. Defaults to `"paper"`.
        overrides: Dictionary of arguments of `from_preset`. Defaults to none.
        recipe: `Recipe`. Defaults to `Recipe()`, the recipe of the paper's authors.
        train_split: String, the split to train on, as `"train[:1000]"`. Defaults to `"train"`.
        init_from: What `load_model` loads, as `"lite"`. Training starts with this model instead of
            a preset. Defaults to `None`.
        cluster: `Cluster`, the devices to train on. Only its first process writes to the folder,
            which all must see. Defaults to `Cluster()`, what Keras chooses.

    Returns:
        Path of `best.keras`, with its reference embedding and temperature set.

    Raises:
        ValueError: If no pair can be trained on, no photo can be decoded, the loss is not finite,
            or a recipe with distillation is to run on several devices.
        OSError: If the folder cannot be written, or another process of the run is lost.
    """
    overrides, recipe, cluster = dict(overrides or {}), recipe or Recipe(), cluster or Cluster()
    if recipe.distillation and not cluster.is_single:
        raise ValueError(f"Expected one device with distillation. Received: {cluster}")
    mixture = dataset.mixture(train_split)
    keras.utils.set_random_seed(recipe.seed)
    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    folder, validation_examples = RunFolder(workdir), dataset.examples("validation")
    with distributed(cluster, recipe.batch_size), precision(recipe.precision):
        environment = describe_environment()
        model = load_model(init_from) if init_from else from_preset(preset, **overrides)
        name = f"{dataset.name}, {train_split}"
        batches = _training_batches(mixture, model, recipe, cluster, name)
        if cluster.index == 0:
            check_folder(folder.path, model)
        check_photos(dataset.examples(train_split), dataset.full_name)
        validation = _batches(validation_examples, model, recipe, cluster)
        _fit(model, batches, validation, recipe, folder, cluster)
        wait_for_all("the end of training")
    _finish(folder, dataset.examples(train_split), validation_examples, cluster.index == 0)
    if cluster.index == 0:
        folder.write_training(
            {
                "dataset": dataset.full_name,
                "shares": mixture.shares,
                "train_split": train_split,
                "pairs": batches.pairs,
                "fingerprint": batches.fingerprint,
                **({"init_from": os.fspath(init_from)} if init_from else {"preset": preset}),
                "overrides": overrides,
                "recipe": dataclasses.asdict(recipe),
                "cluster": dataclasses.asdict(cluster),
                "environment": environment,
            }
        )
    return folder.best


def _training_batches(mixture, model, recipe, cluster, name):
    batches = _batches(
        mixture,
        model,
        recipe,
        cluster,
        min_majority_share=recipe.min_majority_share,
        augment=recipe.augment,
        most_sharpening=recipe.most_sharpening,
        shuffle=True,
    )
    if not batches.pairs:
        raise ValueError(
            f"Expected pairs to train on in {name}. Received: none with a published preference "
            f"other than 0.5 and a majority share of at least {recipe.min_majority_share}"
        )
    return batches


def _batches(examples, model, recipe, cluster, **settings):
    options = BatchOptions(
        image_size=model.encoder.image_size,
        resize=model.encoder.resize,
        pack_size=recipe.pack_size,
        batch_size=recipe.batch_size,
        labels=recipe.labels,
        seed=recipe.seed,
        host=cluster.index,
        hosts=cluster.count,
        **settings,
    )
    batches = SeriesBatches(examples, options, recipe.epochs)
    if recipe.cache and not _trains_on_features(recipe, cluster):
        batches.cache(keras_home() / "keras_series" / "decoded")
    return batches


def _trains_on_features(recipe, cluster):
    return recipe.freeze_encoder and not recipe.augment and cluster.is_single


def _fit(model, batches, validation, recipe, folder, cluster):
    """Trains the attention and the head alone, if the recipe says so, and then the whole model."""
    head_epochs = min(recipe.freeze_backbone_epochs, recipe.epochs)
    phases = [(head_epochs, "head")] if head_epochs else []
    if _trains_on_features(recipe, cluster):
        model = HeadModel(model)
    interpolation = Interpolation(model, recipe.interpolation)
    for epochs, phase in [*phases, (recipe.epochs, "model")]:
        compile_model(model, recipe, head_only=phase == "head")
        recorder = RunRecorder(
            folder,
            batches.batches,
            phase,
            recipe.checkpoint_minutes,
            cluster.index == 0,
            interpolation,
        )
        _fit_phase(model, batches, validation, recipe, recorder, epochs)


def _fit_phase(model, batches, validation, recipe, recorder, epochs):
    place = recorder.restore(model)
    if place.epoch >= epochs:
        return
    if isinstance(model, HeadModel) and not batches.has_features:
        for each in (batches, validation):
            print(f"Encoding {each.photos} photos once ...", flush=True)
            each.use_features(*encode_examples(model.model, each.mixture.parts))
    if place.step or place.epoch not in (0, recipe.freeze_backbone_epochs):
        step = f", step {place.step}" if place.step else ""
        print(f"Resuming the run in {recorder.folder.path} after epoch {place.epoch}{step}.")
    if place.step:
        _fit_epochs(model, batches, validation, recipe, recorder, place, place.epoch + 1)
        place = Place(place.epoch + 1)
    if place.epoch < epochs:
        _fit_epochs(model, batches, validation, recipe, recorder, place, epochs)


def _fit_epochs(model, batches, validation, recipe, recorder, place, epochs):
    wait = InputWait()
    callbacks = [
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch)
        ),
        keras.callbacks.LearningRateScheduler(recipe.rate),
        RateLogger(batches, wait, recipe.epochs),
        recorder.interpolation,
        recorder,
    ]
    if recorder.is_writer:
        callbacks.insert(-1, keras.callbacks.TensorBoard(recorder.folder.tensorboard))
    with recorder.terminable():
        model.fit(
            wait.measure(batches.as_dataset(first=place.step)),
            validation_data=validation.as_dataset(),
            epochs=epochs,
            initial_epoch=place.epoch,
            callbacks=callbacks,
            shuffle=False,  # The batches are shuffled already.
            verbose=(1 if sys.stdout.isatty() else 2) if recorder.is_writer else 0,
        )


def _finish(
    folder: RunFolder,
    examples: tf.data.Dataset,
    validation_examples: tf.data.Dataset,
    is_writer: bool,
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
    if is_writer:
        save_model(model, folder.best)
