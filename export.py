"""Exports a trained model as a SavedModel for TensorFlow Serving and other pipelines.

    python export.py --workdir=runs/demo --base=exported/demo

writes exported/demo/1 (then 2, 3, ...) with the signatures `preference` and `score`.
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


def main():
    model = cli.load_best(_WORKDIR.value)

    from keras_series.export import export

    path = export(model, _BASE.value, _VERSION.value, _MAX_PIXELS.value)
    print(f"\nExported: {path}\nNext: python rank.py --model={path} --photos=FOLDER")


if __name__ == "__main__":
    cli.run(main, "workdir", "base")
