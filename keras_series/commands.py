"""Commands that are installed with the package: `series-rank`."""

from __future__ import annotations

import inspect
import sys

from absl import flags

from keras_series import cli


def rank() -> None:
    """Ranks the photos of a folder, best first.

        series-rank --photos=my_photos --html=ranked.html

    Each folder below --photos that has photos (JPEG, PNG, WebP, GIF, BMP) is a series. The first
    bytes of a file say what it is, not its name, and other files are counted with the reason. With
    --gap=30 a new series begins wherever more than thirty seconds lie between two photos. Photos
    are read and never changed.
    """
    model = cli.define_path(
        "model",
        "Folder of an exported version, <base>/<version>. Defaults to the trained network that "
        "comes with the package.",
    )
    photos = cli.define_path("photos", "Folder of photos. Each folder in it is a series.")
    gap = flags.DEFINE_float(
        "gap",
        None,
        "Begin a new series wherever more than this many seconds lie between two photos, by the "
        "capture time in their EXIF data, which may have fractions of a second. Photos without one "
        "form a separate series.",
        lower_bound=0.0,
    )
    batch_size = flags.DEFINE_integer("batch_size", 32, "Number of photos per call.", lower_bound=1)
    html = cli.define_path("html", "HTML page to write: the photos, best first.")
    csv = cli.define_path("csv", "CSV table to write: series, rank, path, score, sure, reason.")

    def main():
        from keras_series.ranking import rank_folder

        rank_folder(photos.value, model.value, gap.value, batch_size.value, html.value, csv.value)
        print(
            "score: how likely people prefer the photo to an average one; "
            "sure: to the next one in the table."
        )
        for name, path in (("Page", html.value), ("Table", csv.value)):
            if path:
                print(f"{name}: {path}")

    _show_in_help(rank.__doc__)
    cli.run(main, "photos", only_exports=lambda: True)


def _show_in_help(text):
    """Shows a text and the flags of this module for `--help`, as if they were the script's."""
    sys.modules["__main__"].__doc__ = inspect.cleandoc(text)
    for flag in flags.FLAGS.get_flags_for_module(__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
