"""TensorFlow Serving by gRPC."""

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.transports import prediction_error

_OPTIONS = {
    # The server takes messages of up to 2 GiB; gRPC's own bound on answers is 4 MiB.
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    # gRPC would wait a second or more before it connects again, longer than our first retries.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5000,
}


class GrpcTransport:
    """Asks a `Server` by gRPC."""

    def __init__(self, server):
        self._server = server
        self._channel = grpc.insecure_channel(server.address, options=list(_OPTIONS.items()))
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, signature, inputs):
        """Calls a signature.

        Args:
            signature: Its name.
            inputs: Nested lists of bytes or integers, by name.

        Returns:
            Nested lists of numbers, by name.

        Raises:
            PredictionError: If there is no answer.
        """
        request = _request(self._server, signature, inputs)
        try:
            response = self._stub.Predict(request, timeout=self._server.timeout)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            raise prediction_error(self._server, signature, code, details) from error
        return {name: tf.make_ndarray(value).tolist() for name, value in response.outputs.items()}

    def close(self):
        """Closes the connection."""
        self._channel.close()


def _request(server, signature, inputs):
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
