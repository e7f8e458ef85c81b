"""The spikes that reach a component, as the sorted events its kernel reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.memory import empty
from saltation.engine.plan import PackedComponent
from saltation.engine.state import State, join_recent
from saltation.kernels.events import make_events
from saltation.kernels.records import EVENT_ROWS, PLAIN_ROWS, Events
from saltation.model import Spikes
from saltation.model.checks import freeze

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


_NO_TIME: Floats = freeze(np.empty(0))
_NO_AGE: Ints = freeze(np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class Sources:
    """Spikes of all sources of a component, flat: first those still on their way, then the new, sample by sample.

    Times are in the clock of the run that emitted a spike; ``age`` counts the ends of runs since then, ``elapsed``
    holds their durations; it is empty where all are of this run.  ``offsets [source, batch + 1]``; ``fresh`` says for
    each source where its new spikes lie.
    """

    times: Floats
    units: NDArray[np.int32]
    age: Ints
    elapsed: Floats
    offsets: Ints
    fresh: dict[str, Ints | slice]


def gather(packed: PackedComponent, spikes: Mapping[str, Spikes], state: State | None, batch: int) -> Sources:
    """Lay out the spikes of a component's sources; its own populations count with those from before the run."""
    own = packed.component.populations
    names = packed.component.sources
    if state is None and len(names) == 1 and names[0] not in own:
        new = spikes[names[0]]
        fresh: dict[str, Ints | slice] = {names[0]: slice(0, new.times.size)}
        return Sources(new.times, new.units, _NO_AGE, _NO_TIME, new.offsets.reshape(1, -1), fresh)
    times: list[Floats] = []
    units: list[NDArray[np.int32]] = []
    age: list[Ints] = []
    elapsed = _NO_TIME if state is None else _joined([state.elapsed])
    offsets = np.zeros((len(names), batch + 1), np.int64)
    fresh = {}
    at = 0
    for j, name in enumerate(names):
        new = Spikes.empty(batch) if name in own else spikes[name]
        old = state.recent.get(name) if state is not None else None
        t, u, a, cut, where = join_recent(old, new)
        times.append(t)
        units.append(u)
        age.append(a)
        offsets[j] = cut + at
        fresh[name] = slice(at, at + t.size) if isinstance(where, slice) else where + at
        at += t.size
    if any(a.size for a in age):
        age = [a if a.size else np.zeros(t.size, np.int64) for a, t in zip(age, times, strict=True)]
    if not times:
        times, units, age = [np.zeros(0)], [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    all_times, all_units = _joined(times), _joined(units)
    return Sources(all_times, all_units, _joined(age), elapsed, freeze(offsets), fresh)


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Parts one after another; not to be written to, as `Spikes` are not: the kernel is compiled for that."""
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if whole.flags.writeable:
        whole = whole.view()
        whole.flags.writeable = False
    return whole


def count_events(packed: PackedComponent, sources: Sources, probe_times: Floats, first: int, stop: int) -> int:
    """How many events samples ``first <= b < stop`` have at most: all arrivals, also those that come too late."""
    offsets = sources.offsets
    arrivals = sum(width * int(offsets[source, stop] - offsets[source, first]) for source, width in packed.arrivals)
    return arrivals + (stop - first) * (probe_times.size + 1)


def sort_events(
    packed: PackedComponent, sources: Sources, duration: float, probe_times: Floats, first: int, stop: int
) -> Events:
    """Arrivals within the window, sampled times, and the end of the window, in the order of processing.

    ``offsets`` cut samples ``first <= b < stop`` by their number in the whole batch.  There is room for all arrivals,
    also for those that come too late.
    """
    n = count_events(packed, sources, probe_times, first, stop)
    rows = EVENT_ROWS if packed.component.recurrent else PLAIN_ROWS
    block = empty((1 + rows, n))
    events = Events(block[0], block[1:].view(np.int64), np.zeros(stop + 1, np.int64))
    make_events(
        first,
        stop,
        sources.times,
        sources.units,
        sources.age,
        sources.elapsed,
        sources.offsets,
        packed.table,
        packed.synapses,
        packed.delays,
        duration,
        probe_times,
        events,
    )
    return events
