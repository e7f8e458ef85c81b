"""What was observed of a component elsewhere, laid on a time grid."""

import numpy as np
from numpy.typing import NDArray

from saltation.engine.backend import Job
from saltation.engine.grid_table import steps
from saltation.engine.observation import between
from saltation.engine.plan import PackedComponent
from saltation.errors import ParameterError

Floats = NDArray[np.float64]


def forced_spikes(packed: PackedComponent, job: Job, dt: float, last: int) -> NDArray[np.int8]:
    """Ones where neurons spike ``[batch, step or 0, neuron]``; no steps where no spikes were observed.

    Raises
    ------
    ParameterError
        If voltages of a population that spikes were observed, and not its spikes.
    """
    names = packed.component.populations
    if not packed.spiking or names[0] not in job.observed:
        if packed.spiking and (alone := [name for name in names if name in job.request.measured]):
            raise ParameterError(
                f"simulate.observed[{alone[0]!r}]: with surrogate gradients voltages of a population that spikes come "
                "with its spikes, observed={...: (spikes, voltages)}; got voltages alone"
            )
        return np.zeros((1, 0, packed.size), np.int8)
    forced = np.zeros((job.batch, last + 1, packed.size), np.int8)
    for name in names:
        spikes, first = job.observed[name], packed.columns[name][0]
        at = np.minimum(steps(spikes.times, dt), last)
        forced[spikes.sample_index(), at, spikes.units + first] = 1
    return forced


def measured_voltages(packed: PackedComponent, job: Job, dt: float, last: int) -> Floats:
    """Voltages at all grid points ``[batch, step or 0, neuron]``; no steps where none were measured.

    Raises
    ------
    ParameterError
        If they were measured of some populations of a loop and not of others.
    """
    names = packed.component.populations
    seen = [name for name in names if name in job.request.measured]
    if not seen:
        return np.zeros((1, 0, packed.size))
    if len(seen) < len(names):
        raise ParameterError(
            f"simulate.observed: voltages of populations in one loop ({', '.join(names)}) must be measured together "
            f"where gradients are surrogates; got only {', '.join(seen)}"
        )
    points = np.asarray(np.arange(last + 1) * dt, np.float64)
    samples = [job.request.measured[name] for name in names]
    found = [between(each.times, np.asarray(each.values, np.float64), points) for each in samples]
    return np.ascontiguousarray(np.concatenate(found, axis=2))
