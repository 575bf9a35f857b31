"""Scores and embeddings of photo libraries, on one machine or many, as Apache Beam transforms.

`score_library` is the whole job. `ScorePhotos`, `WriteRows` and `SavedModelHandler` are its parts,
for other pipelines. They need an exported model and TensorFlow, but not Keras.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Iterator, Sequence

try:
    import apache_beam as beam

    from keras_series.batch_scoring.rows import (
        WriteRows,
        check_model_of_rows,
        new_run,
        read_paths,
        remove_partial,
        shards,
    )
except ImportError as error:
    raise ImportError(
        f"Expected Apache Beam and pyarrow: pip install '.[beam]'. Received: {error}"
    ) from error

import numpy as np
from apache_beam.io import fileio
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.ml.inference.base import KeyedModelHandler, ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from keras_series.export import ExportedModel, check_exported
from keras_series.photos import Reason
from keras_series.utils import FORMATS, FoundFile, iterate_files

SIGNATURE = "score_and_embed"
NAMESPACE = "keras_series"
COUNTS = ("found", "done", "scored", "undecodable", "unreadable", "skipped")
# Larger files are films, or too large to hold in memory next to a model.
MAX_PHOTO_BYTES = 256 * 2**20


class SavedModelHandler(ModelHandler):
    """Runs a signature of an exported model on encoded photos, for `RunInference`.

    The inputs are `bytes`, or `(key, bytes)` inside a `KeyedModelHandler`. The output for each is a
    dictionary of NumPy values, the outputs of the signature by name. Beam loads the model once per
    process.

    Args:
        model: Folder of an exported version, `<base>/<version>`, on any file system that TensorFlow
            reads. Every worker must have access to it.
        signature: String, a signature whose only input is `photo_bytes`. Defaults to
            `"score_and_embed"`.
        max_batch_size: Integer, largest number of photos in a batch. Defaults to 32.
        max_batch_bytes: Integer, largest number of encoded bytes in a batch. A larger photo is in a
            batch alone. Defaults to 64 MiB.

    Raises:
        ValueError: If a batch could not hold one photo of one byte.
    """

    def __init__(
        self,
        model: str | os.PathLike,
        signature: str = SIGNATURE,
        max_batch_size: int = 32,
        max_batch_bytes: int = 64 * 2**20,
    ):
        super().__init__()
        self.model = os.fspath(model)
        if not 1 <= max_batch_size <= max_batch_bytes:
            raise ValueError(
                "Expected batches of at least one photo, and of at least as many bytes as photos. "
                f"Received: {max_batch_size=}, {max_batch_bytes=}"
            )
        self._signature = signature
        # Beam limits one number, and a batch has two limits. So a photo counts for at least its
        # part of a full batch. (Beam 2.77 refuses the `max_batch_weight` of its own handlers.)
        self._least_bytes = max_batch_bytes // max_batch_size
        self._batch_bytes = self._least_bytes * max_batch_size

    def batch_elements_kwargs(self) -> dict:
        # With equal minimum and maximum, Beam fills batches instead of trying sizes.
        return {
            "min_batch_size": self._batch_bytes,
            "max_batch_size": self._batch_bytes,
            "element_size_fn": self._bytes,
        }

    def _bytes(self, example):
        photo_bytes = example[1] if isinstance(example, tuple) else example
        # Beam emits an empty batch before an element that exceeds the limit.
        return min(max(len(photo_bytes), self._least_bytes), self._batch_bytes)

    def load_model(self) -> ExportedModel:
        return ExportedModel(self.model, signatures=[self._signature])

    def run_inference(
        self, batch: Sequence[bytes], model: ExportedModel, inference_args: object = None
    ) -> list[dict[str, np.ndarray]]:
        outputs = model.run(self._signature, photo_bytes=list(batch))
        return [{name: array[at] for name, array in outputs.items()} for at in range(len(batch))]

    def get_num_bytes(self, batch: Sequence[bytes]) -> int:
        return sum(map(len, batch))

    def get_metrics_namespace(self) -> str:
        return NAMESPACE


class ScorePhotos(beam.PTransform):
    """Turns files into rows with path, score, embedding, valid and error.

    The inputs are the outputs of `fileio.MatchFiles` or `fileio.MatchAll`. The output for each file
    is a dictionary with the fields of `SCHEMA`. A file that cannot be read or decoded becomes a row
    with an `error` and without a score.

    Args:
        model: Folder of an exported version, or a `SavedModelHandler`.
        max_photo_bytes: Integer. Larger files are not read. Defaults to 256 MiB.
    """

    def __init__(
        self,
        model: str | os.PathLike | SavedModelHandler,
        max_photo_bytes: int = MAX_PHOTO_BYTES,
    ):
        super().__init__()
        handler = model if isinstance(model, SavedModelHandler) else SavedModelHandler(model)
        self._handler = KeyedModelHandler(handler)
        self._max_photo_bytes = max_photo_bytes

    def expand(self, files: beam.PCollection) -> beam.PCollection:
        read = (
            files
            # Distributes the names to all workers. The photos never travel between workers.
            | "Spread" >> beam.Reshuffle()
            | "Open" >> fileio.ReadMatches(CompressionTypes.UNCOMPRESSED)
            | "Read" >> beam.ParDo(_Read(self._max_photo_bytes)).with_outputs("rest", main="photos")
        )
        scored = read.photos | RunInference(self._handler) | "Rows" >> beam.MapTuple(_row)
        return (scored, read.rest) | "Together" >> beam.Flatten()


def score_library(
    photos: str,
    model: str | os.PathLike | SavedModelHandler,
    output: str,
    options: PipelineOptions | None = None,
    part: int = 0,
    parts: int = 1,
) -> dict[str, int]:
    """Scores the photos that match a glob or are in a folder, and are not in the output yet.

    Args:
        photos: Glob on any file system that Beam reads; `**` crosses folders. Or a local folder,
            whose photos `keras_series.utils.find_photos` finds; a folder is never read as a glob.
        model: Folder of an exported version, or a `SavedModelHandler`.
        output: Folder of Parquet files, see `WriteRows`.
        options: Beam's `PipelineOptions`. Defaults to Beam's defaults.
        part: Integer in [0, parts), the part of the library to score. Defaults to 0.
        parts: Integer, at least 1. Number of parts that the library is divided into, by a hash of
            the path. Defaults to 1.

    Returns:
        Dictionary of numbers of photos, with the keys `COUNTS`.

    Raises:
        ValueError: If the output has rows of another model.
    """
    handler = model if isinstance(model, SavedModelHandler) else SavedModelHandler(model)
    check_model_of_rows(handler.model, output)
    run = new_run()
    pipeline = beam.Pipeline(options=options)
    found = (
        pipeline
        | "Find" >> _Find(photos)
        | "Name" >> beam.Map(lambda file: (_text(str(file.path)), file))
        | "Part" >> beam.Filter(lambda named: zlib.crc32(named[0].encode()) % parts == part)
        | "Skip" >> beam.FlatMapTuple(_skip)
    )
    done = (
        pipeline
        | "Find rows" >> beam.Create(shards(output))
        | "Spread rows" >> beam.Reshuffle()
        | "Read rows" >> beam.FlatMap(lambda file: ((path, None) for path in read_paths(file)))
    )
    _ = (
        {"found": found, "done": done}
        | "Compare" >> beam.CoGroupByKey()
        | "Choose" >> beam.ParDo(_Choose())
        | ScorePhotos(handler)
        | WriteRows(output, run, handler.model)
    )
    try:
        result = pipeline.run()
        result.wait_until_finish()
    finally:
        remove_partial(output, run)
    return read_counts(result)


def read_counts(result: beam.runners.runner.PipelineResult) -> dict[str, int]:
    """Returns the numbers of photos of a finished pipeline, with the keys `COUNTS`.

    Args:
        result: What `pipeline.run()` returns.
    """
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    counters = {counter.key.metric.name: counter.result for counter in found}
    return {name: counters.get(name, 0) for name in COUNTS}


def check_job(photos: str, model: str, output: str, signature: str = SIGNATURE) -> None:
    """Creates the output folder, and raises an error for what would fail on workers.

    Args:
        photos: Glob or local folder of the photos.
        model: Folder of an exported version.
        output: Folder of Parquet files. It is created if it does not exist.
        signature: String, the signature that is used. Defaults to `"score_and_embed"`.

    Raises:
        ValueError: If no file matches, the folder has no photos, or the model has no such
            signature.
        FileNotFoundError: If there is no exported model.
        OSError: If the output is not a folder and cannot be created, or is not writable.
    """
    if os.path.isdir(photos):
        if all(file.reason for file in iterate_files(photos)):
            raise ValueError(
                f"Expected photos ({', '.join(FORMATS)}) in {photos!r}. Received: none"
            )
    elif not FileSystems.match([photos], limits=[1])[0].metadata_list:
        raise ValueError(
            "Expected a local folder of photos, or a glob that matches photos. "
            f"Received: none match {photos!r}"
        )
    # Beam may read file systems that TensorFlow does not read.
    open_file = functools.partial(FileSystems.open, compression_type=CompressionTypes.UNCOMPRESSED)
    check_exported(model, [signature], open_file)
    if not FileSystems.exists(output):
        FileSystems.mkdirs(output)
    if os.path.exists(output) and not (os.path.isdir(output) and os.access(output, os.W_OK)):
        raise OSError(f"Expected a writable folder. Received: {output!r}")


class _Find(beam.PTransform):
    """Finds the files that match a glob (`FileMetadata`), or those in a folder (`FoundFile`)."""

    def __init__(self, photos: str):
        super().__init__()
        self._photos = photos

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        if not os.path.isdir(self._photos):
            return begin | fileio.MatchFiles(self._photos)
        return begin | beam.Create([self._photos]) | beam.FlatMap(iterate_files)


def _skip(name: str, file: FileMetadata | FoundFile) -> Iterator[tuple[str, FileMetadata]]:
    """Yields a file, unless it is in a folder and not a photo."""
    if isinstance(file, FileMetadata):
        yield name, file
    elif file.reason:
        _count("skipped")
    else:
        # A file that has just been removed has no size, and is unreadable when it is opened.
        size = os.path.getsize(file.path) if file.path.exists() else 0
        yield name, FileMetadata(str(file.path), size)


class _Choose(beam.DoFn):
    def process(self, element):
        groups = element[1]
        files, is_done = list(groups["found"]), any(True for _ in groups["done"])
        if not files:
            return
        _count("found")
        if is_done:
            _count("done")
        else:
            yield files[0]


class _Read(beam.DoFn):
    def __init__(self, max_photo_bytes):
        self._max_photo_bytes = max_photo_bytes

    def process(self, file):
        path = _text(file.metadata.path)
        try:
            yield path, self._read(file)
        # File systems raise errors of many types, and no file may fail the others.
        except Exception as error:
            _count("unreadable")
            yield beam.pvalue.TaggedOutput("rest", _unscored(path, _text(str(error))))

    def _read(self, file):
        size = file.metadata.size_in_bytes
        if size > self._max_photo_bytes:
            raise ValueError(f"Expected at most {self._max_photo_bytes} bytes. Received: {size}")
        with file.open() as stream:
            return stream.read()


def _row(path, outputs):
    if not outputs["valid"]:
        _count("undecodable")
        return _unscored(path, str(Reason(int(outputs["reason"]))))
    _count("scored")
    return {
        "path": path,
        "score": np.float32(outputs["score"]),
        "embedding": outputs["embedding"],
        "valid": True,
        "error": None,
    }


def _unscored(path, error):
    return {"path": path, "score": None, "embedding": None, "valid": False, "error": error}


def _text(text):
    # File names may not be UTF-8, but text columns must be.
    return text.encode(errors="backslashreplace").decode()


def _count(name):
    Metrics.counter(NAMESPACE, name).inc()
