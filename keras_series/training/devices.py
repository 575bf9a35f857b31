"""Training on several devices, of one machine or of several."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator

import keras

# Where Slurm and Kubernetes (an indexed Job) say which of the processes this is.
_INDEX_VARIABLES = ("SLURM_PROCID", "JOB_COMPLETION_INDEX")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The devices that a run is spread over.

    Attributes:
        devices: String, how many devices of one machine, or `"all"`. Defaults to `None`, which
            leaves the choice to Keras; with `hosts`, all devices of all of them.
        hosts: Tuple of strings, the addresses of the processes of a run. The first one has a port,
            as `"node1:8476"`. Defaults to none, a run of one process.
        host_index: Integer, the place of this process among `hosts`. Defaults to what Slurm or
            Kubernetes says.
    """

    devices: str | None = None
    hosts: tuple[str, ...] = ()
    host_index: int | None = None

    @property
    def is_single(self) -> bool:
        """Whether the run has one process, and Keras chooses its device."""
        return self.devices is None and not self.hosts

    @property
    def count(self) -> int:
        """The number of processes."""
        return max(len(self.hosts), 1)

    @property
    def index(self) -> int:
        """The place of this process. The first one writes the folder of the run.

        Raises:
            ValueError: If it is not known, or there is no such place.
        """
        if not self.hosts:
            return 0
        found = (os.environ.get(name) for name in _INDEX_VARIABLES)
        index = self.host_index if self.host_index is not None else next(filter(None, found), None)
        if index is None or not 0 <= int(index) < self.count:
            raise ValueError(
                f"Expected --host_index from 0 to {self.count - 1}, which of --hosts this process "
                f"is. Received: {index}"
            )
        return int(index)


@contextlib.contextmanager
def distributed(cluster: Cluster, batch_size: int) -> Iterator[None]:
    """Places the models that are built in the block on several devices, by `DataParallel`.

    Each step's packs are dealt to the devices, and the loss and the statistics of batch
    normalisations are those of all packs: the result is that of one device, whatever their number.

    Args:
        cluster: `Cluster`.
        batch_size: Integer, number of packs per step, on all devices.

    Raises:
        ValueError: If Keras has another backend than JAX, there are fewer devices, or the packs of
            a step cannot be dealt to them evenly.
        ConnectionError: If another process of the run is lost.
    """
    if cluster.is_single:
        yield
        return
    if keras.backend.backend() != "jax":
        raise ValueError(
            "Expected KERAS_BACKEND=jax to train on several devices. Received: "
            f"{keras.backend.backend()}"
        )
    with _joined(cluster):
        devices = _find_devices(cluster.devices or "all", cluster.count)
        if batch_size % len(devices):
            raise ValueError(
                f"Expected --batch_size to be a multiple of the {len(devices)} devices. "
                f"Received: {batch_size}"
            )
        earlier = keras.distribution.distribution()
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        )
        try:
            yield
        finally:
            keras.distribution.set_distribution(earlier)


def _find_devices(wanted, hosts):
    found = keras.distribution.list_devices()
    count = len(found) if wanted == "all" else int(wanted) if wanted.isdecimal() else 0
    if not 1 <= count <= len(found) or (hosts > 1 and count < len(found)):
        expected = "all with --hosts" if hosts > 1 else f"all, or from 1 to {len(found)}"
        raise ValueError(f"Expected --devices to be {expected}. Received: {wanted}")
    return found[:count]


@contextlib.contextmanager
def _joined(cluster):
    """Connects the processes of a run while the block runs."""
    if not cluster.hosts:
        yield
        return
    import jax

    keras.distribution.initialize(cluster.hosts[0], cluster.count, cluster.index)
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        raise ConnectionError(
            "Expected all processes of --hosts to run. Received: one was lost "
            f"({str(error).splitlines()[0]}). The same commands go on from the last checkpoint"
        ) from error


def wait_for_all(name: str) -> None:
    """Waits until every process of a run is here.

    Args:
        name: String, name of the place.
    """
    if _process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(name)


def all_should_end(step: int) -> bool:
    """Returns whether the processes of a run were asked to end after this step.

    All processes get the same answer, whichever of them was sent SIGTERM.

    Args:
        step: Integer, the number of the step in the run, greater than that of the last call.
    """
    if _process_count() == 1:
        return False
    from jax.experimental import multihost_utils

    return multihost_utils.reached_preemption_sync_point(step)


def _process_count():
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count()
