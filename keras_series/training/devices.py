"""Training on several devices of one machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def distributed(devices: str | None, batch_size: int) -> Iterator[None]:
    """Places the models that are built in the block on several devices, by `DataParallel`.

    Each step's packs are dealt to the devices, and the loss and the statistics of batch
    normalisations are those of all packs: the result is that of one device, whatever their number.

    Args:
        devices: String, the number of devices, or `"all"`. `None` leaves all as it is.
        batch_size: Integer, number of packs per step.

    Raises:
        ValueError: If Keras has another backend than JAX, there are fewer devices, or the packs of
            a step cannot be dealt to them evenly.
    """
    if devices is None:
        yield
        return
    if keras.backend.backend() != "jax":
        raise ValueError(
            "Expected KERAS_BACKEND=jax to train on several devices. Received: "
            f"{keras.backend.backend()}"
        )
    found = keras.distribution.list_devices()
    count = len(found) if devices == "all" else int(devices) if devices.isdecimal() else 0
    if not 1 <= count <= len(found):
        raise ValueError(
            f"Expected --devices to be all, or from 1 to {len(found)}. Received: {devices}"
        )
    if batch_size % count:
        raise ValueError(
            f"Expected --batch_size to be a multiple of the {count} devices. Received: {batch_size}"
        )
    earlier = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=found[:count]))
    try:
        yield
    finally:
        keras.distribution.set_distribution(earlier)
