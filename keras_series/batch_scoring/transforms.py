"""Scores and embeddings of photo libraries beyond one machine, as Apache Beam transforms.

`score_library` does all of it; `ScorePhotos`, `WriteRows` and `SavedModelHandler` are its parts,
for pipelines of one's own. They need an exported model and TensorFlow, and no Keras.
"""

import os
import zlib

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
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.ml.inference.base import KeyedModelHandler, ModelHandler, RunInference

SIGNATURE = "score_and_embed"
NAMESPACE = "keras_series"
COUNTS = ("found", "done", "scored", "undecodable", "unreadable")
NOT_DECODABLE = "not a photo that can be decoded"
# What is larger is a film, or not to be held in memory beside a model.
MAX_PHOTO_BYTES = 256 * 2**20


class SavedModelHandler(ModelHandler):
    """Runs a signature of a SavedModel on encoded photos, for `RunInference`.

    Takes `bytes`, or `(key, bytes)` inside a `KeyedModelHandler`, and gives for each a dictionary
    of NumPy values, the signature's outputs by name. Beam loads the model once a process.

    Args:
        model: Folder of an exported model, `<base>/<version>`, on any file system that TensorFlow
            reads; every worker must see it.
        signature: One that takes `photo_bytes`.
        max_batch_size: Photos in a batch, at most.
        max_batch_bytes: Encoded bytes in a batch, at most; a larger photo is a batch of its own.
    """

    def __init__(self, model, signature=SIGNATURE, max_batch_size=32, max_batch_bytes=64 * 2**20):
        super().__init__()
        self.model = str(model)
        if not 1 <= max_batch_size <= max_batch_bytes:
            raise ValueError(
                "Expected batches of at least one photo, and of at least as many bytes as photos. "
                f"Received: {max_batch_size=}, {max_batch_bytes=}"
            )
        self._signature = signature
        # Beam bounds one number, and we two: no photo counts for fewer bytes than a full batch has
        # for each. (`max_batch_weight` of Beam 2.77's handlers is refused by its own batching.)
        self._least_bytes = max_batch_bytes // max_batch_size
        self._batch_bytes = self._least_bytes * max_batch_size

    def batch_elements_kwargs(self):
        # With the least equal to the most, Beam fills batches instead of trying sizes out.
        return {
            "min_batch_size": self._batch_bytes,
            "max_batch_size": self._batch_bytes,
            "element_size_fn": self._bytes,
        }

    def _bytes(self, example):
        photo_bytes = example[1] if isinstance(example, tuple) else example
        # Before an element above its bound, Beam hands out an empty batch.
        return min(max(len(photo_bytes), self._least_bytes), self._batch_bytes)

    def load_model(self):
        import tensorflow as tf  # Workers alone need it, and it takes seconds.

        model = tf.saved_model.load(self.model)
        if self._signature not in model.signatures:
            raise ValueError(_no_signature(self.model, self._signature, model.signatures))
        return model

    def run_inference(self, batch, model, inference_args=None):
        import tensorflow as tf

        outputs = model.signatures[self._signature](photo_bytes=tf.constant(list(batch)))
        arrays = {name: value.numpy() for name, value in outputs.items()}
        return [{name: array[at] for name, array in arrays.items()} for at in range(len(batch))]

    def get_num_bytes(self, batch):
        return sum(map(len, batch))

    def get_metrics_namespace(self):
        return NAMESPACE


class ScorePhotos(beam.PTransform):
    """Files to rows: path, score, embedding, valid and error.

    Takes what `fileio.MatchFiles` and `fileio.MatchAll` give, and gives for every file a dictionary
    as `parquet_rows.SCHEMA` has it. A file that cannot be read or decoded is a row without score,
    with `error`.

    Args:
        model: Folder of an exported model, or a `SavedModelHandler`.
        max_photo_bytes: Larger files are not read.
    """

    def __init__(self, model, max_photo_bytes=MAX_PHOTO_BYTES):
        super().__init__()
        handler = model if isinstance(model, SavedModelHandler) else SavedModelHandler(model)
        self._handler = KeyedModelHandler(handler)
        self._max_photo_bytes = max_photo_bytes

    def expand(self, files):
        read = (
            files
            # Names are dealt out to all workers; the photos themselves never travel between them.
            | "Spread" >> beam.Reshuffle()
            | "Open" >> fileio.ReadMatches(CompressionTypes.UNCOMPRESSED)
            | "Read" >> beam.ParDo(_Read(self._max_photo_bytes)).with_outputs("rest", main="photos")
        )
        scored = read.photos | RunInference(self._handler) | "Rows" >> beam.MapTuple(_row)
        return (scored, read.rest) | "Together" >> beam.Flatten()


def score_library(photos, model, output, options=None, part=0, parts=1):
    """Scores the photos that a glob finds and that do not stand in the output yet.

    Args:
        photos: Glob on any file system that Beam reads; `**` crosses folders.
        model: Folder of an exported model, or a `SavedModelHandler`.
        output: Folder of Parquet files. See `WriteRows`.
        options: Beam's `PipelineOptions`.
        part: Which part of the library to score, from 0.
        parts: Into how many parts it is divided, by a hash of the path.

    Returns:
        Dictionary of numbers of photos, by the names in `COUNTS`.

    Raises:
        ValueError: If the output has rows of another model.
    """
    handler = model if isinstance(model, SavedModelHandler) else SavedModelHandler(model)
    check_model_of_rows(handler.model, output)
    run = new_run()
    pipeline = beam.Pipeline(options=options)
    found = (
        pipeline
        | "Find" >> fileio.MatchFiles(photos)
        | "Name" >> beam.Map(lambda file: (_text(file.path), file))
        | "Part" >> beam.Filter(lambda named: zlib.crc32(named[0].encode()) % parts == part)
    )
    done = (
        pipeline
        | "Find rows" >> fileio.MatchFiles(shards(output), fileio.EmptyMatchTreatment.ALLOW)
        | "Read rows" >> beam.FlatMap(lambda file: ((path, None) for path in read_paths(file.path)))
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


def read_counts(result):
    """The numbers of photos that a pipeline's result has, by the names in `COUNTS`."""
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    counters = {counter.key.metric.name: counter.result for counter in found}
    return {name: counters.get(name, 0) for name in COUNTS}


def check(photos, model, output, signature=SIGNATURE):
    """Refuses, before a pipeline is started, what would fail on its workers. Makes the output.

    Raises:
        ValueError: If no file matches or the model has no such signature.
        OSError: If the output is no folder and cannot be made one.
    """
    if os.path.isdir(photos):
        expected = os.path.join(photos, "**.jpg")
        raise ValueError(f"Expected a glob, as {expected!r}. Received: the folder {photos!r}")
    if not FileSystems.match([photos], limits=[1])[0].metadata_list:
        raise ValueError(f"Expected a glob that matches photos. Received: none match {photos!r}")
    path = FileSystems.join(model, "saved_model.pb")
    if not FileSystems.exists(path):
        raise ValueError(
            "Expected the folder of an exported version, with saved_model.pb in it. "
            f"Received: {model!r}"
        )
    from tensorflow.core.protobuf import saved_model_pb2

    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        names = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0].signature_def
    if signature not in names:
        raise ValueError(_no_signature(model, signature, names))
    if not FileSystems.exists(output):
        FileSystems.mkdirs(output)
    if os.path.exists(output) and not (os.path.isdir(output) and os.access(output, os.W_OK)):
        raise OSError(f"Expected a folder that can be written. Received: {output!r}")


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
        # Each file system has errors of its own, and no file may fail the others.
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
        return _unscored(path, NOT_DECODABLE)
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
    # File names need not be UTF-8; columns of text are.
    return text.encode(errors="backslashreplace").decode()


def _count(name):
    Metrics.counter(NAMESPACE, name).inc()


def _no_signature(model, signature, names):
    return (
        f"Expected a model with the signature {signature!r}, as export.py writes it. "
        f"Received: {model!r} with {', '.join(sorted(names))}"
    )
