"""An export in TensorFlow 2.20, on which the newest TensorFlow Serving is built."""

import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from keras_series.export import export
from tests.signature_calls import CALLS, SIGNATURES, answer_all, check_same, feed, make_model

pytestmark = pytest.mark.slow
REPLAY = pathlib.Path(__file__).with_name("replay.py")


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return export(make_model(), tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def python_2_20(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensorflow_2_20")
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "tensorflow==2.20.*")
    found = run(python, "-c", "import tensorflow as tf; print(tf.__version__)")
    assert found.startswith("2.20."), found
    return python


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def warm_up_requests(version):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        yield request.model_spec.signature_name or "serving_default", inputs


def check_replay(python, version, requests, folder):
    exported = tf.saved_model.load(version)
    answers = answer_all([python, REPLAY], version, requests, folder)
    for (name, inputs), (error, outputs) in zip(requests, answers, strict=True):
        assert error == ""
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        check_same(outputs, exported.signatures[name](**tensors))


def test_warm_up_answers_alike(python_2_20, version, tmp_path):
    requests = list(warm_up_requests(version))
    assert {name for name, _ in requests} == set(SIGNATURES)
    check_replay(python_2_20, version, requests, tmp_path)


def test_every_signature_answers_alike(python_2_20, version, tmp_path):
    requests = [(name, feed(name, *batch)) for name, *batch in CALLS]
    check_replay(python_2_20, version, requests, tmp_path)
