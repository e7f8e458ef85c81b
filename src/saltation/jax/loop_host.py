"""Runs of a whole network in Python: arrays of JAX in, `saltation.simulate`, arrays out; and the gradient of that run.

::

    status, voltages, spikes, token = forward(values, sources, duration)
    dL/d (values, times of sources) = Run.gradient(dL/d voltages, dL/d spike times),  of the run of the token

Nothing of the physics is here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from saltation.engine import Backend, Run, simulate
from saltation.engine.observation import Probe, Request
from saltation.errors import ParameterError
from saltation.jax.kept import KeptRuns
from saltation.jax.part import Slot, Source, Train
from saltation.jax.trouble import Status
from saltation.model import Network, Spikes, Voltage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_RUN = -1
"""In the place of the number of a call: there is nothing to differentiate."""


class Seen(NamedTuple):
    """What a run returns: status ``[batch]``, voltages of each probe, spikes of each population."""

    status: Any
    voltages: tuple[Any, ...]
    spikes: tuple[Train, ...]


class Placed(NamedTuple):
    """Where events lie in ``[batch, capacity]``, in the order of flat ones."""

    rows: Ints
    columns: Ints


@final
@dataclass(frozen=True, eq=False)
class Host:
    """What is fixed of the runs of a network.

    Attributes
    ----------
    network : Network
        Structure, and values that do not move.
    moving : dict of slot to shape
        Parameters whose values come with each call, in their order.
    inputs, rooms : dict of str to int
        Sizes of the inputs; room for the spikes of the other populations that spike.
    request : Request
        What is recorded.
    backend : Backend
        How to run it.
    kept : KeptRuns
        Runs that wait for their gradient.
    """

    network: Network
    moving: Mapping[Slot, tuple[int, ...]]
    inputs: Mapping[str, int]
    rooms: Mapping[str, int]
    request: Request
    backend: Backend
    kept: KeptRuns = field(default_factory=KeptRuns)

    @property
    def probes(self) -> list[tuple[str, Probe]]:
        """Population and probe of each recorded voltage."""
        return [(name, probe) for name, probes in self.request.probes.items() for probe in probes]

    def shapes(self, lead: tuple[int, ...], batch: int) -> tuple[Seen, Any]:
        """Shapes of what `forward` returns."""

        def shape(kind: Any, *own: int) -> Any:
            return jax.ShapeDtypeStruct((*lead, *own), kind)

        voltages: list[Any] = []
        for name, probe in self.probes:
            size = self.network.populations[name].size
            times = (probe.times.size,) if isinstance(probe, Voltage) else ()
            voltages.append(shape(jnp.float64, batch, *times, size))
        spikes = [
            Train(shape(jnp.float64, batch, room), shape(jnp.int32, batch, room), shape(jnp.int32, batch))
            for room in self.rooms.values()
        ]
        return Seen(shape(jnp.int32, batch), tuple(voltages), tuple(spikes)), shape(jnp.int64, 2)

    def nothing(self, lead: tuple[int, ...], batch: int, status: Status) -> tuple[Seen, Any]:
        """What `forward` returns where nothing has been run."""
        fill = {np.dtype(np.float64): np.nan, np.dtype(np.int32): 0, np.dtype(np.int64): NO_RUN}
        seen, token = jax.tree.map(
            lambda each: np.full(each.shape, fill[each.dtype], each.dtype), self.shapes(lead, batch)
        )
        for train in seen.spikes:
            train.units[...] = -1
        seen.status[...] = status
        return seen, token

    def forward(self, lead: tuple[int, ...], keep: Any, values: Any, sources: Any, duration: Any) -> tuple[Seen, Any]:
        """Run the network once for each element of the axes ``lead``, the last one fastest.

        ``keep``: whether a gradient may follow.  The token of a run is the number of the call, and the run's place.
        """
        given = jax.tree.map(np.asarray, (values, sources, duration))
        found: list[tuple[Seen, _Kept | None]] = []
        for index in np.ndindex(lead):
            found.append(self._one(*jax.tree.map(lambda array, i=index: array[i], given)))
        tokens = np.full((len(found), 2), NO_RUN, np.int64)
        if np.any(keep) and any(run is not None for _, run in found):
            tokens[:, 0] = self.kept.keep([run for _, run in found])
            tokens[:, 1] = np.arange(len(found))
            tokens[[run is None for _, run in found]] = NO_RUN

        def joined(*arrays: Any) -> Any:
            return np.stack(arrays).reshape(*lead, *arrays[0].shape)

        return jax.tree.map(joined, *(seen for seen, _ in found)), tokens.reshape(*lead, 2)

    def gradient(
        self, timed: bool, shapes: Sequence[Any], token: Any, voltages: Sequence[Any], times: Sequence[Any]
    ) -> tuple[Any, ...]:
        """Gradients of the values and of the times of each source, of these ``shapes``; NaN where a sample failed.

        ``voltages`` and ``times`` are derivatives of a loss by the voltages and spike times that were `Seen`.
        """
        call, place = (int(number) for number in np.asarray(token))
        by_voltage, by_time = [np.asarray(bar) for bar in voltages], [np.asarray(bar) for bar in times]
        nothing = tuple(np.full(shape.shape, np.nan) for shape in shapes)
        if call == NO_RUN:
            return nothing
        kept: _Kept = self.kept.find(call, place)
        # of places where there is no spike a derivative may be anything: they have no time
        spike_times = {name: bar[placed] for (name, placed), bar in zip(kept.spikes.items(), by_time, strict=True)}
        if not all(np.isfinite(bar).all() for bar in (*by_voltage, *spike_times.values())):
            return nothing
        voltage: dict[str, Any] = {}
        for (name, _), bar in zip(self.probes, by_voltage, strict=True):
            voltage[name] = bar if name in self.request.single else (*voltage.get(name, ()), bar)
        found = kept.run.gradient(spike_times, voltage, time_constants=timed)
        results = [np.asarray(getattr(found, kind)[target], np.float64) for kind, target in self.moving]
        for (name, placed), shape in zip(kept.sources.items(), shapes[len(self.moving) :], strict=True):
            result = np.zeros(shape.shape)
            if not self.backend.surrogate_gradients:
                result[placed] = found.input_times[name]
            results.append(result)
        return tuple(results)

    def _one(self, values: Sequence[Any], sources: Sequence[Source], duration: Any) -> tuple[Seen, "_Kept | None"]:
        """One run, and what its gradient needs, if all samples ran to their end."""
        batch = sources[0].times.shape[0] if sources else 1
        status = np.zeros(batch, np.int32)
        network = self._with(values)
        if network is None or not 0.0 < float(duration) < np.inf:
            return self.nothing((), batch, Status.PARAMETER)[0], None
        stimulus: dict[str, Spikes] = {}
        places: dict[str, Placed] = {}
        for (name, size), source in zip(self.inputs.items(), sources, strict=True):
            stimulus[name], places[name], failed = flat_events(source.times, source.units, size, float(duration))
            status[failed] = Status.STIMULUS
        record = {
            name: probes[0] if name in self.request.single else probes for name, probes in self.request.probes.items()
        }
        run = simulate(network, stimulus, float(duration), backend=self.backend, record=record, throw=False)
        status = np.where(status == Status.OK, run.status, status).astype(np.int32)
        spikes: dict[str, Placed] = {}
        trains: list[Train] = []
        for name, room in self.rooms.items():
            train, spikes[name] = padded_events(run.spikes[name], room)
            status[(train.count > room) & (status == Status.OK)] = Status.CAPACITY
            trains.append(train)
        voltages: list[Floats] = []
        for name in self.request.probes:
            recorded = run.voltage[name]
            voltages += [np.array(each) for each in ((recorded,) if name in self.request.single else recorded)]
        failed = status != Status.OK
        for array in (*voltages, *(train.times for train in trains)):
            array[failed] = np.nan
        for train in trains:
            train.units[failed] = -1
        seen = Seen(status, tuple(voltages), tuple(trains))
        return seen, None if failed.any() else _Kept(run, places, spikes)

    def _with(self, values: Sequence[Any]) -> Network | None:
        """The network with other values, or None if they are out of their range."""
        changes: dict[str, dict[Any, Any]] = {}
        for (kind, target), value in zip(self.moving, values, strict=True):
            changes.setdefault(kind, {})[target] = value
        try:
            return self.network.replace(**changes)
        except ParameterError:
            return None


@final
@dataclass(frozen=True, slots=True)
class _Kept:
    """A run, and where the events of its inputs and its spikes lie in padded arrays."""

    run: Run
    sources: dict[str, Placed]
    spikes: dict[str, Placed]


def flat_events(
    times: Floats, units: NDArray[np.int32], size: int, duration: float
) -> tuple[Spikes, Placed, NDArray[np.bool_]]:
    """Events in order from ``[batch, capacity]``, where they lay, and samples with one that cannot be, which have none.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.jax.loop_host import flat_events
    >>> times, units = np.array([[3e-3, 1e-3, np.inf], [5.0, 1e-3, np.inf]]), np.array([[0, 1, -1], [0, 1, -1]])
    >>> spikes, placed, failed = flat_events(times, units, 2, 1.0)
    >>> spikes.times, placed.columns, failed
    (array([0.001, 0.003]), array([1, 0]), array([False,  True]))
    """
    there = times != np.inf
    fine = (times >= 0.0) & (times <= duration) & (units >= 0) & (units < size)
    failed = (there & ~fine).any(axis=1)
    rows, columns = np.nonzero(there & ~failed[:, None])
    order = np.lexsort((units[rows, columns], times[rows, columns], rows))
    placed = Placed(rows[order], columns[order])
    offsets = np.searchsorted(placed.rows, np.arange(times.shape[0] + 1))
    return Spikes(times[placed], units[placed], offsets, n_units=size), placed, failed


def padded_events(spikes: Spikes, room: int) -> tuple[Train, Placed]:
    """Spikes ``[batch, room]`` with their full number, and where they lie; those without room are left out.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.jax.loop_host import padded_events
    >>> train, _ = padded_events(sal.Spikes.from_latencies([[1e-3, 2e-3]]), 3)
    >>> train.times, train.count
    (array([[0.001, 0.002,   inf]]), array([2], dtype=int32))
    """
    times, units = np.full((spikes.batch, room), np.inf), np.full((spikes.batch, room), -1, np.int32)
    rows = spikes.sample_index()
    columns = np.arange(spikes.n_events) - spikes.offsets[rows]
    fits = columns < room
    times[rows[fits], columns[fits]], units[rows[fits], columns[fits]] = spikes.times[fits], spikes.units[fits]
    return Train(times, units, spikes.per_sample().astype(np.int32)), Placed(rows, columns)
