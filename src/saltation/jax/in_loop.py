"""A network that its backend runs as a whole: on an emulated chip in the loop, or on a grid with EventProp."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import jax
import jax.numpy as jnp

from saltation.engine import Backend
from saltation.jax.chain import Recorded, check_window, inputs_of, request_of
from saltation.jax.loop_host import Host
from saltation.jax.loop_operation import operation
from saltation.jax.output import Output
from saltation.jax.part import Slot, Source
from saltation.jax.spikes import Spikes
from saltation.jax.trouble import complain
from saltation.model import Network


@final
@dataclass(frozen=True, eq=False)
class LoopChain:
    """What is fixed of a network, its backend, and the runs of it that wait for their gradient.

    The other fields are those of `saltation.jax.chain.Chain`.
    """

    network: Network
    moving: Mapping[Slot, tuple[int, ...]]
    recorded: Recorded
    capacity: Mapping[str, int]
    backend: Backend

    @cached_property
    def inputs(self) -> dict[str, int]:
        """Names and sizes of the populations that the stimulus drives."""
        return inputs_of(self.network)

    @cached_property
    def host(self) -> Host:
        """What runs it."""
        request = request_of(self.network, self.recorded)
        return Host(self.network, self.moving, self.inputs, self.capacity, request, self.backend)

    def window(self, duration: Any) -> Any:
        """Check a duration, as `saltation.jax.chain.check_window` does."""
        return check_window(self.recorded, duration)

    def run(self, given: Mapping[Slot, jax.Array], stimulus: Mapping[str, Spikes], duration: Any) -> Output:
        """Run it: ``given`` are the values of what moves, ``stimulus`` the events of each input; all are checked."""
        values = tuple(jnp.asarray(given[slot], jnp.float64) for slot in self.moving)
        sources = tuple(Source(stimulus[name].times, stimulus[name].units) for name in self.inputs)
        seen, plain = operation(self.host, values, sources, duration)
        silent = [name for name in self.network.populations if name not in self.capacity and name not in self.inputs]
        complain([*self.capacity, *silent], list(self.capacity.values()), plain.status, plain.spikes)
        spikes = dict(stimulus)
        for name, train in zip(self.capacity, seen.spikes, strict=True):
            spikes[name] = Spikes(train.times, train.units, train.count, self.network.populations[name].size)
        values_of = iter(seen.voltages)
        voltages: dict[str, Any] = {}
        for name, probes, bare in self.recorded:
            recorded = tuple(next(values_of) for _ in probes)
            voltages[name] = recorded[0] if bare else recorded
        order = [name for name in self.network.populations if name in spikes]
        return Output({name: spikes[name] for name in order}, voltages, seen.status)
