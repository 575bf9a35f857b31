"""Trains a model on series of photos.

    python train.py --flagfile=configs/demo.flags --workdir=runs/demo

The run's folder then holds flags.txt (repeat the run with --flagfile), best.keras, metrics.csv,
curves.png, checkpoints/ and tensorboard/. Typed again, the command goes on where the run stopped.
"""

import pathlib

from absl import flags

from keras_series import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run, made if it is missing.")
_DATASET = flags.DEFINE_string(
    "dataset", None, "TFDS name with splits train and validation, as synthetic_series/scenes."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where TFDS keeps prepared datasets. By default ~/tensorflow_datasets."
)
_PRESET = flags.DEFINE_string(
    "preset",
    "paper",
    "Network: paper (ResNet50, 224 px), tiny (small, for two cores), or another row of the paper's "
    "tables, see configs/paper/.",
)
_OVERRIDES = flags.DEFINE_multi_string(
    "override",
    [],
    "Changes an argument of the preset, as image_size=96, arrangement=channel or "
    "weights=/path/to/file.h5. May be repeated.",
)
_LABELS = flags.DEFINE_enum(
    "labels", "hard", ["hard", "soft"], "What most people prefer, 0 or 1; or the share of them."
)
_MIN_AGREEMENT = flags.DEFINE_float(
    "min_agreement", 0.5, "Trains on pairs with max(p, 1 - p) of at least this.", 0.5, 1.0
)
_AUGMENT = flags.DEFINE_boolean(
    "augment",
    False,
    "Mirrors half the series and sharpens each by its own amount, all photos of a series alike.",
)
_EPOCHS = flags.DEFINE_integer("epochs", 100, "Times that each series is seen.", 1)
_PACK_SIZE = flags.DEFINE_integer(
    "pack_size", 32, "Photos packed side by side, whole series only.", 2
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 1, "Packs in a step.", 1)
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", 1e-5, "Rate of the convolutions in the first epochs.", 0.0
)
_DENSE_MULTIPLIER = flags.DEFINE_float(
    "dense_multiplier", 10.0, "How many times that rate the fully connected layers have.", 0.0
)
_DECAY_FACTOR = flags.DEFINE_float(
    "decay_factor", 0.3, "The rate is multiplied by this every --decay_epochs epochs.", 0.0, 1.0
)
_DECAY_EPOCHS = flags.DEFINE_integer("decay_epochs", 25, "See --decay_factor.", 1)
_MOMENTUM = flags.DEFINE_float("momentum", 0.9, "Momentum of the gradient descent.", 0.0, 1.0)
_WEIGHT_DECAY = flags.DEFINE_float("weight_decay", 5e-4, "L2 decay of all weights.", 0.0)
_SEED = flags.DEFINE_integer("seed", 0, "Fixes initial weights and the order of the series.")


def main():
    workdir = pathlib.Path(_WORKDIR.value)
    cli.keep_flags(
        __name__,
        workdir / "flags.txt",
        changeable=["epochs", "data_dir", "workdir"],
        started=(workdir / "metrics.csv").exists(),
    )

    from keras_series.training.loop import Recipe, train

    recipe = Recipe(
        labels=_LABELS.value,
        min_agreement=_MIN_AGREEMENT.value,
        augment=_AUGMENT.value,
        epochs=_EPOCHS.value,
        pack_size=_PACK_SIZE.value,
        batch_size=_BATCH_SIZE.value,
        learning_rate=_LEARNING_RATE.value,
        dense_multiplier=_DENSE_MULTIPLIER.value,
        decay_factor=_DECAY_FACTOR.value,
        decay_epochs=_DECAY_EPOCHS.value,
        momentum=_MOMENTUM.value,
        weight_decay=_WEIGHT_DECAY.value,
        seed=_SEED.value,
    )
    overrides = cli.parse_settings(_OVERRIDES.value)
    best = train(workdir, _DATASET.value, _PRESET.value, overrides, recipe, _DATA_DIR.value)
    print(f"\nBest model: {best}\nCurves: {workdir / 'curves.png'}")
    data_dir = f" --data_dir={_DATA_DIR.value}" if _DATA_DIR.value else ""
    print(f"Next: python evaluate.py --workdir={workdir} --dataset={_DATASET.value}{data_dir}")


if __name__ == "__main__":
    cli.run(main, "workdir", "dataset")
