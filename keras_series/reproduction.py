"""The paper's tables and figure: each row trained and evaluated, and set beside the paper's."""

import dataclasses
import json
import pathlib
import time

import keras
import numpy as np

from keras_series.data import batches as input_pipeline
from keras_series.evaluation import statistics as metrics
from keras_series.evaluation.predictors import ModelJudge
from keras_series.models import BACKBONES, PRESETS
from keras_series.training.loop import Recipe, train
from keras_series.training.run_folder import MONITOR, read_metrics
from keras_series.utils.figures import new_figure, save_figure
from keras_series.utils.files import replacing


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the paper's tables.

    Attributes:
        label: as the paper calls it.
        preset: a key of `PRESETS`.
        paper: pair accuracy in the paper, percent.
    """

    label: str
    preset: str
    paper: float


# Huang et al. (ICASSP 2020).
TABLES = {
    1: (
        "Systems",
        [
            Row("Chang et al.", "chang2016", 73.01),
            Row("ResNet50", "resnet50", 72.32),
            Row("SENet", "senet", 68.86),
            Row("Huang et al.", "paper", 76.46),
        ],
    ),
    2: (
        "Stages",
        [
            Row("L3", "l3", 66.78),
            Row("L4", "l4", 75.09),
            Row("L5", "l5", 73.36),
            Row("L3 + L4 + L5", "paper", 76.46),
        ],
    ),
    3: (
        "Attention",
        [
            Row("none (NA)", "na", 71.97),
            Row("channel (CA)", "ca", 74.05),
            Row("spatial (SA)", "sa", 74.39),
            Row("channel, then spatial (CA-SA)", "ca_sa", 72.32),
            Row("spatial, then channel (SA-CA)", "sa_ca", 72.66),
            Row("parallel", "paper", 76.46),
        ],
    ),
    4: (
        "Pooling",
        [
            Row("average", "average_pooling", 73.01),
            Row("maximum", "maximum_pooling", 72.32),
            Row("both", "paper", 76.46),
        ],
    ),
}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is the same for every row.

    Attributes:
        dataset: A TFDS name.
        overrides: Arguments of `from_preset`, for all rows. A backbone given here stands for the
            presets' ResNet50; `senet` takes it with squeeze-and-excitation.
        recipe: A `Recipe`; its seed is the first of the seeds.
        train_split: What to train on, as `"train[:1000]"`.
        data_dir: Where TFDS keeps its datasets.
    """

    dataset: str
    overrides: dict
    recipe: Recipe
    train_split: str = "train"
    data_dir: str | None = None

    def settings(self):
        """What results depend on, as it is written beside them."""
        settings = dataclasses.asdict(self)
        del settings["data_dir"]
        return settings


def reproduce(folder, experiment, tables=(1, 2, 3, 4), seeds=3, command=None):
    """Trains and evaluates all rows of tables, and writes a page with tables and curves.

    A row that stands in several tables is trained once. Rows that stand finished in the folder are
    taken from there, and one that was stopped goes on.

    Args:
        folder: Gets `README.md`, `table<n>.png` and `runs/`.
        experiment: An `Experiment`.
        tables: Keys of `TABLES`.
        seeds: How many times each row is trained.
        command: What was typed, for the page.

    Returns:
        Path of the page.

    Raises:
        ValueError: If the folder has results of another experiment, or a table does not exist.
    """
    folder = pathlib.Path(folder)
    unknown = set(tables) - set(TABLES)
    if unknown or not tables:
        raise ValueError(f"Expected tables among {list(TABLES)}. Received: {list(tables)}")
    _keep_settings(folder, experiment)
    presets = list(dict.fromkeys(row.preset for table in tables for row in TABLES[table][1]))
    runs = [(preset, seed) for seed in range(seeds) for preset in presets]
    missing = [run for run in runs if not _result_path(folder, *run).exists()]
    print(f"{len(runs)} runs, {len(runs) - len(missing)} of them finished before.")
    start = time.monotonic()
    for number, (preset, seed) in enumerate(missing):
        left = "" if not number else f", about {_left(start, number, len(missing))} left"
        print(f"\n[{number + 1}/{len(missing)}] {preset}, seed {seed}{left}", flush=True)
        run_row(folder, experiment, preset, seed)
    return write_page(folder, experiment, tables, seeds, command)


def run_row(folder, experiment, preset, seed):
    """Trains and evaluates one row with one seed; writes its result."""
    workdir = folder / "runs" / f"{preset}-{seed}"
    recipe = dataclasses.replace(experiment.recipe, seed=experiment.recipe.seed + seed)
    keras.utils.clear_session()
    best = train(
        workdir,
        experiment.dataset,
        preset,
        row_overrides(preset, experiment.overrides),
        recipe,
        experiment.data_dir,
        experiment.train_split,
    )
    split = input_pipeline.evaluation_split(experiment.dataset, experiment.data_dir)
    series = input_pipeline.load_series(experiment.dataset, split, experiment.data_dir)
    annotations = metrics.Annotations.from_series(series)
    model = keras.saving.load_model(best, compile=False)
    judgement = ModelJudge(model).judge(series, annotations.first, annotations.second)
    rest = annotations.without(~judgement.valid)
    predictions = judgement.predictions[annotations.keeps(~judgement.valid)]
    accuracy = metrics.pair_accuracy(predictions, rest)
    weights = metrics.resample(rest.series_count)
    result = {
        "preset": preset,
        "seed": recipe.seed,
        "split": split,
        "parameters": model.count_params(),
        "pair_accuracy": float(accuracy(np.ones((1, rest.series_count)))[0]),
        # The same resamples for every row, so that means over seeds can be taken of them.
        "resampled": accuracy(weights).round(5).tolist(),
    }
    with replacing(_result_path(folder, preset, seed)) as partial:
        partial.write_text(json.dumps(result) + "\n", encoding="utf-8")


def row_overrides(preset, overrides):
    """The overrides of an experiment for one row."""
    backbone = overrides.get("backbone")
    if backbone is None or not PRESETS[preset]["backbone"].startswith("se_"):
        return overrides
    if f"se_{backbone}" not in BACKBONES:
        raise ValueError(
            f"Expected a backbone with squeeze-and-excitation, se_{backbone}, for the row "
            f"{preset!r}. Received: none of that name in BACKBONES"
        )
    return {**overrides, "backbone": f"se_{backbone}"}


def summarise(results):
    """Mean over seeds of the pair accuracy, percent: with its interval and each seed's value."""
    resampled = np.mean([result["resampled"] for result in results], axis=0)
    low, high = np.percentile(resampled, [2.5, 97.5])
    values = [100 * result["pair_accuracy"] for result in results]
    return {"mean": np.mean(values), "low": 100 * low, "high": 100 * high, "seeds": values}


def write_page(folder, experiment, tables, seeds, command=None):
    """Writes `README.md` with the tables, and a plot of validation accuracy for each ablation."""
    lines = [
        _what_it_is(experiment),
        "",
        "## How it was made",
        "",
        *(["```bash", command, "```", ""] if command else []),
        f"Dataset `{experiment.dataset}`, trained on `{experiment.train_split}`, {seeds} seeds. "
        f"Overrides of the presets: `{experiment.overrides or 'none'}`. Recipe: "
        f"`{experiment.recipe}`.",
        "",
        "Ours is the mean over seeds of the accuracy on untied pairs, with the 95% interval of a "
        "bootstrap over series; then each seed's value. All numbers are percent.",
    ]
    for table in tables:
        title, rows = TABLES[table]
        lines += ["", f"## Table {table}: {title}", ""]
        lines += ["| | paper | ours | 95% | seeds | parameters |", "|---|---|---|---|---|---|"]
        lines += [_table_line(folder, row, seeds) for row in rows]
        if table != 1:
            _draw_curves(folder, rows, seeds, title, folder / f"table{table}.png")
            lines += ["", f"![Validation accuracy by epoch](table{table}.png)"]
    page = folder / "README.md"
    with replacing(page) as partial:
        partial.write_text("\n".join(["# The paper's tables", "", *lines]) + "\n", encoding="utf-8")
    return page


def _what_it_is(experiment):
    if experiment.dataset.startswith("photo_triage") and not experiment.overrides:
        return "The paper's dataset and the paper's networks."
    backbone = experiment.overrides.get("backbone", "the paper's")
    return (
        f"**Dataset {experiment.dataset}, backbone {backbone}: not the paper's experiment.** It "
        "shows that the machinery works and what the parts do there."
    )


def _keep_settings(folder, experiment):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings.json"
    settings = json.loads(json.dumps(experiment.settings()))
    if any(folder.glob("runs/*/metrics.csv")):  # Else nothing was made with other settings.
        kept = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name in settings if settings[name] != kept.get(name)]
        if differing:
            raise ValueError(
                f"Expected the settings that {folder} was started with, or another folder. "
                f"Received other values of: {', '.join(differing)}"
            )
    with replacing(path) as partial:
        partial.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _result_path(folder, preset, seed):
    return folder / "runs" / f"{preset}-{seed}" / "result.json"


def _results(folder, row, seeds):
    paths = [_result_path(folder, row.preset, seed) for seed in range(seeds)]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _table_line(folder, row, seeds):
    results = _results(folder, row, seeds)
    ours = summarise(results)
    values = ", ".join(f"{value:.1f}" for value in ours["seeds"])
    return (
        f"| {row.label} | {row.paper:.2f} | {ours['mean']:.2f} | {ours['low']:.1f} to "
        f"{ours['high']:.1f} | {values} | {results[0]['parameters'] / 1e6:.2f} M |"
    )


def _left(start, done, total):
    seconds = (time.monotonic() - start) / done * (total - done)
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min"


def _draw_curves(folder, rows, seeds, title, path):
    """Figure 3 of the paper: validation accuracy by epoch, mean and range over seeds."""
    figure = new_figure(figsize=(7, 4.5))
    axes = figure.subplots()
    for row in rows:
        curves = [
            [100 * line[MONITOR] for line in read_metrics(
                folder / "runs" / f"{row.preset}-{seed}" / "metrics.csv"
            )]
            for seed in range(seeds)
        ]  # fmt: skip
        epochs = range(1, len(curves[0]) + 1)
        axes.plot(epochs, np.mean(curves, axis=0), marker=".", label=row.label)
        axes.fill_between(epochs, np.min(curves, axis=0), np.max(curves, axis=0), alpha=0.12)
    axes.set(title=title, xlabel="Epoch", ylabel="Validation pair accuracy, %")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
