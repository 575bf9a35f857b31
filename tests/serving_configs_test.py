"""Tests of the files in `serving/` that TensorFlow Serving and Docker read.

They parse `models.config`, `batching.config` and `monitoring.config` as the server's messages,
compare the values with the client's defaults, check that the flags and mounts of
`compose.yaml` match these files, and run its health check.
"""

import pathlib
import subprocess
import types

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from serving import client
from tests.model_server import ModelServer

SERVING = pathlib.Path(client.__file__).parent
FIELD = descriptor_pb2.FieldDescriptorProto


def read(name, message):
    return text_format.Parse((SERVING / name).read_text(), message)


@pytest.fixture(scope="module")
def messages():
    """Messages that the server reads and that tensorflow-serving-api leaves out.

    Fields as in `session_bundle_config.proto` and `monitoring_config.proto`.
    """
    int64 = ".google.protobuf.Int64Value"
    file = descriptor_pb2.FileDescriptorProto(
        name="serving_configs_test.proto",
        package="serving_configs_test",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    batching = {
        "max_batch_size": int64,
        "batch_timeout_micros": int64,
        "max_enqueued_batches": int64,
        "num_batch_threads": int64,
        "thread_pool_name": ".google.protobuf.StringValue",
        "allowed_batch_sizes": [FIELD.TYPE_INT64],
        "pad_variable_length_inputs": FIELD.TYPE_BOOL,
    }
    prometheus = {"enable": FIELD.TYPE_BOOL, "path": FIELD.TYPE_STRING}
    monitoring = {"prometheus_config": ".serving_configs_test.PrometheusConfig"}
    add_message(file, "BatchingParameters", batching)
    add_message(file, "PrometheusConfig", prometheus)
    add_message(file, "MonitoringConfig", monitoring)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name], pool)
    return types.SimpleNamespace(**{key.split(".")[-1]: value for key, value in classes.items()})


def add_message(file, name, fields):
    message = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), start=1):
        options = {"label": FIELD.LABEL_OPTIONAL}
        if isinstance(kind, list):
            options, kind = {"label": FIELD.LABEL_REPEATED}, kind[0]
        if isinstance(kind, str):
            options |= {"type_name": kind}
            kind = FIELD.TYPE_MESSAGE
        message.field.add(name=field, number=number, type=kind, **options)


def test_models():
    config = read("models.config", model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("keras_series", "/models/keras_series")
    assert model.model_platform == "tensorflow"
    # A label of a version that is not loaded would be refused.
    assert set(model.version_labels) == {"stable", "canary"}
    assert set(model.version_labels.values()) <= set(model.model_version_policy.specific.versions)


def test_batching(messages):
    config = read("batching.config", messages.BatchingParameters())
    assert config.max_batch_size.value >= client.parse(["score", "a.jpg"]).batch_size
    assert config.num_batch_threads.value >= 1
    # `rank` takes series of any length.
    assert config.pad_variable_length_inputs


def test_monitoring(messages):
    config = read("monitoring.config", messages.MonitoringConfig())
    assert config.prometheus_config.enable
    assert config.prometheus_config.path == "/monitoring/prometheus/metrics"


@pytest.fixture
def service():
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((SERVING / "compose.yaml").read_text())
    return compose["services"]["keras_series"]


def test_compose_names_files_that_are_there(service):
    files = [each.split("=/config/")[1] for each in service["command"] if "=/config/" in each]
    assert files == ["models.config", "batching.config", "monitoring.config"]
    assert all((SERVING / name).is_file() for name in files)


def test_compose_mounts_what_the_models_file_reads(service):
    targets = {volume["target"]: volume for volume in service["volumes"]}
    assert set(targets) == {"/models/keras_series", "/config"}
    assert all(volume["read_only"] for volume in targets.values())
    assert service["image"] == "tensorflow/serving:2.20.0"
    assert "--allow_version_labels_for_unavailable_models=true" in service["command"]


@pytest.fixture
def deployment():
    yaml = pytest.importorskip("yaml")
    return next(yaml.safe_load_all((SERVING / "kubernetes.yaml").read_text()))


def test_kubernetes_runs_the_server_as_compose_does(service, deployment):
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == service["image"]
    assert container["args"] == service["command"]
    assert {each["name"]: each["value"] for each in container["env"]} == service["environment"]
    assert container["readinessProbe"]["exec"]["command"] == service["healthcheck"]["test"][1:]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {volume["target"] for volume in service["volumes"]}


def test_kserve_runs_the_server_as_compose_does(service):
    yaml = pytest.importorskip("yaml")
    model = yaml.safe_load((SERVING / "kserve.yaml").read_text())["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "tensorflow"}
    assert service["image"] == f"tensorflow/serving:{model['runtimeVersion']}"
    assert {each["name"]: each["value"] for each in model["env"]} == service["environment"]


@pytest.mark.parametrize(("model", "is_healthy"), [("keras_series", True), ("other", False)])
def test_health_check(service, model, is_healthy):
    marker, *command = service["healthcheck"]["test"]
    assert marker == "CMD"
    with ModelServer({1: {}}, model=model) as server:
        port = server.addresses["rest"].split(":")[1]
        command = [each.replace("8501", port) for each in command]
        assert (subprocess.run(command, timeout=10).returncode == 0) == is_healthy
