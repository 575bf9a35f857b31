"""Calls TensorFlow Serving over REST: JSON over HTTP, without TensorFlow."""

import base64
from collections.abc import Mapping

import requests

from serving.transports import PredictionError, Server, prediction_error

# Reverses the server's mapping of gRPC statuses to HTTP statuses.
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class RestTransport:
    """Calls a `Server` over REST.

    Args:
        server: The `Server` to call.
    """

    def __init__(self, server: Server):
        self._server = server
        self._url = _predict_url(server)
        self._session = requests.Session()

    def predict(self, signature: str, inputs: Mapping[str, list]) -> dict[str, list]:
        """Calls a signature; see `Transport.predict`.

        The server omits the name of a single output, so a signature with one returns it unnamed.
        """
        # Columnar format (`inputs`, not `instances`): the only one that keeps the names and shapes
        # of every signature.
        inputs = {name: encode(value) for name, value in inputs.items()}
        body = {"signature_name": signature, "inputs": inputs}
        try:
            response = self._session.post(self._url, json=body, timeout=self._server.timeout)
        except requests.Timeout as error:
            raise self._error(signature, "DEADLINE_EXCEEDED", str(error)) from error
        except requests.RequestException as error:
            raise self._error(signature, "UNAVAILABLE", str(error)) from error
        return self._outputs(signature, response)

    def close(self) -> None:
        """Closes the connection."""
        self._session.close()

    def _outputs(self, signature: str, response: requests.Response) -> dict[str, list]:
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = {"error": f"not JSON: {response.text[:200]!r}"}
        if response.ok and "outputs" in answer:
            return answer["outputs"]
        code = _CODES.get(response.status_code, f"HTTP {response.status_code}")
        raise self._error(signature, code, str(answer.get("error", answer)))

    def _error(self, signature: str, code: str, details: str) -> PredictionError:
        return prediction_error(self._server, signature, code, details)


def encode(value: object) -> object:
    """Returns a value that can be written as JSON.

    Args:
        value: Bytes, number, text, or nested lists of these. Bytes become `{"b64": ...}`, which the
            server accepts for any string input; all else stays as it is.
    """
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, list):
        return [encode(each) for each in value]
    return value


def _predict_url(server: Server) -> str:
    base = server.address if "://" in server.address else f"http://{server.address}"
    which = ""
    if server.version is not None:
        which = f"/versions/{server.version}"
    if server.label is not None:
        which = f"/labels/{requests.utils.quote(server.label, safe='')}"
    model = requests.utils.quote(server.model, safe="")
    return f"{base.rstrip('/')}/v1/models/{model}{which}:predict"
