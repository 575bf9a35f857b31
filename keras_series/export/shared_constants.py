"""One node for equal constants of a function, which makes an export smaller and faster to load."""

from __future__ import annotations

import pathlib

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from keras_series.export.exported_model import MODEL_FILE


def share_constants(folder: pathlib.Path) -> None:
    """Makes equal constants of each function of a SavedModel one node, and renews its fingerprint.

    Tracing makes a node for every number in the code, so that more than a fifth of the nodes repeat
    another. A loaded model has each function once more in every function that calls it, so they are
    a tenth of its memory (docs/benchmarks.md).

    Args:
        folder: Folder of a SavedModel, which is changed.
    """
    file = folder / MODEL_FILE
    saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for meta_graph in saved_model.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            _share_in_function(function)
    file.write_bytes(saved_model.SerializeToString(deterministic=True))
    write_fingerprint(str(folder))


def _share_in_function(function):
    shared = _shared_names(function.node_def)
    kept = [node for node in function.node_def if node.name not in shared]
    for node in kept:
        node.input[:] = [_renamed(name, shared) for name in node.input]
    for results in (function.ret, function.control_ret):
        for key, name in results.items():
            results[key] = _renamed(name, shared)
    del function.node_def[:]
    function.node_def.extend(kept)


def _shared_names(nodes):
    """The names of constants that repeat another, and the names of those that they repeat."""
    first, shared = {}, {}
    for node in nodes:
        # One with an input waits for another node.
        if node.op == "Const" and not node.input:
            tensor = node.attr["value"].tensor.SerializeToString(deterministic=True)
            name = first.setdefault((tensor, node.device), node.name)
            if name != node.name:
                shared[node.name] = name
    return shared


def _renamed(name, shared):
    """An input, `node:output:0` or `^node`, of which the node may be another one's repetition."""
    control = "^" if name.startswith("^") else ""
    node, colon, output = name.removeprefix("^").partition(":")
    return control + shared.get(node, node) + colon + output
