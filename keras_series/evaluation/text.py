"""An evaluation as a table for the screen and as plots."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from keras_series.evaluation.report import METRICS, PROBABILITY_METRICS
from keras_series.utils import new_figure, save_figure


def format_report(report: Mapping) -> str:
    """Returns a report as a table for the screen.

    Args:
        report: What `evaluate` returns.
    """
    model = report["predictors"]["model"]
    baselines = {name: each for name, each in report["predictors"].items() if name != "model"}
    lines = [f"{'accuracy on':<32}{'model':>22}" + _cells(baselines)]
    for metric, title in METRICS.items():
        values = [_number(estimates[metric]["value"]) for estimates in baselines.values()]
        lines.append(f"{title:<32}{interval(model[metric]):>22}" + _cells(values))
    for metric, title in PROBABILITY_METRICS.items():
        lines.append(f"{title:<32}{interval(model[metric]):>22}")
    if report["calibration"]:
        lines.append(_calibration_line(report["calibration"]))
    for title, groups in report["groups"].items():
        lines += ["", f"{title:<32}{'pairs':>22}{'accuracy':>22}"]
        for name, group in groups.items():
            lines.append(f"{name:<32}{group['pairs']:>22}{interval(group):>22}")
    counts = ", ".join(f"{count} {name}" for name, count in report["counts"].items())
    lines += ["", counts.replace("_", " "), *report["findings"], report["verdict"]]
    return "\n".join(lines)


def interval(estimate: Mapping[str, float | None]) -> str:
    """Returns an estimate as a text.

    Args:
        estimate: `{"value", "low", "high"}`, see `keras_series.evaluation.estimate`.

    Example:

    >>> interval({"value": 0.9217, "low": 0.905, "high": 0.94})
    '0.922 (0.905-0.940)'
    """
    if estimate["value"] is None:
        return "-"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f}-{estimate['high']:.3f})"


def draw_report(report: Mapping, path: str | os.PathLike) -> None:
    """Draws the accuracies, the reliability diagram and the risk-coverage curve of a report.

    Args:
        report: What `evaluate` returns.
        path: PNG file to create or replace.
    """
    figure = new_figure(figsize=(13, 4))
    accuracy, reliability, risk = figure.subplots(1, 3, width_ratios=(1.6, 1, 1))
    _draw_accuracy(accuracy, report["predictors"])
    _draw_reliability(reliability, report["reliability"])
    _draw_risk(risk, report["risk_coverage"])
    save_figure(figure, path)


def _calibration_line(calibration):
    before, after = (calibration[stage] for stage in ("before", "after"))
    changes = ", ".join(
        f"{PROBABILITY_METRICS[name]} {before[name]['value']:.3f} -> {after[name]['value']:.3f}"
        for name in before
    )
    return f"temperature {calibration['temperature']:.2f}: {changes}"


def _cells(texts):
    return "".join(f"{text.replace('_', ' '):>13}" for text in texts)


def _number(value):
    return "-" if value is None else f"{value:.3f}"


def _draw_accuracy(axes, predictors):
    shown = ("pair_accuracy", "strong_pair_accuracy", "series_top_1")
    for offset, (name, estimates) in enumerate(predictors.items()):
        estimates = [estimates[metric] for metric in shown]
        heights = np.array([each["value"] or 0.0 for each in estimates])
        errors = np.abs([[each[end] or 0.0 for each in estimates] for end in ("low", "high")])
        places = np.arange(len(shown)) + 0.2 * (offset - 1.5)
        axes.bar(places, heights, width=0.18, label=name.replace("_", " "))
        spread = np.maximum([heights - errors[0], errors[1] - heights], 0)
        axes.errorbar(places, heights, yerr=spread, fmt="none", ecolor="black", capsize=2)
    axes.set_xticks(range(len(shown)), [METRICS[metric] for metric in shown])
    axes.set(ylabel="Accuracy, with 95% intervals", ylim=(0, 1.1))
    axes.legend(ncols=4, loc="upper center")


def _draw_reliability(axes, bins):
    axes.plot([0.5, 1], [0.5, 1], color="grey", linewidth=1)
    axes.plot([row["confidence"] for row in bins], [row["observed"] for row in bins], marker="o")
    axes.set(xlabel="Confidence", ylabel="Observed preference", title="Reliability", ylim=(0, 1.05))
    axes.grid(alpha=0.3)


def _draw_risk(axes, curve):
    axes.plot([row["coverage"] for row in curve], [1 - row["error"] for row in curve])
    axes.set(
        xlabel="Fraction of pairs decided", ylabel="Accuracy", title="Close calls left to a person"
    )
    axes.set(ylim=(0.4, 1.02), xlim=(0, 1))
    axes.grid(alpha=0.3)
