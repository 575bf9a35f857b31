"""One node for equal operations of a function, which makes an export smaller and faster to load."""

from __future__ import annotations

import pathlib

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from keras_series.export.exported_model import MODEL_FILE


def eliminate_common_subexpressions(folder: pathlib.Path) -> None:
    """Makes equal operations of each function of a SavedModel one node, and renews its fingerprint.

    Operations are equal if they have the same kind, attributes and inputs. Those with a state, such
    as reading a variable, stay. Tracing makes a node for every number and every conversion in the
    code, so that more than a quarter of the nodes repeat another. A loaded model has each function
    once more in every function that calls it, so they are an eighth of its memory
    (docs/benchmarks.md).

    Args:
        folder: Folder of a SavedModel, which is changed.
    """
    file = folder / MODEL_FILE
    saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for meta_graph in saved_model.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            while repeated := _repeated_nodes(function.node_def):
                _replace(function, repeated)
    file.write_bytes(saved_model.SerializeToString(deterministic=True))
    write_fingerprint(str(folder))


def _repeated_nodes(nodes):
    """The names of nodes that repeat another, and the names of those that they repeat."""
    first, repeated = {}, {}
    for node in nodes:
        op = op_def_registry.get(node.op)
        if op is None or op.is_stateful:
            continue
        name = first.setdefault(_meaning(node), node.name)
        if name != node.name:
            repeated[node.name] = name
    return repeated


def _meaning(node):
    """All of a node but its name."""
    unnamed = type(node)(op=node.op, input=node.input, device=node.device, attr=node.attr)
    return unnamed.SerializeToString(deterministic=True)


def _replace(function, repeated):
    kept = [node for node in function.node_def if node.name not in repeated]
    for node in kept:
        node.input[:] = [_renamed(name, repeated) for name in node.input]
    for results in (function.ret, function.control_ret):
        for key, name in results.items():
            results[key] = _renamed(name, repeated)
    del function.node_def[:]
    function.node_def.extend(kept)


def _renamed(name, repeated):
    """An input, `node:output:0` or `^node`, of which the node may repeat another one."""
    control = "^" if name.startswith("^") else ""
    node, colon, output = name.removeprefix("^").partition(":")
    return control + repeated.get(node, node) + colon + output
