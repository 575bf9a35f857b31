"""Evaluates a model on a split of a dataset, next to five baselines, with 95% intervals.

    python evaluate.py --workdir=runs/demo --dataset=synthetic_series/scenes

prints a table and writes evaluation.json and evaluation.png to the folder of the run.

    python evaluate.py --model=exported/demo/1 --dataset=synthetic_series/scenes --workdir=evaluated

evaluates an exported model instead, and writes to --workdir.

    python evaluate.py --pretrained=lite --dataset=biq2021/series --split=validation --workdir=lite

evaluates the trained network that comes with the package.
"""

from absl import flags

from keras_series import cli

_WORKDIR = cli.define_path(
    "workdir", "Folder of the run whose best.keras is evaluated. The report is written there."
)
_MODEL = cli.define_path(
    "model", "Folder of an exported version, <base>/<version>, to evaluate instead."
)
_PRETRAINED = flags.DEFINE_enum(
    "pretrained", None, ["lite"], "Weights that come with the package, to evaluate instead."
)
_DATASET = flags.DEFINE_string("dataset", None, "TFDS name, such as synthetic_series/scenes.")
_SPLIT = flags.DEFINE_string(
    "split",
    None,
    "Split, such as train or test[:100]. Defaults to test, or to validation if the labels of test "
    "are not published.",
)
_DATA_DIR = cli.define_path(
    "data_dir", "Folder of prepared datasets. Defaults to ~/tensorflow_datasets."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Number of photos per call.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the bootstrap.", 0)
_HTML = flags.DEFINE_boolean(
    "html", False, "Also write evaluation.html: plots and the most confident mistakes on one page."
)


def main():
    from keras_series.evaluation import evaluate_model, format_report

    report, written = evaluate_model(
        _WORKDIR.value,
        _DATASET.value,
        _DATA_DIR.value,
        _SPLIT.value,
        _MODEL.value,
        _BATCH_SIZE.value,
        _SEED.value,
        _HTML.value,
        _PRETRAINED.value,
    )
    print(f"\n{report['dataset']}, {report['split']}\n{format_report(report)}")
    print(f"\nWritten to: {', '.join(map(str, written))}")
    if not (_MODEL.value or _PRETRAINED.value):
        print(f"Next: python export.py --workdir={_WORKDIR.value} --base=exported")


if __name__ == "__main__":
    cli.run(main, "workdir", "dataset", only_exports=lambda: bool(_MODEL.value))
