"""The state at the end of a run, from which another run continues."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saltation.errors import ParameterError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recent:
    """Spikes that are still on their way: ``times`` relative to the end of the run, all negative."""

    times: Floats
    units: NDArray[np.int32]
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
    """

    batch: int
    x: dict[str, Floats]
    release: dict[str, Floats]
    count: dict[str, Ints]
    recent: dict[str, Recent]

    def voltage(self, name: str) -> Floats:
        """Membrane voltage ``[batch, neuron]`` of a population."""
        if name not in self.x:
            raise ParameterError(
                f"State.voltage: name must be a population with a voltage ({', '.join(self.x) or 'none'}); got {name!r}"
            )
        return self.x[name][:, 0]


def recent_spikes(times: Floats, units: NDArray[np.int32], offsets: Ints, duration: float, longest: float) -> Recent:
    """Keep the spikes that arrive after the end of the window, by their distance from it.

    One at the very end gets the smallest negative time, so that without a delay it does not arrive twice.
    """
    keep = times + longest > duration
    sample = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    counts = np.bincount(sample[keep], minlength=offsets.size - 1)
    shifted = np.minimum(times[keep] - duration, np.nextafter(0.0, -1.0))
    return Recent(shifted, units[keep], np.concatenate(([0], np.cumsum(counts))).astype(np.int64))
