"""TensorFlow Serving by REST: JSON over HTTP, without TensorFlow."""

import base64

import requests

from serving.transports import prediction_error

# The statuses that the server makes of gRPC's, back again.
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestTransport:
    """Asks a `Server` by REST."""

    def __init__(self, server):
        self._server = server
        self._url = _predict_url(server)
        self._session = requests.Session()

    def predict(self, signature, inputs):
        """Calls a signature; see `GrpcTransport.predict`."""
        # By column (`inputs`, not `instances`): the one form in which names and shapes are those
        # of the signature, whatever the inputs are.
        inputs = {name: encode(value) for name, value in inputs.items()}
        body = {"signature_name": signature, "inputs": inputs}
        try:
            response = self._session.post(self._url, json=body, timeout=self._server.timeout)
        except requests.Timeout as error:
            raise self._error(signature, "DEADLINE_EXCEEDED", str(error)) from error
        except requests.RequestException as error:
            raise self._error(signature, "UNAVAILABLE", str(error)) from error
        return self._outputs(signature, response)

    def close(self):
        """Closes the connection."""
        self._session.close()

    def _outputs(self, signature, response):
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = {"error": f"no JSON: {response.text[:200]!r}"}
        if response.ok and "outputs" in answer:
            return answer["outputs"]
        code = _CODES.get(response.status_code, f"HTTP {response.status_code}")
        raise self._error(signature, code, str(answer.get("error", answer)))

    def _error(self, signature, code, details):
        return prediction_error(self._server, signature, code, details)


def encode(value):
    """Nested lists for JSON: bytes become `{"b64": ...}`, which the server takes for any text."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, list):
        return [encode(each) for each in value]
    return value


def _predict_url(server):
    base = server.address if "://" in server.address else f"http://{server.address}"
    which = ""
    if server.version is not None:
        which = f"/versions/{server.version}"
    if server.label is not None:
        which = f"/labels/{requests.utils.quote(server.label, safe='')}"
    model = requests.utils.quote(server.model, safe="")
    return f"{base.rstrip('/')}/v1/models/{model}{which}:predict"
