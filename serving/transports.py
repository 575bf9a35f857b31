"""What the two protocols of TensorFlow Serving share."""

import dataclasses
import random
from time import sleep

PORTS = {"grpc": 8500, "rest": 8501}
RETRIED = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 10.0


@dataclasses.dataclass(frozen=True)
class Server:
    """Where a model is served, and how to ask for it.

    Args:
        address: `host:port`, for REST also a URL. Defaults to this machine's standard port.
        protocol: `"grpc"` or `"rest"`.
        model: Name of the model.
        version: Number of the version, or
        label: its label, as `"stable"`. Without both, the server answers with the greatest version.
        timeout: Seconds to wait for an answer, at each attempt.
    """

    address: str | None = None
    protocol: str = "grpc"
    model: str = "keras_series"
    version: int | None = None
    label: str | None = None
    timeout: float = 60.0

    def __post_init__(self):
        if self.protocol not in PORTS:
            raise ValueError(
                f'Expected protocol to be "grpc" or "rest". Received: {self.protocol!r}'
            )
        if self.version is not None and self.label is not None:
            raise ValueError(
                "Expected a version or a label, not both. "
                f"Received: version={self.version}, label={self.label!r}"
            )
        if self.address is None:
            object.__setattr__(self, "address", f"localhost:{PORTS[self.protocol]}")

    def __str__(self):
        return f"{self.address} ({self.protocol})"

    @property
    def servable(self):
        """The model and version that is asked for, in words."""
        if self.version is not None:
            return f"{self.model!r}, version {self.version}"
        return f"{self.model!r}" + (f", label {self.label!r}" if self.label is not None else "")


class PredictionError(Exception):
    """The server gave no answer.

    Args:
        code: Name of the gRPC status, as `"UNAVAILABLE"`; REST's are translated.
        message: What was expected and what came.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def prediction_error(server, signature, code, details):
    """The error for a status of the server, in terms of what the user can mend."""
    expected = f"an answer to {signature!r} from {server}"
    if code == "UNAVAILABLE":
        expected = f"a server at {server}"
    elif code == "DEADLINE_EXCEEDED":
        expected = f"an answer from {server} within {server.timeout:g} s"
    elif code == "NOT_FOUND" or "version label" in details:
        expected = f"{server} to serve the model {server.servable}"
    elif "signature" in details.lower():
        expected = f"the model {server.servable} to have the signature {signature!r}"
    return PredictionError(code, f"Expected {expected}. Received: {code}: {details.strip()}")


def with_retries(call, retries):
    """Calls until it answers, waiting exponentially longer where another attempt may help.

    Half of each wait is chance, so that the clients of a server that was away do not all come
    back at once.

    Args:
        call: Function without arguments that may raise `PredictionError`.
        retries: How many attempts may follow the first.
    """
    for attempt in range(retries):
        try:
            return call()
        except PredictionError as error:
            if error.code not in RETRIED:
                raise
        sleep(min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0))
    return call()


def connect(server):
    """The transport of a `Server`: it has `predict(signature, inputs)` and `close()`.

    Imports what its protocol needs: gRPC's messages need TensorFlow, REST does not.
    """
    if server.protocol == "grpc":
        from serving.grpc_transport import GrpcTransport

        return GrpcTransport(server)
    from serving.rest_transport import RestTransport

    return RestTransport(server)
