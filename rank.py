"""Ranks the photos of a folder, best first.

    python rank.py --photos=my_photos --html=ranked.html

Each folder below --photos that has photos (JPEG, PNG, WebP, GIF, BMP) is a series. The first bytes
of a file say what it is, not its name, and other files are counted with the reason. With --gap=30 a
new series begins wherever more than thirty seconds lie between two photos. Photos are read and
never changed.
"""

from absl import flags

from keras_series import cli

_MODEL = cli.define_path(
    "model",
    "Folder of an exported version, <base>/<version>. Defaults to the trained network that comes "
    "with the package.",
)
_PHOTOS = cli.define_path("photos", "Folder of photos. Each folder in it is a series.")
_GAP = flags.DEFINE_float(
    "gap",
    None,
    "Begin a new series wherever more than this many seconds lie between two photos, by the "
    "capture time in their EXIF data, which may have fractions of a second. Photos without one "
    "form a separate series.",
    lower_bound=0.0,
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Number of photos per call.", lower_bound=1)
_HTML = cli.define_path("html", "HTML page to write: the photos, best first.")
_CSV = cli.define_path("csv", "CSV table to write: series, rank, path, score, sure, reason.")


def main():
    from keras_series.ranking import rank_folder

    rank_folder(_PHOTOS.value, _MODEL.value, _GAP.value, _BATCH_SIZE.value, _HTML.value, _CSV.value)
    print(
        "score: how likely people prefer the photo to an average one; "
        "sure: to the next one in the table."
    )
    for name, path in (("Page", _HTML.value), ("Table", _CSV.value)):
        if path:
            print(f"{name}: {path}")


if __name__ == "__main__":
    cli.run(main, "photos", only_exports=lambda: True)
