"""Commands that are installed with the package: `series-rank`."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import app, flags

from keras_series import cli

if TYPE_CHECKING:
    from keras_series.ranking.pipeline import Ranking


def rank() -> None:
    """Ranks photos: finds the series in folders, and orders each of them, best first.

        series-rank my_photos --html=ranked.html

    A series is what was photographed within --max_gap seconds and looks alike. Brackets and
    panoramas are recognised and left whole. Photos are read and never changed, moved or deleted.
    What is known of a photo is kept, so that a second run reads new photos only.

    With --apply=choices.json the choices made on the page become sidecars or copies. With --undo
    the sidecars and copies of the last run are taken back. docs/ranking.md describes it all.
    """
    holders = _define_flags()

    def main(places):
        values = {name: holder.value for name, holder in holders.items()}
        try:
            _run([*places, *values.pop("photos")], values)
        except KeyboardInterrupt:
            print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
            sys.exit(130)

    _show_in_help(rank.__doc__)

    def only_exports():
        # The maps of where photos differ run the shipped network's own convolutions.
        makes_page = holders["html"].value or holders["serve"].value
        return bool(holders["model"].value) or not makes_page

    cli.run(main, takes_arguments=True, only_exports=only_exports, backends=None)


def _define_flags():
    define_bool, define_float = flags.DEFINE_boolean, flags.DEFINE_float
    holders = [
        cli.define_paths("photos", "Folder of photos, or a photo, as without a flag."),
        cli.define_path(
            "model",
            "Folder of an exported version, <base>/<version>. Defaults to the trained network that "
            "comes with the package.",
        ),
        define_float(
            "max_gap",
            30.0,
            "The most seconds between two photos of a series, by the capture time in their EXIF "
            "data.",
            lower_bound=0.0,
        ),
        define_float(
            "min_similarity",
            0.7,
            "How alike two photos of a series must be. Raise it to get smaller series.",
            0.0,
            1.0,
        ),
        define_bool("by_folder", False, "Take each folder for a series, whatever is in it."),
        flags.DEFINE_string("keep", "1", "How many photos of a series to keep: 2, or 25%."),
        flags.DEFINE_integer("batch_size", 4, "Number of photos per call.", lower_bound=1),
        cli.define_path(
            "cache", "File that keeps what is known of photos. Defaults to one for all."
        ),
        *_define_output_flags(),
    ]
    flags.DEFINE_alias("gap", "max_gap")
    return {holder.name: holder for holder in holders}


def _define_output_flags():
    define_bool = flags.DEFINE_boolean
    return [
        cli.define_path("csv", "CSV table to write."),
        cli.define_path("json", "JSON file to write."),
        cli.define_path("html", "HTML page to write, with thumbnails beside it, to review photos."),
        define_bool("xmp", False, "Write ratings and labels to XMP sidecars beside the photos."),
        flags.DEFINE_enum(
            "sidecar_name",
            "name.xmp",
            ["name.xmp", "name.ext.xmp"],
            "Names of sidecars: IMG_1.xmp as Lightroom, or IMG_1.JPG.xmp as darktable and digiKam.",
        ),
        define_bool("overwrite_ratings", False, "Replace ratings that sidecars have already."),
        cli.define_path("copy_best", "Folder to copy the photos to keep to."),
        define_bool("dry_run", False, "Write nothing, and say what would be written."),
        define_bool("serve", False, "Review the photos in the browser. Only this machine can."),
        flags.DEFINE_integer("port", 0, "Port for --serve. Defaults to a free one.", 0, 65535),
        cli.define_path("choices", "File that --serve saves choices to.", "choices.json"),
        cli.define_path("apply", "Choices of the page, to write to sidecars or copies."),
        define_bool("undo", False, "Take back the sidecars and copies of the last run."),
    ]


def _run(places: Sequence[str], values: dict) -> None:
    from keras_series.ranking.outputs import Outputs, undo_latest

    names = "csv", "json", "html", "xmp", "sidecar_name", "overwrite_ratings", "copy_best"
    outputs = Outputs(**{name: values[name] for name in names})
    _check_job(places, values)
    if values["undo"]:
        lines = undo_latest(values["dry_run"])
    elif values["apply"]:
        outputs.check()
        lines = outputs.apply(values["apply"], values["dry_run"])
    else:
        lines = _rank(places, values, outputs)
    for line in lines:
        print(line, flush=True)


def _check_job(places, values):
    """Raises an error unless there is one thing to do, with what it needs."""
    jobs = [f"--{name}" for name in ("undo", "apply") if values[name]]
    jobs += ["folders"] if places else []
    if not jobs:
        raise app.UsageError("Expected folders of photos, --apply or --undo. Received: none")
    if len(jobs) > 1:
        raise ValueError(f"Expected one of them. Received: {' and '.join(jobs)}")
    if jobs == ["--apply"] and not (values["xmp"] or values["copy_best"]):
        raise ValueError("Expected --xmp or --copy_best with --apply. Received: neither")
    needing_folders = [f"--{name}" for name in ("csv", "json", "html", "serve") if values[name]]
    if jobs != ["folders"] and needing_folders:
        raise ValueError(f"Expected folders with {', '.join(needing_folders)}. Received: {jobs[0]}")


def _rank(places, values, outputs):
    from keras_series.ranking import RankingOptions, rank_photos
    from keras_series.ranking.cache import check_cache_file
    from keras_series.ranking.keep import Keep
    from keras_series.ranking.summary import count_valid, format_ranking

    names = "max_gap", "min_similarity", "by_folder"
    options = RankingOptions(
        keep=Keep.parse(values["keep"]), **{name: values[name] for name in names}
    )
    outputs.check(places)
    if values["cache"]:
        check_cache_file(values["cache"])
    if values["serve"]:
        _check_serving(values)
    ranking = rank_photos(places, values["model"], options, values["cache"], values["batch_size"])
    yield format_ranking(ranking)
    if not count_valid(ranking.series):
        raise ValueError("Expected at least one photo that can be read. Received: none")
    # The maps need the weights, which an export keeps in a form of its own.
    differences = None if values["model"] else _shipped_differences()
    yield from outputs.write(ranking, places, values["dry_run"], differences)
    if values["serve"] and not values["dry_run"]:
        _serve(ranking, places, values, differences)
    elif next_step := _next_step(values):
        yield next_step


def _check_serving(values):
    from keras_series.ranking.outputs import check_file
    from keras_series.ranking.server import import_waitress

    import_waitress()
    check_file("choices", values["choices"], (".json",))


def _shipped_differences():
    from keras_series.ranking.difference import DifferenceMaps
    from keras_series.ranking.photo_bytes import read_photo
    from keras_series.utils import import_tensorflow

    def load():
        import_tensorflow()
        from keras_series.models import load_pretrained

        return load_pretrained()

    return DifferenceMaps(load, read_photo)


def _serve(ranking: Ranking, places, values, differences):
    from keras_series.ranking.photo_bytes import read_photo
    from keras_series.ranking.server import serve

    folders = [place if os.path.isdir(place) else os.path.dirname(place) or "." for place in places]
    serve(ranking.series, folders, values["choices"], read_photo, values["port"], differences)


def _next_step(values):
    if values["dry_run"]:
        return "Nothing was written. Without --dry_run it is."
    if values["html"]:
        return (
            f"Next: open {values['html']} in a browser and choose. It saves the choices, and "
            "--apply=choices.json --xmp writes them to sidecars."
        )
    if values["xmp"] or values["copy_best"]:
        return "Next: --undo takes it back."
    return "Next: --serve shows the photos in a browser, --xmp writes ratings beside them."


def _show_in_help(text):
    """Shows a text and the flags of this module for `--help`, as if they were the script's."""
    sys.modules["__main__"].__doc__ = inspect.cleandoc(text)
    for flag in flags.FLAGS.get_flags_for_module(__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
