"""Constants of an export: one node for equal ones, the same answers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_series.export.shared_constants import share_constants
from tests.shared_export import shared_export


class Repetitive(tf.Module):
    """Functions in which constants repeat in inputs, control inputs, branches and results."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)], autograph=False)
    def counted(self, number):
        one, same = tf.constant(1), tf.constant(1)
        with tf.control_dependencies([same]):
            total = number + one + same
        total = tf.cond(number > 2, lambda: total + 5 + 5, lambda: total - 5 - 5)
        # The same bytes as 1 of another type, and the same number in another shape.
        other_type = tf.bitcast(tf.constant(1, tf.uint32), tf.int32)
        return total + other_type + tf.constant([1]), tf.constant(7), tf.constant(7)

    @tf.function(input_signature=[tf.TensorSpec([3], tf.string)], autograph=False)
    def joined(self, texts):
        return tf.strings.join([texts[0], "a", texts[1], "a", texts[2], "b"])


@pytest.fixture
def folder(tmp_path):
    module = Repetitive()
    tf.saved_model.save(module, str(tmp_path / "1"), {"counted": module.counted})
    return tmp_path / "1"


def most_repetitions(folder):
    """How many constants repeat another of their function, in the function that has most."""
    content = (folder / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    return max(_repetitions(function) for function in graph.library.function)


def _repetitions(function):
    tensors = [node.attr["value"].tensor for node in function.node_def if node.op == "Const"]
    arrays = [(tensor.dtype, tf.make_ndarray(tensor)) for tensor in tensors]
    return len(arrays) - len({(kind, a.shape, str(a.tolist())) for kind, a in arrays})


def test_equal_constants_become_one_node(folder):
    assert most_repetitions(folder) > 1
    share_constants(folder)
    assert most_repetitions(folder) == 0


def test_an_export_has_no_equal_constants(tmp_path_factory):
    assert most_repetitions(shared_export(tmp_path_factory)) == 0


@pytest.mark.parametrize("number", [0, 5])
def test_the_answers_stay(folder, number):
    share_constants(folder)
    loaded = tf.saved_model.load(str(folder))
    expected = number + 2 + (10 if number > 2 else -10) + 1 + 1
    outputs = loaded.counted(tf.constant(number))
    assert [np.asarray(output).tolist() for output in outputs] == [[expected], 7, 7]
    served = loaded.signatures["counted"](tf.constant(number))
    assert served["output_0"].numpy().tolist() == [expected]
    assert loaded.joined(tf.constant(["x", "y", "z"])).numpy() == b"xayazb"


def test_the_answers_stay_in_a_session(folder):
    share_constants(folder)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = meta_graph.signature_def["counted"]
        answer = session.run(
            signature.outputs["output_0"].name, {signature.inputs["number"].name: 5}
        )
    assert answer.tolist() == [19]


def test_the_fingerprint_is_that_of_the_changed_model(folder):
    read = tf.saved_model.experimental.read_fingerprint
    before = read(str(folder))
    share_constants(folder)
    after = read(str(folder))
    assert after.saved_model_checksum != before.saved_model_checksum
    assert after.signature_def_hash == before.signature_def_hash
    assert after.checkpoint_hash == before.checkpoint_hash
    share_constants(folder)
    assert read(str(folder)).saved_model_checksum == after.saved_model_checksum
