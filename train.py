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
    "Network: paper (ResNet50, 224 pixels), lite (EfficientNet-Lite0, 512 pixels), tiny (small, "
    "trains from random weights), or another row of the paper's tables, see configs/paper/.",
)
_INIT_FROM = cli.define_path(
    "init_from",
    "Model to start with instead of a preset: lite, the trained network that comes with the "
    "package; the folder of a run; or a .keras file.",
)
_DEVICES = flags.DEFINE_string(
    "devices",
    None,
    "How many devices to train on, or all, with KERAS_BACKEND=jax. Defaults to one; with --hosts, "
    "to all.",
)
_HOSTS = flags.DEFINE_list(
    "hosts",
    [],
    "Addresses of the processes of a run on several machines, separated by commas, the first with "
    "a port, such as node1:8476,node2. All must see the same --workdir. See docs/training.md.",
)
_HOST_INDEX = flags.DEFINE_integer(
    "host_index",
    None,
    "Which of --hosts this process is, counted from 0. Defaults to what Slurm or Kubernetes says.",
    lower_bound=0,
)
_TRAINING = cli.define_training_flags()
# What may differ when a run is resumed.
CHANGEABLE = (
    "epochs", "data_dir", "workdir", "checkpoint_minutes", "cache", "devices", "hosts", "host_index"
)  # fmt: skip


def main():
    from keras_series.training import Cluster, RunFolder, train

    folder = RunFolder(_WORKDIR.value)
    cluster = Cluster(_DEVICES.value, tuple(_HOSTS.value), _HOST_INDEX.value)
    if cluster.index == 0:
        cli.keep_flags(__name__, folder.flags, CHANGEABLE, started=folder.is_started)
    overrides = _TRAINING.read_overrides()
    # The default may be in flags.txt, with which a run is repeated.
    if _INIT_FROM.value and (_PRESET.value != _PRESET.default or overrides):
        raise ValueError("Expected --init_from, or --preset and --override. Received: both")
    best = train(
        folder.path,
        _TRAINING.open_dataset(),
        _PRESET.value,
        overrides,
        _TRAINING.read_recipe(),
        _TRAINING.train_split.value,
        _INIT_FROM.value,
        cluster,
    )
    print(f"\nBest model: {best}\nCurves: {folder.curves}")
    place = f" --data_dir={_TRAINING.data_dir.value}" if _TRAINING.data_dir.value else ""
    dataset = _TRAINING.dataset.value.partition(",")[0]
    print(f"Next: python evaluate.py --workdir={folder.path} --dataset={dataset}{place}")


if __name__ == "__main__":
    cli.run(main, "workdir", "dataset", backends=("tensorflow", "jax", "torch"))
