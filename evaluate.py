"""Evaluates a trained model on a split of a dataset, beside three trivial judges.

    python evaluate.py --workdir=runs/demo --dataset=synthetic_series/scenes

prints a table and writes evaluation.json and evaluation.png to the run's folder.
"""

import pathlib

from absl import flags

from keras_series import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run whose best.keras is evaluated.")
_DATASET = flags.DEFINE_string("dataset", None, "TFDS name, as synthetic_series/scenes.")
_SPLIT = flags.DEFINE_string(
    "split",
    None,
    "Split, as train or test[:100]. By default test, or validation where the labels of test are "
    "not published.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where TFDS keeps prepared datasets. By default ~/tensorflow_datasets."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Photos judged at a time.", lower_bound=1)


def main():
    workdir = pathlib.Path(_WORKDIR.value)
    model = cli.load_best(workdir)

    from keras_series import evaluation, input_pipeline
    from tfds_series import preparation

    builder = preparation.prepare(_DATASET.value, _DATA_DIR.value)
    split = _SPLIT.value or preparation.labelled_split(builder)
    series = input_pipeline.load_series(_DATASET.value, split, _DATA_DIR.value)
    report = evaluation.evaluate(model, series, _BATCH_SIZE.value)
    report = {"dataset": _DATASET.value, "split": split, **report}
    evaluation.write_report(report, workdir)
    print(f"\n{_DATASET.value}, {split}\n{evaluation.format_report(report)}")
    print(f"\nWritten to: {workdir / 'evaluation.json'}, {workdir / 'evaluation.png'}")
    print(f"Next: python export.py --workdir={workdir} --base=exported")


if __name__ == "__main__":
    cli.run(main, "workdir", "dataset")
