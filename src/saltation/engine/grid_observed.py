"""What was observed of a component elsewhere, laid on a time grid."""

import numpy as np
from numpy.typing import NDArray

from saltation.engine.backend import Job
from saltation.engine.grid_table import steps
from saltation.engine.plan import PackedComponent
from saltation.errors import ParameterError
from saltation.model import VoltageSamples

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
    return np.concatenate([on_grid(job.request.measured[name], dt, last) for name in names], axis=2)


def on_grid(samples: VoltageSamples, dt: float, last: int) -> Floats:
    """Samples ``[batch, step, neuron]`` at grid points, between them linear, before and behind them constant."""
    values = np.asarray(samples.values, np.float64)
    if samples.times.size == 1:
        return np.repeat(values, last + 1, axis=1)
    points = np.arange(last + 1) * dt
    after = np.clip(np.searchsorted(samples.times, points), 1, samples.times.size - 1)
    before, gap = samples.times[after - 1], samples.times[after] - samples.times[after - 1]
    part = np.clip((points - before) / gap, 0.0, 1.0)[None, :, None]
    return np.ascontiguousarray(values[:, after - 1] * (1.0 - part) + values[:, after] * part)
