"""What is kept from one call for the next: an optimisation, which no result depends on.

A run of a traced or compiled call is kept for the backward pass that usually follows. It is a function of its
arguments, so it is found by comparing them, and not by an identity that a compiled graph could lose or mix up. What is
not found is replayed. A run is taken out when it is used; those that are never used are pushed out by later ones.

A network is kept for the next call with other values, since little has to be compiled anew for it.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine import Run
from saltation.errors import ParameterError
from saltation.model import Network, VoltageSamples
from saltation.torch.specification import Specification, value_of

CAPACITY = 16
"""Most runs, and most networks, that are kept: one for each layer of a model is enough."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A run, and what of its arguments it does not know itself."""

    specification: Specification
    measured: Mapping[str, VoltageSamples]
    run: Run


@dataclass(frozen=True, slots=True)
class Wanted:
    """Arguments and result of a run, as plain arrays: times, units and offsets of each population one after another."""

    specification: Specification
    duration: float
    values: Sequence[NDArray[Any]]
    stimulus: Sequence[NDArray[Any]]
    measured: Sequence[NDArray[Any]]
    spikes: Sequence[NDArray[Any]]


class RecentRuns:
    """A few runs, the oldest pushed out first.

    Examples
    --------
    >>> from saltation.torch.recent import RecentRuns
    >>> len(RecentRuns(capacity=4))
    0
    """

    __slots__ = ("_lock", "_runs", "capacity")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._runs: list[Kept] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._runs)

    def keep(self, kept: Kept) -> None:
        """Keep a run."""
        with self._lock:
            self._runs.append(kept)
            del self._runs[: max(0, len(self._runs) - self.capacity)]

    def take(self, wanted: Wanted) -> Run | None:
        """Take out the run of these arguments and this result, or give None."""
        with self._lock:
            # The newest first: backward goes through the layers in the opposite order.
            for i in range(len(self._runs) - 1, -1, -1):
                if _is(self._runs[i], wanted):
                    return self._runs.pop(i).run
        return None

    def clear(self) -> None:
        """Forget all runs and free their memory."""
        with self._lock:
            self._runs.clear()


class RecentNetworks:
    """The latest network of each of a few specifications, the one not used for longest pushed out first.

    Examples
    --------
    >>> from saltation.torch.recent import RecentNetworks
    >>> len(RecentNetworks(capacity=4))
    0
    """

    __slots__ = ("_lock", "_networks", "capacity")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._networks: dict[int, Network] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._networks)

    def network(self, specification: Specification, values: Sequence[NDArray[Any]]) -> Network:
        """Build a network with these values, from the latest one where there is one."""
        with self._lock:
            before = self._networks.pop(specification.key, None)
        try:
            network = specification.network(values) if before is None else specification.updated(before, values)
        except ParameterError as error:
            raise ParameterError(
                f"{error}. If this value is trained, a step carried it out of its range: train what is in seconds with "
                "a smaller learning rate (parameter_groups), and call project_() after each step"
            ) from error
        with self._lock:
            self._networks[specification.key] = network
            while len(self._networks) > self.capacity:
                del self._networks[next(iter(self._networks))]
        return network

    def clear(self) -> None:
        """Forget all networks and free their memory."""
        with self._lock:
            self._networks.clear()


def _is(kept: Kept, wanted: Wanted) -> bool:
    specification, run = wanted.specification, kept.run
    if kept.specification.key != specification.key or run.duration != wanted.duration:
        return False
    measured = [array for samples in kept.measured.values() for array in (samples.times, samples.values)]
    # Against the copies in the plan: an optimiser may since have changed the tensors in place.
    values = [value_of(run.plan, slot) for slot in specification.slots]
    return (
        _equal(_events(run, specification.inputs), wanted.stimulus)
        and _equal(_events(run, specification.spiking), wanted.spikes)
        and _equal(measured, wanted.measured)
        and _equal(values, wanted.values)
    )


def _events(run: Run, populations: Sequence[tuple[str, int]]) -> list[NDArray[Any]]:
    spikes = [run.spikes[name] for name, _ in populations]
    return [array for one in spikes for array in (one.times, one.units, one.offsets)]


def _equal(a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
