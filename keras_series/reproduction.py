"""The paper's tables and figure: each row is trained, evaluated, and set beside the paper's."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from keras_series.data import Annotations, SeriesDataset
from keras_series.evaluation import KerasPredictor, pair_accuracy, resample
from keras_series.models import BACKBONES, PRESETS
from keras_series.training import MONITOR, Recipe, RunFolder, train
from keras_series.utils import new_figure, replacing, save_figure


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the paper's tables.

    Attributes:
        label: String, the name in the paper.
        preset: String, a key of `PRESETS`.
        paper: Float, pair accuracy in the paper in percent. `None` for a row of your own.
    """

    label: str
    preset: str
    paper: float | None = None


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
        dataset: String, a TFDS name.
        overrides: Dictionary of arguments of `from_preset`, for all rows. A backbone replaces the
            presets' ResNet50; the row `senet` gets it with squeeze-and-excitation.
        recipe: `Recipe`. Its seed is the first of the seeds.
        train_split: String, the split to train on, as `"train[:1000]"`. Defaults to `"train"`.
    """

    dataset: str
    overrides: dict
    recipe: Recipe
    train_split: str = "train"


def reproduce(
    folder: str | os.PathLike,
    experiment: Experiment,
    tables: Sequence[int] = (1, 2, 3, 4),
    seeds: int = 3,
    command: str | None = None,
    data_dir: str | os.PathLike | None = None,
) -> pathlib.Path:
    """Trains and evaluates all rows of tables, and writes a page with the tables and curves.

    A row that is in several tables is trained once. Rows that are finished in the folder are not
    trained again, and an interrupted row resumes.

    Args:
        folder: Folder for `README.md`, `table<n>.png` and `runs/`.
        experiment: `Experiment`.
        tables: Keys of `TABLES`. Defaults to all.
        seeds: Integer, at least 1. Number of times each row is trained. Defaults to 3.
        command: String, the command that the page shows. Defaults to none.
        data_dir: Folder of prepared datasets. Defaults to TFDS' own choice.

    Returns:
        Path of the page.

    Raises:
        ValueError: If the folder has results of another experiment, or a table does not exist.
    """
    folder = pathlib.Path(folder)
    unknown = set(tables) - set(TABLES)
    if unknown or not tables:
        raise ValueError(f"Expected tables among {list(TABLES)}. Received: {list(tables)}")
    presets = list(dict.fromkeys(row.preset for table in tables for row in TABLES[table][1]))
    _keep_settings(folder, experiment, presets)
    runs = [(preset, seed) for seed in range(seeds) for preset in presets]
    missing = [run for run in runs if not _run_folder(folder, *run).result.exists()]
    print(f"{len(runs)} runs, {len(runs) - len(missing)} of them finished already.")
    dataset = SeriesDataset.open(experiment.dataset, data_dir) if missing else None
    start = time.monotonic()
    for number, (preset, seed) in enumerate(missing):
        left = "" if not number else f", about {_left(start, number, len(missing))} left"
        print(f"\n[{number + 1}/{len(missing)}] {preset}, seed {seed}{left}", flush=True)
        run_row(folder, experiment, dataset, preset, seed)
    return write_page(folder, experiment, tables, seeds, command)


def run_row(
    folder: pathlib.Path, experiment: Experiment, dataset: SeriesDataset, preset: str, seed: int
) -> None:
    """Trains and evaluates one row with one seed, and writes its result.

    Args:
        folder: Folder of the reproduction.
        experiment: `Experiment`.
        dataset: `SeriesDataset` of the experiment.
        preset: String, a key of `PRESETS`.
        seed: Non-negative integer, added to the seed of the recipe.
    """
    run = _run_folder(folder, preset, seed)
    recipe = dataclasses.replace(experiment.recipe, seed=experiment.recipe.seed + seed)
    keras.utils.clear_session()
    overrides = row_overrides(preset, experiment.overrides)
    train(run.path, dataset, preset, overrides, recipe, experiment.train_split)
    examples = dataset.examples(dataset.evaluation_split)
    annotations = Annotations.from_examples(examples)
    model = run.load_best()
    predictions = KerasPredictor(model).predict(examples, annotations.first, annotations.second)
    rest = annotations.without(~predictions.valid)
    preferences = predictions.preferences[annotations.keeps(~predictions.valid)]
    accuracy = pair_accuracy(preferences, rest)
    weights = resample(rest.series_count)
    result = {
        "preset": preset,
        "seed": recipe.seed,
        "split": dataset.evaluation_split,
        "parameters": model.count_params(),
        "pair_accuracy": float(accuracy(np.ones((1, rest.series_count)))[0]),
        # Every row has the same resamples, so that they can be averaged over seeds.
        "resampled": accuracy(weights).round(5).tolist(),
    }
    with replacing(run.result) as partial:
        partial.write_text(json.dumps(result) + "\n", encoding="utf-8")


def row_overrides(preset: str, overrides: Mapping) -> Mapping:
    """Returns the overrides of an experiment for one row.

    Args:
        preset: String, a key of `PRESETS`.
        overrides: Dictionary of arguments of `from_preset`.

    Raises:
        ValueError: If the row needs a backbone with squeeze-and-excitation that does not exist.
    """
    backbone = overrides.get("backbone")
    if backbone is None or not PRESETS[preset]["backbone"].startswith("se_"):
        return overrides
    if f"se_{backbone}" not in BACKBONES:
        raise ValueError(
            f"Expected a backbone with squeeze-and-excitation, se_{backbone}, for the row "
            f"{preset!r}. Received: none of that name in BACKBONES"
        )
    return {**overrides, "backbone": f"se_{backbone}"}


def summarise(results: Sequence[Mapping]) -> dict:
    """Returns the mean over seeds of the pair accuracy, in percent.

    Args:
        results: One dictionary per seed, with `pair_accuracy` and `resampled`.

    Returns:
        Dictionary of `mean`, the bounds of its 95% interval `low` and `high`, and `seeds`, the
        accuracies of the seeds.
    """
    resampled = np.mean([result["resampled"] for result in results], axis=0)
    low, high = np.percentile(resampled, [2.5, 97.5])
    values = [100 * result["pair_accuracy"] for result in results]
    return {"mean": np.mean(values), "low": 100 * low, "high": 100 * high, "seeds": values}


def write_page(
    folder: pathlib.Path,
    experiment: Experiment,
    tables: Sequence[int],
    seeds: int,
    command: str | None = None,
) -> pathlib.Path:
    """Writes `README.md` with the tables, and a plot of validation accuracy for each ablation.

    Args:
        folder: Folder of the reproduction.
        experiment: `Experiment`.
        tables: Keys of `TABLES`.
        seeds: Integer, number of seeds of each row.
        command: String, the command that the page shows. Defaults to none.

    Returns:
        Path of the page.
    """
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
        "`ours` is the accuracy on untied pairs, averaged over seeds, followed by its 95% interval "
        "from a bootstrap over series and by the accuracy of each seed. All numbers are percent.",
    ]
    for table in tables:
        title, rows = TABLES[table]
        lines += ["", f"## Table {table}: {title}", ""]
        lines += ["| | paper | ours | 95% | seeds | parameters |", "|---|---|---|---|---|---|"]
        lines += [_table_line(folder, row, seeds) for row in rows]
        splits = {result["split"] for row in rows for result in _results(folder, row, seeds)}
        measured = " and ".join(f"`{split}`" for split in sorted(splits))
        watched = ", on which the best epoch was chosen" if "validation" in splits else ""
        lines += ["", f"Measured on the split {measured}{watched}."]
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
        f"**Dataset {experiment.dataset}, backbone {backbone}: this is not the paper's "
        "experiment.** It shows that the code works and what the parts do on this dataset."
    )


def _keep_settings(folder, experiment, presets):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "settings.json"
    settings = json.loads(json.dumps(dataclasses.asdict(experiment)))
    networks = json.loads(json.dumps({preset: PRESETS[preset] for preset in presets}))
    # Otherwise no run used the old settings.
    if used := {run.name.rpartition("-")[0] for run in folder.glob("runs/*") if _is_used(run)}:
        kept = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name in settings if settings[name] != kept.get(name)]
        known = kept.get("presets", {})
        both = used & set(networks) & set(known)
        differing += [f"preset {name}" for name in both if networks[name] != known[name]]
        networks = known | networks
        if differing:
            raise ValueError(
                f"Expected the settings that {folder} was started with, or another folder. "
                f"Received other values of: {', '.join(differing)}"
            )
    with replacing(path) as partial:
        content = settings | {"presets": networks}
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _is_used(folder):
    run = RunFolder(folder)
    return run.is_started or run.result.exists()


def _run_folder(folder, preset, seed):
    return RunFolder(folder / "runs" / f"{preset}-{seed}")


def _results(folder, row, seeds):
    paths = [_run_folder(folder, row.preset, seed).result for seed in range(seeds)]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _table_line(folder, row, seeds):
    results = _results(folder, row, seeds)
    ours = summarise(results)
    values = ", ".join(f"{value:.1f}" for value in ours["seeds"])
    paper = "" if row.paper is None else f"{row.paper:.2f}"
    return (
        f"| {row.label} | {paper} | {ours['mean']:.2f} | {ours['low']:.1f} to "
        f"{ours['high']:.1f} | {values} | {results[0]['parameters'] / 1e6:.2f} M |"
    )


def _left(start, done, total):
    seconds = (time.monotonic() - start) / done * (total - done)
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min"


def _draw_curves(folder, rows, seeds, title, path):
    """Draws Figure 3 of the paper: validation accuracy by epoch, mean and range over seeds."""
    figure = new_figure(figsize=(7, 4.5))
    axes = figure.subplots()
    for row in rows:
        curves = [
            [100 * line[MONITOR] for line in _run_folder(folder, row.preset, seed).read_metrics()]
            for seed in range(seeds)
        ]
        epochs = range(1, len(curves[0]) + 1)
        axes.plot(epochs, np.mean(curves, axis=0), marker=".", label=row.label)
        axes.fill_between(epochs, np.min(curves, axis=0), np.max(curves, axis=0), alpha=0.12)
    axes.set(title=title, xlabel="Epoch", ylabel="Validation pair accuracy, %")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
