"""`Ticket`: a promise of what a run will have read, as of playback programs; and what tickets give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.section import Observed
from saltation.errors import SimulationError
from saltation.model import Spikes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

SAMPLES, SPIKES, COUNTERS = "samples", "spikes", "counters"


class Samples(NamedTuple):
    """What a converter read.

    Attributes
    ----------
    times : ndarray, [time]
        Seconds from the begin of the section.
    values : ndarray, [time, circuit] or [batch, time, circuit]
        uint8 of the CADC, floats of the MADC with NaN where it was not settled, volts of an ideal probe.
    circuits : ndarray of int, [circuit]
        Whose.

    Examples
    --------
    >>> from saltation.bss2 import Chip, Experiment, IdealProbe
    >>> experiment = Experiment(Chip(serial=1))
    >>> with experiment.section(10e-6, batch=4) as section:
    ...     ticket = section.record(IdealProbe([7, 8], at=[1e-6, 2e-6, 3e-6]))
    >>> result = experiment.run()
    >>> times, values, circuits = ticket.result()
    >>> times.shape, values.shape, circuits.tolist()
    ((3,), (4, 3, 2), [7, 8])
    """

    times: Floats
    values: NDArray[Any]
    circuits: Ints


@final
@dataclass(frozen=True, eq=False)
class Asked:
    """What a ticket is for.

    Attributes
    ----------
    kind : {"samples", "spikes", "counters"}
    name : str
        Of the ticket.
    circuits : ndarray of int
        Of samples the recorded ones, of spikes and counters those of each unit.
    recording : int
        Of samples, which recording of its section.
    """

    kind: str
    name: str
    circuits: Ints
    recording: int = 0

    def read(self, observed: Sequence[Observed], batched: bool) -> Any:
        """Read it from the sections of a batch, or from the one that is not a batch."""
        if self.kind == SPIKES:
            return _spikes(self.circuits, observed)
        if self.kind == COUNTERS:
            return _stacked([each.counters[self.circuits] for each in observed], batched)
        values = _stacked([each.samples[self.recording] for each in observed], batched)
        return Samples(observed[0].sampled[self.recording].copy(), values, self.circuits.copy())


def _stacked(parts: Sequence[NDArray[Any]], batched: bool) -> NDArray[Any]:
    return np.stack(parts) if batched else parts[0].copy()


def _spikes(circuits: Ints, observed: Sequence[Observed]) -> Spikes:
    """Spikes of these circuits, whose places are the units."""
    circuit = np.concatenate([each.circuits for each in observed])
    found, order = np.sort(circuits), np.argsort(circuits)
    place = np.minimum(np.searchsorted(found, circuit), found.size - 1)
    own = found[place] == circuit
    times = np.concatenate([each.times for each in observed])[own]
    before = np.concatenate([[0], np.cumsum(own)])
    ends = np.cumsum([0, *(each.times.size for each in observed)])
    return Spikes(times, order[place[own]], before[ends], n_units=circuits.size)


@final
class Ticket(Generic[T]):
    """What a run is to read; it gives it when the experiment has run, and each time what the last run read.

    Attributes
    ----------
    name : str
        By which ``experiment.tickets`` knows it, also after it was saved and loaded.

    Examples
    --------
    >>> from saltation.bss2 import Cadc, Chip, Experiment
    >>> experiment = Experiment(Chip(serial=1))
    >>> with experiment.section(20e-6) as section:
    ...     voltage = section.record(Cadc(circuits=[0, 1], samples=3))
    >>> voltage.done()
    False
    >>> result = experiment.run()
    >>> voltage.result().values.shape
    (3, 2)
    """

    __slots__ = ("_source", "asked", "batched")

    def __init__(self, asked: Asked, batched: bool) -> None:
        self.asked, self.batched = asked, batched
        self._source: Callable[[Ticket[Any]], Any] | None = None

    def __repr__(self) -> str:
        return f"Ticket({self.name!r}, {'done' if self.done() else 'before its run'})"

    @property
    def name(self) -> str:
        """Name of the ticket."""
        return self.asked.name

    def done(self) -> bool:
        """Whether there is a result."""
        return self._source is not None

    def result(self) -> T:
        """What the last run read.

        Raises
        ------
        SimulationError
            If the experiment has not run since the ticket was given out, or its run failed.
        """
        if self._source is None:
            raise SimulationError(
                f"the ticket {self.name!r} has no result: its experiment has not run since it was given out, or the "
                "run failed; call experiment.run() first, outside the with block of the section"
            )
        return self._source(self)

    def deliver(self, source: "Callable[[Ticket[Any]], Any] | None") -> None:
        """Say where its result comes from, or that there is none; this is for `Experiment.run`."""
        self._source = source
