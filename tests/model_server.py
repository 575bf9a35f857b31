"""In-process stand-in for TensorFlow Serving, with the same contract over gRPC and REST.

It covers `Predict` with versions and labels, and the model status over REST. Names, statuses and
messages are those of the server's source (`predict_util.cc`, `server_core.cc`,
`http_rest_api_handler.cc`, `json_tensor.cc`). Tests can make it refuse or delay requests. It shows
what a client may rely on, not how fast a server is.
"""

import base64
import binascii
import collections
import concurrent.futures
import http.server
import json
import re
import threading
import time

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

_HTTP = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_MODEL = r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PATHS = {"GET": re.compile(_MODEL), "POST": re.compile(_MODEL + ":predict")}


class RefusedError(Exception):
    """A status that is not OK."""

    def __init__(self, code, details):
        super().__init__(details)
        self.code = code


class ModelServer:
    """Serves signatures; a context manager.

    Args:
        versions: Signatures of loaded SavedModels, by version.
        labels: Versions by label.
        model: Name of the model.

    Attributes:
        addresses: `host:port` by protocol.
        requests: What was asked: pairs of a signature and its inputs.
        refusals: How the next requests are met: a code, or `None` for an answer.
        delay: Seconds before an answer.
    """

    def __init__(self, versions, labels=(), model="keras_series"):
        self._versions, self._labels, self._model = versions, dict(labels), model
        self.forget()

    def forget(self):
        """As new: nothing asked, nothing to refuse."""
        self.requests, self.refusals, self.delay = [], collections.deque(), 0

    def __enter__(self):
        self._grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Servicer(self), self._grpc
        )
        port = self._grpc.add_insecure_port("localhost:0")
        self._grpc.start()
        self._http = http.server.ThreadingHTTPServer(("localhost", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        self.addresses = {"grpc": f"localhost:{port}"}
        self.addresses["rest"] = f"localhost:{self._http.server_port}"
        return self

    def __exit__(self, *error):
        self._grpc.stop(None).wait()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def signatures(self, model, version=None, label=None):
        """The signatures of a version, as `ServerCore::GetServableHandle` finds them."""
        if label and label not in self._labels:
            raise RefusedError("INVALID_ARGUMENT", f"Unrecognized servable version label: {label}")
        version = self._labels[label] if label else version
        if model != self._model or version not in {None, *self._versions}:
            which = f"Specific({model}, {version})" if version else f"Latest({model})"
            raise RefusedError("NOT_FOUND", f"Servable not found for request: {which}")
        return self._versions[version or max(self._versions)]

    def predict(self, signatures, name, inputs):
        """Outputs of a signature, as tensors, for inputs by name."""
        self.requests.append((name, inputs))
        # Before it waits: a request that was given up must not take what is meant for the next.
        code = self.refusals.popleft() if self.refusals else None
        time.sleep(self.delay)
        if code:
            raise RefusedError(code, "by the test")
        _check_inputs(input_specs(signatures[name]), inputs)
        try:
            return signatures[name](**inputs)
        except tf.errors.OpError as error:
            raise RefusedError("INVALID_ARGUMENT", str(error)) from error


def input_specs(signature):
    """The specifications of a signature's inputs, by name."""
    return signature.structured_input_signature[1]


def _check_inputs(specs, inputs):
    if set(inputs) != set(specs):
        raise RefusedError(
            "INVALID_ARGUMENT",
            "input size does not match signature: "
            f"{len(inputs)}!={len(specs)} sent: {sorted(inputs)} expected: {sorted(specs)}",
        )
    for name, value in inputs.items():
        if value.dtype != specs[name].dtype or value.shape.rank != specs[name].shape.rank:
            raise RefusedError(
                "INVALID_ARGUMENT", f"Expects {name} to be {specs[name]} but {value}"
            )


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, server):
        self._server = server

    def Predict(self, request, context):  # noqa: N802, gRPC's name
        try:
            return self._predict(request)
        except RefusedError as refused:
            context.abort(grpc.StatusCode[refused.code], str(refused))

    def _predict(self, request):
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        signatures = self._server.signatures(spec.name, version, spec.version_label)
        name = spec.signature_name or "serving_default"
        if name not in signatures:
            raise RefusedError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        inputs = {key: tf.constant(tf.make_ndarray(each)) for key, each in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for key, value in self._server.predict(signatures, name, inputs).items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response


def _handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(lambda path: _status(server, path))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(lambda path: _predict_json(server, path, body))

        def _answer(self, call):
            path = _PATHS[self.command].fullmatch(self.path)
            if not path:
                return self.send_error(404)
            status = 200
            try:
                answer = call(path.groupdict())
            except RefusedError as refused:
                status, answer = _HTTP[refused.code], {"error": str(refused)}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    return Handler


def _status(server, path):
    server.signatures(**_which(path))
    return {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}


def _predict_json(server, path, body):
    signatures = server.signatures(**_which(path))
    name = body.get("signature_name", "serving_default")
    if name not in signatures:
        raise RefusedError("INVALID_ARGUMENT", f'Serving signature name: "{name}" not found')
    if ("instances" in body) == ("inputs" in body):
        raise RefusedError("INVALID_ARGUMENT", "Expected one of 'inputs' and 'instances'")
    specs = input_specs(signatures[name])
    by_row = "instances" in body
    inputs = _columns(body["instances"], specs) if by_row else _named(body["inputs"], specs)
    inputs = {
        key: tf.constant(_decode(value), specs[key].dtype if key in specs else None)
        for key, value in inputs.items()
    }
    outputs = server.predict(signatures, name, inputs)
    outputs = {key: value.numpy().tolist() for key, value in outputs.items()}
    # The server leaves out the name of an only output.
    if not by_row:
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
    rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return {"predictions": rows if len(outputs) > 1 else next(iter(outputs.values()))}


def _columns(instances, specs):
    """Inputs by name, from rows: objects with all inputs, or values of an only input."""
    if not _is_object(instances[0]):
        if len(specs) > 1:
            raise RefusedError("INVALID_ARGUMENT", "instances is a plain list")
        return {next(iter(specs)): instances}
    if any(set(row) != set(specs) for row in instances):
        raise RefusedError("INVALID_ARGUMENT", f"keys must be equal to: {','.join(specs)}")
    return {key: [row[key] for row in instances] for key in specs}


def _named(inputs, specs):
    """Inputs by name, from an object with all inputs, or from the value of an only input."""
    if _is_object(inputs):
        return inputs
    if len(specs) > 1:
        raise RefusedError("INVALID_ARGUMENT", "inputs is a plain value/list")
    return {next(iter(specs)): inputs}


def _is_object(value):
    return isinstance(value, dict) and set(value) != {"b64"}


def _which(path):
    return path | {"version": int(path["version"]) if path["version"] else None}


def _decode(value):
    if isinstance(value, list):
        return [_decode(each) for each in value]
    if isinstance(value, dict):
        return _unescape(value["b64"])
    return value


def _unescape(text):
    """Decodes as `absl::Base64Unescape`: padding is optional, the URL-safe alphabet is refused."""
    text = "".join(text.split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise RefusedError("INVALID_ARGUMENT", "Unable to base64 decode") from error
