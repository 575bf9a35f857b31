"""The public names of every package, which others import and may rely on."""

import importlib
import subprocess
import sys

import pytest

SURFACE = {
    "keras_series": ["__version__"],
    "keras_series.batch_scoring": [
        "COUNTS",
        "SCHEMA",
        "SavedModelHandler",
        "ScorePhotos",
        "WriteRows",
        "check_job",
        "model_identity",
        "read_counts",
        "read_paths",
        "score_library",
    ],
    "keras_series.data": [
        "Annotations",
        "BatchOptions",
        "MixedDataset",
        "Mixture",
        "SeriesBatches",
        "SeriesDataset",
        "augment",
        "compare_in_batches",
        "draw_augmentation",
        "embed_examples",
        "encoded_photos",
        "map_photos",
        "pack_series",
        "photo_batches",
        "sharpen",
        "shuffled",
    ],
    "keras_series.evaluation": [
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
    ],
    "keras_series.export": [
        "SIGNATURES",
        "ExportedHead",
        "ExportedModel",
        "ServingModule",
        "Signature",
        "Tensor",
        "bradley_terry_strengths",
        "check",
        "check_exported",
        "export",
        "fold_batch_norms",
        "fold_encoder",
        "next_version",
        "pretrained_export",
        "rank_by",
        "read_warmup",
        "replay_warmup",
        "seconds_per_photo",
        "write_warmup",
    ],
    "keras_series.layers": ["CACell", "ParallelAttentionUnit", "PreferenceHead", "SACell"],
    "keras_series.models": [
        "BACKBONES",
        "PRESETS",
        "PRETRAINED",
        "Backbone",
        "PhotoEncoder",
        "SeriesPreferenceModel",
        "from_preset",
        "load_pretrained",
        "pretrained_card",
        "pretrained_weights",
    ],
    "keras_series.photos": [
        "MAX_PIXELS",
        "MEAN_COLOUR",
        "PhotoFormat",
        "Reason",
        "decode_photo",
        "decode_photos",
        "decode_photos_with_reasons",
        "resize_photo",
    ],
    "keras_series.ranking": [
        "MAX_GAP",
        "MIN_SIMILARITY",
        "CaptureTime",
        "Metadata",
        "RankedPhoto",
        "RankedSeries",
        "Ranking",
        "RankingOptions",
        "Shot",
        "capture_time",
        "describe_content",
        "file_hash",
        "find_copies",
        "find_shots",
        "group_shots",
        "pair_files",
        "rank_photos",
        "read_metadata",
        "read_photo",
        "thumbnail",
    ],
    "keras_series.training": [
        "MONITOR",
        "RATES",
        "TERMINATED",
        "Checkpoints",
        "Cluster",
        "InputWait",
        "MultiRateSGD",
        "PairAccuracy",
        "PairCrossentropy",
        "Place",
        "RateLogger",
        "Recipe",
        "RunFolder",
        "RunRecorder",
        "calibrate",
        "compile_model",
        "describe_environment",
        "distributed",
        "fit_temperature",
        "freeze_backbone",
        "load_model",
        "precision",
        "save_model",
        "train",
    ],
    "keras_series.utils": [
        "FORMATS",
        "NOT_AN_IMAGE",
        "UNREADABLE",
        "FoundFile",
        "FoundFiles",
        "check_option",
        "count_left_out",
        "detect_format",
        "find_photos",
        "import_tensorflow",
        "iterate_files",
        "keras_home",
        "new_figure",
        "partial_folder",
        "reason_left_out",
        "replacing",
        "save_figure",
        "to_srgb",
        "with_srgb_colours",
    ],
    "tfds_series": ["biq2021", "photo_triage", "synthetic_series"],
    "tfds_series.biq2021": ["Biq2021Config", "Builder"],
    "tfds_series.photo_triage": ["Builder", "PhotoTriageConfig"],
    "tfds_series.synthetic_series": ["Builder", "SyntheticSeriesConfig"],
}


@pytest.mark.parametrize("package", SURFACE)
def test_public_names(package):
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(SURFACE[package])
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("module", ["keras_series", "tfds_series"])
def test_import_is_light(module):
    code = f"import {module}, sys; print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False False"


def test_an_exported_model_needs_no_other_package():
    code = (
        "from keras_series.export import ExportedModel; import sys; "
        "print(sorted(name for name in sys.modules if name.startswith('keras_series')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == str(
        ["keras_series", "keras_series.export", "keras_series.export.exported_model"]
    )
