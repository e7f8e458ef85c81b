"""What a backend is given and what it returns: `simulate` and `Run` know no more of it."""

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.engine.gradient import Gradient
from saltation.engine.observation import Request
from saltation.engine.plan import Plan
from saltation.engine.state import State
from saltation.model import ProjectionKey, Spikes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Drive = NDArray[Any]
"""A value for each step of a grid and each unit of an input: ``[batch, step, unit]``."""

Tangents = Mapping[str, Mapping[str | ProjectionKey, npt.ArrayLike]]


class Status(enum.IntEnum):
    """Outcome of a sample."""

    OK = 0
    EVENT_LIMIT = 1
    NOT_FINITE = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What a run noticed, per sample.

    Attributes
    ----------
    grazing : ndarray of int, [batch]
        Spikes whose slope at the threshold is under ``1e-6 (v_th - v_reset) / tau_mem``: their gradients are exact
        and huge.
    uncrossed : ndarray of int, [batch]
        Observed spikes at which the model does not cross its threshold upwards (its slope is not positive, or the
        neuron is held).  They are kept as spikes; no sensitivity passes through their time.
    least_slope : ndarray, [batch]
        Smallest slope ``d(V - threshold)/dt`` at any spike; inf without spikes.
    """

    grazing: Ints
    uncrossed: Ints
    least_slope: Floats

    def __repr__(self) -> str:
        least = float(self.least_slope.min(initial=np.inf))
        return (
            f"Report(grazing={int(self.grazing.sum())}, uncrossed={int(self.uncrossed.sum())}, "
            f"least_slope={least:.3g} in {self.grazing.size} samples)"
        )


@dataclass(frozen=True, slots=True)
class Tangent:
    """Tangents of the observations of a run.

    Attributes
    ----------
    spike_times : dict of str to ndarray
        Aligned with ``run.spikes[name].times``.
    voltage : dict of str to ndarray or tuple of ndarray
        Shaped as ``run.voltage``.
    """

    spike_times: dict[str, Floats]
    voltage: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One run, checked: a compiled network, what drives it, and what is wanted of it.

    ``stimulus`` are the events of the inputs, ``drive`` the values of those that are given on a grid, ``observed``
    spikes take the place of a population's own, ``state`` is where it begins.
    """

    plan: Plan
    stimulus: Mapping[str, Spikes]
    drive: Mapping[str, Drive]
    duration: float
    batch: int
    request: Request
    observed: Mapping[str, Spikes]
    state: State | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a gradient is taken of: a cotangent for what was observed, checked.

    Attributes
    ----------
    spike_times : dict
        ``dL/dt`` of each spiking population's spikes, those of the stimulus too, zero where none was given.
    timed : bool
        Whether any of these is not zero.
    voltage : dict
        ``dL/dv`` of what the probes of a population recorded.
    per_sample, time_constants : bool
        Of each sample, and of time constants, too.
    """

    spike_times: dict[str, Floats]
    timed: bool
    voltage: dict[str, list[Floats]]
    per_sample: bool
    time_constants: bool


class Trace(ABC):
    """What a run leaves behind for what may follow it."""

    @abstractmethod
    def report(self) -> Report:
        """What the run noticed."""

    @abstractmethod
    def state(self) -> State:
        """State at its end."""

    @abstractmethod
    def gradient(self, wish: Wish) -> Gradient:
        """Gradient of what was observed."""

    @abstractmethod
    def tangent(self, tangents: Tangents) -> Tangent:
        """Forward-mode product."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a backend returns: observations, how each sample ended ``[batch]``, and the trace for what may follow.

    ``conditions``: what it ran under beyond the network, to be kept with the run.
    """

    spikes: dict[str, Spikes]
    voltage: dict[str, Any]
    peak_time: dict[str, Floats]
    status: Ints
    trace: Trace
    conditions: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Backend(ABC):
    """A way to run a network; abstract, the backends are final.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.engine.backend import Backend
    >>> isinstance(sal.Exact(), Backend)
    True
    """

    __slots__ = ()

    threads: int | None

    @property
    def surrogate_gradients(self) -> bool:
        """Whether gradients are those of steps on a grid, which know nothing of spike times, delays and holds."""
        return False

    @abstractmethod
    def run(self, job: Job) -> Observation:
        """Run a network."""
