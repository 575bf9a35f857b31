"""From a run or an exported model to a report in a folder."""

from __future__ import annotations

import os
import pathlib

from absl import logging

from keras_series.data import SeriesDataset
from keras_series.evaluation.page import write_page
from keras_series.evaluation.predictors import KerasPredictor, SavedModelPredictor
from keras_series.evaluation.report import evaluate
from keras_series.evaluation.text import draw_report
from keras_series.export import ExportedModel
from keras_series.models import load_pretrained
from keras_series.training import RunFolder, load_model


def evaluate_model(
    workdir: str | os.PathLike,
    dataset: str,
    data_dir: str | os.PathLike | None = None,
    split: str | None = None,
    exported: str | os.PathLike | None = None,
    batch_size: int = 32,
    seed: int = 0,
    page: bool = False,
    pretrained: str | None = None,
) -> tuple[dict, list[pathlib.Path]]:
    """Evaluates the best model of a run, or an exported one, and writes the report.

    Args:
        workdir: Folder of the run. The report is written there.
        dataset: TFDS name, as `"synthetic_series/scenes"`.
        data_dir: Folder of prepared datasets. Defaults to TFDS' own choice.
        split: TFDS split. Defaults to `SeriesDataset.evaluation_split`.
        exported: Folder of an exported version to evaluate instead of the run's best model.
            Defaults to `None`.
        batch_size: Integer, number of photos per call. Defaults to 32.
        seed: Non-negative integer, seed of the bootstrap. Defaults to 0.
        page: Whether an HTML page is written, too. Defaults to `False`.
        pretrained: Name of the weights that come with the package, as `"lite"`, to evaluate instead
            of the run's best model. Defaults to `None`.

    Returns:
        The report, see `evaluate`, and the paths of the written files.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If there is no such dataset or split.
    """
    folder = RunFolder(workdir)
    if exported:
        encoder = None
        predictor = SavedModelPredictor(ExportedModel(exported, batch_size))
    else:
        model = load_pretrained(pretrained) if pretrained else folder.load_best()
        encoder = model.encoder
        predictor = KerasPredictor(model, batch_size)
    data = SeriesDataset.open(dataset, data_dir)
    split = split or data.evaluation_split
    examples = data.examples(split)
    can_leak = not split.startswith("train") and "train" in data.builder.info.splits
    train_examples = data.examples("train") if can_leak else None
    others = {} if exported or pretrained else _start(folder, batch_size)
    report = evaluate(predictor, examples, train_examples, seed=seed, others=others)
    # Of a model that is not the run's own, the run's provenance must not speak.
    epoch = None if exported or pretrained else folder.best_epoch()
    report = {"dataset": data.full_name, "split": split, "best_epoch": epoch, **report}
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_evaluation(report)
    draw_report(report, folder.evaluation_plots)
    written = [folder.evaluation, folder.evaluation_plots]
    if page:
        write_page(report, examples, folder.evaluation_plots, folder.evaluation_page, encoder)
        written.append(folder.evaluation_page)
    return report, written


def _start(folder: RunFolder, batch_size: int) -> dict[str, KerasPredictor]:
    """The model that the run started with, if it did not start with a preset."""
    init_from = (folder.provenance()["training"] or {}).get("init_from")
    if not init_from:
        return {}
    try:
        return {"start": KerasPredictor(load_model(init_from), batch_size)}
    except FileNotFoundError as error:
        logging.warning("Not compared with the model that the run started with: %s", error)
        return {}
