"""`Chip`: one emulated chip, told from others by its serial number."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.compiled import Compiled, compile_configuration, rewired, taking_part, wired
from saltation.bss2.configuration import Configuration
from saltation.bss2.description import WIDTH, describe
from saltation.bss2.drift import drift_of, drifted
from saltation.bss2.execution import Setting, events_met, run_sections
from saltation.bss2.memory import Codes, stored_codes
from saltation.bss2.physics import Physics
from saltation.bss2.readout import check_connected, recorded_circuits
from saltation.bss2.registers import ANALOG, WIRING
from saltation.bss2.section import Observed, Section
from saltation.bss2.staging import stages_of, unheard
from saltation.bss2.variation import Noise, Variation, hidden
from saltation.engine.threads import default_threads
from saltation.errors import ConfigurationError, ParameterError

Ints = NDArray[np.int64]

SETTLING = 20e-3
"""Seconds that the public software waits after analog values were written (pynn-brainscales)."""


@final
@dataclass(frozen=True)
class Execution:
    """What came of a run on a chip.

    Attributes
    ----------
    sections : tuple of Observed
        One for each section.
    number : int
        Which run of this chip it was; with the seed it decides the noise.
    written : dict of str to int
        Places written, by register: only those that differed.
    settled : float
        Seconds waited for analog values.
    hardware_time : float
        Seconds that the chip would have taken: settling and sections.
    rewritten : dict of str to int
        Places written inside sections, by register: at the times asked for, and back at the end of each.
    unheard : frozenset of (int, int)
        Inputs of the crossbar and labels of events that no synapse on a circuit that takes part listened to.
    wall_time : dict of str to float
        Seconds that it took here: ``write``, ``compile`` and ``run``.
    """

    sections: tuple[Observed, ...]
    number: int
    written: dict[str, int]
    settled: float
    hardware_time: float
    rewritten: dict[str, int]
    unheard: frozenset[tuple[int, int]]
    wall_time: dict[str, float]

    @property
    def lost(self) -> dict[str, int]:
        """Events lost, by where, in all sections."""
        total: dict[str, int] = {}
        for section in self.sections:
            for place, n in section.lost.items():
                total[place] = total.get(place, 0) + n
        return total


def lost_events(execution: Execution) -> dict[str, int]:
    """Events lost, by where, but for places where none were."""
    return {place: n for place, n in execution.lost.items() if n}


@final
@dataclass(frozen=True)
class ChipState:
    """What a chip has become by its runs: with its settings, all that decides the next one.

    Attributes
    ----------
    configuration : Configuration
        What is written on it.
    codes : dict of str to ndarray
        What its capacitor memory really holds, which depends on what was written before.
    runs : int
        How many runs it has had.
    recorded : dict of str to ndarray of int
        Circuits that the last run recorded, by converter; they decide nothing but what `Chip.describe` tells.

    Examples
    --------
    >>> from saltation.bss2 import Chip
    >>> Chip(serial=1).state.runs
    0
    """

    configuration: Configuration
    codes: Codes
    runs: int
    recorded: Mapping[str, Ints] = field(default_factory=dict)


@final
class Chip:
    """An emulated chip BrainScaleS-2.

    Its fixed-pattern variation is drawn from its serial number and is the same in every run; temporal noise is drawn
    from the seed of a run and the number of runs before it.

    Parameters
    ----------
    serial : int
        Which chip it is.
    physics : Physics
        Constants of the emulation; all documented, all changeable.
    variation : Variation
        How much its circuits differ; ``Variation.none()`` is an ideal chip.
    noise : Noise
        How much runs differ.
    threads : int, optional
        Over sections; results do not depend on it.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Pehle et al., Frontiers in Neuroscience 16:795876 (2022), doi:10.3389/fnins.2022.795876.

    Examples
    --------
    >>> from saltation.bss2 import Chip, Configuration, Section, Cadc
    >>> chip = Chip(serial=1)
    >>> configuration = Configuration(leak_v_leak=200)
    >>> execution = chip.run(configuration, [Section(20e-6, recordings=[Cadc(circuits=[0, 1], samples=3)])])
    >>> execution.sections[0].samples[0].shape
    (3, 2)
    """

    def __init__(
        self,
        serial: int = 0,
        *,
        physics: Physics | None = None,
        variation: Variation | None = None,
        noise: Noise | None = None,
        threads: int | None = None,
    ) -> None:
        if isinstance(serial, bool) or not isinstance(serial, int | np.integer) or serial < 0:
            raise ParameterError(f"Chip.serial must be a whole number of at least 0; got {serial!r}")
        given: tuple[tuple[str, Any, type], ...] = (
            ("physics", physics, Physics),
            ("variation", variation, Variation),
            ("noise", noise, Noise),
        )
        for name, value, kind in given:
            if value is not None and not isinstance(value, kind):
                raise ParameterError(f"Chip.{name} must be a {kind.__name__}; got {type(value).__name__}")
        self._serial = int(serial)
        self._physics = Physics() if physics is None else physics
        self._variation = Variation() if variation is None else variation
        self._noise = Noise() if noise is None else noise
        self.threads = threads
        self._runs = 0
        self._written = Configuration().frozen()
        self._codes: Codes = stored_codes(self._written, self._physics)
        self._compiled: tuple[tuple[int, ...], Compiled] | None = None
        self._recorded: dict[str, Ints] = {}

    def __repr__(self) -> str:
        return f"Chip(serial={self.serial}, runs={self._runs})"

    # What it is cannot be changed: circuits are compiled with it.
    @property
    def serial(self) -> int:
        """Which chip it is."""
        return self._serial

    @property
    def physics(self) -> Physics:
        """Constants of the emulation."""
        return self._physics

    @property
    def variation(self) -> Variation:
        """How much its circuits differ."""
        return self._variation

    @property
    def noise(self) -> Noise:
        """How much runs differ."""
        return self._noise

    @property
    def configuration(self) -> Configuration:
        """A copy of what is written on it."""
        return self._written.copy()

    @property
    def runs(self) -> int:
        """How many runs it has had."""
        return self._runs

    def skip_to(self, runs: int) -> None:
        """Count on from a number of runs, so that a program that is resumed meets the noise that it would have met."""
        if isinstance(runs, bool) or not isinstance(runs, int | np.integer) or runs < 0:
            raise ParameterError(f"Chip.skip_to.runs must be a whole number of at least 0; got {runs!r}")
        self._runs = int(runs)

    @property
    def state(self) -> ChipState:
        """What it has become, for `restore`; nothing of it can be written to."""
        return ChipState(self._written, MappingProxyType(self._codes), self._runs, MappingProxyType(self._recorded))

    def restore(self, state: ChipState) -> None:
        """Go back, or on, to a state: of this chip, or of another one with the same settings.

        Examples
        --------
        >>> from saltation.bss2 import Chip, Configuration, Section
        >>> chip = Chip(serial=1)
        >>> before = chip.state
        >>> first = chip.run(Configuration(leak_v_leak=200), [Section(20e-6)])
        >>> chip.restore(before)
        >>> chip.run(Configuration(leak_v_leak=200), [Section(20e-6)]).written == first.written
        True
        """
        if not isinstance(state, ChipState):
            raise ParameterError(f"Chip.restore.state must be a ChipState, of Chip.state; got {type(state).__name__}")
        self.skip_to(state.runs)
        self._written, self._codes = state.configuration.frozen(), dict(state.codes)
        self._recorded = dict(state.recorded)
        self._compiled = None

    def describe(self, configuration: Configuration | None = None) -> str:
        """What it has, and what of it was written and recorded last, as text; nothing of its hidden variation.

        With a configuration, what of it that uses, instead of what was written and recorded last.

        A circuit is in use if its membrane can spike, has a synapse, or was recorded in the last run.

        Examples
        --------
        >>> from saltation.bss2 import Cadc, Chip, Configuration, Section, Variation
        >>> chip = Chip(serial=1, variation=Variation().replace(leak=0.0))
        >>> print(chip.describe().partition("background")[0])
        emulated chip BrainScaleS-2, serial number 1, 0 runs so far
        changed constants: variation.leak
        2 hemispheres, each with 256 circuits, a synapse array of 256 x 256, 128 drivers and 4 buses
        <BLANKLINE>
                                    there  in use
        neuron circuits               512       0
        event outputs of circuits       8       0
        synapses                   131072       0
        synapse rows                  512       0
        synapse drivers               256       0
        buses to drivers                8       0
        crossbar nodes                 76       0
        links from the host             4       0
        links to the host               4       0
        <BLANKLINE>
        """
        tables = {"physics": self.physics, "variation": self.variation, "noise": self.noise}
        changed = [f"{owner}.{name}" for owner, table in tables.items() for name in table.changed()]
        title = f"emulated chip BrainScaleS-2, serial number {self.serial}, {self._runs} runs so far"
        halves = (
            f"{g.HEMISPHERES} hemispheres, each with {g.COLUMNS} circuits, a synapse array of {g.ROWS} x {g.COLUMNS}, "
            f"{g.DRIVERS} drivers and {g.BUSES_PER_HEMISPHERE} buses"
        )
        told = textwrap.wrap(f"changed constants: {', '.join(changed)}", WIDTH) if changed else []
        used = describe(self._written, self._recorded) if configuration is None else describe(configuration)
        return "\n".join([title, *told, halves, "", used])

    def run(
        self,
        configuration: Configuration,
        sections: Sequence[Section],
        *,
        seed: int = 0,
        number: int | None = None,
        settling: float = SETTLING,
    ) -> Execution:
        """Write a configuration, wait for it to settle, and run sections.

        Parameters
        ----------
        configuration : Configuration
            All registers; only those that differ are written, and counted.
        sections : sequence of Section
            Each begins with the membranes at rest.
        seed : int
            Of temporal noise.
        number : int, optional
            Take the noise of this run and not of the next one, and do not count: a run is repeated bit for bit with its
            number.
        settling : float
            Seconds to wait where an analog value has changed.

        Raises
        ------
        ConfigurationError
            If the configuration, or what the sections ask for, is not possible on the chip.
        ParameterError
            If an argument is of another type.
        """
        if not isinstance(configuration, Configuration):
            raise ParameterError(
                f"Chip.run.configuration must be a Configuration; got {type(configuration).__name__}; "
                "Configuration() has all registers"
            )
        if not isinstance(sections, Sequence) or not all(isinstance(each, Section) for each in sections):
            raise ParameterError(
                f"Chip.run.sections must be a list of Section; got {type(sections).__name__}; a single one goes into a "
                "list too: [section]"
            )
        if not sections:
            raise ConfigurationError("Chip.run.sections must be at least one Section; got none")
        begun = perf_counter()
        configuration.validate()
        written = configuration.differences(self._written)
        settles = not ANALOG.keys().isdisjoint(written)
        codes = stored_codes(configuration, self.physics, self._codes, settling) if settles else self._codes
        copied = configuration.frozen(self._written, written) if written else self._written
        ready = perf_counter()
        known = hidden(self.serial, self.variation)
        recordings = [each for section in sections for each in section.recordings]
        check_connected(configuration, recordings)
        recorded = recorded_circuits(recordings)
        events = events_met(configuration, sections)
        # what is written inside a section finds the places of addresses as they are
        exactly = any(section.writes for section in sections)
        kept = self._compile(configuration, codes, recorded, events, written, exactly)
        compiled = kept[1]
        stages, rewritten = stages_of(compiled, configuration, codes, known, self.physics, self.noise, events, sections)
        compiling = perf_counter()
        # all at once: what was refused above has left the chip as it was
        self._written, self._codes, self._compiled = copied, codes, kept
        kinds = {type(each).__name__ for section in sections for each in section.recordings}
        self._recorded = {
            kind: recorded_circuits([r for section in sections for r in section.recordings if type(r).__name__ == kind])
            for kind in kinds
        }
        if number is None:
            self._runs += 1
            number = self._runs
        if self.noise.hagen_drift and configuration["driver_enable_hagen_modulation"].any():
            stages = drifted(stages, drift_of(self.serial, number, self.physics, self.noise))
        setting = Setting(copied, known, self.physics, self.noise)
        threads = default_threads() if self.threads is None else self.threads
        observed = run_sections(setting, sections, stages, (self.serial, seed, number), threads)
        wall = {"write": ready - begun, "compile": compiling - ready, "run": perf_counter() - compiling}
        waited = settling if settles else 0.0
        return Execution(
            tuple(observed),
            number,
            written,
            waited,
            waited + sum(section.duration for section in sections),
            rewritten,
            unheard(stages).intersection(events),
            wall,
        )

    def _compile(
        self,
        configuration: Configuration,
        codes: Codes,
        recorded: Ints,
        events: list[tuple[int, int]],
        written: dict[str, int],
        exactly: bool,
    ) -> tuple[tuple[int, ...], Compiled]:
        """Compile a configuration; what was compiled for the run before serves again if only weights differ.

        Batches differ in the events that come: what is compiled is for all that came while circuits and wires stayed,
        so that soon nothing more has to be; ``exactly``: for those that come now.
        """
        known = hidden(self.serial, self.variation)
        circuits, before = tuple(taking_part(configuration, recorded).tolist()), self._compiled
        if before is not None and before[0] == circuits and set(written) <= WIRING:
            met = before[1].addresses_of.keys()
            more = events if exactly else sorted(met | set(events))
            if met == set(more):
                compiled = rewired(before[1], written, configuration, codes, known, self.physics, more)
            else:
                made = (before[1].translation, before[1].circuits, configuration, codes, known, self.physics, more)
                compiled = wired(*made)
        else:
            given = (configuration, codes, known, self.physics, self.noise, recorded, events)
            compiled = compile_configuration(*given)
        return circuits, compiled
