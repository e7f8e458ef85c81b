"""The state at the end of a run, from which another run continues."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saltation.errors import ParameterError

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
    """

    batch: int
    x: dict[str, Floats]
    release: dict[str, Floats]
    count: dict[str, Ints]
    recent: dict[str, Recent]
    elapsed: Floats

    def __repr__(self) -> str:
        waiting = sum(recent.times.size for recent in self.recent.values())
        return f"State(batch={self.batch}, populations={list(self.x)}, spikes on their way={waiting})"

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


def recent_spikes(
    times: Floats, units: NDArray[np.int32], age: Ints, offsets: Ints, elapsed: Floats, longest: float
) -> Recent:
    """Keep the spikes that arrive after the end of the latest run, whose duration ends ``elapsed``."""
    age = age + 1
    keep = still_on_their_way(times, age, elapsed, longest)
    sample = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    counts = np.bincount(sample[keep], minlength=offsets.size - 1)
    return Recent(times[keep], units[keep], age[keep], np.concatenate(([0], np.cumsum(counts))).astype(np.int64))
