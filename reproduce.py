"""Trains every row of the paper's tables and sets it beside the paper's number.

    python reproduce.py --folder=reproduction --dataset=photo_triage

On two cores, a small backbone on drawn series, 42 runs of one to two minutes:

    python reproduce.py --folder=reproduction --dataset=synthetic_series/scenes \\
        --preset_overrides=backbone=tiny,weights=None,image_size=64 \\
        --train_split='train[:1000]' \\
        --recipe=labels=soft,epochs=3,pack_size=48,learning_rate=0.1,dense_multiplier=1,decay_epochs=2

Rows that stand finished in --folder are taken from there; a row that was stopped goes on.
"""

import shlex
import sys

from absl import flags

from keras_series import cli

_FOLDER = flags.DEFINE_string("folder", None, "Folder of the page, its plots and all runs.")
_DATASET = flags.DEFINE_string("dataset", None, "TFDS name, as photo_triage.")
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where TFDS keeps prepared datasets. By default ~/tensorflow_datasets."
)
_TABLES = flags.DEFINE_list("tables", ["1", "2", "3", "4"], "Tables of the paper.")
flags.register_validator(
    "tables",
    lambda tables: bool(tables) and set(tables) <= set("1234"),
    "Expected some of the tables 1,2,3,4.",
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "How many times each row is trained.", 1)
_OVERRIDES = flags.DEFINE_list(
    "preset_overrides", [], "Changes in all presets, as backbone=tiny,weights=None,image_size=64."
)
_RECIPE = flags.DEFINE_list(
    "recipe", [], "Changes in the authors' recipe, as epochs=4,learning_rate=0.1."
)
_TRAIN_SPLIT = flags.DEFINE_string("train_split", "train", "What to train on, as train[:1000].")


def main():
    settings = cli.parse_settings(_RECIPE.value)
    overrides = cli.parse_settings(_OVERRIDES.value)

    from keras_series.reproduction import Experiment, reproduce
    from keras_series.training.loop import Recipe

    try:
        recipe = Recipe(**settings)
    except TypeError as error:
        names = ", ".join(Recipe.__dataclass_fields__)
        raise ValueError(f"Expected --recipe of {names}. Received: {settings}") from error
    experiment = Experiment(_DATASET.value, overrides, recipe, _TRAIN_SPLIT.value, _DATA_DIR.value)
    tables = list(map(int, _TABLES.value))
    command = shlex.join(["python", *sys.argv])
    page = reproduce(_FOLDER.value, experiment, tables, _SEEDS.value, command)
    print(f"\nPage: {page}")


if __name__ == "__main__":
    cli.run(main, "folder", "dataset")
