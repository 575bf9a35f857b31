"""How to train: the hyperparameters, which are also the flags of `train.py`."""

from __future__ import annotations

import dataclasses


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
    epochs: int = _option(100, "Number of epochs.", lower=1)
    pack_size: int = _option(
        32, "Number of photos in a pack. Series are never split between packs.", lower=2
    )
    batch_size: int = _option(1, "Number of packs per step.", lower=1)
    learning_rate: float = _option(
        1e-5, "Learning rate of the convolutions in the first epochs.", lower=0.0
    )
    dense_multiplier: float = _option(
        10.0,
        "Learning rate of the fully connected layers, as a multiple of --learning_rate.",
        lower=0.0,
    )
    decay_factor: float = _option(
        0.3, "Factor applied to the learning rate every --decay_epochs.", lower=0.0, upper=1.0
    )
    decay_epochs: int = _option(25, "Number of epochs between decays of the rate.", lower=1)
    momentum: float = _option(0.9, "Momentum of SGD.", lower=0.0, upper=1.0)
    weight_decay: float = _option(
        5e-4, "L2 penalty of all weights, added to the gradient as PyTorch does.", lower=0.0
    )
    seed: int = _option(0, "Seed of the initial weights and of the order of the series.", lower=0)

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
        return self.learning_rate * self.decay_factor ** (epoch // self.decay_epochs)
