"""An export under TensorFlow's C++ loader, which TensorFlow Serving is built around.

The server's answers, Python's on the same export and the live model's must be one.
"""

import functools
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from tests.signature_calls import (
    BATCHES,
    CALLS,
    SIGNATURES,
    Live,
    answer_all,
    check_same,
    feed,
    make_model,
    photos_from,
    save,
)

every_signature = pytest.mark.parametrize("name", SIGNATURES)


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    save(model, folder)
    return folder


@pytest.fixture(scope="module")
def exported(version):
    return tf.saved_model.load(version)


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """The compiled `loader.cc`, as a function of a model's folder and a list of requests."""
    libraries = pathlib.Path(tf.sysconfig.get_lib())
    if not shutil.which("g++"):
        pytest.skip("needs g++ to compile the loader")
    if not (libraries / "libtensorflow_cc.so.2").exists():
        pytest.skip("needs a TensorFlow that brings its C++ library, as the Linux wheels do")
    folder = tmp_path_factory.mktemp("loader")
    compile_loader(folder / "loader", libraries)
    return functools.partial(answer_all, [folder / "loader"], folder=folder)


def compile_loader(program, libraries):
    source = pathlib.Path(__file__).with_name("loader.cc")
    search = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-Wl,--no-as-needed"]
    names = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    command = ["g++", *tf.sysconfig.get_compile_flags(), source, "-o", program, *search, *names]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def answers(loader, version):
    responses = loader(version, [(name, feed(name, *batch)) for name, *batch in CALLS])
    return dict(zip(CALLS, responses, strict=True))


def test_every_signature_is_fed(exported):
    assert set(exported.signatures) == set(SIGNATURES)


@every_signature
def test_server_answers_what_python_does(answers, exported, name):
    for start, count in BATCHES:
        error, outputs = answers[name, start, count]
        assert error == ""
        inputs = {key: tf.constant(value) for key, value in feed(name, start, count).items()}
        check_same(outputs, exported.signatures[name](**inputs))


@every_signature
def test_server_answers_what_the_live_model_does(answers, model, name):
    # Keras' own convolution takes no empty batch.
    for start, count in BATCHES[1:]:
        expected = SIGNATURES[name][1](Live(model), **feed(name, start, count))
        check_same(answers[name, start, count][1], expected)


@every_signature
def test_answers_are_finite_and_differ(answers, name):
    for key, value in answers[name, 0, 32][1].items():
        assert np.isfinite(value).all()
        assert value.dtype.kind != "f" or np.ptp(value) > 1e-3, key


def test_wrong_requests_fail_alone(loader, version):
    right = ("score", feed("score", 0, 2))
    unknown = ("scores", feed("score", 0, 2))
    misnamed = ("score", {"photos": photos_from(0, 2)})
    mistyped = ("score", {"photo_bytes": np.zeros(2, np.float32)})
    errors, outputs = zip(*loader(version, [unknown, misnamed, mistyped, right]), strict=True)
    assert "Received: scores" in errors[0]
    assert "photo_bytes" in errors[1]
    assert all(errors[:3])
    assert errors[3] == ""
    assert outputs[3]["valid"].tolist() == [True, False]


def test_loader_has_no_xla(loader, tmp_path):
    """Else an export that asks for XLA would pass here and fail on a stock server."""
    module = tf.Module()
    double = tf.function(lambda number: 2 * number, jit_compile=True, autograph=False)
    module.double = double
    signature = double.get_concrete_function(tf.TensorSpec([None], tf.float32, name="number"))
    tf.saved_model.save(module, tmp_path, signatures={"double": signature})
    error, _ = loader(tmp_path, [("double", {"number": np.ones(2, np.float32)})])[0]
    assert "XLA" in error
