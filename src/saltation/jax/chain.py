"""A network as a chain of operations, one for each component, in which spikes are handed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from saltation.engine import Exact
from saltation.engine.arguments import check_duration, check_record
from saltation.engine.exact import refuse_trains
from saltation.engine.observation import Probe, Request
from saltation.engine.plan import compile_network
from saltation.engine.threads import default_threads
from saltation.errors import ParameterError
from saltation.jax.operation import operation
from saltation.jax.output import Output
from saltation.jax.part import Part, Slot, Source, flat_values, make_part
from saltation.jax.spikes import Spikes
from saltation.jax.trouble import Status
from saltation.model import Input, MaxVoltage, Network, Voltage

Recorded = tuple[tuple[str, tuple[Probe, ...], bool], ...]


@final
@dataclass(frozen=True, eq=False)
class Chain:
    """What is fixed of a network: its parts in the order of computation, and what is recorded.

    ``moving`` holds the shapes of the parameters whose values come with each call, ``capacity`` the room for the spikes
    of each population that spikes.
    """

    network: Network
    moving: Mapping[Slot, tuple[int, ...]]
    recorded: Recorded
    capacity: Mapping[str, int]
    backend: Exact

    @cached_property
    def inputs(self) -> dict[str, int]:
        """Names and sizes of the populations that the stimulus drives."""
        return inputs_of(self.network)

    @cached_property
    def request(self) -> Request:
        """What is recorded, as the engine knows it."""
        return request_of(self.network, self.recorded)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Its components that are computed."""
        plan = compile_network(self.network)
        threads = self.backend.threads or default_threads()
        return tuple(
            make_part(
                plan,
                index,
                self.moving,
                self.capacity,
                self.request.times(component.populations),
                self.request.watched(component.populations),
                self.backend.max_events,
                threads,
            )
            for index, component in enumerate(plan.components)
            if component.model != "input"
        )

    def window(self, duration: Any) -> Any:
        """Check a duration, as `check_window` does."""
        return check_window(self.recorded, duration)

    def run(self, given: Mapping[Slot, jax.Array], stimulus: Mapping[str, Spikes], duration: Any) -> Output:
        """Run it: ``given`` are the values of what moves, ``stimulus`` the events of each input; all are checked."""
        spikes = dict(stimulus)
        batch = next((events.batch for events in spikes.values()), 1)
        voltages: dict[str, Any] = {}
        # a duration that is none shows in every sample, before the events that are then beyond it
        status: Any = jnp.full(batch, jnp.where(jnp.isnan(duration), int(Status.PARAMETER), int(Status.OK)), jnp.int32)
        for part in self.parts:
            sources = tuple(Source(spikes[name].times, spikes[name].units) for name in part.sources)
            outcome = operation(part, batch)(flat_values(part, given), sources, duration)
            status = jnp.where(status == 0, outcome.status, status)
            for name, train in zip(part.names, outcome.spikes, strict=False):
                spikes[name] = Spikes(train.times, train.units, train.count, part.populations[name].size)
            for name, (first, last) in part.packed.columns.items():
                columns = slice(first, last)
                probes = self.request.probes.get(name, ())
                values = tuple(_value(part, probe, outcome, columns) for probe in probes)
                if values:
                    voltages[name] = values[0] if name in self.request.single else values
        order = [name for name in self.network.populations if name in spikes]
        recorded = {name: voltages[name] for name, _, _ in self.recorded}
        return Output({name: spikes[name] for name in order}, recorded, status)


def _value(part: Part, probe: Probe, outcome: Any, columns: slice) -> Any:
    if isinstance(probe, Voltage):
        at = np.searchsorted(part.probe_times, probe.times)
        if at.size == part.probe_times.size:
            return outcome.samples[:, :, columns]
        return outcome.samples[:, at, columns]
    return (outcome.peak if isinstance(probe, MaxVoltage) else outcome.area)[:, columns]


def inputs_of(network: Network) -> dict[str, int]:
    """Names and sizes of the populations that the stimulus drives."""
    return {name: each.size for name, each in network.populations.items() if isinstance(each, Input)}


def request_of(network: Network, recorded: Recorded) -> Request:
    """What is recorded, as the engine knows it.

    Raises
    ------
    ParameterError
        If a probe does not fit its population, or needs a grid.
    """
    record = {name: probes[0] if bare else probes for name, probes, bare in recorded}
    request = check_record(compile_network(network), record, {}, np.inf, 1, surrogate=False)
    refuse_trains(request)
    return request


def check_window(recorded: Recorded, duration: Any) -> Any:
    """Check a duration, by itself and beside the probes; if it is traced, NaN fails all samples.

    Raises
    ------
    ParameterError
        If it is known and not allowed.
    """
    if isinstance(duration, Tracer):
        return jnp.where(duration >= last_probe(recorded), jnp.asarray(duration, jnp.float64), jnp.nan)
    return jnp.asarray(check_probes(recorded, check_duration(duration)), jnp.float64)


def last_probe(recorded: Recorded) -> float:
    """The last of the times at which a voltage is recorded."""
    probes = (probe for _, probes, _ in recorded for probe in probes if isinstance(probe, Voltage))
    return max((float(probe.times.max(initial=0.0)) for probe in probes), default=0.0)


def check_probes(recorded: Recorded, duration: float) -> float:
    """Give the duration, if all that is recorded lies in its window.

    Raises
    ------
    ParameterError
        If a voltage is recorded at a later time.
    """
    last = last_probe(recorded)
    if last > duration:
        raise ParameterError(
            f"record: times must lie in the window [0, {duration} s]; got {last} s; make the duration longer"
        )
    return duration


def check_capacity(owner: str, network: Network, capacity: Any) -> dict[str, int]:
    """Room for the spikes of each population that spikes: as given, or by its ``max_spikes``.

    Raises
    ------
    ParameterError
        If a population has none, or a name or a number is not allowed.
    """
    spiking = {n: p for n, p in network.populations.items() if p.spiking and not isinstance(p, Input)}
    given: dict[str, Any] = dict(capacity) if isinstance(capacity, Mapping) else dict.fromkeys(spiking, capacity)
    for name, room in given.items():
        if name not in spiking:
            raise ParameterError(
                f"{owner}.capacity: a name must be that of a population that spikes and is no Input "
                f"({', '.join(map(repr, spiking)) or 'there is none'}); got {name!r}"
            )
        if room is not None and (isinstance(room, bool) or not isinstance(room, int | np.integer) or room < 1):
            raise ParameterError(f"{owner}.capacity must be whole numbers of at least 1; got {room!r} for {name!r}")
    found: dict[str, int] = {}
    for name, population in spiking.items():
        room, most = given.get(name), getattr(population, "max_spikes", None)
        if room is None and most is not None:
            room = int(np.broadcast_to(most, population.size).sum())
        if room is None:
            raise ParameterError(
                f"{owner}.capacity must give the room for the spikes that population {name!r} emits in a sample: "
                "shapes are static in JAX; got none; saltation.jax.capacities(network, stimulus, duration) suggests "
                f"them, or pass e.g. capacity={{{name!r}: {4 * population.size}}}"
            )
        found[name] = int(room)
    return found
