"""The local server of the review page: what it shows, saves and refuses."""

import concurrent.futures
import contextlib
import http.client
import json
import multiprocessing
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse

import pytest

from keras_series.ranking.results import SERIES, RankedPhoto, RankedSeries
from keras_series.ranking.review_app import MOST_BYTES, Review
from keras_series.ranking.saved_choices import SavedChoices
from keras_series.ranking.server import ReviewServer
from tests.drawn_photos import draw_photo, encode
from tests.review_trips import (
    FakeDifferences,
    current,
    draw_trip,
    open_browser,
    press,
    serious_findings,
    wait_until,
    watched_page,
)

pytest.importorskip("flask")
pytest.importorskip("waitress")
LINKED, OUTSIDE = 22, 23


class Client:
    """Sends requests to a server as a program would, with any header."""

    def __init__(self, server):
        self.url = urllib.parse.urlsplit(server.address)
        self.origin = f"http://{self.url.netloc}"

    def send(self, method, path="", body=None, whole_path=None, **headers):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=20)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, whole_path or self.url.path + path, body, headers)
        response = connection.getresponse()
        response.content = response.read()
        connection.close()
        return response

    def status(self, *args, **kwargs):
        return self.send(*args, **kwargs).status

    def choose(self, changes, **headers):
        body = changes if isinstance(changes, bytes) else json.dumps({"changes": changes})
        usual = {"Origin": self.origin, "Content_Type": "application/json"}
        return self.status("POST", "choices", body, **{**usual, **headers})


def make_review(folder):
    """A trip, with a photo that is a link out of it, and one that lies elsewhere."""
    trip = folder / "trip"
    trip.mkdir()
    series = draw_trip(trip)
    outside = folder / "secret.jpg"
    outside.write_bytes(encode(draw_photo(), "JPEG"))
    (trip / "link.jpg").symlink_to(outside)
    others = tuple(RankedPhoto(path, 0.5) for path in (trip / "link.jpg", outside))
    series.append(RankedSeries("others", SERIES, others))
    uris = [photo.path.resolve().as_uri() for one in series for photo in one.photos]
    choices = SavedChoices(folder / "choices.json", uris)
    return Review(series, [trip], choices, pathlib.Path.read_bytes)


@contextlib.contextmanager
def running(review):
    server = ReviewServer(review)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A client of a server that no test may change, which is checked at the end."""
    folder = tmp_path_factory.mktemp("attacked")
    with running(make_review(folder)) as server:
        yield Client(server)
    assert not (folder / "choices.json").exists()


@pytest.fixture
def review(tmp_path):
    return make_review(tmp_path)


@pytest.fixture
def server(review):
    with running(review) as started:
        yield started


@pytest.fixture
def client(server):
    return Client(server)


def saved(tmp_path):
    return json.loads((tmp_path / "choices.json").read_text(encoding="utf-8"))


def test_photos_at_both_sizes(client, review):
    full = client.send("GET", "photos/0")
    assert full.content == review.photos[0].path.read_bytes()
    assert full.getheader("Content-Type") == "image/jpeg"
    small = client.send("GET", "photos/0/small")
    assert small.content[:2] == b"\xff\xd8"
    assert small.content != full.content


def test_converted_photos(client, review):
    png = encode(draw_photo(), "PNG")
    object.__setattr__(review, "read_photo", lambda path: png)
    assert client.send("GET", "photos/0").getheader("Content-Type") == "image/png"
    object.__setattr__(review, "read_photo", lambda path: b"<html>")
    assert client.status("GET", "photos/0") == 404


def test_differences_are_of_listed_photos(client, review):
    assert client.status("GET", "differences/0/1") == 404
    differences = FakeDifferences()
    object.__setattr__(review, "differences", differences)
    found = json.loads(client.send("GET", "differences/0/1").content)
    assert found == {"side": 2, "values": [50, 50, -100, -100], "covers": "crop"}
    for path in (f"0/{LINKED}", f"{OUTSIDE}/0", "0/99", "0/-1", "0"):
        assert client.status("GET", f"differences/{path}") == 404


def test_choices_are_saved_as_they_are_made(client, review, tmp_path):
    assert client.choose([{"photo": 1, "choice": "keep", "stars": 4}]) == 204
    assert client.choose([{"photo": 2, "choice": "skip", "stars": None}]) == 204
    assert client.choose([{"photo": 1, "choice": None, "stars": None}]) == 204
    uri = review.photos[2].path.resolve().as_uri()
    assert saved(tmp_path) == {
        "format": "keras-series choices", "version": 1,
        "choices": [{"uri": uri, "choice": "skip", "stars": None}],
    }  # fmt: skip
    assert uri in client.send("GET").content.decode()


def test_earlier_choices_are_kept(review, tmp_path):
    elsewhere = {"uri": "file:///other.jpg", "choice": "keep", "stars": 1}
    uris = [photo.path.resolve().as_uri() for photo in review.photos]
    content = {"format": "keras-series choices", "version": 1, "choices": [elsewhere]}
    (tmp_path / "choices.json").write_text(json.dumps(content))
    choices = SavedChoices(tmp_path / "choices.json", uris)
    choices.update([{"photo": 0, "choice": "keep", "stars": None}])
    assert [each["uri"] for each in saved(tmp_path)["choices"]] == [elsewhere["uri"], uris[0]]
    assert [each["uri"] for each in choices.of_photos()] == [uris[0]]


def test_choices_of_two_servers_are_kept(tmp_path):
    a, b = (SavedChoices(tmp_path / "choices.json", [f"file:///{name}.jpg"]) for name in "ab")
    for choices in (a, b, a):
        choices.update([{"photo": 0, "choice": "keep", "stars": None}])
    assert sorted(each["uri"] for each in saved(tmp_path)["choices"]) == [
        "file:///a.jpg", "file:///b.jpg",
    ]  # fmt: skip
    (tmp_path / "choices.json").unlink()
    b.update([{"photo": 0, "choice": "skip", "stars": None}])
    assert len(saved(tmp_path)["choices"]) == 2


def _choose(path, name):
    choices = SavedChoices(path, [f"file:///{name}{number}.jpg" for number in range(40)])
    for number in range(40):
        choices.update([{"photo": number, "choice": "keep", "stars": None}])


def test_choices_of_two_processes_at_once_are_kept(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_choose, args=(tmp_path / "choices.json", name)) for name in "ab"
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(saved(tmp_path)["choices"]) == 80


def test_a_choice_has_the_other_files_of_the_shot(tmp_path):
    others = {"other_files": ["file:///a.CR3"], "copies": ["file:///b.jpg"]}
    for _ in range(2):  # The second time, what the file says is kept.
        choices = SavedChoices(tmp_path / "choices.json", ["file:///a.jpg"], [others])
        choices.update([{"photo": 0, "choice": "keep", "stars": 2}])
        expected = {"uri": "file:///a.jpg", "choice": "keep", "stars": 2, **others}
        assert saved(tmp_path)["choices"] == [expected]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "x", "version": 1}', "\0"])
def test_another_file_is_not_overwritten(tmp_path, content):
    (tmp_path / "notes.json").write_text(content)
    with pytest.raises(ValueError, match="Expected a file of choices or none at"):
        SavedChoices(tmp_path / "notes.json", [])


@pytest.mark.parametrize(
    "changes",
    [
        None, {}, [None], [{"photo": 0}], [{"photo": -1, "choice": None, "stars": None}],
        [{"photo": 99, "choice": None, "stars": None}],
        [{"photo": True, "choice": None, "stars": None}],
        [{"photo": 0, "choice": "reject", "stars": None}],
        [{"photo": 0, "choice": [], "stars": None}],
        [{"photo": 0, "choice": "keep", "stars": 6}],
        [{"photo": 0, "choice": "keep", "stars": True}],
        [{"photo": 0, "choice": "keep", "stars": 1.5}],
        [{"photo": 0, "choice": "keep", "stars": 1}, {"photo": "0"}],
        b"no JSON", b"\xff", b"[" * 100000, b"",
    ],
)  # fmt: skip
def test_other_changes_are_refused(attacked, changes):
    assert attacked.choose(changes) == 400


@pytest.mark.parametrize(
    "path",
    [
        "photos/../../../etc/passwd", "photos/..%2f..%2fetc%2fpasswd", "photos/%2e%2e/0",
        "../../../../etc/passwd", "photos//etc/passwd", "photos/0/../../../x", "photos/-1",
        "photos/99", "photos/00000000000000000000099", "photos/0.jpg", "photos/\\..\\..\\x",
        "photos/0%00", "page.js", "static/x", f"photos/{LINKED}", f"photos/{OUTSIDE}",
        f"photos/{LINKED}/small", f"photos/{OUTSIDE}/small", "photos/4/small",
    ],
)  # fmt: skip
def test_nothing_else_is_shown(attacked, path):
    response = attacked.send("GET", path)
    assert response.status == 404
    assert response.content in (b"NOT FOUND", b"Not Found")


def test_a_photo_that_becomes_a_link_is_not_shown(client, review, tmp_path):
    assert client.status("GET", "photos/0") == 200
    review.photos[0].path.unlink()
    review.photos[0].path.symlink_to(tmp_path / "secret.jpg")
    assert client.status("GET", "photos/0") == 404


def test_the_token_is_needed(attacked):
    token = attacked.url.path
    for path in (
        "/",
        "/photos/0",
        "/" + ("y" if token[1] == "x" else "x") + token[2:],
        token[:-2] + "/",
        token.upper(),
        "//",
        "/%ff/",
    ):
        assert attacked.status("GET", whole_path=path) == 404
    assert len(token) > 30


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example", "[::1]"]
)
def test_other_hosts_are_refused(attacked, host):
    port = attacked.url.port
    for name in (host, f"evil.example:{port}"):
        response = attacked.send("GET", Host=name)
        assert response.status == 403
        assert response.content == b"Forbidden"
    assert attacked.status("GET", Host=f"localhost:{port}") == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"},
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
    ],
)  # fmt: skip
def test_writes_of_other_sites_are_refused(attacked, headers):
    change = [{"photo": 0, "choice": "keep", "stars": None}]
    assert attacked.choose(change, **headers) == 403


def test_writes_need_an_origin_and_json(attacked):
    body = json.dumps({"changes": [{"photo": 0, "choice": "keep", "stars": None}]})
    assert attacked.status("POST", "choices", body, Content_Type="application/json") == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert attacked.choose(body.encode(), Content_Type=kind) == 415


def test_other_sites_cannot_embed_photos(attacked):
    assert (
        attacked.status("GET", "photos/0", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        == 403
    )
    assert attacked.status("GET", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS"])
def test_other_methods_are_refused(attacked, method):
    assert attacked.status(method) in (403, 405)


@pytest.mark.parametrize("path", ["", "photos/0", "photos/99", "choices"])
def test_every_answer_is_protected(attacked, path):
    response = attacked.send("GET", path)
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("X-Frame-Options") == "DENY"
    assert response.getheader("Referrer-Policy") == "no-referrer"
    policy = response.getheader("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "Server" not in response.headers
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_failure_says_nothing(client, review):
    def fail(path):
        raise RuntimeError(f"secret {path}")

    object.__setattr__(review, "read_photo", fail)
    response = client.send("GET", "photos/0")
    assert (response.status, response.content) == (500, b"Internal Server Error")


def test_huge_bodies_are_refused(attacked):
    assert attacked.choose(b" " * (MOST_BYTES + 1)) == 413
    with socket.create_connection((attacked.url.hostname, attacked.url.port), timeout=20) as raw:
        raw.sendall(
            f"POST {attacked.url.path}choices HTTP/1.1\r\nHost: {attacked.url.netloc}\r\n"
            f"Content-Length: {10**15}\r\n\r\n".encode()
        )
        assert b" 413 " in raw.recv(1000)


def test_a_body_without_end_is_refused(attacked):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection((attacked.url.hostname, attacked.url.port), timeout=20) as raw:
        head = f"POST {attacked.url.path}choices HTTP/1.1\r\nHost: {attacked.url.netloc}\r\n"
        raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|pipe|aborted"):
            raw.sendall(chunk * 1000)


def test_huge_headers_are_refused(attacked):
    assert attacked.status("GET", X_Large="x" * 20000) == 431


def test_a_hundred_connections_block_nobody(attacked):
    address = attacked.url.hostname, attacked.url.port
    idle = [socket.create_connection(address, timeout=20) for _ in range(100)]
    for number, connection in enumerate(idle):
        connection.sendall(b"GET / HTTP/1.1\r\nHost:"[: number % 24])
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(
            pool.map(lambda place: attacked.status("GET", f"photos/{place % 3}"), range(100))
        )
    assert statuses == [200] * 100
    for connection in idle:
        connection.close()


def test_nobody_outside_reaches_it(server):
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    port = urllib.parse.urlsplit(server.address).port
    for address in others - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=5)


def test_a_port_in_use_is_named(server, review):
    port = urllib.parse.urlsplit(server.address).port
    with pytest.raises(ValueError, match=f"Expected a free port. Received: {port}"):
        ReviewServer(review, port)


_SCRIPT = """
import pathlib, sys
from keras_series.ranking.results import RankedPhoto, RankedSeries
from keras_series.ranking.server import serve
path = pathlib.Path(sys.argv[1])
series = [RankedSeries("a", "single", (RankedPhoto(path / "a.jpg", 0.5),))]
try:
    serve(series, [path], path / "choices.json")
finally:
    print("ended")
"""


def test_ctrl_c_ends_it(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encode(draw_photo(), "JPEG"))
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, tmp_path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    line = process.stdout.readline()
    assert re.match(r"Open http://127\.0\.0\.1:\d+/[\w-]{32}/ to review", line), (
        process.stderr.read()
    )
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "ended\n")
    assert "Traceback" not in errors


@pytest.fixture(scope="module")
def browser():
    with open_browser() as started:
        yield started


def test_review_in_a_browser(browser, server, review, tmp_path):
    with watched_page(browser, server.address) as page:
        assert page.locator("#export").is_hidden()
        press(page, "ArrowRight p 5 ArrowDown x")
        wait_until(page, "document.getElementById('progress').textContent.endsWith('· saved')")
        assert [(each["choice"], each["stars"]) for each in saved(tmp_path)["choices"]] == [
            ("keep", 5), ("skip", None),
        ]  # fmt: skip
        page.reload()
        assert page.get_attribute("#photo1", "data-choice") == "keep"
        press(page, "ArrowDown z")
        wait_until(page, "document.querySelector('#panes img').naturalWidth == 600")
        press(page, "Escape")
        assert current(page) == "IMG_10.jpg"
        assert serious_findings(page) == []


def test_choices_wait_for_a_server_that_fails(browser, server, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.address)
    page.route("**/choices", lambda route: route.abort())
    press(page, "ArrowRight p")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.inner_text("#problem") == "Not saved: the server does not answer. Trying again."
    page.unroute("**/choices")
    page.wait_for_selector("#problem", state="hidden")
    assert saved(tmp_path)["choices"][0]["choice"] == "keep"
    context.close()


def test_a_page_of_another_site_changes_nothing(browser, server, tmp_path):
    """The other site even knows the token."""
    context = browser.new_context()
    page = context.new_page()
    page.route(
        "http://evil.example/", lambda route: route.fulfill(body="<p>", content_type="text/html")
    )
    page.goto("http://evil.example/")
    outcome = page.evaluate(
        """async (address) => {
            const body = JSON.stringify({changes: [{photo: 0, choice: "skip", stars: null}]});
            const json = {"Content-Type": "application/json"};
            const outcome = (address, options) =>
                fetch(address, options).then((answer) => answer.type, () => "failed");
            const post = (mode, headers) =>
                outcome(address + "choices", {method: "POST", mode, headers, body});
            const image = new Image();
            const loaded = new Promise((done) => {
                image.onload = () => done("loaded");
                image.onerror = () => done("failed");
            });
            image.src = address + "photos/0";
            return [await post("cors", json), await post("no-cors", {}), await loaded,
                    await outcome(address)];
        }""",
        server.address,
    )
    assert outcome == ["failed"] * 4
    assert not (tmp_path / "choices.json").exists()
    context.close()
