"""Fewer nodes for the same answers, which makes an export smaller and faster to load."""

from __future__ import annotations

import pathlib

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from keras_series.export.exported_model import MODEL_FILE

# Attributes of an identity that only describe it.
_DESCRIPTIONS = {"T", "_output_shapes"}


def simplify_functions(folder: pathlib.Path) -> None:
    """Makes equal operations of each function of a SavedModel one node, and removes identities.

    Operations are equal if they have the same kind, attributes and inputs. Those with a state, such
    as reading a variable, stay. Tracing makes a node for every number, conversion and result in the
    code, so that a third of the nodes can go. A loaded model has each function once more in every
    function that calls it, so these nodes are a sixth of its memory (docs/benchmarks.md). The
    fingerprint is renewed.

    Args:
        folder: Folder of a SavedModel, which is changed.
    """
    file = folder / MODEL_FILE
    saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for meta_graph in saved_model.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            _skip_identities(function)
            while repeated := _repeated_nodes(function.node_def):
                _remove(function, lambda name, first=repeated: _first(name, first), repeated)
    file.write_bytes(saved_model.SerializeToString(deterministic=True))
    write_fingerprint(str(folder))


def _skip_identities(function):
    """Lets what takes the output of an identity take its input instead."""
    sources = {
        node.name: node.input[0]
        for node in function.node_def
        if node.op == "Identity" and len(node.input) == 1 and set(node.attr) <= _DESCRIPTIONS
    }
    for name in _waited_for(function):
        sources.pop(name, None)
    _remove(function, lambda name: _source(name, sources), sources)


def _waited_for(function):
    """The names of nodes that others wait for without taking their outputs."""
    yield from function.control_ret.values()
    for node in function.node_def:
        yield from (name[1:] for name in node.input if name.startswith("^"))


def _source(name, sources):
    """An input `node:output:0`, of which the node may be an identity."""
    while (node := name.partition(":")[0]) in sources:
        name = sources[node]
    return name


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


def _first(name, repeated):
    """An input, `node:output:0` or `^node`, of which the node may repeat another one."""
    control = "^" if name.startswith("^") else ""
    node, colon, output = name.removeprefix("^").partition(":")
    return control + repeated.get(node, node) + colon + output


def _remove(function, renamed, removed):
    """Removes nodes, and renames the inputs and results that name them."""
    kept = [node for node in function.node_def if node.name not in removed]
    for node in kept:
        node.input[:] = [renamed(name) for name in node.input]
    for results in (function.ret, function.control_ret):
        # A list, since a map of protobuf may skip entries while it is changed.
        for key, name in list(results.items()):
            results[key] = renamed(name)
    del function.node_def[:]
    function.node_def.extend(kept)
