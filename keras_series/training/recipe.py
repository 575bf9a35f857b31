"""How to train: the hyperparameters, which are also the flags of `train.py`."""

from __future__ import annotations

import dataclasses
import math


def _option(default: object, help: str, **limits: object) -> dataclasses.Field:
    """A field with its help and its `options`, `lower` or `upper` bound."""
    return dataclasses.field(default=default, metadata={"help": help, **limits})


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train. The defaults are those of the code that Huang et al. released.

    `train.py` and `reproduce.py` have a flag for each field, with the help that stands here.
    """

    labels: str = _option(
        "hard",
        "Labels to train on: hard, 1 where most people prefer the first photo, else 0; or soft, "
        "the fraction of people who prefer it.",
        options=("hard", "soft"),
    )
    min_majority_share: float = _option(
        0.5,
        "Train only on pairs where at least this fraction of people prefer the same photo.",
        lower=0.5,
        upper=1.0,
    )
    augment: bool = _option(
        False,
        "Mirror half of the series and sharpen each by a random amount, all photos of a series "
        "alike.",
    )
    most_sharpening: float = _option(
        2.0, "The largest amount by which --augment sharpens a series.", lower=0.0
    )
    epochs: int = _option(100, "Number of epochs.", lower=1)
    pack_size: int = _option(
        32, "Number of photos in a pack. Series are never split between packs.", lower=2
    )
    batch_size: int = _option(1, "Number of packs per step.", lower=1)
    gradient_accumulation_steps: int = _option(
        1, "Change the weights once in so many steps, by the mean of their gradients.", lower=1
    )
    optimizer: str = _option(
        "sgd",
        "sgd, with --momentum and the rates of the authors; or adamw (Loshchilov and Hutter, ICLR "
        "2019), which suits fine-tuning, with --learning_rate for all weights.",
        options=("sgd", "adamw"),
    )
    learning_rate: float = _option(
        1e-5, "Learning rate of the convolutions in the first epochs.", lower=0.0
    )
    dense_multiplier: float = _option(
        10.0,
        "Learning rate of the fully connected layers, as a multiple of --learning_rate (sgd).",
        lower=0.0,
    )
    schedule: str = _option(
        "step",
        "How the learning rate falls: step, by --decay_factor every --decay_epochs; or cosine, "
        "from epoch to epoch towards zero.",
        options=("step", "cosine"),
    )
    decay_factor: float = _option(
        0.3, "Factor applied to the learning rate every --decay_epochs.", lower=0.0, upper=1.0
    )
    decay_epochs: int = _option(25, "Number of epochs between decays of the rate.", lower=1)
    freeze_backbone_epochs: int = _option(
        0,
        "First train only the attention units and the head for so many epochs, with "
        "--head_learning_rate, and keep the backbone as it is.",
        lower=0,
    )
    head_learning_rate: float = _option(
        1e-3, "Learning rate in the first --freeze_backbone_epochs epochs.", lower=0.0
    )
    interpolation: float = _option(
        1.0,
        "The share of the trained weights in the best model. The rest is of the weights that "
        "training started with: below 1, a fine-tuned model keeps more of what it could do before "
        "(Wortsman et al., CVPR 2022).",
        lower=0.0,
        upper=1.0,
    )
    distillation: float = _option(
        0.0,
        "With --freeze_encoder, how much the head keeps the answers that it started with: the "
        "weight in the loss of the squared difference between a pair's logits now and then (Li and "
        "Hoiem, ECCV 2016).",
        lower=0.0,
    )
    momentum: float = _option(0.9, "Momentum of SGD.", lower=0.0, upper=1.0)
    weight_decay: float = _option(
        5e-4,
        "L2 penalty of all weights, added to the gradient as PyTorch does (sgd), or applied apart "
        "from it (adamw).",
        lower=0.0,
    )
    freeze_batch_norm: bool = _option(
        False,
        "Keep the batch normalisations of the backbone as they are, as suits a pretrained backbone "
        "and small packs.",
    )
    freeze_stages: int = _option(
        0, "Keep the first stages of the backbone, so many of them, as they are.", lower=0, upper=5
    )
    freeze_encoder: bool = _option(
        False,
        "Keep the whole encoder, the attention units too, as it is. Only the head is trained. "
        "Without --augment, on one device, each photo passes the encoder once, and an epoch takes "
        "seconds.",
    )
    precision: str = _option(
        "float32",
        "In what the encoder computes: float32; or bfloat16, which is faster on processors and "
        "GPUs that have it. Weights, head and loss stay float32.",
        options=("float32", "bfloat16"),
    )
    jit_compile: str = _option(
        "auto",
        "Whether to compile the training step with XLA: on, off, or auto, as Keras decides.",
        options=("auto", "on", "off"),
    )
    cache: bool = _option(
        False,
        "Decode each photo once and keep its pixels, rounded to 8 bits, in keras_series/decoded/ "
        "of KERAS_HOME, for all epochs and later runs.",
    )
    checkpoint_minutes: float = _option(
        0.0,
        "Also write a checkpoint within an epoch whenever so many minutes have passed. 0 writes "
        "one at the end of each epoch only.",
        lower=0.0,
    )
    seed: int = _option(0, "Seed of the initial weights and of the order of the series.", lower=0)
    deterministic: bool = _option(
        False,
        "Use only operations that give the same result every time, so that two runs on the same "
        "kind of machine are equal. Some are slower.",
    )

    def __post_init__(self):
        if self.distillation and (self.augment or not self.freeze_encoder):
            raise ValueError(
                "Expected freeze_encoder, and not augment, with distillation. Received: "
                f"freeze_encoder={self.freeze_encoder}, augment={self.augment}, "
                f"distillation={self.distillation}"
            )

    def rate(self, epoch: int) -> float:
        """Returns the learning rate of an epoch.

        Args:
            epoch: Integer, counted from 0.

        Example:

        >>> from keras_series.training import Recipe
        >>> recipe = Recipe(learning_rate=0.1, decay_factor=0.5, decay_epochs=2)
        >>> [recipe.rate(epoch) for epoch in range(4)]
        [0.1, 0.1, 0.05, 0.05]
        """
        if epoch < self.freeze_backbone_epochs:
            return self.head_learning_rate
        epoch -= self.freeze_backbone_epochs
        if self.schedule == "cosine":
            share = epoch / (self.epochs - self.freeze_backbone_epochs)
            return self.learning_rate * (1 + math.cos(math.pi * share)) / 2
        return self.learning_rate * self.decay_factor ** (epoch // self.decay_epochs)
