"""Scores and embeds a library of photos with an exported model, on one machine or many.

    python score_photos.py --photos=my_photos --model=exported/demo/1 --output=scores

writes Parquet files to --output, with the columns path, score, embedding, valid and error. Photos
that are in the output already are not scored again: run the same command later to score what has
been added. A file that cannot be read or decoded becomes a row that says so.

Other options are passed to Apache Beam. Without a runner the job runs in this process.

    python score_photos.py --photos=... --runner=FlinkRunner --flink_master=host:8081

runs it on Flink. docs/beam.md says more, and how to read the output.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from absl import flags

from keras_series import cli

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

_PHOTOS = cli.define_path(
    "photos",
    "Local folder of photos, or a glob on any file system that Beam reads. * matches within a "
    "folder, ** across folders.",
)
_MODEL = cli.define_path(
    "model",
    "Folder of an exported version, <base>/<version>. Defaults to the trained network that comes "
    "with the package.",
)
_OUTPUT = cli.define_path("output", "Folder to which Parquet files are added.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 32, "Largest number of photos per call.", lower_bound=1
)
_BATCH_MEGABYTES = flags.DEFINE_integer(
    "batch_megabytes", 64, "Largest size of the encoded photos per call, in MiB.", lower_bound=1
)
_PARTS = flags.DEFINE_integer(
    "parts",
    1,
    "Number of jobs that the library is divided into, run one after the other. An interrupted job "
    "has scored nothing; the results of finished jobs are kept.",
    lower_bound=1,
)

# Beam's current DirectRunner downloads and starts a program, Prism. This runner is Python alone.
IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# Beam's remarks on packages that are not installed and not needed here.
NOISE = ("apitools not found", "Resource module is not available")


def absolute(path: str) -> str:
    """Returns an absolute path. A path with a scheme, such as gs://, is absolute already."""
    return path if "://" in path else os.path.abspath(path)


def parse_options(arguments: Sequence[str]) -> PipelineOptions:
    """Returns Beam's options, with our runner if none is given.

    Raises:
        ValueError: If no runner is given and Beam does not know an option. (Runners have further
            options.)
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


def format_counts(counts: Mapping[str, int], output: str) -> str:
    """Returns the summary of a run."""
    found, done = counts["found"], counts["done"]
    if found == done:
        return f"Nothing to do: all {found} photos are in {output} already."
    skipped = f"{'skipped':<15}{counts['skipped']:>9}\n" if counts["skipped"] else ""
    return (
        f"{'photos found':<15}{found:>9}\n{'already done':<15}{done:>9}\n"
        f"{'scored':<15}{counts['scored']:>9}\n{'not decodable':<15}{counts['undecodable']:>9}\n"
        f"{'unreadable':<15}{counts['unreadable']:>9}\n{skipped}Written to: {output}"
    )


def main(beam_options):
    logging.getLogger().addFilter(lambda record: not record.getMessage().startswith(NOISE))

    from keras_series.batch_scoring import (
        COUNTS,
        SavedModelHandler,
        check_job,
        score_library,
    )

    model = cli.exported_or_pretrained(_MODEL.value)
    photos, model, output = map(absolute, (_PHOTOS.value, model, _OUTPUT.value))
    options = parse_options(beam_options)
    check_job(photos, model, output)
    handler = SavedModelHandler(
        model,
        max_batch_size=_BATCH_SIZE.value,
        max_batch_bytes=_BATCH_MEGABYTES.value * 2**20,
    )
    totals = dict.fromkeys(COUNTS, 0)
    for part in range(_PARTS.value):
        counts = score_library(photos, handler, output, options, part, _PARTS.value)
        totals = {name: totals[name] + counts[name] for name in totals}
    print(format_counts(totals, output))


if __name__ == "__main__":
    cli.run(main, "photos", "output", passes_on=True, only_exports=lambda: True)
