"""A local server of the review page, which shows the photos at full size and saves the choices."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import secrets
import warnings
from collections.abc import Callable, Sequence

from keras_series.ranking.difference import DifferenceMaps
from keras_series.ranking.page_data import uris_of_others
from keras_series.ranking.results import RankedSeries
from keras_series.ranking.review_app import MOST_BYTES, Review, create_app
from keras_series.ranking.saved_choices import SavedChoices

_ADDRESS = "127.0.0.1"
# A browser has about six connections. The rest may hang until the timeout and block nobody.
_CONNECTIONS = 500
_THREADS = 8
_TIMEOUT = 30


class ReviewServer:
    """A server that only this machine reaches, and only who knows its address.

    Args:
        review: `Review`.
        port: Integer. Defaults to 0, any free port.

    Raises:
        ImportError: If Flask or Waitress is missing. The message says how to install them.
        ValueError: If the port is not free.

    Attributes:
        address: String, the address of the page, with a token that nobody can guess.
    """

    def __init__(self, review: Review, port: int = 0):
        waitress = import_waitress()
        # The application is made for a port that the system chooses.
        self._server = _listen(waitress, lambda environ, start: self._app(environ, start), port)
        port = self._server.effective_port
        token = secrets.token_urlsafe(24)
        hosts = f"{_ADDRESS}:{port}", f"localhost:{port}"
        self._app = create_app(review, token, hosts)
        self.address = f"http://{hosts[0]}/{token}/"

    def run(self) -> None:
        """Answers requests until Ctrl+C, or until `close` is called."""
        # It warns of every request that waits for a thread.
        logging.getLogger("waitress").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Oddities of a photo do not matter here.
            self._server.run()

    def close(self) -> None:
        """Ends the server, once no browser holds a connection."""
        self._server.close()


def serve(
    series: Sequence[RankedSeries],
    folders: Sequence[str | os.PathLike],
    choices_file: str | os.PathLike,
    read_photo: Callable[[pathlib.Path], bytes] = pathlib.Path.read_bytes,
    port: int = 0,
    differences: DifferenceMaps | None = None,
) -> None:
    """Serves the page to review a ranking with on this machine, until Ctrl+C.

    The page shows the photos at full size and saves each choice to a file. Its address has a token,
    and no photo outside the folders is shown.

    Args:
        series: `RankedSeries`, as shot.
        folders: The folders that were ranked.
        choices_file: File of choices to create or to continue. Its folder must exist.
        read_photo: Function from a path to the bytes of a photo that Pillow reads. Defaults to the
            bytes of the file.
        port: Integer, port of 127.0.0.1. Defaults to 0, any free port.
        differences: `DifferenceMaps`, which are made of photos when they are compared. Defaults to
            none.

    Raises:
        ImportError: If Flask or Waitress is missing. The message says how to install them.
        ValueError: If the port is not free, or `choices_file` is another kind of file.
    """
    photos = [photo for one in series for photo in one.photos]
    uris = [photo.path.resolve().as_uri() for photo in photos]
    choices = SavedChoices(choices_file, uris, list(map(uris_of_others, photos)))
    server = ReviewServer(Review(series, folders, choices, read_photo, differences), port)
    try:
        # Waitress ends at Ctrl+C by itself, once it runs.
        with contextlib.suppress(KeyboardInterrupt):
            print(
                f"Open {server.address} to review the photos. Choices are saved to "
                f"{os.fspath(choices_file)}. Ctrl+C ends the server.",
                flush=True,
            )
            server.run()
    finally:
        server.close()


def import_waitress():
    """Returns the module `waitress`.

    Raises:
        ImportError: If Flask or Waitress is missing. The message says how to install them.
    """
    try:
        import flask  # noqa: F401
        import waitress
    except ImportError as error:
        raise ImportError(
            f"Expected Flask and Waitress, which serve the page. Received: no {error.name}. "
            "Install them with: pip install 'keras-series[review]'"
        ) from error
    return waitress


def _listen(waitress, app: Callable, port: int):
    try:
        return waitress.create_server(
            app,
            host=_ADDRESS,
            port=port,
            threads=_THREADS,
            ident=None,
            connection_limit=_CONNECTIONS,
            channel_timeout=_TIMEOUT,
            cleanup_interval=5,
            max_request_body_size=MOST_BYTES,
            max_request_header_size=16 * 1024,
            asyncore_use_poll=True,
        )
    except OSError as error:
        raise ValueError(f"Expected a free port. Received: {port} ({error.strerror})") from error
