"""`Experiment`: from a description to results: placement, configuration, sections, tickets; again and again."""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2.calibration import Calibration
from saltation.bss2.chip import SETTLING, Chip, lost_events
from saltation.bss2.configuration import Configuration
from saltation.bss2.experiment.described import SectionBuilder
from saltation.bss2.experiment.placed import Placed, ignored, place_in
from saltation.bss2.experiment.record import Record, alike, origin, same_run, unlike
from saltation.bss2.experiment.result import Result
from saltation.bss2.experiment.storage import Block, Description, Stored, read, write
from saltation.bss2.experiment.tickets import COUNTERS, Ticket
from saltation.bss2.physics import Physics
from saltation.bss2.placement import Placement
from saltation.bss2.section import Section
from saltation.errors import ChipWarning, ConfigurationError, ParameterError, PlacementError
from saltation.model import Network, ProjectionKey
from saltation.model.checks import caller_level, integer, number

Ints = NDArray[np.int64]


@final
class Experiment:
    """An experiment on an emulated chip: what is to be written, played and read, and then runs of it.

    A run compares the configuration with what is on the chip and writes what differs, waits for analog values where one
    changed, and runs all sections, each from membranes at rest.  Tickets then give what was read.

    Parameters
    ----------
    chip : Chip
        Where it runs.
    calibration : Calibration, optional
        Of this chip; its codes are written over those of the configuration.
    configuration : Configuration, optional
        Registers to begin with, which are copied; by default those after a reset.
    settling : float
        Seconds to wait where an analog value has changed.

    Attributes
    ----------
    configuration : Configuration
        What the next run has on the chip; it can be written to.
    chip : Chip
    calibration : Calibration or None
    seed : int
        Of temporal noise, where `run` is given none: 0, or that of the file from which it was loaded.
    settling : float

    Raises
    ------
    ParameterError
        If an argument is not allowed.
    CalibrationError
        If the calibration is of another chip.

    References
    ----------
    Mueller et al., A scalable approach to modeling on accelerated neuromorphic hardware, Frontiers in Neuroscience
    16:884128 (2022), doi:10.3389/fnins.2022.884128.

    Examples
    --------
    A circuit with its leak above its threshold spikes by itself.

    >>> import numpy as np
    >>> from saltation.bss2 import Cadc, Chip, Experiment
    >>> experiment = Experiment(Chip(serial=1))
    >>> experiment.configuration.set("leak_v_leak", 500, at=3)
    >>> experiment.configuration.set("threshold_v_threshold", 350, at=3)
    >>> experiment.configuration.set("threshold_enable", 1, at=3)
    >>> with experiment.section(100e-6) as section:
    ...     voltage = section.record(Cadc(circuits=[3]))
    ...     counters = section.read_counters()
    >>> result = experiment.run()
    >>> voltage.result().values.shape, bool(counters.result()[3] > 3)
    ((59, 1), True)
    >>> result.statistics.settled, experiment.run().statistics.settled
    (0.02, 0.0)
    """

    def __init__(
        self,
        chip: Chip,
        *,
        calibration: Calibration | None = None,
        configuration: Configuration | None = None,
        settling: float = SETTLING,
    ) -> None:
        for name, value, kind in (
            ("chip", chip, Chip),
            ("calibration", calibration, Calibration),
            ("configuration", configuration, Configuration),
        ):
            if not (isinstance(value, kind) or (value is None and kind is not Chip)):
                raise ParameterError(f"Experiment.{name} must be a {kind.__name__}; got {type(value).__name__}")
        self.configuration = Configuration() if configuration is None else configuration.copy()
        if calibration is not None:
            calibration.check(chip.serial)
            calibration.apply(self.configuration)
        self.chip, self.calibration = chip, calibration
        self.seed = 0
        self.settling = number("Experiment", "settling", settling, minimum=0.0)
        self._placed: Placed | None = None
        self._sections: list[SectionBuilder] = []
        self._names: set[str] = set()
        self._cut: dict[ProjectionKey, tuple[int, int]] = {}
        self._compiling = 0.0
        self._last: Result | None = None
        self._loaded: tuple[Record, str, Mapping[str, str]] | None = None
        self._told: set[str] = set()

    def __repr__(self) -> str:
        names = [] if self._placed is None else list(self._placed.populations)
        sections = sum(each.batch or 1 for each in self._sections)
        return f"Experiment({self.chip!r}, populations={names}, sections={sections})"

    # ------------------------------------------------------------------------------------ description
    def place(
        self, network: Network, *, rows: Mapping[ProjectionKey, int] | int = 1, kept: tuple[int, ...] = ()
    ) -> Placement:
        """Place a network, and configure its circuits, rows, labels, nodes and weights.

        Of the network its populations, projections and weights are used, the weights as they are on the chip: whole and
        signed.  What its neurons are, their time constants and thresholds, is decided by the calibration or the
        configuration, not by the parameters of ``LIF``, and a warning says so where they are not the usual ones;
        `saltation.bss2.Backend` runs a model with its parameters.

        Parameters
        ----------
        network : Network
            Inputs, LIF and LI; no delays.
        rows : int or dict of projection to int
            Parallel rows of each synapse: with k of them weights reach 63 k.
        kept : tuple of int
            Circuits that are left alone.

        Returns
        -------
        Placement

        Raises
        ------
        PlacementError
            If it does not fit, a weight is too large, or there is a network already.
        ParameterError
            If a weight is not a whole number.

        Examples
        --------
        >>> import numpy as np, saltation as sal
        >>> from saltation.bss2 import Chip, Experiment
        >>> net = sal.Network()
        >>> _ = net.add("in", sal.Input(4)); _ = net.add("hid", sal.LIF(3))
        >>> _ = net.connect("in", "hid", weight=np.full((4, 3), 40))
        >>> experiment = Experiment(Chip(serial=1))
        >>> placement = experiment.place(net)
        >>> int((experiment.configuration["synapse_weight"] == 40).sum())
        12
        """
        begun = perf_counter()
        if self._placed is not None:
            raise PlacementError(
                f"the experiment has a network already, of {list(self._placed.populations)}; rows and labels of two "
                "would mix; put both into one Network, or make another Experiment"
            )
        placed = place_in(self.configuration, network, rows, kept, self.chip.physics)
        self._placed = placed
        self._compiling += perf_counter() - begun
        if own := ignored(network):
            warnings.warn(
                f"Experiment.place takes no notice of what neurons are: {own}; circuits are what the calibration or "
                "the configuration makes them: calibrate(chip, NeuronTarget(...)) for these values, in LSB and seconds "
                "of the chip, or run the model by simulate(..., backend=Backend(chip))",
                ChipWarning,
                stacklevel=caller_level(),
            )
        return placed.placement

    @property
    def placed(self) -> Placed:
        """The network that was placed.

        Raises
        ------
        PlacementError
            If there is none.
        """
        if self._placed is None:
            raise PlacementError("the experiment has no network, so that populations have no names; place one first")
        return self._placed

    @property
    def physics(self) -> Physics:
        """Constants of its chip."""
        return self.chip.physics

    def circuits(self, population: str) -> Ints:
        """The circuit that spikes and is read, of each neuron of a population."""
        return self.placed.circuits(population).copy()

    def write_weights(self, projection: ProjectionKey, weights: npt.ArrayLike, *, cut: bool = False) -> None:
        """Set whole, signed weights ``[pre, post]`` of a projection for the next run.

        Parameters
        ----------
        projection : tuple of str, or str
            Its populations, or its name.
        weights : array_like
            What is to be on the chip.
        cut : bool
            Cut those beyond what the rows hold, and have `Result.health` count them; otherwise they are refused.

        Raises
        ------
        ParameterError
            If there is no such projection, or the weights are not whole numbers of its shape.
        PlacementError
            If one is larger than its parallel rows hold.
        """
        whole, beyond = self.placed.whole(projection, weights, cut)
        self.placed.placement.write_weights(self.configuration, projection, whole)
        self._cut[projection] = (beyond, whole.size)

    def section(self, duration: float, *, batch: int | None = None) -> SectionBuilder:
        """Add a real-time section, or a batch of equal ones, and describe it inside a ``with`` block.

        Parameters
        ----------
        duration : float
            Seconds of hardware time.
        batch : int, optional
            Number of sections that differ in nothing but their events; what their tickets give has an axis more.

        Returns
        -------
        SectionBuilder
        """
        size = None if batch is None else integer("Experiment.section", "batch", batch, minimum=1)
        made = SectionBuilder(self, duration, size)
        self._sections.append(made)
        return made

    def add_sections(self, sections: Sequence[Section]) -> None:
        """Add sections that were made elsewhere; what they observe is in ``result.sections``."""
        if not sections or not all(isinstance(each, Section) for each in sections):
            raise ParameterError("Experiment.add_sections.sections must be at least one Section, and nothing else")
        self._sections.append(SectionBuilder.of_sections(self, sections, batched=True))

    def clear(self) -> None:
        """Take all sections out, for others in the same placement and configuration; tickets keep their results."""
        for section in list(self._sections):
            self.drop(section)

    def drop(self, section: SectionBuilder) -> None:
        """Take a section out; names of its tickets are free again."""
        self._sections.remove(section)
        self._names.difference_update(ticket.name for ticket in section.tickets)

    @property
    def tickets(self) -> dict[str, Ticket[Any]]:
        """Tickets of all sections, by name."""
        return {ticket.name: ticket for section in self._sections for ticket in section.tickets}

    def name_of(self, kind: str, wanted: str | None) -> str:
        """A name for a ticket that no other has."""
        if wanted is not None and (not isinstance(wanted, str) or not wanted or wanted in self._names):
            raise ParameterError(
                f"name of a ticket must be a string that no other ticket of the experiment has; got {wanted!r}; taken: "
                f"{sorted(self._names)}"
            )
        free = (f"{kind} {i}" for i in itertools.count())
        found = next(name for name in free if name not in self._names) if wanted is None else wanted
        self._names.add(found)
        return found

    # -------------------------------------------------------------------------------------------- runs
    def run(self, *, seed: int | None = None) -> Result:
        """Write what differs, wait where an analog value changed, run all sections, and serve the tickets.

        Parameters
        ----------
        seed : int, optional
            Of temporal noise, which also differs from run to run; by default ``experiment.seed``, that is 0, or what a
            file says.

        Returns
        -------
        Result

        Raises
        ------
        ConfigurationError
            If there is no section, or the configuration or what sections ask for is not possible on the chip.
        """
        begun = perf_counter()
        seed = self.seed if seed is None else integer("Experiment.run", "seed", seed)
        for ticket in self.tickets.values():
            ticket.deliver(None)
        sections, parts = self._described()
        before = self.chip.state
        compiling = self._compiling + perf_counter() - begun
        execution = self.chip.run(self.configuration, sections, seed=seed, settling=self.settling)
        record = self._record(before, self.chip.state.configuration, sections, seed)
        result = Result(record, execution, self._description(parts), compiling)
        for ticket in self.tickets.values():
            ticket.deliver(result.__getitem__)
        self._last, self._compiling = result, 0.0
        self._complain(result)
        return result

    def _described(self) -> tuple[tuple[Section, ...], tuple[Block, ...]]:
        """Sections in their order, and which are whose."""
        sections: list[Section] = []
        parts: list[Block] = []
        for each in self._sections:
            own = each.sections()
            parts.append(Block(len(sections), len(own), each.batch is not None, tuple(each.tickets)))
            sections.extend(own)
        if not sections:
            raise ConfigurationError(
                "an experiment must have a section to run; got none; describe one by `with "
                "experiment.section(100e-6) as section:`"
            )
        return tuple(sections), tuple(parts)

    def _record(self, before: Any, configuration: Configuration, sections: tuple[Section, ...], seed: int) -> Record:
        chip = self.chip
        tables = chip.physics, chip.variation, chip.noise
        return Record(chip.serial, *tables, before, configuration, sections, seed, self.settling)

    def _description(self, parts: tuple[Block, ...]) -> Description:
        return Description(parts, self._placed, self.calibration, dict(self._cut))

    def _complain(self, result: Result) -> None:
        """Warn, once in an experiment, of what makes numbers wrong that look right."""
        if lost := lost_events(result.execution):
            self._tell("lost", f"events were lost in run {result.record.number}: {lost}; result.health says why")
        counted = any(t.asked.kind == COUNTERS for section in self._sections for t in section.tickets)
        if counted and any(observed.wrapped.size for observed in result.sections):
            self._tell(
                "wrapped", f"counters began again at 0 in run {result.record.number}; result.health says how many"
            )
        if self._loaded is not None:
            record, digest, made = self._loaded
            if same_run(record, result.record) and result.digest != digest:
                self._tell("file", f"the run gave other results than that of the file; {unlike(made) or 'report it'}")

    def _tell(self, what: str, message: str) -> None:
        if what not in self._told:
            self._told.add(what)
            warnings.warn(message, ChipWarning, stacklevel=caller_level())

    # ------------------------------------------------------------------------------------------- files
    def save(self, path: str | Path) -> Path:
        """Write the run that was made last to a file, or the next one if none was, or something has changed since.

        `load` gives an experiment whose first run has the same results bit for bit, on the same kind of machine.  The
        file is written whole or not at all.

        Raises
        ------
        ConfigurationError
            If there is no section, or the configuration is not allowed.

        Examples
        --------
        >>> import tempfile
        >>> from saltation.bss2 import Cadc, Chip, Experiment
        >>> experiment = Experiment(Chip(serial=1))
        >>> with experiment.section(20e-6) as section:
        ...     voltage = section.record(Cadc([0, 1]), name="voltage")
        >>> result = experiment.run()
        >>> path = experiment.save(tempfile.mkdtemp() + "/experiment.npz")
        >>> loaded = Experiment.load(path)
        >>> loaded.run().digest == result.digest
        True
        >>> loaded.tickets["voltage"].result().values.shape
        (12, 2)
        """
        sections, parts = self._described()
        record = self._record(self.chip.state, self.configuration.copy(), sections, self.seed)
        last = self._last
        if last is not None and alike(record, last.record):
            return last.save(path)
        self.configuration.validate()
        return write(path, Stored(record, self._description(parts), None, origin()))

    @classmethod
    def load(cls, path: str | Path, *, threads: int | None = None) -> "Experiment":
        """Read what `save` wrote: an experiment on a new chip, which is as that chip was before the run.

        Parameters
        ----------
        path : path
            Of the file.
        threads : int, optional
            Of the chip; results do not depend on it.

        Raises
        ------
        FileFormatError
            If the file is damaged, something else, or of another version of the format.

        Warns
        -----
        ChipWarning
            If another version of Saltation or its dependencies, or another kind of machine wrote it: the run can then
            differ.
        """
        stored = read(path)
        record, about = stored.record, stored.description
        result = cls(record.chip(threads), configuration=record.configuration, settling=record.settling)
        result.calibration, result.seed = about.calibration, record.seed
        result._placed, result._cut = about.placed, dict(about.cut)
        for part in about.parts:
            own = record.sections[part.first : part.first + part.count]
            section = SectionBuilder.of_sections(result, own, part.batched)
            section.tickets = list(part.tickets)
            result._sections.append(section)
            result._names.update(ticket.name for ticket in part.tickets)
        if stored.digest is not None:
            result._loaded = (record, stored.digest, stored.origin)
        if differs := unlike(stored.origin):
            result._tell("origin", f"{path}: {differs}")
        if stored.unplaced:
            result._tell("placement", f"{path}: {stored.unplaced}")
        return result
