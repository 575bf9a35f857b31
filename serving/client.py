"""Asks a TensorFlow Serving server which photos people prefer.

Photos are sent as they are: the server decodes them, whatever their format and orientation. A
folder stands for the photos in it. What cannot be judged is named, and never stops the others.
"""

import argparse
import dataclasses
import os
import sys

from serving import reports
from serving.photo_files import PhotoFiles, find_photos
from serving.transports import PORTS, PredictionError, Server, connect, with_retries

MEGABYTE = 1_000_000
NO_PHOTO = "not a photo that the model can decode"
_EXAMPLES = """examples:
  python -m serving.client score my_photos
  python -m serving.client preference a.jpg b.jpg --label=stable
  python -m serving.client rank my_photos/beach --protocol=rest --json
"""


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The order of a series: for each photo as it was given, or `None` where it is no photo.

    Args:
        ranks: 1 is the best.
        strengths: Log-odds (Bradley and Terry); the difference of two is how sure their order is.
    """

    ranks: list
    strengths: list


class Client:
    """Scores, compares and ranks photos on a server.

    Photos are encoded bytes. Empty bytes stand for a photo that could not be read: they are not
    sent, and answered with `None`, like a photo that the model cannot decode.

    Args:
        server: A `Server`: where, which model, how long to wait.
        retries: Attempts after the first, where the server is away or has too much to do.
        batch_size: Photos in a request. Should not exceed the server's `max_batch_size`.
        request_bytes: Bytes of photos in a request, at most. One photo or series that has more
            is refused with a `ValueError`.

    Raises:
        PredictionError: From all methods, if the server gives no answer.

    Example:

        with Client(Server("localhost:8500", label="stable")) as client:
            scores = client.score([path.read_bytes() for path in paths])
    """

    def __init__(self, server=None, retries=3, batch_size=32, request_bytes=256 * MEGABYTE):
        self.server = server if server is not None else Server()
        self._transport = connect(self.server)
        self._retries = retries
        self._batch_size = batch_size
        self._request_bytes = request_bytes

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Closes the connection."""
        self._transport.close()

    def score(self, photos):
        """P(the photo is preferred to the model's reference) of each photo, or `None`, a list."""
        return list(self.iterate_scores(photos))

    def iterate_scores(self, photos):
        """Yields what `score` returns, and takes the photos of one request at a time."""
        for batch in self._batches(photos):
            present = [photo for photo in batch if photo]
            outputs = self._predict("score", photo_bytes=present) if present else {}
            scores = iter(_valid(outputs, "score", len(present)))
            for photo in batch:
                yield next(scores) if photo else None

    def preference(self, photo_a, photo_b):
        """P(photo a is preferred to photo b), or `None` if one of them is no photo."""
        if not photo_a or not photo_b:
            return None
        self._check_size([photo_a, photo_b])
        outputs = self._predict("preference", photo_a_bytes=[photo_a], photo_b_bytes=[photo_b])
        return _valid(outputs, "preference", 1)[0]

    def rank(self, series):
        """The `Ranking` of the photos of one series. They are one request: all are compared."""
        series = list(series)
        places = [place for place, photo in enumerate(series) if photo]
        present = [series[place] for place in places]
        row = self._rank(present) if present else {}
        columns = [[None] * len(series) for _ in range(2)]
        for column, name in zip(columns, ("rank", "strength"), strict=True):
            for place, value in zip(places, _valid(row, name, len(present)), strict=True):
                column[place] = value
        return Ranking(*columns)

    def _rank(self, photos):
        self._check_size(photos)
        outputs = self._predict("rank", photo_bytes=[photos], photo_count=[len(photos)])
        return {name: value[0] for name, value in outputs.items()}

    def _predict(self, signature, **inputs):
        return with_retries(lambda: self._transport.predict(signature, inputs), self._retries)

    def _batches(self, photos):
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

    def _check_size(self, photos):
        size = sum(map(len, photos))
        if size > self._request_bytes:
            raise ValueError(
                f"Expected at most {self._request_bytes / MEGABYTE:g} MB in a request "
                f"(request_megabytes). Received: {len(photos)} photos, {size / MEGABYTE:.1f} MB"
            )


def _valid(outputs, name, count):
    # A server that batches pads a series to the longest beside it: what is past ours is cut.
    values, valid = (outputs.get(key, [])[:count] for key in (name, "valid"))
    return [value if is_valid else None for value, is_valid in zip(values, valid, strict=True)]


# The commands: each yields a row for each photo, in the order given.


def score(client, files):
    """Rows with `score`."""
    for path, value in zip(files.paths, client.iterate_scores(files), strict=True):
        yield _row(path, files.problem(path), score=value)


def preference(client, files):
    """Two rows with `preference`: the probability that this one is preferred to the other."""
    if len(files.paths) != 2:
        raise ValueError(f"Expected two photos. Received: {len(files.paths)}")
    value = client.preference(*files)
    values = (None, None) if value is None else (value, 1 - value)
    for path, of_path in zip(files.paths, values, strict=True):
        problem = files.problem(path)
        if any(map(files.problem, files.paths)):
            problem = problem or "not compared: the other could not be read"
        yield _row(path, problem or f"one of the two is {NO_PHOTO}", preference=of_path)


def rank(client, files):
    """Rows with `rank` and `strength`."""
    ranking = client.rank(files)
    for path, *values in zip(files.paths, ranking.ranks, ranking.strengths, strict=True):
        yield _row(path, files.problem(path), rank=values[0], strength=values[1])


def _row(path, problem, **values):
    if None in values.values():
        return {"photo": str(path), "error": problem or NO_PHOTO}
    return {"photo": str(path), **values}


_COMMANDS = {"score": score, "preference": preference, "rank": rank}


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    options = parse(arguments)
    # Read by TensorFlow when it is imported; its remarks on the processor help nobody here.
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


def _server(options):
    fields = [field.name for field in dataclasses.fields(Server)]
    return Server(**{name: getattr(options, name) for name in fields})


def _ask(server, options):
    """Rows for all photos, and the failure that left some or all without an answer, if any."""
    request_bytes = int(options.request_megabytes * MEGABYTE)
    files = PhotoFiles(find_photos(options.photos), request_bytes)
    rows, failure = [], None
    with Client(server, options.retries, options.batch_size, request_bytes) as client:
        try:
            rows.extend(_COMMANDS[options.command](client, files))
        except PredictionError as error:
            failure = error
    if all(map(files.problem, files.paths)):
        failure = "Expected a photo that can be read. Received: none"
    unanswered = files.paths[len(rows) :]
    rows += [{"photo": str(path), "error": reports.NOT_ANSWERED} for path in unanswered]
    return rows, failure


def parse(arguments=None):
    """The options of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.client",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("score", "each photo by itself: P(it is preferred to the model's reference)"),
        ("preference", "two photos: P(the one is preferred to the other)"),
        ("rank", "the photos of one series, compared with one another"),
    ):
        command = commands.add_parser(name, help=text, description=text, parents=[_common()])
        command.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo or a folder")
    return parser.parse_args(arguments)


def _common():
    common = argparse.ArgumentParser(add_help=False)
    add = common.add_argument
    standard = f"localhost:{PORTS['grpc']}, with --protocol=rest localhost:{PORTS['rest']}"
    add("--address", metavar="HOST:PORT", help=f"default: {standard}")
    add("--protocol", choices=sorted(PORTS), default="grpc", help="default: grpc")
    add("--model", default=Server.model, help=f"name of the model; default: {Server.model}")
    which = common.add_mutually_exclusive_group()
    which.add_argument("--version", type=_whole(1), help="default: the greatest that is served")
    which.add_argument("--label", help="label of the version, as stable")
    add("--timeout", type=_positive, default=60.0, help="seconds for each attempt; default: 60")
    add("--retries", type=_whole(0), default=3, help="attempts after the first; default: 3")
    add("--batch_size", type=_whole(1), default=32, help="photos in a request; default: 32")
    add("--request_megabytes", type=_positive, default=256.0, help="of photos; default: 256")
    add("--json", action="store_true", help="JSON, in the order given, instead of a table")
    return common


def _whole(least):
    def whole_number(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"Expected a whole number of at least {least}. Received: {text!r}"
            )
        return int(text)

    return whole_number


def _positive(text):
    try:
        if float(text) > 0:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"Expected a number above 0. Received: {text!r}")


if __name__ == "__main__":
    sys.exit(main())
