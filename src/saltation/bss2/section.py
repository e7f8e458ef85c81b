"""`Section`: a timed real-time section, its events and what is recorded in it; and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.readout import Recording
from saltation.bss2.writing import Write
from saltation.errors import ConfigurationError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class ChipEvents:
    """Events that the host plays into the chip.

    Parameters
    ----------
    times : array_like
        Seconds from the begin of the section; played at the next tick of 8 ns.
    labels : array_like of int
        14 bits: what the crossbar filters, bits 6-10 the row select and bits 0-5 the label of synapses.
    links : array_like of int
        Which of the four links carries each, or one for all.

    Raises
    ------
    ConfigurationError
        If shapes differ, or a number is out of range.

    Examples
    --------
    >>> from saltation.bss2 import ChipEvents
    >>> ChipEvents([0.0, 1e-6], labels=[3, 4]).links
    array([0, 0])
    """

    times: npt.ArrayLike
    labels: npt.ArrayLike
    links: npt.ArrayLike = 0

    def __post_init__(self) -> None:
        """Check, sort and freeze."""
        times = np.atleast_1d(np.asarray(self.times, np.float64))
        labels, links = np.asarray(self.labels), np.broadcast_to(np.asarray(self.links), times.shape)
        if times.ndim != 1 or labels.shape != times.shape:
            raise ConfigurationError(
                f"ChipEvents: times and labels must be of one length; got {times.shape} and {labels.shape}"
            )
        if times.size:
            _within("labels", labels, g.NEURON_LABEL_MAX)
            _within("links", links, g.LINKS - 1)
            if not (np.isfinite(times).all() and times.min() >= 0.0):
                raise ConfigurationError("ChipEvents.times must be finite and at least 0")
        order = np.argsort(times, kind="stable")
        for name, array in (("times", times), ("labels", labels.astype(np.int64)), ("links", links.astype(np.int64))):
            frozen = array[order]
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return np.asarray(self.times).size


def _within(name: str, values: NDArray[Any], high: int) -> None:
    if values.dtype.kind not in "iu":
        raise ConfigurationError(f"ChipEvents.{name} must be whole numbers; got the dtype {values.dtype}")
    bad = (values < 0) | (values > high)
    if bad.any():
        at = int(np.argmax(bad))
        raise ConfigurationError(f"ChipEvents.{name} must be 0..{high}; got {int(values[at])} at {at}")


NO_EVENTS = ChipEvents(np.empty(0), np.empty(0, np.int64))


# Events that are so many sections late are likely in another unit.
_OTHER_UNIT = 1e3


def _listed(name: str, given: Any, kinds: str) -> None:
    if not isinstance(given, Sequence):
        raise ConfigurationError(
            f"Section.{name} must be a list of {kinds}; got {type(given).__name__}; a single one goes into a list too"
        )


@final
@dataclass(frozen=True)
class Section:
    """A timed real-time section, which begins with all membranes at rest.

    Parameters
    ----------
    duration : float
        Seconds of hardware time.
    events : ChipEvents
        What the host plays.
    recordings : sequence of Cadc, Madc and IdealProbe
        What is read.
    writes : sequence of Write
        What is written while it runs.  At its end all of it is written back, so that sections do not depend on one
        another.

    Raises
    ------
    ConfigurationError
        If the duration is not positive, an event or a write is after the end, or there are two recordings by one
        converter.
    """

    duration: float
    events: ChipEvents = NO_EVENTS
    recordings: Sequence[Recording] = ()
    writes: Sequence[Write] = ()

    def __post_init__(self) -> None:
        """Check the arguments."""
        if not 0.0 < self.duration < float("inf"):
            raise ConfigurationError(
                f"Section.duration must be a finite time above 0 in seconds; got {self.duration!r}"
            )
        _listed("recordings", self.recordings, "Cadc, Madc or IdealProbe")
        _listed("writes", self.writes, "Write")
        times = np.asarray(self.events.times)
        if times.size and times[-1] > self.duration:
            unit = "; times are in seconds, microseconds are 1e-6" if times[-1] >= _OTHER_UNIT * self.duration else ""
            raise ConfigurationError(
                f"Section.events must lie in the section of {self.duration:g} s; got {times[-1]:g} s; nothing is "
                f"dropped silently: make it longer, or cut the events{unit}"
            )
        kinds = [type(each).__name__ for each in self.recordings if type(each).__name__ != "IdealProbe"]
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ConfigurationError(
                f"Section.recordings must have at most one of each converter; got {kinds.count(twice[0])} {twice[0]}; "
                "put their circuits into one"
            )
        if late := [write.time for write in self.writes if write.tick >= self.duration]:
            raise ConfigurationError(
                f"Section.writes must lie in the section of {self.duration:g} s; got {max(late):g} s; a write at its "
                "end acts on nothing, as all is written back there"
            )
        object.__setattr__(self, "recordings", tuple(self.recordings))
        object.__setattr__(self, "writes", tuple(self.writes))


@final
@dataclass(frozen=True)
class Observed:
    """What came of a section.

    Attributes
    ----------
    times, circuits : ndarray
        Spikes that reached the host, sorted: time stamps in seconds, and the circuits that sent them.
    samples : tuple of ndarray
        Of each recording ``[time, circuit]``: uint8 of the CADC, floats of the MADC, volts of an ideal probe.
    sampled : tuple of ndarray
        When each was sampled.
    counters : ndarray of int, [512]
        Spikes that each circuit counted, modulo 256: the counters have 8 bits.
    lost : dict of str to int
        Events lost, by where: links from the host, buses, event outputs, links to the host.
    spiked : int
        All spikes of all circuits, also those that did not reach the host.  An emulation knows; a chip would not.
    wrapped : ndarray of int
        Circuits whose counter began again at 0.  An emulation knows; a chip would not.
    """

    times: Floats
    circuits: Ints
    samples: tuple[NDArray[Any], ...]
    sampled: tuple[Floats, ...]
    counters: Ints
    lost: dict[str, int]
    spiked: int
    wrapped: Ints

    def __repr__(self) -> str:
        lost = sum(self.lost.values())
        return f"Observed({self.times.size} spikes, {len(self.samples)} recordings, {lost} events lost)"
