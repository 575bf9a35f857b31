"""Scores and embeds a library of photos with an exported model, on one machine or many.

    python score_photos.py --photos='my_photos/**.jpg' --model=exported/demo/1 --output=scores

writes Parquet files to --output, with the columns path, score, embedding, valid and error. Photos
that stand there are not scored again: the same command, later, scores what has been added. A file
that cannot be read or decoded becomes a row that says so.

Options that are not its own go to Apache Beam. Without a runner the job runs in this process;

    python score_photos.py --photos=... --runner=FlinkRunner --flink_master=host:8081

runs it on Flink. docs/beam.md has more, and how to read the output.
"""

import logging
import os

from absl import flags

from keras_series import cli

_PHOTOS = flags.DEFINE_string(
    "photos", None, "Glob on any file system that Beam reads; * stays in a folder, ** does not."
)
_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model, <base>/<version>.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder to which Parquet files are added.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Photos judged at a time.", lower_bound=1)
_BATCH_MEGABYTES = flags.DEFINE_integer(
    "batch_megabytes", 64, "Encoded photos judged at a time, in MiB.", lower_bound=1
)
_PARTS = flags.DEFINE_integer(
    "parts",
    1,
    "Goes through the library in so many jobs, one after the other. What one has scored stands "
    "when a later one is stopped; what is stopped itself has scored nothing.",
    lower_bound=1,
)


# Beam's DirectRunner of today fetches a program, Prism, and starts it. This one is Python alone.
IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


# What Beam remarks on packages that are not installed and that nothing here needs.
NOISE = ("apitools not found", "Resource module is not available")


def absolute(path):
    """A path that means the same in any folder, as one with a scheme (gs://) does already."""
    return path if "://" in path else os.path.abspath(path)


def parse_options(arguments):
    """Beam's options, with our runner where none is named.

    Raises:
        ValueError: If no runner is named and Beam knows an option not. (A runner may have its own.)
    """
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    options = PipelineOptions(arguments)
    standard = options.view_as(StandardOptions)
    if not standard.runner:
        unknown = set(options.get_all_options(retain_unknown_options=True))
        unknown -= set(options.get_all_options())
        if unknown:
            names = ", ".join(sorted(unknown))
            raise ValueError(f"Expected Beam's own options, or a --runner. Received: {names}")
        standard.runner = IN_PROCESS
    return options


def format_counts(counts, output):
    """What a run has to say at its end."""
    found, done = counts["found"], counts["done"]
    if found == done:
        return f"Nothing to do: all {found} photos stand in {output} already."
    return (
        f"{'photos found':<15}{found:>9}\n{'already done':<15}{done:>9}\n"
        f"{'scored':<15}{counts['scored']:>9}\n{'not decodable':<15}{counts['undecodable']:>9}\n"
        f"{'unreadable':<15}{counts['unreadable']:>9}\nWritten to: {output}"
    )


def main(beam_options):
    logging.getLogger().addFilter(lambda record: not record.getMessage().startswith(NOISE))

    from keras_series.batch_scoring import transforms as beam

    photos, model, output = map(absolute, (_PHOTOS.value, _MODEL.value, _OUTPUT.value))
    options = parse_options(beam_options)
    beam.check(photos, model, output)
    handler = beam.SavedModelHandler(
        model,
        max_batch_size=_BATCH_SIZE.value,
        max_batch_bytes=_BATCH_MEGABYTES.value * 2**20,
    )
    totals = dict.fromkeys(beam.COUNTS, 0)
    for part in range(_PARTS.value):
        counts = beam.score_library(photos, handler, output, options, part, _PARTS.value)
        totals = {name: totals[name] + counts[name] for name in totals}
    print(format_counts(totals, output))


if __name__ == "__main__":
    cli.run(main, "photos", "model", "output", passes_on=True)
