"""Warm-up requests of an exported model, which TensorFlow Serving replays before it serves."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.python.saved_model.loader_impl import SavedModelLoader

# The path within a version's folder where the server looks.
PLACE = pathlib.Path("assets.extra", "tf_serving_warmup_requests")


def write_warmup(
    folder: pathlib.Path, model_name: str, requests: Mapping[str, Mapping[str, object]]
) -> None:
    """Writes a request for each signature, so that the first client does not wait.

    Args:
        folder: Folder of an exported version.
        model_name: String, the name that the model is served under. The server does not check it.
        requests: For each signature its inputs, arrays by name.
    """
    # Imported here, since an export can be read without it.
    from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

    (folder / PLACE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / PLACE)) as writer:
        for signature, inputs in requests.items():
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=model_name, signature_name=signature),
                inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
            )
            log = prediction_log_pb2.PredictLog(request=request)
            record = prediction_log_pb2.PredictionLog(predict_log=log)
            writer.write(record.SerializeToString())


def read_warmup(folder: pathlib.Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Reads the requests of an exported version.

    Args:
        folder: Folder of the version.

    Returns:
        Pairs of the name of a signature and its inputs, arrays by name.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    requests = []
    for record in tf.data.TFRecordDataset(str(folder / PLACE)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        requests.append((request.model_spec.signature_name, inputs))
    return requests


def replay_warmup(folder: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    """Runs the requests in a session, as a server does. A request that fails would fail the server.

    All signatures run at once, since TensorFlow optimises the graph anew for each run. One round of
    its optimiser, instead of the usual two, is enough for that, and takes less time.

    Args:
        folder: Folder of an exported version.

    Returns:
        For each signature its outputs, arrays by name.
    """
    requests, feeds, fetches = read_warmup(folder), {}, {}
    config = tf.compat.v1.ConfigProto()
    optimizer = config.graph_options.rewrite_options
    optimizer.meta_optimizer_iterations = optimizer.ONE
    optimizer.disable_tfg_optimizer = True
    with tf.Graph().as_default(), tf.compat.v1.Session(config=config) as session:
        definitions = SavedModelLoader(str(folder)).load(session, ["serve"]).signature_def
        for signature, inputs in requests:
            definition = definitions[signature]
            feeds |= {definition.inputs[name].name: value for name, value in inputs.items()}
            outputs = {name: tensor.name for name, tensor in definition.outputs.items()}
            fetches[signature] = outputs
        return session.run(fetches, feeds)
