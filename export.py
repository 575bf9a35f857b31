"""Exports a trained model as a SavedModel for TensorFlow Serving and other pipelines.

    python export.py --workdir=runs/demo --base=exported/demo

writes exported/demo/1 (then 2, 3, ...) once it has been checked in a clean process: by every
signature it says what the live model says, and its warm-up requests run.

    python export.py --check=exported/demo/1

checks it again, where and when you like, against the answers that are kept with it.
"""

from absl import flags

from keras_series import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run whose best.keras is exported.")
_BASE = flags.DEFINE_string("base", None, "Folder of the model's versions, made if missing.")
_VERSION = flags.DEFINE_integer(
    "version", None, "Version to write. By default one more than the greatest in --base.", 1
)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels", 100_000_000, "Photos with more pixels are refused before they are decoded.", 1
)
_KEEP_VARIABLES = flags.DEFINE_boolean(
    "keep_variables",
    False,
    "Leaves the weights variables, so that the loaded model can be trained further; slower.",
)
_CHECK = flags.DEFINE_string(
    "check", None, "Folder of an exported version. It is checked, and nothing is exported."
)


def main():
    if _CHECK.value:
        check(_CHECK.value)
        return
    model = cli.load_best(_WORKDIR.value)

    from keras_series.export.saved_model import export
    from keras_series.training.run_folder import read_provenance

    path = export(
        model,
        _BASE.value,
        _VERSION.value,
        _MAX_PIXELS.value,
        _KEEP_VARIABLES.value,
        read_provenance(_WORKDIR.value),
    )
    print(f"\nExported and checked: {path}\nNext: python rank.py --model={path} --photos=FOLDER")


def check(folder):
    """Prints how far an exported version's answers are from what they should be."""
    from keras_series.export import golden

    differences = golden.check(folder)
    print(f"\n{'signature':<20}{'largest difference':>20}")
    for signature, difference in differences.items():
        print(f"{signature:<20}{difference:>20.1e}")
    print(f"\n{folder}: all within {golden.TOLERANCE} of the answers in {golden.CARD}.")


if __name__ == "__main__":
    flags.register_multi_flags_validator(
        ["check", "workdir", "base"],
        lambda given: bool(given["check"]) or bool(given["workdir"] and given["base"]),
        "Expected --workdir and --base, or --check.",
    )
    cli.run(main)
