"""The state at the end of a run, from which another run continues."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from saltation.errors import ParameterError
from saltation.model import Spikes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recent:
    """Spikes that are still on their way, in the clock of the run that emitted them.

    ``age`` counts the ends of runs since then; ``State.elapsed`` says how long these runs were.
    """

    times: Floats
    units: NDArray[np.int32]
    age: Ints
    offsets: Ints


@dataclass(frozen=True, slots=True)
class State:
    """State of a network at the end of a run, for each sample.

    A run that continues has its own clock: its time 0 is the end of the run before.  Gradients of a continued run
    take the state as a constant.

    Attributes
    ----------
    batch : int
        Number of samples.
    x : dict of str to ndarray, [batch, state, neuron]
        Voltage, synaptic currents and further variables of each population.
    release : dict of str to ndarray, [batch, neuron]
        End of the hold after a spike, relative to the end of the run.
    count : dict of str to ndarray, [batch, neuron]
        Spikes so far, for ``max_spikes``.
    recent : dict of str to Recent
        Spikes whose delays have not passed.
    elapsed : ndarray
        Durations of the runs before, the latest last, as far back as spikes are on their way.
    values : dict of str to ndarray, [batch, step, unit]
        Values that drove inputs on a grid and whose delays have not passed, of the last grid points up to the end.
    step : float, optional
        Length of a step of that grid in seconds.
    """

    batch: int
    x: dict[str, Floats]
    release: dict[str, Floats]
    count: dict[str, Ints]
    recent: dict[str, Recent]
    elapsed: Floats
    values: dict[str, Floats] = field(default_factory=dict[str, Floats])
    step: float | None = None

    def __repr__(self) -> str:
        waiting = sum(recent.times.size for recent in self.recent.values())
        values = f", values on their way of {list(self.values)}" if self.values else ""
        return f"State(batch={self.batch}, populations={list(self.x)}, spikes on their way={waiting}{values})"

    def voltage(self, name: str) -> Floats:
        """Membrane voltage ``[batch, neuron]`` of a population."""
        if name not in self.x:
            raise ParameterError(
                f"State.voltage: name must be a population with a voltage ({', '.join(self.x) or 'none'}); got {name!r}"
            )
        return self.x[name][:, 0]


def still_on_their_way(times: Floats, age: Ints, elapsed: Floats, longest: float) -> NDArray[np.bool_]:
    """Which spikes arrive after the end of the latest run, with the longest delay.

    An arrival is followed from run to run by subtracting one duration after the other, here and in
    ``saltation.kernels.events`` alike.  The sign of a difference is exact, so that an arrival which falls on the end
    of a run, to within rounding, belongs to one of the two runs and not to both or neither.
    """
    arrival = times + longest
    for back in range(elapsed.size, 0, -1):
        arrival = np.where(age >= back, arrival - elapsed[elapsed.size - back], arrival)
    return arrival > 0.0


def waiting_spikes(
    longest: Mapping[str, float], spikes: Mapping[str, Spikes], duration: float, before: State | None
) -> tuple[dict[str, Recent], Floats]:
    """Spikes of each population that are still on their way at the end of a run, and the durations they span.

    ``longest`` is the longest delay of each population's projections, ``before`` the state in which the run began.
    """
    elapsed = np.append(before.elapsed if before is not None else np.zeros(0), duration)
    recent: dict[str, Recent] = {}
    for name, emitted in spikes.items():
        if longest[name] > 0.0:
            old = before.recent.get(name) if before is not None else None
            times, units, age, offsets, _ = join_recent(old, emitted)
            age = age if age.size else np.zeros(times.size, np.int64)
            recent[name] = recent_spikes(times, units, age, offsets, elapsed, longest[name])
    oldest = max((int(kept.age.max(initial=0)) for kept in recent.values()), default=0)
    return recent, elapsed[elapsed.size - oldest :]


def recent_spikes(
    times: Floats, units: NDArray[np.int32], age: Ints, offsets: Ints, elapsed: Floats, longest: float
) -> Recent:
    """Keep the spikes that arrive after the end of the latest run, whose duration ends ``elapsed``."""
    age = age + 1
    keep = still_on_their_way(times, age, elapsed, longest)
    sample = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    counts = np.bincount(sample[keep], minlength=offsets.size - 1)
    return Recent(times[keep], units[keep], age[keep], np.concatenate(([0], np.cumsum(counts))).astype(np.int64))


def join_recent(old: Recent | None, new: Spikes) -> tuple[Floats, NDArray[np.int32], Ints, Ints, Ints | slice]:
    """Times, units, ages and offsets of the spikes from before and from now; and where the new ones went.

    Ages are left out where there are none from before.
    """
    if old is None or old.times.size == 0:
        return new.times, new.units, np.zeros(0, np.int64), new.offsets, slice(0, new.times.size)
    batch = new.offsets.size - 1
    cut = old.offsets + new.offsets
    where_new = np.arange(new.times.size) + np.repeat(old.offsets[1:], np.diff(new.offsets))
    where_old = np.arange(old.times.size) + np.repeat(new.offsets[:batch], np.diff(old.offsets))
    times = np.empty(cut[-1])
    units = np.empty(cut[-1], np.int32)
    age = np.zeros(cut[-1], np.int64)
    times[where_old], times[where_new] = old.times, new.times
    units[where_old], units[where_new] = old.units, new.units
    age[where_old] = old.age
    return times, units, age, cut, where_new
