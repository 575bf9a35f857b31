"""The parts of the client that do not depend on the protocol: address, errors and retries."""

import dataclasses
import random
from collections.abc import Callable, Mapping
from time import sleep
from typing import Protocol, TypeVar

_Answer = TypeVar("_Answer")

PORTS = {"grpc": 8500, "rest": 8501}
RETRIED = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 10.0


@dataclasses.dataclass(frozen=True)
class Server:
    """Where a model is served, and which version of it to call.

    Without `version` and `label`, the server answers with the greatest version that is loaded.

    Args:
        address: String, `host:port`; for REST also a URL. Defaults to `localhost` with the
            protocol's standard port, see `PORTS`.
        protocol: `"grpc"` or `"rest"`. Defaults to `"grpc"`.
        model: String, name of the model. Defaults to `"keras_series"`.
        version: Integer, number of the version. Defaults to `None`.
        label: String, label of the version, such as `"stable"`. Defaults to `None`.
        timeout: Float, seconds to wait for the answer to each attempt. Defaults to 60.

    Raises:
        ValueError: If the protocol is unknown, or both a version and a label are given.
    """

    address: str | None = None
    protocol: str = "grpc"
    model: str = "keras_series"
    version: int | None = None
    label: str | None = None
    timeout: float = 60.0

    def __post_init__(self) -> None:
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

    def __str__(self) -> str:
        return f"{self.address} ({self.protocol})"

    @property
    def servable(self) -> str:
        """Name of the model, with the version or label if there is one, for messages."""
        if self.version is not None:
            return f"{self.model!r}, version {self.version}"
        return f"{self.model!r}" + (f", label {self.label!r}" if self.label is not None else "")


class PredictionError(Exception):
    """Raised when the server gives no answer.

    Args:
        code: String, name of the gRPC status, such as `"UNAVAILABLE"`. HTTP statuses are
            translated where they have a counterpart, else `"HTTP <status>"`.
        message: String, what was expected and what was received.

    Attributes:
        code: As given.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Transport(Protocol):
    """What `connect` returns: a connection to a `Server`."""

    def predict(self, signature: str, inputs: Mapping[str, list]) -> dict[str, list]:
        """Calls a signature.

        Args:
            signature: String, name of the signature.
            inputs: Nested lists of bytes or integers, keyed by input name.

        Returns:
            Nested lists of numbers or booleans, keyed by output name.

        Raises:
            PredictionError: If the server gives no answer.
        """

    def close(self) -> None:
        """Closes the connection."""


def prediction_error(server: Server, signature: str, code: str, details: str) -> PredictionError:
    """Returns the error for a status of the server, worded by what the user can fix.

    Args:
        server: The `Server` that was called.
        signature: String, name of the signature that was called.
        code: String, see `PredictionError`.
        details: String, the server's message.
    """
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


def with_retries(call: Callable[[], _Answer], retries: int) -> _Answer:
    """Calls a function, and again with exponential backoff after errors that may be temporary.

    These are the errors with a code in `RETRIED`. The longest wait after attempt n is
    0.2 s * 2^(n - 1), but not more than 10 s. The actual wait is random, between half of that and
    all of it, so that the clients of a server that was down do not all return at once.

    Args:
        call: Function without arguments that may raise `PredictionError`.
        retries: Non-negative integer, maximum number of attempts after the first.

    Returns:
        What `call` returns.

    Raises:
        PredictionError: If the last attempt fails, or an attempt fails with any other code.
    """
    for attempt in range(retries):
        try:
            return call()
        except PredictionError as error:
            if error.code not in RETRIED:
                raise
        sleep(min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * random.uniform(0.5, 1.0))
    return call()


def connect(server: Server) -> Transport:
    """Returns a connection to a `Server` by its protocol.

    The protocol's packages are imported here, since gRPC's messages need TensorFlow and REST does
    not.
    """
    if server.protocol == "grpc":
        from serving.grpc_transport import GrpcTransport

        return GrpcTransport(server)
    from serving.rest_transport import RestTransport

    return RestTransport(server)
