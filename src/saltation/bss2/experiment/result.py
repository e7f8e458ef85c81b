"""`Result`: what came of a run of an experiment, its statistics and its health; and the run again."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar, final

from saltation.bss2.chip import Execution
from saltation.bss2.experiment.health import Health, examine
from saltation.bss2.experiment.record import Record, digest_of, origin
from saltation.bss2.experiment.storage import Block, Description, Stored, write
from saltation.bss2.experiment.tickets import Ticket
from saltation.bss2.section import Observed
from saltation.errors import ParameterError, SimulationError

T = TypeVar("T")


@final
@dataclass(frozen=True, slots=True)
class Statistics:
    """How long a run took, here and on hardware, and what went in and out.

    Attributes
    ----------
    number, seed : int
        Which run of the chip it was, and the seed of its noise.
    sections : int
        How many real-time sections.
    compile_time, write_time, run_time, read_time : float
        Seconds on this machine: from the description to wires and circuits, placement included in the first run after
        it; comparison and writing of registers; sections; and reading by tickets so far.
    hardware_time : float
        Seconds that the chip would have taken: sections, and waiting for analog values.
    settled : float
        The waiting alone.
    written : dict of str to int
        Places written before the sections, by register: those that differed from what was there.
    rewritten : dict of str to int
        Places written inside sections, and back at their ends.
    events_in, events_out : int
        Events that the host played, and spikes that it received.
    spikes : int
        Spikes of all circuits, received or not.

    Examples
    --------
    >>> from saltation.bss2 import Chip, Experiment
    >>> experiment = Experiment(Chip(serial=1))
    >>> experiment.configuration.set("synapse_weight", 3, at=(0, 1, [4, 5]))
    >>> _ = experiment.section(1e-3)
    >>> statistics = experiment.run().statistics
    >>> statistics.written, statistics.hardware_time, statistics.events_in
    ({'synapse_weight': 2}, 0.001, 0)
    """

    number: int
    seed: int
    sections: int
    compile_time: float
    write_time: float
    run_time: float
    read_time: float
    hardware_time: float
    settled: float
    written: Mapping[str, int]
    rewritten: Mapping[str, int]
    events_in: int
    events_out: int
    spikes: int

    @property
    def wall_time(self) -> float:
        """Seconds on this machine, all together."""
        return self.compile_time + self.write_time + self.run_time + self.read_time

    @property
    def slowdown(self) -> float:
        """Seconds on this machine for a second of hardware time."""
        return self.wall_time / self.hardware_time

    def __str__(self) -> str:
        written = ", ".join(f"{name} {n}" for name, n in self.written.items()) or "nothing"
        return (
            f"run {self.number} of {self.sections} section(s), seed {self.seed}: {self.hardware_time:.4g} s on "
            f"hardware, {self.wall_time:.3g} s here (compile {self.compile_time:.3g}, write {self.write_time:.3g}, run "
            f"{self.run_time:.3g}, read {self.read_time:.3g})\n"
            f"written: {written}\n"
            f"events in {self.events_in}, out {self.events_out}; spikes {self.spikes}"
        )


@final
class Result:
    """What came of a run; it stays as it is while its experiment goes on.

    Attributes
    ----------
    record : Record
        All that decided the run.
    execution : Execution
        What `Chip.run` gave.

    Examples
    --------
    >>> from saltation.bss2 import Cadc, Chip, Experiment
    >>> experiment = Experiment(Chip(serial=1))
    >>> with experiment.section(20e-6) as section:
    ...     voltage = section.record(Cadc([0, 1]))
    >>> first, second = experiment.run(), experiment.run()
    >>> bool((first[voltage].values != second[voltage].values).any())  # by noise
    True
    >>> bool((first[voltage].values == first.replay()[voltage].values).all())
    True
    """

    def __init__(self, record: Record, execution: Execution, description: Description, compiling: float = 0.0) -> None:
        self.record, self.execution = record, execution
        self._description = description
        self._parts: dict[Ticket[Any], Block] = {t: part for part in description.parts for t in part.tickets}
        self._values: dict[Ticket[Any], Any] = {}
        self._compiling, self._reading = compiling, 0.0

    def __repr__(self) -> str:
        return f"Result(number={self.record.number}, sections={len(self.sections)}, seed={self.record.seed})"

    @property
    def sections(self) -> tuple[Observed, ...]:
        """What was observed in each section."""
        return self.execution.sections

    def __getitem__(self, ticket: Ticket[T]) -> T:
        """What this run read for a ticket; ``ticket.result()`` is that of the last run.

        Raises
        ------
        ParameterError
            If the ticket is of a section that was not in this run.
        """
        if ticket not in self._parts:
            raise ParameterError(f"{ticket!r} is not for a section of run {self.record.number}")
        if ticket not in self._values:
            begun, part = perf_counter(), self._parts[ticket]
            observed = self.sections[part.first : part.first + part.count]
            self._values[ticket] = ticket.asked.read(observed, part.batched)
            self._reading += perf_counter() - begun
        return self._values[ticket]

    @property
    def statistics(self) -> Statistics:
        """How long it took, and what went in and out."""
        done = self.execution
        return Statistics(
            number=self.record.number,
            seed=self.record.seed,
            sections=len(self.sections),
            compile_time=self._compiling + done.wall_time["compile"],
            write_time=done.wall_time["write"],
            run_time=done.wall_time["run"],
            read_time=self._reading,
            hardware_time=done.hardware_time,
            settled=done.settled,
            written=done.written,
            rewritten=done.rewritten,
            events_in=sum(section.events.n_events for section in self.record.sections),
            events_out=sum(observed.times.size for observed in self.sections),
            spikes=sum(observed.spiked for observed in self.sections),
        )

    @cached_property
    def health(self) -> Health:
        """What was lost, with the likely cause and the next step; found out when it is first asked for."""
        about = self._description
        return examine(self.record, self.execution, about.calibration, about.placed is not None, about.cut)

    @cached_property
    def digest(self) -> str:
        """A number that two runs share that gave the same, bit for bit."""
        return digest_of(self.sections)

    def replay(self, threads: int | None = None) -> "Result":
        """Make the run again, on a new chip that is as the chip was before it.

        Raises
        ------
        SimulationError
            If the results differ in a single bit.
        """
        execution = self.record.run_on(self.record.chip(threads))
        again = Result(self.record, execution, self._description)
        if again.digest != self.digest:
            raise SimulationError(
                f"run {self.record.number} gave other results when it was made again; arrays of the first result may "
                "have been written to since; otherwise please report this"
            )
        return again

    def save(self, path: str | Path) -> Path:
        """Write the run to a file, for `Experiment.load`, whole or not at all."""
        return write(path, Stored(self.record, self._description, self.digest, origin()))
