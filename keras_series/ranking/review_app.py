"""What the local server of the review page answers, and what it refuses."""

from __future__ import annotations

import dataclasses
import functools
import hmac
import logging
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from keras_series.ranking.difference import DifferenceMaps, as_json
from keras_series.ranking.page import content_policy, render_page
from keras_series.ranking.page_data import Picture, rows
from keras_series.ranking.results import RankedPhoto, RankedSeries
from keras_series.ranking.saved_choices import SavedChoices
from keras_series.ranking.thumbnails import draw_thumbnail
from keras_series.utils.photo_files import image_format

if TYPE_CHECKING:
    import flask

# The page sends up to 500 changes at a time.
MOST_BYTES = 256 * 1024
# About 60 MB of thumbnails.
_THUMBNAILS = 2000
_TYPES = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp", "GIF": "image/gif",
    "BMP": "image/bmp",
}  # fmt: skip
_POLICY = "img-src 'self' data:; connect-src 'self'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_KEPT_BY_THE_BROWSER = "private, max-age=3600"


@dataclasses.dataclass(frozen=True)
class Review:
    """What a server shows.

    Attributes:
        series: `RankedSeries`, as shot.
        folders: Folders. A photo that lies elsewhere, perhaps through a link, is not shown.
        choices: `SavedChoices` of all photos.
        read_photo: Function from a path to the bytes of a photo that Pillow reads.
        differences: `DifferenceMaps`, or `None` for no such maps.
    """

    series: Sequence[RankedSeries]
    folders: Sequence[str | os.PathLike]
    choices: SavedChoices
    read_photo: Callable[[pathlib.Path], bytes]
    differences: DifferenceMaps | None = None

    @functools.cached_property
    def photos(self) -> list[RankedPhoto]:
        """The photos by number, in the order of the page."""
        return [photo for one in self.series for photo in one.photos]

    @functools.cached_property
    def rows(self) -> list[dict]:
        """The rows of the page."""
        numbers = {id(photo): number for number, photo in enumerate(self.photos)}

        def picture_of(photo: RankedPhoto) -> Picture:
            if self._real_path(photo) is None:
                return Picture(reason="not in the folders that were ranked")
            if photo.reason is not None:
                return Picture(reason=photo.reason)
            address = f"photos/{numbers[id(photo)]}"
            return Picture(small=f"{address}/small", full=address)

        return rows(self.series, picture_of)

    def page(self) -> str:
        """Returns the HTML of the page, with the choices made so far."""
        data = {"rows": self.rows, "choices": self.choices.of_photos(), "save": "choices"}
        data["differences"] = "differences" if self.differences else None
        return render_page(self.series, data, _POLICY)

    def read(self, number: int) -> bytes | None:
        """Returns the bytes of a photo, and `None` if it may not be shown or cannot be read.

        Args:
            number: Integer, place of the photo in `photos`.
        """
        path = self._real_path(self.photos[number]) if number < len(self.photos) else None
        if path is None or not path.is_file():
            return None
        try:
            return self.read_photo(path)
        except (OSError, ValueError, ImportError):
            return None

    def difference(self, first: int, second: int) -> dict | None:
        """Returns where two photos differ, and `None` if it is unknown.

        Args:
            first: Integer, place of a photo in `photos`.
            second: Integer, place of the other one.
        """
        if self.differences is None or max(first, second) >= len(self.photos):
            return None
        paths = [self._real_path(self.photos[number]) for number in (first, second)]
        if None in paths:
            return None
        try:
            found = self.differences(*paths)
        except (OSError, ValueError, ImportError):
            return None
        return None if found is None else as_json(found, self.differences.covers)

    def _real_path(self, photo: RankedPhoto) -> pathlib.Path | None:
        """Returns where a photo lies now, and `None` if that is outside the folders."""
        path = pathlib.Path(os.path.realpath(photo.path))
        is_inside = any(path.is_relative_to(folder) for folder in self._real_folders)
        return path if is_inside else None

    @functools.cached_property
    def _real_folders(self) -> list[str]:
        return [os.path.realpath(folder) for folder in self.folders]


def create_app(review: Review, token: str, hosts: Sequence[str]) -> flask.Flask:
    """Returns the application, whose addresses all begin with the token.

    Args:
        review: `Review`.
        token: String that nobody can guess.
        hosts: The names of this server that a request may be for, with the port.
    """
    import flask
    import werkzeug.exceptions

    app = flask.Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.before_request(lambda: _refusal(flask.request, token, hosts))
    app.after_request(_protect)
    app.register_error_handler(Exception, _failure)
    small = functools.lru_cache(_THUMBNAILS)(lambda number: _thumbnail(review, number))

    def picture(content: bytes | None) -> flask.Response:
        kind = _TYPES.get(image_format(content[:32])) if content else None
        if kind is None:
            raise werkzeug.exceptions.NotFound
        response = flask.Response(content, mimetype=kind)
        response.headers["Cache-Control"] = _KEPT_BY_THE_BROWSER
        return response

    @app.get(f"/{token}/")
    def page() -> str:
        return review.page()

    @app.get(f"/{token}/photos/<int:number>")
    def full_photo(number: int) -> flask.Response:
        return picture(review.read(number))

    @app.get(f"/{token}/photos/<int:number>/small")
    def small_photo(number: int) -> flask.Response:
        return picture(small(number))

    @app.get(f"/{token}/differences/<int:first>/<int:second>")
    def difference(first: int, second: int) -> dict:
        found = review.difference(first, second)
        if found is None:
            raise werkzeug.exceptions.NotFound
        return found

    @app.post(f"/{token}/choices")
    def choose() -> tuple[str, int]:
        try:
            content = flask.request.get_json()
            review.choices.update(content.get("changes") if isinstance(content, dict) else None)
        except (ValueError, RecursionError) as error:
            raise werkzeug.exceptions.BadRequest from error
        return "", 204

    return app


def _thumbnail(review: Review, number: int) -> bytes | None:
    photo_bytes = review.read(number)
    try:
        return draw_thumbnail(photo_bytes)[0] if photo_bytes else None
    except ValueError:
        return None


def _refusal(request: flask.Request, token: str, hosts: Sequence[str]) -> tuple[str, int] | None:
    """Returns the answer to a request that is not of the page itself, and `None` for others."""
    # A page of another host may have pointed its name to this machine.
    if request.headers.get("Host") not in hosts:
        return "Forbidden", 403
    given = request.path.split("/")[1]
    if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode("utf-8")):
        return "Not Found", 404
    opens_the_page = request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    # Browsers say which site a request comes from. Other programs do not, and have the token.
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("same-origin", "none") and not opens_the_page:
        return "Forbidden", 403
    is_write = request.method not in ("GET", "HEAD")
    if is_write and request.headers.get("Origin") != f"http://{request.headers['Host']}":
        return "Forbidden", 403
    return None


def _protect(response: flask.Response) -> flask.Response:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    policy = content_policy(_POLICY) if response.mimetype == "text/html" else "default-src 'none'"
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'none'"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _failure(error: Exception) -> tuple[str, int, dict[str, str]]:
    """Returns an answer that says nothing of the machine."""
    import werkzeug.exceptions

    text = {"Content-Type": "text/plain; charset=utf-8"}
    if isinstance(error, werkzeug.exceptions.HTTPException):
        return error.name, error.code or 500, text
    logging.getLogger(__name__).error("error: %s", error)
    return "Internal Server Error", 500, text
