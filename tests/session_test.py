"""An export in a session, as TensorFlow Serving loads it: what its optimiser makes of it."""

import collections

import pytest
import tensorflow as tf

from keras_series.export import read_warmup
from tests.shared_export import shared_export


@pytest.fixture(scope="module")
def exported_path(tmp_path_factory):
    return shared_export(tmp_path_factory)


def optimised_operations(path, signature):
    """How often each operation stands in the graph that runs when a signature is called."""
    inputs = dict(read_warmup(path))[signature]
    options = tf.compat.v1.RunOptions(output_partition_graphs=True)
    metadata = tf.compat.v1.RunMetadata()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(path))
        definition = loaded.signature_def[signature]
        feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
        fetches = {name: tensor.name for name, tensor in definition.outputs.items()}
        session.run(fetches, feeds, options, metadata)
    graphs = metadata.partition_graphs
    bodies = [function.node_def for graph in graphs for function in graph.library.function]
    nodes = [graph.node for graph in graphs] + bodies
    return collections.Counter(node.op for each in nodes for node in each)


@pytest.fixture
def optimiser():
    """TensorFlow's optimiser, which other tests run without."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.mark.usefixtures("optimiser")
@pytest.mark.parametrize("signature", ["score_and_embed", "embed_pixels"])
def test_every_convolution_is_fused_with_what_follows(exported_path, signature):
    operations = optimised_operations(exported_path, signature)
    convolutions = {name: count for name, count in operations.items() if "Conv2D" in name}
    fused = {name: count for name, count in convolutions.items() if "Fused" in name}
    assert sum(fused.values()) >= 10
    assert convolutions == fused
