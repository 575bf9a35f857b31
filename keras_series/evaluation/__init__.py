"""Evaluation: how often a model prefers what people prefer."""

from keras_series.evaluation.baselines import baseline_predictions, brightness, sharpness
from keras_series.evaluation.page import write_page
from keras_series.evaluation.pipeline import evaluate_model
from keras_series.evaluation.predictors import (
    KerasPredictor,
    Predictions,
    Predictor,
    SavedModelPredictor,
)
from keras_series.evaluation.report import METRICS, PROBABILITY_METRICS, evaluate, find_leaks
from keras_series.evaluation.statistics import (
    calibration_error,
    estimate,
    kendall_tau,
    log_loss,
    mean_preferences,
    pair_accuracy,
    paper_pair_accuracy,
    rating_correlation,
    reliability,
    resample,
    risk_coverage,
    risk_coverage_area,
    score_consistency,
    series_top,
)
from keras_series.evaluation.text import draw_report, format_report

__all__ = [
    "METRICS",
    "PROBABILITY_METRICS",
    "KerasPredictor",
    "Predictions",
    "Predictor",
    "SavedModelPredictor",
    "baseline_predictions",
    "brightness",
    "calibration_error",
    "draw_report",
    "estimate",
    "evaluate",
    "evaluate_model",
    "find_leaks",
    "format_report",
    "kendall_tau",
    "log_loss",
    "mean_preferences",
    "pair_accuracy",
    "paper_pair_accuracy",
    "rating_correlation",
    "reliability",
    "resample",
    "risk_coverage",
    "risk_coverage_area",
    "score_consistency",
    "series_top",
    "sharpness",
    "write_page",
]
