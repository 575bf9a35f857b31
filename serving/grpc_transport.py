"""Calls TensorFlow Serving over gRPC."""

from collections.abc import Mapping

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.transports import Server, prediction_error

_OPTIONS = {
    # The server accepts messages of up to 2 GiB, but gRPC limits responses to 4 MiB by default.
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    # By default gRPC waits a second or more before it reconnects, longer than our first retries.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5000,
}


class GrpcTransport:
    """Calls a `Server` over gRPC.

    Args:
        server: The `Server` to call.
    """

    def __init__(self, server: Server):
        self._server = server
        self._channel = grpc.insecure_channel(server.address, options=list(_OPTIONS.items()))
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, signature: str, inputs: Mapping[str, list]) -> dict[str, list]:
        """Calls a signature; see `Transport.predict`."""
        request = _request(self._server, signature, inputs)
        try:
            response = self._stub.Predict(request, timeout=self._server.timeout)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            raise prediction_error(self._server, signature, code, details) from error
        return {name: tf.make_ndarray(value).tolist() for name, value in response.outputs.items()}

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()


def _request(
    server: Server, signature: str, inputs: Mapping[str, list]
) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = server.model
    request.model_spec.signature_name = signature
    if server.version is not None:
        request.model_spec.version.value = server.version
    if server.label is not None:
        request.model_spec.version_label = server.label
    for name, value in inputs.items():
        dtype = tf.string if name.endswith("_bytes") else tf.int32
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value, dtype))
    return request
