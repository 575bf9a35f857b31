"""Trains every row of the paper's tables and sets it beside the paper's number.

    python reproduce.py --folder=reproduction --dataset=photo_triage

On two cores, with a small backbone on drawn series, 42 runs of one to two minutes:

    python reproduce.py --folder=reproduction --dataset=synthetic_series/scenes \\
        --train_split='train[:1000]' \\
        --override=backbone=tiny --override=weights=None --override=image_size=64 \\
        --labels=soft --epochs=3 --pack_size=48 --learning_rate=0.1 --dense_multiplier=1 \\
        --decay_epochs=2

The flags of the dataset and of the recipe are those of train.py, for one dataset. Rows that are
finished in --folder are not trained again; an interrupted row resumes.
"""

import shlex
import sys

from absl import flags

from keras_series import cli

_FOLDER = cli.define_path("folder", "Folder of the page, its plots and all runs.")
_TABLES = flags.DEFINE_list("tables", ["1", "2", "3", "4"], "Tables of the paper.")
flags.register_validator(
    "tables",
    lambda tables: bool(tables) and all(map(str.isdecimal, tables)),
    "Expected numbers of tables, such as 1,2,3,4.",
)
_SEEDS = flags.DEFINE_integer(
    "seeds", 3, "Number of times each row is trained, with --seed and the seeds after it.", 1
)
_TRAINING = cli.define_training_flags()


def main():
    from keras_series.reproduction import Experiment, reproduce

    if "," in _TRAINING.dataset.value or _TRAINING.mixture.value:
        raise ValueError(
            "Expected one dataset, on which every row is trained and measured. Received: "
            f"--dataset={_TRAINING.dataset.value} --mixture={','.join(_TRAINING.mixture.value)}"
        )
    experiment = Experiment(
        _TRAINING.dataset.value,
        _TRAINING.read_overrides(),
        _TRAINING.read_recipe(),
        _TRAINING.train_split.value,
    )
    page = reproduce(
        _FOLDER.value,
        experiment,
        list(map(int, _TABLES.value)),
        _SEEDS.value,
        shlex.join(["python", *sys.argv]),
        _TRAINING.data_dir.value,
    )
    print(f"\nPage: {page}")


if __name__ == "__main__":
    cli.run(main, "folder", "dataset")
