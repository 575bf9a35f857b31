"""Rows of scored photos in Parquet files: written whole by Apache Beam, and read again."""

import datetime
import hashlib
import uuid

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

# The key of a Parquet file's metadata that names the model of its rows, see `model_identity`.
MODEL_KEY = b"keras_series.model"
# Ten thousand rows are 6 MB: that much a worker holds before it writes.
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

    Each is written to a hidden file and renamed when Beam has taken the rows in it for done: what
    stands under `*.parquet` is whole, and has a row once even where a runner tried twice. Gives the
    paths of the files; without a row there is none.

    Args:
        folder: On any file system that Beam writes.
        run: Name of the run, the beginning of the files' names.
        model: Folder of the exported model that made the rows, to be named in the files' metadata.
    """

    def __init__(self, folder, run=None, model=None):
        super().__init__()
        self._folder = str(folder)
        self._run = run or new_run()
        self._schema = SCHEMA.with_metadata(model and {MODEL_KEY: model_identity(model)})

    def expand(self, rows):
        if not rows.windowing.is_default():
            raise ValueError(
                f"Expected rows in the global window. Received: {rows.windowing.windowfn}"
            )
        return (
            rows
            | "Write" >> beam.ParDo(_Write(self._folder, self._run, self._schema))
            # What is behind it happens once what is before it is final.
            | "Settle" >> beam.Reshuffle()
            | "Publish" >> beam.Map(_publish)
        )


def model_identity(model):
    """What tells exports apart, and is the same for copies of one: 64 hexadecimal digits.

    Args:
        model: Folder of a SavedModel, on any file system that Beam reads.
    """
    # TensorFlow draws a part of it anew whenever it writes a SavedModel.
    with _open(FileSystems.join(model, "fingerprint.pb")) as file:
        return hashlib.sha256(file.read()).hexdigest()


def check_model_of_rows(model, folder):
    """Refuses a folder that has rows of another model, where that is known.

    Raises:
        ValueError: If it has.
    """
    for shard in FileSystems.match([shards(folder)], limits=[1])[0].metadata_list:
        with _open(shard.path) as file:
            made_by = (pq.read_schema(file).metadata or {}).get(MODEL_KEY)
        if made_by and made_by.decode() != model_identity(model):
            raise ValueError(
                f"Expected an output of the model {model!r}, or a new folder, as scores and "
                "embeddings of two models cannot be compared. "
                f"Received: {folder!r}, which has those of another model"
            )


def new_run():
    """A name for a run: they sort by time, and no two are the same."""
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
    # A runner that repeats this step finds the file moved.
    if not FileSystems.exists(final):
        FileSystems.rename([partial], [final])
    return final


def remove_partial(folder, run):
    """Removes the hidden files of a run: of bundles tried again, or of one that failed."""
    pattern = FileSystems.join(folder, f".{run}-*.partial")
    left = [file.path for file in FileSystems.match([pattern])[0].metadata_list]
    if left:
        FileSystems.delete(left)


def shards(folder):
    """The glob of the files in a folder that are whole."""
    return FileSystems.join(folder, "*.parquet")


def read_paths(path):
    """Yields the paths of the photos that have a row in a file."""
    with _open(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(columns=["path"]):
            yield from batch.column("path").to_pylist()


def _open(path):
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
