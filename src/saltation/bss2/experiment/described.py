"""`SectionBuilder`: a real-time section, or a batch of them, while it is described."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.experiment.placed import Placed
from saltation.bss2.experiment.tickets import COUNTERS, SAMPLES, SPIKES, Asked, Samples, Ticket
from saltation.bss2.physics import Physics
from saltation.bss2.playing import make_sections
from saltation.bss2.readout import Cadc, IdealProbe, Madc, Recording
from saltation.bss2.section import NO_EVENTS, ChipEvents, Section
from saltation.bss2.writing import Write
from saltation.errors import ConfigurationError, ParameterError
from saltation.model import ProjectionKey, Spikes
from saltation.model.checks import suggest

Ints = NDArray[np.int64]


class Owner(Protocol):
    """What a section asks of its experiment."""

    @property
    def placed(self) -> Placed:
        """The network that was placed."""
        ...

    @property
    def physics(self) -> Physics:
        """Of the chip."""
        ...

    def name_of(self, kind: str, wanted: str | None) -> str:
        """A name for a ticket that no other has."""
        ...

    def drop(self, section: Any) -> None:
        """Take a section out."""
        ...


@final
class SectionBuilder:
    """A real-time section that is being described; ``experiment.section(duration)`` gives it.

    Times are seconds of hardware time from the begin of the section, at which all membranes are at rest.  The end of
    the ``with`` block closes it, as a run or `Experiment.save` does; an exception inside takes it out again.

    Examples
    --------
    Events with labels of one's own, and a weight that changes in between.

    >>> from saltation.bss2 import Chip, ChipEvents, Experiment, IdealProbe, Noise
    >>> experiment = Experiment(Chip(serial=1, noise=Noise.none()))
    >>> for register in ("excitatory_input_enable", "row_mode"):
    ...     experiment.configuration.set(register, 1)
    >>> experiment.configuration.set("excitatory_input_i_bias_gm", 500)
    >>> experiment.configuration.set("node_enable", 1, at=(8, 0))  # from the first link to the first bus
    >>> with experiment.section(60e-6) as section:
    ...     section.play_events(ChipEvents([10e-6], labels=[0]))
    ...     voltage = section.record(IdealProbe([3], at=[9e-6, 20e-6]))
    ...     section.write(5e-6, "synapse_weight", 50, at=(0, 0))
    >>> result = experiment.run()
    >>> before, after = voltage.result().values[:, 0]
    >>> bool(after > before + 0.01)
    True
    """

    def __init__(self, owner: Owner, duration: float, batch: int | None) -> None:
        Section(duration)  # checks it
        self.duration, self.batch = duration, batch
        self.tickets: list[Ticket[Any]] = []
        self._owner, self._closed = owner, False
        self._played: dict[str, list[Spikes]] = {}
        self._events: list[Sequence[ChipEvents]] = []
        self._recordings: list[Recording] = []
        self._writes: list[Write] = []
        self._sections: tuple[Section, ...] | None = None

    @classmethod
    def of_sections(cls, owner: Owner, sections: Sequence[Section], batched: bool) -> "SectionBuilder":
        """Sections that exist, as a closed description."""
        made = cls(owner, sections[0].duration, len(sections) if batched else None)
        made._sections, made._closed = tuple(sections), True
        return made

    def __repr__(self) -> str:
        batch = "" if self.batch is None else f", batch={self.batch}"
        return f"SectionBuilder({self.duration:g} s{batch}, {'closed' if self._closed else 'open'})"

    def __enter__(self) -> "SectionBuilder":
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, or after an exception take it out of the experiment."""
        self._closed = True
        if kind is not None:
            self._owner.drop(self)

    def play(self, population: str, spikes: Spikes) -> None:
        """Play spikes of an input population, at the links and with the labels that it was given when placed.

        Parameters
        ----------
        population : str
            An `Input` of the network that was placed.
        spikes : Spikes
            In hardware time; of one sample, which all of a batch get, or of as many as the batch has.

        Raises
        ------
        ParameterError
            If it is no input, or sizes differ.
        ConfigurationError
            If a spike is after the end.
        """
        placed = self._open().placed
        inputs = [name for name, (kind, _) in placed.populations.items() if kind == "Input"]
        if population not in inputs:
            known = suggest(population, inputs)
            raise ParameterError(f"play.population must be an input of the network; got {population!r}; {known}")
        if not isinstance(spikes, Spikes):
            raise ParameterError(
                f"play.spikes must be Spikes; got {type(spikes).__name__}; Spikes.from_lists makes them"
            )
        size = placed.populations[population][1]
        width = int(spikes.units.max(initial=-1)) + 1 if spikes.n_units is None else spikes.n_units
        if width > size or (spikes.n_units is not None and width != size):
            raise ParameterError(f"play.spikes of {population!r} must have {size} units; got {width}")
        if placed.placement.played[population][0].size == 0:
            raise ParameterError(f"input {population!r} has no projection, so that its spikes would reach nothing")
        self._check_batch("play.spikes", spikes.batch)
        self._check_end(spikes.times)
        self._played.setdefault(population, []).append(spikes)

    def play_events(self, events: ChipEvents | Sequence[ChipEvents]) -> None:
        """Play events with labels and links of one's own.

        Parameters
        ----------
        events : ChipEvents or sequence of ChipEvents
            Of all sections of a batch, or of each.

        Raises
        ------
        ParameterError
            If there are not as many as the batch has.
        ConfigurationError
            If an event is after the end.
        """
        self._open()
        listed = [events] if isinstance(events, ChipEvents) else events
        if not isinstance(listed, Sequence) or not all(isinstance(each, ChipEvents) for each in listed):
            raise ParameterError(f"play_events.events must be ChipEvents, or a sequence of them; got {events!r}")
        self._check_batch("play_events.events", len(listed))
        for each in listed:
            self._check_end(np.asarray(each.times))
        self._events.append(listed)

    def record(self, recording: Recording, *, name: str | None = None) -> Ticket[Samples]:
        """Record by the CADC, the MADC or an ideal probe; each converter once in a section.

        Parameters
        ----------
        recording : Cadc, Madc or IdealProbe
            What and when; ``Cadc(circuits=experiment.circuits("hid"))`` is of a population.
        name : str, optional
            Of the ticket.

        Returns
        -------
        Ticket of Samples

        Raises
        ------
        ConfigurationError
            If it does not fit into the section or into the converter's store, or the converter is taken.
        """
        owner = self._open()
        if not isinstance(recording, Cadc | Madc | IdealProbe):
            raise ParameterError(
                f"record.recording must be a Cadc, a Madc or an IdealProbe; got {type(recording).__name__}"
            )
        recording.times(self.duration, owner.physics)
        Section(self.duration, recordings=[*self._recordings, recording])  # checks that converters are free
        self._recordings.append(recording)
        kind = type(recording).__name__.lower()
        return self._ticket(kind, Asked(SAMPLES, name or "", recording.chosen, len(self._recordings) - 1), name)

    def record_spikes(self, population: str | None = None, *, name: str | None = None) -> Ticket[Spikes]:
        """Spikes that reach the host, in hardware time.

        Parameters
        ----------
        population : str, optional
            Whose; its neurons are the units.  By default all circuits, which are the units.
        name : str, optional
            Of the ticket.

        Returns
        -------
        Ticket of Spikes
            With one sample, or as many as the batch has.
        """
        return self._ticket("spikes", Asked(SPIKES, "", self._circuits(population)), name)

    def read_counters(self, population: str | None = None, *, name: str | None = None) -> Ticket[Ints]:
        """Read, at the end of the section, how many spikes each circuit counted, modulo 256.

        Parameters
        ----------
        population : str, optional
            Whose counters; by default those of all circuits.
        name : str, optional
            Of the ticket.

        Returns
        -------
        Ticket of ndarray of int
            ``[neuron]``, of a batch ``[batch, neuron]``.
        """
        return self._ticket("counters", Asked(COUNTERS, "", self._circuits(population)), name)

    def write(self, time: float, register: str, values: npt.ArrayLike, at: Any = ...) -> None:
        """Write a register while the section runs; at its end all is written back.

        Parameters
        ----------
        time : float
            Seconds from its begin.
        register : str
            One of ``saltation.bss2.registers.WIRING`` or ``SWITCHES``.
        values : array_like of int
            What is written.
        at : index
            Where; by default everywhere.

        Raises
        ------
        ConfigurationError
            As `Write`; or if the time is after the end.
        """
        self._open()
        write = Write(time, register, values, at)
        Section(self.duration, writes=[write])  # checks that it is inside
        self._writes.append(write)

    def write_weights(self, time: float, projection: ProjectionKey, weights: npt.ArrayLike) -> None:
        """Write whole, signed weights ``[pre, post]`` of a projection while the section runs.

        Raises
        ------
        ParameterError
            If there is no such projection, or the weights are not whole numbers of its shape.
        PlacementError
            If one is larger than its parallel rows hold.
        """
        placed = self._open().placed
        whole, _ = placed.whole(projection, weights, cut=False)
        places, values = placed.placement.synapses(projection, whole)
        self.write(time, "synapse_weight", values, np.unravel_index(places, (g.HEMISPHERES, g.ROWS, g.COLUMNS)))

    def sections(self) -> tuple[Section, ...]:
        """The sections as described, made once; nothing can be added then."""
        self._closed = True
        if self._sections is None:
            events = self._all_events(self._owner)
            recordings, writes = tuple(self._recordings), tuple(self._writes)
            self._sections = tuple(Section(self.duration, each, recordings, writes) for each in events)
        return self._sections

    def _all_events(self, owner: Owner) -> list[ChipEvents]:
        """Events of each section, of populations and those given."""
        size = 1 if self.batch is None else self.batch
        found: list[list[ChipEvents]] = [[] for _ in range(size)]
        several = {name: [each for each in parts if each.batch == size] for name, parts in self._played.items()}
        single = {name: [each for each in parts if each.batch != size] for name, parts in self._played.items()}
        for parts, batch in ((several, size), (single, 1)):
            stimulus = {name: Spikes.merge(own) if len(own) > 1 else own[0] for name, own in parts.items() if own}
            if stimulus:
                made = make_sections(owner.placed.placement, stimulus, batch, self.duration, 1.0, ())
                for i, own in enumerate(found):
                    own.append(made[i if batch == size else 0].events)
        for given in self._events:
            for i, own in enumerate(found):
                own.append(given[i if len(given) == size else 0])
        return [_merged(own) for own in found]

    def _open(self) -> Owner:
        if self._closed:
            raise ConfigurationError(
                "the section is closed: its with block has ended, or the experiment has run; describe another one by "
                "experiment.section(duration)"
            )
        return self._owner

    def _ticket(self, kind: str, asked: Asked, name: str | None) -> Ticket[Any]:
        owner = self._open()
        named = Asked(asked.kind, owner.name_of(kind, name), asked.circuits, asked.recording)
        ticket: Ticket[Any] = Ticket(named, self.batch is not None)
        self.tickets.append(ticket)
        return ticket

    def _circuits(self, population: str | None) -> Ints:
        owner = self._open()
        return np.arange(g.CIRCUITS) if population is None else owner.placed.spiking(population)

    def _check_batch(self, what: str, batch: int) -> None:
        size = 1 if self.batch is None else self.batch
        if batch not in (1, size):
            of = f"1 sample, or {size} as the batch" if size > 1 else "1 sample"
            raise ParameterError(f"{what} must have {of}; got {batch}; section(duration, batch={batch}) takes them")

    def _check_end(self, times: NDArray[np.float64]) -> None:
        if times.size and times.max() > self.duration:
            raise ConfigurationError(
                f"events must lie in the section of {self.duration:g} s; got {times.max():g} s; times are hardware "
                "time: a model of 10 ms is one of 10 us at the usual time scale"
            )


def _merged(parts: Sequence[ChipEvents]) -> ChipEvents:
    if len(parts) < 2:
        return parts[0] if parts else NO_EVENTS
    return ChipEvents(
        *(np.concatenate([getattr(each, name) for each in parts]) for name in ("times", "labels", "links"))
    )
