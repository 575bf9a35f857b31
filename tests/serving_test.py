"""Tests of the TensorFlow Serving client against a stand-in server with a real export.

Over gRPC and REST they cover answers and broken photos, batching, retries and timeouts, errors,
versions and labels, and the command line with its tables, JSON and exit codes. With
TF_MODEL_SERVER=/path/to/tensorflow_model_server, the tests of answers and of unknown models,
versions and labels run against that server as well.
"""

import base64
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import requests
import tensorflow as tf
from PIL import Image

from keras_series.photos import Reason
from serving import client as client_module
from serving import reports, transports
from serving.client import Client, main
from serving.transports import PredictionError, Server, with_retries
from tests.model_server import ModelServer
from tests.shared_export import shared_export

PROTOCOLS = ["grpc", "rest"]
BROKEN = b"<html>no photo</html>"
BROKEN_JPEG = b"\xff\xd8\xff no photo"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return shared_export(tmp_path_factory).parent


@pytest.fixture(scope="module")
def loaded(base):
    return tf.saved_model.load(base / "1")


@pytest.fixture(scope="module")
def stand_in(loaded):
    versions = {1: loaded.signatures, 2: loaded.signatures}
    with ModelServer(versions, labels={"stable": 1}) as server:
        yield server


@pytest.fixture
def server(stand_in):
    stand_in.forget()
    return stand_in


@pytest.fixture(scope="module")
def model_server(base, tmp_path_factory):
    """The addresses of a real server."""
    binary = os.environ.get("TF_MODEL_SERVER")
    if not binary:
        pytest.skip("needs TF_MODEL_SERVER, a tensorflow_model_server")
    addresses = dict(zip(PROTOCOLS, free_addresses(), strict=True))
    process = subprocess.Popen([binary, *model_server_flags(base, addresses, tmp_path_factory)])
    try:
        wait_for(f"http://{addresses['rest']}/v1/models/keras_series", process)
        yield addresses
    finally:
        process.terminate()
        process.wait()


def model_server_flags(base, addresses, tmp_path_factory):
    folder = pathlib.Path(client_module.__file__).parent
    config = (folder / "models.config").read_text().replace("/models/keras_series", str(base))
    models = tmp_path_factory.mktemp("config") / "models.config"
    models.write_text(config)
    ports = {protocol: address.split(":")[1] for protocol, address in addresses.items()}
    return [
        f"--port={ports['grpc']}",
        f"--rest_api_port={ports['rest']}",
        f"--model_config_file={models}",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        f"--batching_parameters_file={folder / 'batching.config'}",
        f"--monitoring_config_file={folder / 'monitoring.config'}",
    ]


def wait_for(url, process, seconds=60):
    for _ in range(seconds * 10):
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.ConnectionError:
            pass
        assert process.poll() is None
        time.sleep(0.1)
    raise TimeoutError(url)


def free_addresses():
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("localhost", 0))
        return [f"localhost:{each.getsockname()[1]}" for each in (one, other)]


@pytest.fixture(params=["stand_in", "model_server"])
def addresses(request):
    found = request.getfixturevalue(request.param)
    return found.addresses if request.param == "stand_in" else found


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return request.param


@pytest.fixture
def client(addresses, protocol):
    with Client(Server(addresses[protocol], protocol, label="stable")) as client:
        yield client


def connect(server, protocol, **options):
    names = ("model", "version", "label", "timeout")
    asked = {name: options.pop(name) for name in names if name in options}
    return Client(Server(server.addresses[protocol], protocol, **asked), **options)


@pytest.fixture(scope="module")
def jpegs():
    rng = np.random.default_rng(2)
    return [
        encode(rng.integers(0, 256, (height, 64, 3), dtype="uint8")) for height in range(40, 47)
    ]


def encode(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=95)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path, jpegs):
    for place, photo in enumerate(jpegs[:3]):
        (tmp_path / f"{place}.jpg").write_bytes(photo)
    return tmp_path


@pytest.fixture
def no_waiting(monkeypatch):
    waits = []
    monkeypatch.setattr(transports, "sleep", waits.append)
    return waits


def signature(loaded, name, **inputs):
    outputs = loaded.signatures[name](**inputs)
    return {key: value.numpy() for key, value in outputs.items()}


# Answers.


def test_scores_are_those_of_the_export(client, loaded, jpegs):
    expected = signature(loaded, "score", photo_bytes=tf.constant(jpegs))["score"]
    np.testing.assert_allclose(client.score(jpegs), expected, atol=1e-6)
    assert np.ptp(expected) > 1e-4


def test_preference_is_that_of_the_export(client, loaded, jpegs):
    pair = {"photo_a_bytes": tf.constant(jpegs[:1]), "photo_b_bytes": tf.constant(jpegs[1:2])}
    expected = signature(loaded, "preference", **pair)["preference"]
    np.testing.assert_allclose(client.preference(*jpegs[:2]), expected[0], atol=1e-6)


def test_ranking_is_that_of_the_export(client, loaded, jpegs):
    counts = tf.constant([len(jpegs)])
    expected = signature(loaded, "rank", photo_bytes=tf.constant([jpegs]), photo_count=counts)
    ranking = client.rank(jpegs)
    assert ranking.ranks == expected["rank"][0].tolist()
    np.testing.assert_allclose(ranking.strengths, expected["strength"][0], atol=1e-5)


def test_broken_photos_leave_the_others_alone(client, jpegs):
    photos = [jpegs[0], BROKEN, b"", jpegs[1]]
    scores = client.score(photos)
    assert scores[1:3] == [None, None]
    np.testing.assert_allclose([scores[0], scores[3]], client.score(jpegs[:2]), atol=1e-6)
    assert client.preference(jpegs[0], BROKEN) is None
    ranking = client.rank(photos)
    assert [rank is None for rank in ranking.ranks] == [False, True, True, False]
    assert sorted(ranking.ranks[::3]) == [1, 2]


def test_bytes_of_every_value_arrive(server, protocol):
    photo = bytes(range(256)) + b"\0\0"
    with connect(server, protocol) as client:
        assert client.score([photo]) == [None]
    ((_, inputs),) = server.requests
    assert inputs["photo_bytes"].numpy().tolist() == [photo]


def post(addresses, body):
    url = f"http://{addresses['rest']}/v1/models/keras_series:predict"
    return requests.post(url, json={"signature_name": "score", **body}, timeout=10)


def as_b64(photo, encode=base64.b64encode):
    return {"b64": encode(photo).decode()}


def test_rest_takes_rows_and_columns(addresses, jpegs):
    photos = [as_b64(photo) for photo in jpegs[:2]]
    columns = post(addresses, {"inputs": {"photo_bytes": photos}}).json()["outputs"]
    rows = post(addresses, {"instances": [{"photo_bytes": photo} for photo in photos]}).json()
    assert rows["predictions"] == [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ]
    # An only input needs no name.
    assert post(addresses, {"instances": photos}).json() == rows
    assert post(addresses, {"inputs": photos}).json()["outputs"] == columns


def test_rest_takes_base64_without_padding_but_not_the_url_safe_kind(addresses, jpegs):
    photo = next(bytes(photo) for photo in jpegs if b"-" in base64.urlsafe_b64encode(photo))
    plain = as_b64(photo)
    bare = {"b64": plain["b64"].rstrip("=")}
    answers = [post(addresses, {"instances": [each]}).json() for each in (plain, bare)]
    assert answers[0]["predictions"] == answers[1]["predictions"]
    refused = post(addresses, {"instances": [as_b64(photo, base64.urlsafe_b64encode)]})
    assert refused.status_code == 400
    assert "Unable to base64 decode" in refused.json()["error"]


def test_nothing_to_score_sends_no_request(server, protocol):
    with connect(server, protocol) as client:
        assert client.score([]) == []
        assert client.score([b""]) == [None]
        assert client.rank([b""]).ranks == [None]
    assert server.requests == []


class PaddingRank:
    """A `rank` in whose batch is a longer series of somebody else."""

    structured_input_signature = (
        (),
        {
            "photo_bytes": tf.TensorSpec([None, None], tf.string),
            "photo_count": tf.TensorSpec([None], tf.int32),
        },
    )

    def __call__(self, photo_bytes, photo_count):
        return {
            "rank": tf.constant([[2, 1, 0, 0]]),
            "strength": tf.constant([[-0.5, 0.5, 0.0, 0.0]]),
            "valid": tf.constant([[True, True, False, False]]),
        }


def test_padding_by_the_server_is_cut(jpegs, protocol):
    with ModelServer({1: {"rank": PaddingRank()}}) as server, connect(server, protocol) as client:
        assert client.rank([jpegs[0], b"", jpegs[1]]).ranks == [2, None, 1]


# Requests.


def sizes(server):
    return [len(inputs["photo_bytes"].numpy()) for _, inputs in server.requests]


def test_photos_go_in_batches(server, protocol, jpegs):
    with connect(server, protocol, batch_size=3) as client:
        assert len(client.score(jpegs)) == 7
    assert sizes(server) == [3, 3, 1]


def test_batches_are_bounded_in_bytes(server, protocol, jpegs):
    photos = [jpegs[0]] * 4
    with connect(server, protocol, request_bytes=2 * len(jpegs[0]) + 1) as client:
        client.score(photos)
        with pytest.raises(ValueError, match=r"request_megabytes\). Received: 4 photos, 0\.0 MB"):
            client.rank(photos)
    assert sizes(server) == [2, 2]


def test_photos_are_taken_as_they_are_sent(server, jpegs):
    taken = []
    photos = (taken.append(photo) or photo for photo in jpegs)
    with connect(server, "rest", batch_size=2) as client:
        next(client.iterate_scores(photos))
    assert len(taken) == 3


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
def test_refusals_are_tried_again(server, protocol, jpegs, no_waiting, code):
    server.refusals.extend([code, code])
    with connect(server, protocol) as client:
        assert len(client.score(jpegs[:1])) == 1
    assert len(server.requests) == 3
    assert 0.1 <= no_waiting[0] <= 0.2 <= no_waiting[1] <= 0.4


def test_retries_end(server, protocol, jpegs, no_waiting):
    server.refusals.extend(["UNAVAILABLE"] * 5)
    with connect(server, protocol, retries=2) as client, pytest.raises(PredictionError) as caught:
        client.score(jpegs[:1])
    assert caught.value.code == "UNAVAILABLE"
    assert len(server.requests) == 3


def test_other_refusals_are_not_tried_again(server, protocol, jpegs, no_waiting):
    server.refusals.append("INVALID_ARGUMENT")
    with connect(server, protocol) as client, pytest.raises(PredictionError, match="by the test"):
        client.score(jpegs[:1])
    assert no_waiting == []


def test_waits_grow_to_ten_seconds(no_waiting):
    def call():
        raise PredictionError("UNAVAILABLE", "away")

    with pytest.raises(PredictionError):
        with_retries(call, 12)
    assert len(no_waiting) == 12
    assert all(
        min(0.1 * 2**n, 5) <= wait <= min(0.2 * 2**n, 10) for n, wait in enumerate(no_waiting)
    )


# Errors.


def failure(server, protocol, photos, signature="score", **options):
    with connect(server, protocol, retries=0, **options) as client:
        with pytest.raises(PredictionError) as caught:
            client._predict(signature, photo_bytes=photos)
        return caught.value


def test_no_server(protocol):
    server = Server(free_addresses()[0], protocol)
    with Client(server, retries=0) as client, pytest.raises(PredictionError) as caught:
        client.score([BROKEN])
    assert f"Expected a server at {server.address} ({protocol}). Received" in str(caught.value)
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("asked", "expected", "code"),
    [
        ({"model": "other"}, "to serve the model 'other'", "NOT_FOUND"),
        ({"version": 9}, "to serve the model 'keras_series', version 9", "NOT_FOUND"),
        ({"label": "no"}, "to serve the model 'keras_series', label 'no'", "INVALID_ARGUMENT"),
    ],
)
def test_unknown_models(addresses, protocol, asked, expected, code):
    server = Server(addresses[protocol], protocol, **asked)
    with Client(server) as client, pytest.raises(PredictionError, match=expected) as caught:
        client.score([BROKEN])
    assert caught.value.code == code
    assert "Received: " + code in str(caught.value)


def test_unknown_signature(server, protocol):
    error = failure(server, protocol, [BROKEN], signature="no_such")
    assert "Expected the model 'keras_series' to have the signature 'no_such'" in str(error)
    # The server's two front doors differ here.
    assert error.code == {"grpc": "FAILED_PRECONDITION", "rest": "INVALID_ARGUMENT"}[protocol]


def test_wrong_inputs(server, protocol):
    error = failure(server, protocol, [BROKEN], signature="preference")
    assert error.code == "INVALID_ARGUMENT"
    assert "photo_a_bytes" in str(error)


def test_timeout(server, protocol):
    server.delay = 0.5
    error = failure(server, protocol, [BROKEN], timeout=0.1)
    assert error.code == "DEADLINE_EXCEEDED"
    assert "within 0.1 s" in str(error)


def test_another_kind_of_server(server):
    somewhere = Server(server.addresses["rest"] + "/somewhere", "rest")
    with Client(somewhere) as client, pytest.raises(PredictionError, match="not JSON: '<!DOCTYPE"):
        client.score([BROKEN])


def test_versions_and_labels(server, protocol, jpegs):
    for asked in ({}, {"version": 1}, {"version": 2}, {"label": "stable"}):
        with connect(server, protocol, **asked) as client:
            assert client.score(jpegs[:1])[0] is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "http"}, 'Expected protocol to be "grpc" or "rest"'),
        ({"version": 1, "label": "stable"}, "Expected a version or a label, not both"),
    ],
)
def test_invalid_servers(options, message):
    with pytest.raises(ValueError, match=message):
        Server(**options)


def test_standard_ports():
    assert Server().address == "localhost:8500"
    assert Server(protocol="rest").address == "localhost:8501"


# The command line.


def run(server, protocol, command, *arguments):
    where = [f"--address={server.addresses[protocol]}", f"--protocol={protocol}"]
    return main([command, *map(str, arguments), *where])


def test_files_that_cannot_be_read_are_no_success(server, protocol, tmp_path, capsys):
    assert run(server, protocol, "score", tmp_path / "missing.jpg") == 1
    printed = capsys.readouterr()
    assert "missing.jpg (not found)" in printed.out
    assert "Expected at least one readable photo. Received: none" in printed.err


def test_score_table(server, protocol, folder, capsys):
    (folder / "broken.jpg").write_bytes(BROKEN_JPEG)
    (folder / "notes.txt").write_text("not a photo, and not asked for")
    assert run(server, protocol, "score", folder, folder / "missing.jpg") == 0
    printed = capsys.readouterr()
    assert f"Files skipped in '{folder}': 1 not an image (.txt)." in printed.err
    lines = printed.out.splitlines()
    assert lines[0] == " score  photo"
    scores = [float(line.split()[0]) for line in lines[1:4]]
    assert scores == sorted(scores, reverse=True)
    assert lines[4].endswith("broken.jpg (truncated)")
    assert lines[5].endswith("missing.jpg (not found)")
    assert lines[-1] == "5 photos, 2 could not be evaluated."


def test_both_protocols_print_the_same_json(server, folder, capsys):
    printed = {}
    for protocol in PROTOCOLS:
        for command in ("score", "rank"):
            assert run(server, protocol, command, folder, "--json") == 0
            report = json.loads(capsys.readouterr().out)
            assert report.pop("address") == server.addresses[protocol]
            printed.setdefault(command, []).append(report)
    for one, other in printed.values():
        assert one == other
        assert [photo["photo"] for photo in one["photos"]] == sorted(map(str, folder.iterdir()))
    assert {photo["rank"] for photo in printed["rank"][0]["photos"]} == {1, 2, 3}


def test_preferences_add_up_to_one(server, protocol, folder, capsys):
    assert run(server, protocol, "preference", folder / "0.jpg", folder / "1.jpg", "--json") == 0
    photos = json.loads(capsys.readouterr().out)["photos"]
    assert sum(photo["preference"] for photo in photos) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (BROKEN_JPEG, [r"one of the two is not a photo"] * 2),
        (BROKEN, ["not compared: the other photo could not be read", "not an image"]),
        (b"", ["not compared: the other photo could not be read", "empty"]),
    ],
)
def test_preference_with_a_broken_photo(server, folder, capsys, content, expected):
    (folder / "1.jpg").write_bytes(content)
    assert run(server, "rest", "preference", folder / "0.jpg", folder / "1.jpg", "--json") == 0
    photos = json.loads(capsys.readouterr().out)["photos"]
    assert all(text in photo["error"] for text, photo in zip(expected, photos, strict=True))


def test_what_was_answered_before_a_failure_is_printed(server, protocol, folder, capsys):
    server.refusals.extend([None, "UNAVAILABLE"])
    assert run(server, protocol, "score", folder, "--batch_size=2", "--retries=0") == 1
    out, err = capsys.readouterr()
    assert "3 photos, 0 could not be evaluated, 1 not answered." in out
    assert "error: Expected a server at" in err


def test_failure_in_json(folder, capsys):
    (address, _) = free_addresses()
    arguments = ["rank", str(folder), "--protocol=rest", f"--address={address}", "--retries=0"]
    assert main([*arguments, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert "Expected a server at" in report["error"]
    assert {photo["error"] for photo in report["photos"]} == {reports.NOT_ANSWERED}


def test_large_photos_are_not_sent(server, folder, capsys):
    (folder / "1.jpg").write_bytes(BROKEN_JPEG + bytes(1_000_000))
    assert run(server, "rest", "score", folder, "--request_megabytes=1") == 0
    assert "1.jpg (larger than 1 MB)" in capsys.readouterr().out
    assert sizes(server) == [2]


def test_folder_without_photos(tmp_path, capsys):
    assert main(["score", str(tmp_path), "--protocol=rest"]) == 1
    assert "error: Expected photos (JPEG, " in capsys.readouterr().err


def test_preference_takes_two(server, folder, capsys):
    assert run(server, "rest", "preference", folder) == 1
    assert "error: Expected two photos. Received: 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "a.jpg", "--timeout=0"], "Expected a number above 0. Received: '0'"),
        (["score", "a.jpg", "--timeout=soon"], "Expected a number above 0. Received: 'soon'"),
        (["score", "a.jpg", "--batch_size=0"], "Expected a whole number of at least 1"),
        (["score", "a.jpg", "--version=1", "--label=a"], "not allowed with argument"),
        (["sort", "a.jpg"], "invalid choice: 'sort'"),
    ],
)
def test_usage(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_rest_needs_no_tensorflow(server, folder):
    code = (
        "import sys; from serving.client import main; status = main(sys.argv[1:]); "
        "sys.exit(status or 3 * ('tensorflow' in sys.modules or 'grpc' in sys.modules))"
    )
    where = ["--protocol=rest", f"--address={server.addresses['rest']}"]
    command = [sys.executable, "-c", code, "score", str(folder), *where]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_reasons_are_those_of_the_library():
    assert {int(each): str(each) for each in Reason if each} == client_module.REASONS
