"""What is recorded of a component, and how values observed elsewhere take the place of the model's own.

A component is sampled at the union of the times that its populations ask for.  Where a population has measured
voltages (``VoltageSamples``), all its probes are read from the measurement: a sample must be at a measured time, the
maximum is the largest sample (the first, if several are equal) and the integral follows the trapezoidal rule.  Their
gradients enter the model's adjoint at the measured times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saltation.errors import ParameterError
from saltation.kernels.records import WATCHED, Probes
from saltation.model import MaxVoltage, Spikes, SpikeTrain, Voltage, VoltageIntegral, VoltageSamples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Probe = Voltage | MaxVoltage | VoltageIntegral | SpikeTrain
PROBES = (Voltage, MaxVoltage, VoltageIntegral, SpikeTrain)
Record = Mapping[str, Probe | Sequence[Probe]]
Observed = Spikes | VoltageSamples | tuple[Spikes, VoltageSamples]
"""What was observed of a population elsewhere."""


_NO_TIMES: Floats = np.empty(0)


@dataclass(frozen=True, slots=True)
class Request:
    """Checked wishes of one call: probes of each population, and measured voltages.

    Attributes
    ----------
    probes : dict
        Probes of each population that is observed, as a tuple.
    single : frozenset of str
        Populations whose probe was given bare: their result is an array and not a tuple.
    measured : dict
        Measured voltages by population.
    """

    probes: dict[str, tuple[Probe, ...]]
    single: frozenset[str]
    measured: dict[str, VoltageSamples]

    def nothing(self) -> "Request":
        """The request for no recording at all."""
        return Request({}, frozenset(), {})

    def trains(self) -> list[str]:
        """Populations whose spike trains on a grid are recorded."""
        return [name for name, probes in self.probes.items() if any(isinstance(p, SpikeTrain) for p in probes)]

    def times(self, populations: Sequence[str]) -> Floats:
        """Sorted times at which these populations are sampled."""
        wanted: list[Floats] = []
        for name in populations:
            if name in self.measured and self.probes.get(name):
                wanted.append(self.measured[name].times)
                continue
            wanted.extend(probe.times for probe in self.probes.get(name, ()) if isinstance(probe, Voltage))
        return np.unique(np.concatenate(wanted)) if wanted else _NO_TIMES

    def watched(self, populations: Sequence[str]) -> bool:
        """Whether any of these populations asks the model for its maximum or its integral."""
        return any(
            isinstance(probe, MaxVoltage | VoltageIntegral)
            for name in populations
            if name not in self.measured
            for probe in self.probes.get(name, ())
        )


def make_probes(batch: int, n: int, times: Floats, watched: bool) -> Probes:
    """Arrays for what a component is asked for; zero neurons wide where it is not."""
    watch = np.zeros((batch, WATCHED, n) if watched else (1, WATCHED, 0))
    return Probes(np.zeros((batch, times.size, n) if times.size else (1, 0, 0)), watch)


def trapezoid(times: Floats) -> Floats:
    """Weights of samples in the integral over their span."""
    weights = np.zeros(times.size)
    gaps = np.diff(times)
    weights[:-1] += 0.5 * gaps
    weights[1:] += 0.5 * gaps
    return weights


def add_at(array: Floats, index: Ints, values: Floats) -> None:
    """``array[:, index[k]] += values[:, k]``, also where an index repeats."""
    for k, at in enumerate(index.tolist()):
        array[:, at] += values[:, k]


def between(times: Floats, values: Floats, wanted: Floats) -> Floats:
    """Samples ``[batch, time, neuron]`` at wanted times: between them linear, before and behind them constant."""
    if times.size == 1:
        return np.repeat(values, wanted.size, axis=1)
    after = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
    part = np.clip((wanted - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)[None, :, None]
    return values[:, after - 1] * (1.0 - part) + values[:, after] * part


def measured_value(probe: Probe, samples: VoltageSamples, name: str) -> Floats:
    """Value of a probe read from measured voltages."""
    if isinstance(probe, Voltage):
        return np.ascontiguousarray(samples.values[:, measured_index(probe, samples, name)], np.float64)
    if isinstance(probe, MaxVoltage):
        return np.asarray(samples.values.max(axis=1), np.float64)
    return np.asarray(np.tensordot(trapezoid(samples.times), samples.values, axes=(0, 1)), np.float64)


def measured_index(probe: Voltage, samples: VoltageSamples, name: str) -> Ints:
    """Where the times of a probe are among the measured ones."""
    at = np.minimum(np.searchsorted(samples.times, probe.times), samples.times.size - 1)
    off = samples.times[at] != probe.times
    if off.any():
        first = float(probe.times[off][0])
        raise ParameterError(
            f"simulate.record[{name!r}]: Voltage.times must be measured times where observed[{name!r}] holds measured "
            f"voltages; got {first} s, which was not measured; nothing is interpolated; ask for times of the "
            "measurement"
        )
    return at


def measured_cotangent(probe: Probe, samples: VoltageSamples, name: str, cotangent: Floats) -> Floats:
    """``dL/d`` measured samples ``[batch, time, neuron]`` from that of a probe."""
    result = np.zeros(samples.values.shape)
    if isinstance(probe, Voltage):
        add_at(result, measured_index(probe, samples, name), cotangent)
    elif isinstance(probe, MaxVoltage):
        at = samples.values.argmax(axis=1)
        np.put_along_axis(result, at[:, None, :], cotangent[:, None, :], axis=1)
    else:
        result += trapezoid(samples.times)[None, :, None] * cotangent[:, None, :]
    return result
