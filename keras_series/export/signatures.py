"""The signatures of an exported model.

The endpoints, the golden cases, `model.json` and the table in docs/pipelines.md are made from
`SIGNATURES`. To add a signature, add a row here, a method to `ServingModule`, and its expected
outputs to `golden_cases`. `python -m keras_series.export.signatures` prints the table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output of a signature.

    Attributes:
        dtype: String, the name of a TensorFlow type.
        shape: Tuple of axes. `"B"` is the batch, `"N"` the photos of a series, `"H"` and `"W"` are
            height and width in pixels, `"S"` is the side of the network's input, `"E"` is the size
            of an embedding; an integer is a fixed size.
        meaning: String, what the values mean. May be empty.
    """

    dtype: str
    shape: tuple[str | int, ...]
    meaning: str = ""

    def spec(self, sizes: Mapping[str, int], name: str | None = None) -> tf.TensorSpec:
        """Returns the `tf.TensorSpec`.

        Args:
            sizes: The sizes of the axes `"E"` and `"S"`. The other named axes have any size.
            name: String, name of the input or output. Defaults to none.
        """
        shape = [axis if isinstance(axis, int) else sizes.get(axis) for axis in self.shape]
        return tf.TensorSpec(shape, self.dtype, name=name)

    def __str__(self):
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function of an exported model.

    Attributes:
        name: String.
        inputs: Dictionary of `Tensor` by name.
        outputs: Dictionary of `Tensor` by name.
    """

    name: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    def describe(self, sizes: Mapping[str, int]) -> dict[str, dict[str, str]]:
        """Returns the inputs and outputs with TensorFlow's types and shapes, as texts.

        Args:
            sizes: The sizes of the axes `"E"` and `"S"`.

        Example:

        >>> SIGNATURES["score_pixels"].describe({"E": 128, "S": 224})
        {'inputs': {'photo': 'uint8 [None, None, None, 3]'}, 'outputs': {'score': 'float32 [None]'}}
        """
        return {
            side: {name: _spec_text(tensor.spec(sizes)) for name, tensor in tensors.items()}
            for side, tensors in (("inputs", self.inputs), ("outputs", self.outputs))
        }


_PHOTOS = Tensor("string", ("B",))
_PIXELS = Tensor("uint8", ("B", "H", "W", 3))
_EMBEDDINGS = Tensor("float32", ("B", "E"))
_VALID = Tensor("bool", ("B",))
_REASON = Tensor("int32", ("B",))
_STATE = {"valid": _VALID, "reason": _REASON}
_SCORE = Tensor("float32", ("B",), "P(preferred to the mean training photo)")
_PREFERENCE = Tensor("float32", ("B",), "P(a is preferred to b)")

_SIGNATURES = (
    Signature(
        "preference",
        {"photo_a_bytes": _PHOTOS, "photo_b_bytes": _PHOTOS},
        {"preference": _PREFERENCE, **_STATE},
    ),
    Signature("score", {"photo_bytes": _PHOTOS}, {"score": _SCORE, **_STATE}),
    Signature(
        "rank",
        {
            "photo_bytes": Tensor("string", ("B", "N")),
            "photo_count": Tensor("int32", ("B",), "photos of each series, the rest is padding"),
        },
        {
            "preference": Tensor("float32", ("B", "N", "N"), "P(row is preferred to column)"),
            "strength": Tensor("float32", ("B", "N"), "Bradley-Terry log-odds"),
            "rank": Tensor("int32", ("B", "N"), "1 is best, 0 past the count"),
            "valid": Tensor("bool", ("B", "N")),
            "reason": Tensor("int32", ("B", "N")),
        },
    ),
    Signature(
        "embed",
        {"photo_bytes": _PHOTOS},
        {"embedding": _EMBEDDINGS, **_STATE},
    ),
    Signature(
        "score_and_embed",
        {"photo_bytes": _PHOTOS},
        {"score": _SCORE, "embedding": _EMBEDDINGS, **_STATE},
    ),
    Signature(
        "compare",
        {"embedding_a": _EMBEDDINGS, "embedding_b": _EMBEDDINGS},
        {"preference": _PREFERENCE},
    ),
    Signature("score_pixels", {"photo": _PIXELS}, {"score": _SCORE}),
    Signature(
        "preference_pixels",
        {"photo_a": _PIXELS, "photo_b": _PIXELS},
        {"preference": _PREFERENCE},
    ),
    Signature(
        "embed_pixels",
        {"photo": Tensor("float32", ("B", "S", "S", 3), "RGB 0-255, resized as in training")},
        {"embedding": _EMBEDDINGS},
    ),
)
# What a server runs for a request that names no signature.
DEFAULT = "serving_default"
SIGNATURES = {DEFAULT: dataclasses.replace(_SIGNATURES[0], name=DEFAULT)} | {
    signature.name: signature for signature in _SIGNATURES
}


def markdown_table() -> str:
    """Returns the signatures as the Markdown table of docs/pipelines.md."""
    lines = ["| signature | inputs | outputs |", "|---|---|---|"]
    for signature in _SIGNATURES:
        title = f"`{signature.name}`"
        if signature.name == "preference":
            title += f" (also `{DEFAULT}`)"
        sides = (_cells(tensors) for tensors in (signature.inputs, signature.outputs))
        lines.append(f"| {title} | {' | '.join(sides)} |")
    return "\n".join(lines)


def _cells(tensors):
    parts = []
    for name, tensor in tensors.items():
        meaning = f", {tensor.meaning}" if tensor.meaning else ""
        parts.append(f"`{name}`: {tensor}{meaning}")
    return "; ".join(parts)


def _spec_text(spec):
    return f"{spec.dtype.name} {spec.shape.as_list()}"


if __name__ == "__main__":
    print(markdown_table())
