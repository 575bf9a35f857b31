"""Evaluates a model on a split of a dataset, beside three trivial judges, with 95% intervals.

    python evaluate.py --workdir=runs/demo --dataset=synthetic_series/scenes

prints a table and writes evaluation.json and evaluation.png to the run's folder;

    python evaluate.py --model=exported/demo/1 --dataset=synthetic_series/scenes --workdir=judged

judges an exported model instead, and writes to --workdir.
"""

import pathlib

from absl import flags

from keras_series import cli

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run whose best.keras is evaluated; the report is written there."
)
_MODEL = flags.DEFINE_string(
    "model", None, "Folder of an exported model, <base>/<version>, to evaluate instead."
)
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


_SEED = flags.DEFINE_integer("seed", 0, "Seed of the bootstrap.", 0)
_HTML = flags.DEFINE_boolean(
    "html", False, "Writes evaluation.html too, one page with plots and the surest mistakes."
)


def main():
    workdir = pathlib.Path(_WORKDIR.value)
    if not _MODEL.value:
        model = cli.load_best(workdir)

    from keras_series.data import batches as input_pipeline
    from keras_series.evaluation import predictors as judges
    from keras_series.evaluation import report as evaluation
    from keras_series.evaluation import text as evaluation_report

    if _MODEL.value:
        judge = judges.ExportedJudge(_MODEL.value, _BATCH_SIZE.value)
    else:
        judge = judges.ModelJudge(model, _BATCH_SIZE.value)
    split = _SPLIT.value or input_pipeline.evaluation_split(_DATASET.value, _DATA_DIR.value)
    series = input_pipeline.load_series(_DATASET.value, split, _DATA_DIR.value)
    train_series = None
    if not split.startswith("train"):
        train_series = input_pipeline.load_series(_DATASET.value, "train", _DATA_DIR.value)
    report = evaluation.evaluate(judge, series, train_series, seed=_SEED.value)
    name = input_pipeline.dataset_name(_DATASET.value, _DATA_DIR.value)
    report = {"dataset": name, "split": split, **report}
    evaluation_report.write_report(report, workdir)
    print(f"\n{_DATASET.value}, {split}\n{evaluation_report.format_report(report)}")
    written = ["evaluation.json", "evaluation.png"]
    if _HTML.value:
        from keras_series.evaluation import page as evaluation_page

        encoder = None if _MODEL.value else model.encoder
        evaluation_page.write_page(report, series, workdir / "evaluation.html", encoder)
        written.append("evaluation.html")
    print(f"\nWritten to: {', '.join(str(workdir / name) for name in written)}")
    if not _MODEL.value:
        print(f"Next: python export.py --workdir={workdir} --base=exported")


if __name__ == "__main__":
    cli.run(main, "workdir", "dataset")
