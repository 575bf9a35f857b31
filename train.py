"""Trains a model on series of photos.

    python train.py --flagfile=configs/demo.flags --workdir=runs/demo

The folder of the run then has flags.txt (repeat the run with --flagfile), best.keras, metrics.csv,
curves.png, checkpoints/ and tensorboard/. The same command resumes an interrupted run.
"""

from absl import flags

from keras_series import cli

_WORKDIR = cli.define_path("workdir", "Folder of the run. Created if it does not exist.")
_PRESET = flags.DEFINE_string(
    "preset",
    "paper",
    "Network: paper (ResNet50, 224 pixels), tiny (small, for two cores), or another row of the "
    "paper's tables, see configs/paper/.",
)
_TRAINING = cli.define_training_flags()


def main():
    from keras_series.data import SeriesDataset
    from keras_series.training import RunFolder, train

    folder = RunFolder(_WORKDIR.value)
    cli.keep_flags(
        __name__,
        folder.flags,
        changeable=["epochs", "data_dir", "workdir"],
        started=folder.metrics.exists(),
    )
    dataset, data_dir = _TRAINING.dataset.value, _TRAINING.data_dir.value
    best = train(
        folder.path,
        SeriesDataset.open(dataset, data_dir),
        _PRESET.value,
        _TRAINING.read_overrides(),
        _TRAINING.read_recipe(),
        _TRAINING.train_split.value,
    )
    print(f"\nBest model: {best}\nCurves: {folder.curves}")
    place = f" --data_dir={data_dir}" if data_dir else ""
    print(f"Next: python evaluate.py --workdir={folder.path} --dataset={dataset}{place}")


if __name__ == "__main__":
    cli.run(main, "workdir", "dataset")
