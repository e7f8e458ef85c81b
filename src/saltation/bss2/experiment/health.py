"""`Health`: what a run lost or could not tell, each with its likely cause and the next step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import Calibration
from saltation.bss2.chip import Execution, lost_events
from saltation.bss2.compiled import taking_part
from saltation.bss2.crossbar import FIRST_LINK_IN, FIRST_SOURCE
from saltation.bss2.experiment.record import Record
from saltation.bss2.readout import Cadc, Madc, Recording, recorded_circuits
from saltation.bss2.section import Section
from saltation.bss2.variation import Variation
from saltation.model import ProjectionKey
from saltation.model.checks import suggest

Ints = NDArray[np.int64]

_LABELS = g.NEURON_LABEL_MAX + 1

_LOST = {
    "links from the host": (
        "more events come at once than a link carries, one every 8 ns",
        "spread them over the four links, or in time",
    ),
    "buses": (
        "events of several links, sources and neurons meet on a bus, which carries one every 8 ns",
        "spread them in time, or let fewer of them reach the same bus",
    ),
    "event outputs": (
        "of the 64 circuits that share an event output many spike at once",
        "place neurons on other columns, give them a longer refractory time, or drive them less",
    ),
    "links to the host": (
        "two event outputs share a link to the host, and many circuits spike at once",
        "open the nodes to links only for neurons whose spikes are needed, or drive them less",
    ),
}


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a run lost, or that its numbers do not tell.

    Attributes
    ----------
    name : str
        What, the same in all runs.
    count, of : int
        How many, of how many.
    what : str
        The same in words.
    cause, step : str
        The likely cause, and the next step.
    lossy : bool
        Whether numbers of the run are wrong or missing by it; otherwise it is to be known.
    """

    name: str
    count: int
    of: int
    what: str
    cause: str
    step: str
    lossy: bool

    def __str__(self) -> str:
        return f"{self.count} of {self.of} {self.what}; likely because {self.cause}; {self.step}"


@final
@dataclass(frozen=True, slots=True)
class Health:
    """What is to be known about a run; ``health["events lost: buses"]`` is one finding.

    Attributes
    ----------
    findings : tuple of Finding
        Those that there are.

    Examples
    --------
    >>> from saltation.bss2 import Chip, ChipEvents, Experiment
    >>> experiment = Experiment(Chip(serial=1))
    >>> with experiment.section(20e-6) as section:
    ...     section.play_events(ChipEvents([1e-6], labels=[3]))
    >>> health = experiment.run().health
    >>> health.ok, list(health)
    (True, ['events unheard'])
    >>> print(health)
    events unheard: 1 of 1 events played reached no synapse; likely because ...
    """

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was lost."""
        return not any(finding.lossy for finding in self.findings)

    def __iter__(self) -> Iterator[str]:
        """Names of what was found."""
        return (finding.name for finding in self.findings)

    def __len__(self) -> int:
        """How many things were found."""
        return len(self.findings)

    def __contains__(self, name: object) -> bool:
        """Whether something of this name was found."""
        return name in list(self)

    def __getitem__(self, name: str) -> Finding:
        """What was found, by name."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"nothing of the name {name!r} was found; {suggest(name, self)}")

    def __str__(self) -> str:
        return "\n".join(f"{finding.name}: {finding}" for finding in self.findings) or "nothing was lost"


def examine(
    record: Record,
    execution: Execution,
    calibration: Calibration | None,
    placed: bool,
    cut: Mapping[ProjectionKey, tuple[int, int]],
) -> Health:
    """Examine a run.

    Parameters
    ----------
    record, execution
        What was run, and what came of it.
    calibration : Calibration, optional
        With which the circuits were configured.
    placed : bool
        Whether they are those of a network.
    cut : dict of projection to (int, int)
        How many weights were cut to what their rows hold, of how many.
    """
    found = [*_lost(record, execution), *_readings(record, execution), *_wrapped(record, execution)]
    found += [*_cut(cut), *_unheard(record, execution), *_uncalibrated(record, calibration, placed)]
    return Health(tuple(found))


def _lost(record: Record, execution: Execution) -> Iterator[Finding]:
    played = sum(section.events.n_events for section in record.sections)
    spiked = sum(observed.spiked for observed in execution.sections)
    for place, n in lost_events(execution).items():
        of = {"links from the host": played, "buses": played + spiked}.get(place, spiked)
        # of a bus there are no numbers of what came: an event can be on several
        yield Finding(f"events lost: {place}", n, max(n, of), f"events were lost at {place}", *_LOST[place], True)


def _readings(record: Record, execution: Execution) -> Iterator[Finding]:
    for kind, top, step in (
        (Cadc, g.CADC_MAX, "move leak or threshold of the calibration's target to the middle, or use smaller weights"),
        (Madc, g.MADC_MAX, "move leak or threshold to the middle of 0..1.2 V"),
    ):
        name = kind.__name__.upper()
        ends, unsettled, total = 0, 0, 0
        for values in _of_kind(record.sections, execution, kind):
            ends += int(np.count_nonzero(values == 0)) + int(np.count_nonzero(values == top))
            unsettled += int(np.isnan(values).sum()) if kind is Madc else 0
            total += values.size
        if ends:
            cause = "the voltage was at an end of the converter's range, and may have been beyond"
            yield Finding(
                f"readings saturated: {name}", ends, total, f"readings of the {name} were 0 or {top}", cause, step, True
            )
        if total and unsettled == total:
            cause = "the first 8 us after its start are invalid, and the recording is not longer"
            yield Finding(
                "readings unsettled: MADC",
                unsettled,
                total,
                "readings of the MADC are NaN",
                cause,
                "record for longer",
                True,
            )


def _of_kind(sections: Sequence[Section], execution: Execution, kind: type[Recording]) -> Iterator[NDArray[np.generic]]:
    for section, observed in zip(sections, execution.sections, strict=True):
        for recording, values in zip(section.recordings, observed.samples, strict=True):
            if isinstance(recording, kind):
                yield values


def _wrapped(record: Record, execution: Execution) -> Iterator[Finding]:
    if n := sum(observed.wrapped.size for observed in execution.sections):
        yield Finding(
            "counters wrapped",
            n,
            len(record.sections) * _circuits(record).size,
            "counters began again at 0",
            f"circuits spiked {g.COUNTS} times or more, and a counter has 8 bits",
            "read counters of shorter sections, or count recorded spikes",
            True,
        )


def _cut(cut: Mapping[ProjectionKey, tuple[int, int]]) -> Iterator[Finding]:
    for key, (n, of) in cut.items():
        if n:
            yield Finding(
                f"weights cut: {key}",
                n,
                of,
                f"weights of projection {key!r} were cut to what their rows hold",
                f"they were beyond {g.WEIGHT_MAX} for each parallel row",
                "place it with more rows=, or use a larger synapse_dac_bias and smaller weights",
                True,
            )


def _unheard(record: Record, execution: Execution) -> Iterator[Finding]:
    unheard = execution.unheard
    pairs = np.array(
        [(source - FIRST_LINK_IN) * _LABELS + label for source, label in unheard if source < FIRST_SOURCE], int
    )
    if pairs.size:
        n = total = 0
        for section in record.sections:
            events = section.events
            n += int(np.isin(np.asarray(events.links) * _LABELS + np.asarray(events.labels), pairs).sum())
            total += events.n_events
        yield Finding(
            "events unheard",
            n,
            total,
            "events played reached no synapse",
            "no node of the crossbar is open for their label, or no row with this label drives a circuit that can "
            "spike or is recorded",
            "look at node_enable, node_mask and node_target, driver_select_mask, row_mode and synapse_label",
            False,
        )
    sources = np.flatnonzero(record.configuration["source_enable"]).tolist()
    heard_not = [i for i in sources if _all_unheard(record, unheard, i)]
    if heard_not:
        yield Finding(
            "sources unheard",
            len(heard_not),
            len(sources),
            f"background sources reached no synapse: {heard_not}",
            "their node of the crossbar is closed, or no row has their labels",
            "look at node_enable, source_label and synapse_label",
            False,
        )


def _all_unheard(record: Record, unheard: frozenset[tuple[int, int]], source: int) -> bool:
    mask = int(record.configuration["source_mask"][source])
    labels = 1 << mask.bit_count()
    return sum(each == FIRST_SOURCE + source for each, _ in unheard) == labels


def _uncalibrated(record: Record, calibration: Calibration | None, placed: bool) -> Iterator[Finding]:
    used = _circuits(record)
    if calibration is not None:
        bad = np.intersect1d(used, calibration.out_of_reach())
        if bad.size:
            yield Finding(
                "circuits out of reach",
                bad.size,
                used.size,
                f"circuits are not as the calibration's target: {bad[:8].tolist()}{' ...' if bad.size > 8 else ''}",
                "they lie so far out that a code ended at its end, or could not be measured",
                "leave them out by place(network, kept=...), or ask for a target nearer to the middle",
                False,
            )
    elif placed and record.variation != Variation.none():
        yield Finding(
            "circuits not calibrated",
            used.size,
            used.size,
            "circuits have the codes that were written by hand, whatever they do on this chip",
            "the experiment was given no calibration",
            "Experiment(chip, calibration=calibrate(chip))",
            False,
        )


def _circuits(record: Record) -> Ints:
    recorded = recorded_circuits([each for section in record.sections for each in section.recordings])
    return taking_part(record.configuration, recorded)
