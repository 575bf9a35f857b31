"""Scores, compares and ranks photos with a model on TensorFlow Serving.

Photos are sent unchanged: the server decodes them, whatever their format and orientation. A folder
means all photos in it, at any depth; what else it contains is counted. Photos that cannot be read
or decoded are reported and do not affect the others.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from serving import reports
from serving.photo_files import PhotoFiles, find_photos
from serving.transports import PORTS, PredictionError, Server, connect, with_retries

MEGABYTE = 1_000_000
NO_PHOTO = "not a photo that the model can decode"
# The values of the output `reason` other than 0, "valid".
REASONS = {
    1: "empty",
    2: "not an image",
    3: "format not supported",
    4: "truncated",
    5: "too large",
    6: "animation",
    7: "damaged",
}
_EXAMPLES = """examples:
  python -m serving.client score my_photos
  python -m serving.client preference a.jpg b.jpg --label=stable
  python -m serving.client rank my_photos/beach --protocol=rest --json
"""


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Ranks and strengths of the photos of a series, in the order in which they were given.

    Ranks and strengths are `None` for a photo that could not be read or decoded.

    Args:
        ranks: List of integers. 1 is the best.
        strengths: List of floats, Bradley-Terry log-odds. The difference of two strengths says how
            certain the order of their photos is.
        reasons: List of strings, why a photo is not valid. `None` for valid photos, and for photos
            that were not sent.
    """

    ranks: list[int | None]
    strengths: list[float | None]
    reasons: list[str | None]


class Client:
    """Scores, compares and ranks photos with a model on TensorFlow Serving.

    A photo is the content of an image file. Empty bytes represent a photo that could not be read:
    they are not sent, and the answer is `None`, as for a photo that the model cannot decode.

    Args:
        server: A `Server`: address, model, version and timeout. Defaults to `Server()`, gRPC on
            this machine.
        retries: Non-negative integer, maximum number of attempts after the first, made while the
            server is unavailable, overloaded or too slow. Defaults to 3.
        batch_size: Integer, at least 1. Number of photos in a `score` request. Should not exceed
            the server's `max_batch_size`. Defaults to 32.
        request_bytes: Integer, maximum size of the photos in a request in bytes. Defaults to
            256,000,000.

    Raises:
        PredictionError: From `score`, `iterate_scores`, `preference` and `rank`, if the server
            gives no answer.
        ValueError: From the same methods, if one photo, or the pair or series of one request, is
            larger than `request_bytes`.

    Example:

        with Client(Server("localhost:8500", label="stable")) as client:
            scores = client.score([path.read_bytes() for path in paths])
    """

    def __init__(
        self,
        server: Server | None = None,
        retries: int = 3,
        batch_size: int = 32,
        request_bytes: int = 256 * MEGABYTE,
    ):
        self.server = server if server is not None else Server()
        self._transport = connect(self.server)
        self._retries = retries
        self._batch_size = batch_size
        self._request_bytes = request_bytes

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

    def score(self, photos: Iterable[bytes]) -> list[float | None]:
        """Returns P(the photo is preferred to the model's reference) of each photo.

        Args:
            photos: Encoded photos.

        Returns:
            List of floats in (0, 1), with `None` for photos that could not be read or decoded.
        """
        return list(self.iterate_scores(photos))

    def iterate_scores(self, photos: Iterable[bytes]) -> Iterator[float | None]:
        """Yields what `score` returns, taking photos only as requests need them.

        Args:
            photos: Encoded photos.
        """
        return (value for value, _ in self.iterate_scores_and_reasons(photos))

    def iterate_scores_and_reasons(
        self, photos: Iterable[bytes]
    ) -> Iterator[tuple[float | None, str | None]]:
        """Yields the score of each photo, and the reason where there is none.

        Args:
            photos: Encoded photos.
        """
        for batch in self._batches(photos):
            present = [photo for photo in batch if photo]
            outputs = self._predict("score", photo_bytes=present) if present else {}
            scores = _valid(outputs, "score", len(present))
            answers = zip(scores, _reasons(outputs, len(present)), strict=True)
            for photo in batch:
                yield next(answers) if photo else (None, None)

    def preference(self, photo_a: bytes, photo_b: bytes) -> float | None:
        """Returns P(photo a is preferred to photo b).

        Args:
            photo_a: Encoded photo.
            photo_b: Encoded photo.

        Returns:
            Float in (0, 1), or `None` if either photo could not be read or decoded.
        """
        if not photo_a or not photo_b:
            return None
        self._check_size([photo_a, photo_b])
        outputs = self._predict("preference", photo_a_bytes=[photo_a], photo_b_bytes=[photo_b])
        return _valid(outputs, "preference", 1)[0]

    def rank(self, series: Iterable[bytes]) -> Ranking:
        """Ranks the photos of one series by comparing each with every other.

        The series is sent as a single request, whatever `batch_size` is.

        Args:
            series: Encoded photos.

        Returns:
            A `Ranking`.
        """
        series = list(series)
        places = [place for place, photo in enumerate(series) if photo]
        present = [series[place] for place in places]
        row = self._rank(present) if present else {}
        count = len(present)
        answers = (_valid(row, "rank", count), _valid(row, "strength", count), _reasons(row, count))
        columns = [[None] * len(series) for _ in answers]
        for column, values in zip(columns, answers, strict=True):
            for place, value in zip(places, values, strict=True):
                column[place] = value
        return Ranking(*columns)

    def _rank(self, photos: list[bytes]) -> dict[str, list]:
        self._check_size(photos)
        outputs = self._predict("rank", photo_bytes=[photos], photo_count=[len(photos)])
        return {name: value[0] for name, value in outputs.items()}

    def _predict(self, signature: str, **inputs: list) -> dict[str, list]:
        return with_retries(lambda: self._transport.predict(signature, inputs), self._retries)

    def _batches(self, photos: Iterable[bytes]) -> Iterator[list[bytes]]:
        batch, size = [], 0
        for photo in photos:
            self._check_size([photo])
            is_full = len(batch) == self._batch_size or size + len(photo) > self._request_bytes
            if batch and is_full:
                yield batch
                batch, size = [], 0
            batch.append(photo)
            size += len(photo)
        if batch:
            yield batch

    def _check_size(self, photos: Sequence[bytes]) -> None:
        size = sum(map(len, photos))
        if size > self._request_bytes:
            raise ValueError(
                f"Expected at most {self._request_bytes / MEGABYTE:g} MB of photos in a request "
                f"(request_megabytes). Received: {len(photos)} photos, {size / MEGABYTE:.1f} MB"
            )


def _valid(outputs: Mapping[str, list], name: str, count: int) -> list:
    # A server that batches pads a series to the longest in its batch; the padding is cut off.
    values, valid = (outputs.get(key, [])[:count] for key in (name, "valid"))
    return [value if is_valid else None for value, is_valid in zip(values, valid, strict=True)]


def _reasons(outputs: Mapping[str, list], count: int) -> list[str | None]:
    """Returns why photos are not valid, and `None` for valid ones and models of old releases."""
    codes = outputs.get("reason", [0] * count)[:count]
    return [REASONS.get(code) for code in codes]


# The commands. Each yields one row per photo, in the order given.


def score(client: Client, files: PhotoFiles) -> Iterator[dict]:
    """Yields rows with `photo` and `score`, or `photo` and `error`."""
    answers = client.iterate_scores_and_reasons(files)
    for path, (value, reason) in zip(files.paths, answers, strict=True):
        yield _row(path, files.problem(path) or reason, score=value)


def preference(client: Client, files: PhotoFiles) -> Iterator[dict]:
    """Yields two rows with `photo` and `preference`, or `photo` and `error`.

    `preference` is the probability that the row's photo is preferred to the other.

    Raises:
        ValueError: If there are not exactly two files.
    """
    if len(files.paths) != 2:
        raise ValueError(f"Expected two photos. Received: {len(files.paths)}")
    value = client.preference(*files)
    values = (None, None) if value is None else (value, 1 - value)
    for path, of_path in zip(files.paths, values, strict=True):
        problem = files.problem(path)
        if any(map(files.problem, files.paths)):
            problem = problem or "not compared: the other photo could not be read"
        yield _row(path, problem or f"one of the two is {NO_PHOTO}", preference=of_path)


def rank(client: Client, files: PhotoFiles) -> Iterator[dict]:
    """Yields rows with `photo`, `rank` and `strength`, or `photo` and `error`."""
    ranking = client.rank(files)
    columns = ranking.ranks, ranking.strengths, ranking.reasons
    for path, rank, strength, reason in zip(files.paths, *columns, strict=True):
        yield _row(path, files.problem(path) or reason, rank=rank, strength=strength)


def _row(path: os.PathLike, problem: str | None, **values: float | None) -> dict:
    if None in values.values():
        return {"photo": str(path), "error": problem or NO_PHOTO}
    return {"photo": str(path), **values}


_COMMANDS = {"score": score, "preference": preference, "rank": rank}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Command-line arguments without the program name. Defaults to those of this
            process.

    Returns:
        Exit code: 0 if the server answered, 1 after an error, such as no answer or no readable
        file.

    Raises:
        SystemExit: With code 2 if the command is invalid.
    """
    options = parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names may have characters that the encoding of the terminal lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    # TensorFlow reads this when it is imported; its messages about the CPU are of no use here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        server = _server(options)
        rows, failure = _ask(server, options)
    except (ValueError, ImportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(reports.as_json(options.command, server, rows, failure))
    elif any(row.get("error") != reports.NOT_ANSWERED for row in rows):
        print(reports.table(options.command, rows))
    if failure:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failure else 0


def _server(options: argparse.Namespace) -> Server:
    fields = [field.name for field in dataclasses.fields(Server)]
    return Server(**{name: getattr(options, name) for name in fields})


def _ask(
    server: Server, options: argparse.Namespace
) -> tuple[list[dict], PredictionError | str | None]:
    """Returns a row for each photo, and what left some or all without an answer, if anything."""
    request_bytes = int(options.request_megabytes * MEGABYTE)
    files = PhotoFiles(find_photos(options.photos), request_bytes)
    rows, failure = [], None
    with Client(server, options.retries, options.batch_size, request_bytes) as client:
        try:
            rows.extend(_COMMANDS[options.command](client, files))
        except PredictionError as error:
            failure = error
    if all(map(files.problem, files.paths)):
        failure = "Expected at least one readable photo. Received: none"
    unanswered = files.paths[len(rows) :]
    rows += [{"photo": str(path), "error": reports.NOT_ANSWERED} for path in unanswered]
    return rows, failure


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses a command line.

    Args:
        arguments: As for `main`.

    Returns:
        The options, as attributes: `command`, `photos`, and one for each flag.

    Raises:
        SystemExit: With code 2 if the command is invalid.
    """
    parser = argparse.ArgumentParser(
        prog="python -m serving.client",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("score", "score each photo on its own: P(it is preferred to the model's reference)"),
        ("preference", "compare two photos: P(each is preferred to the other)"),
        ("rank", "rank the photos of one series by comparing each with every other"),
    ):
        command = commands.add_parser(name, help=text, description=text, parents=[_common()])
        command.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo or a folder")
    return parser.parse_args(arguments)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    add = common.add_argument
    standard = f"localhost:{PORTS['grpc']}, or localhost:{PORTS['rest']} with --protocol=rest"
    add("--address", metavar="HOST:PORT", help=f"server address; default: {standard}")
    add("--protocol", choices=sorted(PORTS), default="grpc", help="default: grpc")
    add("--model", default=Server.model, help=f"name of the model; default: {Server.model}")
    which = common.add_mutually_exclusive_group()
    which.add_argument("--version", type=_whole(1), help="default: the greatest that is loaded")
    which.add_argument("--label", help="version label, such as stable")
    add("--timeout", type=_positive, default=60.0, help="seconds per attempt; default: 60")
    add("--retries", type=_whole(0), default=3, help="maximum attempts after the first; default: 3")
    add("--batch_size", type=_whole(1), default=32, help="photos per score request; default: 32")
    add(
        "--request_megabytes",
        type=_positive,
        default=256.0,
        help="maximum megabytes of photos per request; default: 256",
    )
    add("--json", action="store_true", help="print JSON, in the order given, instead of a table")
    return common


def _whole(least: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"Expected a whole number of at least {least}. Received: {text!r}"
            )
        return int(text)

    return whole_number


def _positive(text: str) -> float:
    try:
        if float(text) > 0:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"Expected a number above 0. Received: {text!r}")


if __name__ == "__main__":
    sys.exit(main())
