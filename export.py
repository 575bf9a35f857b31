"""Exports a trained model as a SavedModel for TensorFlow Serving and other pipelines.

    python export.py --workdir=runs/demo --base=exported/demo

writes exported/demo/1 (then 2, 3, ...) after checking it in a clean process: every signature gives
the answers of the live model, and the warm-up requests run.

    python export.py --check=exported/demo/1

checks a version again, on any machine, against the answers that are stored with it.
"""

from absl import flags

from keras_series import cli

_WORKDIR = cli.define_path("workdir", "Folder of the run whose best.keras is exported.")
_BASE = cli.define_path("base", "Folder of the model's versions. Created if it does not exist.")
_VERSION = flags.DEFINE_integer(
    "version", None, "Version to write. Defaults to one more than the greatest in --base.", 1
)
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels", 200_000_000, "Photos with more pixels are refused before decoding.", 1
)
_KEEP_VARIABLES = flags.DEFINE_boolean(
    "keep_variables",
    False,
    "Keep the weights as variables, so that the loaded model can be trained further. Slower.",
)
_CHECK = cli.define_path("check", "Folder of an exported version to check. Nothing is exported.")


def main():
    if _CHECK.value:
        check(_CHECK.value)
        return

    from keras_series.export import export
    from keras_series.training import RunFolder

    run = RunFolder(_WORKDIR.value)
    path = export(
        run.load_best(),
        _BASE.value,
        _VERSION.value,
        _MAX_PIXELS.value,
        _KEEP_VARIABLES.value,
        run.provenance(),
    )
    print(f"\nExported and checked: {path}\nNext: python rank.py --model={path} --photos=FOLDER")


def check(folder: str) -> None:
    """Prints the differences between the answers of an exported version and the expected ones."""
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
