"""The record of one component's run on a time grid."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from saltation.engine.grid_table import StepTable, steps
from saltation.engine.memory import zeros
from saltation.engine.parts import joined_offsets
from saltation.engine.plan import PackedComponent
from saltation.kernels.grid import Recorder, Scheme
from saltation.kernels.records import Events
from saltation.model import Spikes
from saltation.model.checks import freeze
from saltation.model.surrogates import Surrogate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GridSettings:
    """What is the same for all components: the step, the last grid point, and how the gradient is taken."""

    dt: float
    last: int
    surrogate: Surrogate
    detached: bool
    checkpoint: int | None
    threads: int

    def on_grid(self, packed: PackedComponent) -> PackedComponent:
        """A component whose delays are whole steps."""
        return replace(packed, delays=freeze(steps(packed.delays, self.dt) * self.dt))


@dataclass(frozen=True, slots=True)
class GridPart:
    """Samples ``first <= b < stop``: events from outside, and own spikes by grid point, then unit.

    ``offsets`` cuts the spikes of samples by their number in the whole batch.
    """

    first: int
    stop: int
    events: Events
    event_steps: Ints
    units: Ints
    steps: Ints
    offsets: Ints


@dataclass(frozen=True, slots=True)
class GridRun:
    """Everything that the gradient of a component needs, what was recorded of it, and its end.

    Attributes
    ----------
    packed : PackedComponent
        The component, its delays on the grid.
    table : StepTable
        Where the coefficients of a step come from.
    scheme : Scheme
        What the kernels go by.
    parts : tuple of GridPart
        What the threads left.
    recorder : Recorder
        What was recorded.
    ends, status : ndarray
        States behind the last grid point ``[batch, row, neuron]``, and how each sample ended.
    """

    packed: PackedComponent
    table: StepTable
    scheme: Scheme
    parts: tuple[GridPart, ...]
    recorder: Recorder
    ends: Floats
    status: Ints

    @property
    def batch(self) -> int:
        """Number of samples."""
        return self.status.size

    def train_of(self, name: str) -> Floats:
        """Spikes of one of its populations as zeros and ones ``[batch, step, neuron]``."""
        first, last = self.packed.columns[name]
        train = zeros((self.batch, self.scheme.last + 1, last - first))
        for part in self.parts:
            sample = np.repeat(np.arange(part.first, part.stop), np.diff(part.offsets[part.first :]))
            own = slice(None) if len(self.packed.columns) == 1 else (part.units >= first) & (part.units < last)
            train[sample[own], part.steps[own], part.units[own] - first] = 1.0
        return train

    def spikes_of(self, name: str, duration: float) -> Spikes:
        """Spikes of one of its populations."""
        first, last = self.packed.columns[name]
        units = np.concatenate([part.units for part in self.parts])
        at = np.concatenate([part.steps for part in self.parts])
        offsets = joined_offsets([part.offsets[part.first :] for part in self.parts])
        if len(self.packed.columns) > 1:
            where = np.flatnonzero((units >= first) & (units < last))
            units, at = units[where], at[where]
            offsets = np.searchsorted(where, offsets).astype(np.int64)
        # the last grid point may lie up to half a step behind the end
        times = np.minimum(at * self.table.dt, duration)
        return Spikes._trusted(  # pyright: ignore[reportPrivateUsage]
            times, (units - first).astype(np.int32), offsets, last - first
        )
