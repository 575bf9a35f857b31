"""Functions of an export: one node for equal operations, no identities, the same answers."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_series.export.simplification import simplify_functions
from tests.shared_export import shared_export


class Repetitive(tf.Module):
    """Functions in which operations repeat in inputs, control inputs, branches and results."""

    def __init__(self):
        self.calls = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)], autograph=False)
    def counted(self, number):
        one, same = tf.constant(1), tf.constant(1)
        with tf.control_dependencies([one, same]):
            total = number + one + same
        total = tf.cond(number > 2, lambda: total + 5 + 5, lambda: total - 5 - 5)
        # The same bytes as 1 of another type, and the same number in another shape.
        other_type = tf.bitcast(tf.constant(1, tf.uint32), tf.int32)
        return total + other_type + tf.constant([1]), tf.constant(7), tf.constant(7)

    @tf.function(input_signature=[tf.TensorSpec([3], tf.string)], autograph=False)
    def joined(self, texts):
        return tf.strings.join([texts[0], "a", texts[1], "a", texts[2], "b"])

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)], autograph=False)
    def chained(self, number):
        # Equal operations whose inputs are equal operations; the difference has its inputs swapped.
        def chain(a, b):
            return tf.sqrt(tf.cast(tf.cast(a, tf.int32) - tf.cast(b, tf.int32), tf.float32))

        four = tf.constant(4.0)
        return chain(number, four) + chain(number, four), chain(four, number)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)], autograph=False)
    def passed_on(self, number):
        # Identities of arguments, of each other and of results; one is waited for.
        waited_for = tf.identity(number + 1)
        with tf.control_dependencies([waited_for]):
            again = tf.identity(tf.identity(number * 2))
        return {"same": tf.identity(number), "twice": again, "more": tf.identity(again) + 1}

    @tf.function(input_signature=[], autograph=False)
    def with_state(self):
        before = self.calls.read_value()
        self.calls.assign_add(1)
        self.calls.assign_add(1)
        uniform = [tf.random.uniform([8]), tf.random.uniform([8])]
        return before, self.calls.read_value(), uniform[0] - uniform[1]


@pytest.fixture
def folder(tmp_path):
    module = Repetitive()
    names = ("counted", "chained", "passed_on", "with_state")
    functions = {name: getattr(module, name) for name in names}
    tf.saved_model.save(module, str(tmp_path / "1"), functions)
    return tmp_path / "1"


def functions_of(folder):
    content = (folder / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    return graph.library.function


def most_repetitions(folder):
    """How many constants or conversions repeat another, in the function that has most of them."""
    return max(_repetitions(function) for function in functions_of(folder))


def _repetitions(function):
    constants, casts = [], []
    for node in function.node_def:
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            array = tf.make_ndarray(tensor)
            constants.append((tensor.dtype, array.shape, str(array.tolist())))
        elif node.op == "Cast":
            casts.append((*node.input, node.attr["DstT"].type))
    return len(constants) + len(casts) - len(set(constants)) - len(set(casts))


def test_equal_operations_become_one_node(folder):
    assert most_repetitions(folder) > 1
    simplify_functions(folder)
    assert most_repetitions(folder) == 0


def test_a_chain_of_equal_operations_becomes_one(folder):
    simplify_functions(folder)
    (chained,) = [f for f in functions_of(folder) if "inference_chained" in f.signature.name]
    counts = collections.Counter(node.op for node in chained.node_def)
    assert (counts["Sub"], counts["Sqrt"], counts["AddV2"]) == (2, 2, 1)


def test_an_export_has_no_equal_operations(tmp_path_factory):
    assert most_repetitions(shared_export(tmp_path_factory)) == 0


@pytest.mark.parametrize("number", [0, 5])
def test_the_answers_stay(folder, number):
    simplify_functions(folder)
    loaded = tf.saved_model.load(str(folder))
    expected = number + 2 + (10 if number > 2 else -10) + 1 + 1
    outputs = loaded.counted(tf.constant(number))
    assert [np.asarray(output).tolist() for output in outputs] == [[expected], 7, 7]
    served = loaded.signatures["counted"](tf.constant(number))
    assert served["output_0"].numpy().tolist() == [expected]
    assert loaded.joined(tf.constant(["x", "y", "z"])).numpy() == b"xayazb"


def test_the_answers_of_a_chain_stay(folder):
    simplify_functions(folder)
    total, swapped = tf.saved_model.load(str(folder)).chained(tf.constant(13.0))
    assert total == 6
    assert np.isnan(swapped)


def test_identities_are_removed(folder):
    before = {function.signature.name: len(function.node_def) for function in functions_of(folder)}
    simplify_functions(folder)
    (passed_on,) = [f for f in functions_of(folder) if "inference_passed_on" in f.signature.name]
    identities = [node for node in passed_on.node_def if node.op == "Identity"]
    assert len(passed_on.node_def) < before[passed_on.signature.name]
    # The one that others wait for, and those that wait.
    assert all(any(name.startswith("^") for name in node.input) for node in identities[1:])
    loaded = tf.saved_model.load(str(folder))
    expected = {"same": 3.0, "twice": 6.0, "more": 7.0}
    assert {key: float(value) for key, value in loaded.passed_on(3.0).items()} == expected
    served = loaded.signatures["passed_on"](tf.constant(3.0))
    assert {key: float(value) for key, value in served.items()} == expected


def test_operations_with_state_stay(folder):
    simplify_functions(folder)
    loaded = tf.saved_model.load(str(folder))
    before, after, difference = loaded.with_state()
    assert (before, after) == (0, 2)
    assert np.abs(difference).min() > 0


def test_the_answers_stay_in_a_session(folder):
    simplify_functions(folder)
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
    simplify_functions(folder)
    after = read(str(folder))
    assert after.saved_model_checksum != before.saved_model_checksum
    assert after.signature_def_hash == before.signature_def_hash
    assert after.checkpoint_hash == before.checkpoint_hash
    simplify_functions(folder)
    assert read(str(folder)).saved_model_checksum == after.saved_model_checksum
