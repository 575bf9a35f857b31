"""Rows of scored photos, written to Parquet files by Apache Beam and read again."""

from __future__ import annotations

import datetime
import fnmatch
import hashlib
import os
import re
import uuid
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

# Metadata key of a Parquet file for the model that made its rows, see `model_identity`.
MODEL_KEY = b"keras_series.model"
# Rows that a worker holds before it writes them; 10,000 rows are 6 MB.
ROW_GROUP = 10_000

SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("score", pa.float32()),
        pa.field("embedding", pa.list_(pa.float32())),
        pa.field("valid", pa.bool_(), nullable=False),
        pa.field("error", pa.string()),
    ]
)


class WriteRows(beam.PTransform):
    """Writes the rows of `ScorePhotos` to new Parquet files in a folder.

    Each file is written under a hidden name and renamed once Beam commits the bundle; retries never
    duplicate rows. So every `*.parquet` file is whole. The outputs are the paths of the files; if
    there are no rows, there is no file.

    Args:
        folder: Folder on any file system that Beam writes.
        run: String, the name of the run, with which the names of the files begin. Defaults to
            `new_run()`.
        model: Folder of the exported version that made the rows, which is recorded in the metadata
            of the files. Defaults to none.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        run: str | None = None,
        model: str | os.PathLike | None = None,
    ):
        super().__init__()
        self._folder = str(folder)
        self._run = run or new_run()
        self._schema = SCHEMA.with_metadata(model and {MODEL_KEY: model_identity(model)})

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        if not rows.windowing.is_default():
            raise ValueError(
                f"Expected rows in the global window. Received: {rows.windowing.windowfn}"
            )
        return (
            rows
            | "Write" >> beam.ParDo(_Write(self._folder, self._run, self._schema))
            # The next step runs only once the output of the last one is final.
            | "Settle" >> beam.Reshuffle()
            | "Publish" >> beam.Map(_publish)
        )


def model_identity(model: str | os.PathLike) -> str:
    """Returns 64 hexadecimal digits that differ between exports and are the same for copies of one.

    Args:
        model: Folder of a SavedModel on any file system that Beam reads.
    """
    # TensorFlow draws a part of the fingerprint at random whenever it writes a SavedModel.
    with _open(FileSystems.join(model, "fingerprint.pb")) as file:
        return hashlib.sha256(file.read()).hexdigest()


def check_model_of_rows(model: str | os.PathLike, folder: str) -> None:
    """Raises an error if a folder has rows of another model, where the files say so.

    Args:
        model: Folder of an exported version.
        folder: Folder of Parquet files.

    Raises:
        ValueError: If there are rows of another model.
    """
    for shard in shards(folder)[:1]:
        with _open(shard) as file:
            made_by = (pq.read_schema(file).metadata or {}).get(MODEL_KEY)
        if made_by and made_by.decode() != model_identity(model):
            raise ValueError(
                f"Expected an output of the model {model!r}, or a new folder, since the scores and "
                "embeddings of two models cannot be compared. "
                f"Received: {folder!r}, which has those of another model"
            )


def new_run() -> str:
    """Returns a unique name for a run. Names sort by time."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"scores-{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"


class _Write(beam.DoFn):
    def __init__(self, folder, run, schema):
        self._folder = folder
        self._run = run
        self._schema = schema

    def start_bundle(self):
        self._rows = []
        self._writer = None

    def process(self, row):
        self._rows.append(row)
        if len(self._rows) >= ROW_GROUP:
            self._flush()

    def finish_bundle(self):
        if not self._rows and not self._writer:
            return
        self._flush()
        self._writer.close()
        self._file.close()
        paths = self._partial, FileSystems.join(self._folder, f"{self._name}.parquet")
        yield beam.transforms.window.GlobalWindows.windowed_value_at_end_of_window(paths)

    def _flush(self):
        if not self._writer:
            self._open()
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def _open(self):
        self._name = f"{self._run}-{uuid.uuid4().hex[:12]}"
        self._partial = FileSystems.join(self._folder, f".{self._name}.partial")
        self._file = FileSystems.create(
            self._partial, compression_type=CompressionTypes.UNCOMPRESSED
        )
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")


def _publish(paths):
    partial, final = paths
    # A runner that repeats this step finds the file already renamed.
    if not FileSystems.exists(final):
        FileSystems.rename([partial], [final])
    return final


def remove_partial(folder: str, run: str) -> None:
    """Removes the hidden files of a run, which repeated or failed bundles leave behind.

    Args:
        folder: Folder of Parquet files.
        run: String, the name of the run.
    """
    for path in _files_in(folder, f".{run}-*.partial"):
        if os.path.exists(path):
            os.remove(path)
        else:
            FileSystems.delete([_escaped(path)])


def shards(folder: str) -> list[str]:
    """Returns the paths of the whole files in a folder.

    Args:
        folder: Folder of Parquet files, which need not exist.
    """
    return _files_in(folder, "*.parquet")


def read_paths(path: str) -> Iterator[str]:
    """Yields the paths of the photos in a file.

    Args:
        path: Parquet file.
    """
    with _open(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(columns=["path"]):
            yield from batch.column("path").to_pylist()


def _files_in(folder: str, pattern: str) -> list[str]:
    """Returns the paths of the files directly in a folder whose names match a pattern."""
    if os.path.isdir(folder):
        names = fnmatch.filter(os.listdir(folder), pattern)
        return [os.path.join(folder, name) for name in sorted(names)]
    matched = FileSystems.match([FileSystems.join(_escaped(folder), pattern)])[0].metadata_list
    return [file.path for file in matched if file.path.startswith(folder)]


def _escaped(path: str) -> str:
    """Returns a glob that matches a path in which `[`, `*` and `?` are characters like any other.

    Beam has no way to escape them, but a set of characters matches itself. `[[]` makes Python's
    `re` warn, so there `]` matches as well.
    """
    return re.sub(r"[\[*?]", lambda found: "[][]" if found[0] == "[" else f"[{found[0]}]", path)


def _open(path):
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
