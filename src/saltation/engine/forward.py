"""Running one component with the exact kernels: chunks of samples, and the record they leave."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.buffers import (
    NO_INTS,
    NO_LOG,
    capacity,
    crowd_scratch,
    fitted,
    grown,
    grown_log,
    grown_tape,
    new_end,
    new_log,
    new_spiked,
    new_tape,
)
from saltation.engine.memory import empty
from saltation.engine.observation import make_probes
from saltation.engine.parts import Part, joined_offsets
from saltation.engine.plan import PackedComponent
from saltation.engine.sources import Sources, count_events, sort_events
from saltation.engine.state import State
from saltation.engine.threads import chunks, joined, run_chunks
from saltation.kernels.queue import CELL, PLACES
from saltation.kernels.records import MARKS, REPORTED, TIME, UNIT, Events, Probes, Report, Spiked, Start
from saltation.kernels.rows import lanes
from saltation.kernels.sorting import order_samples
from saltation.kernels.specialise import kernel
from saltation.kernels.wide import FORWARD_ROWS
from saltation.model import Spikes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# From this many neurons on, working on all of them side by side pays.
WIDE = 16


@dataclass(frozen=True, slots=True)
class ComponentRun:
    """Everything that the adjoint of a component needs, and its end state.

    ``times`` and ``units`` are its spikes in order of time and unit, ``offsets`` cuts samples, ``members`` are the
    places of each population's among them.  ``parts`` are what the threads left.
    ``wide``: it was run, and goes back, with all neurons side by side.
    """

    packed: PackedComponent
    sources: Sources
    probe_times: Floats
    start: Start
    continued: bool
    wide: bool
    parts: tuple[Part, ...]
    times: Floats
    units: Ints
    offsets: Ints
    probes: Probes
    report: Report
    x_end: Floats
    release_end: Floats
    count_end: Ints
    members: dict[str, Ints | slice]

    @property
    def work(self) -> int:
        """Updates of neurons by events from outside."""
        return sum(part.events.times.size for part in self.parts) * self.packed.size


def make_start(packed: PackedComponent, state: State | None) -> Start:
    """Initial state of a component: the given one, or rest."""
    names = packed.component.populations
    if state is not None:
        return Start(
            np.ascontiguousarray(np.concatenate([state.x[name] for name in names], axis=2)),
            np.ascontiguousarray(np.concatenate([state.release[name] for name in names], axis=1)),
            np.ascontiguousarray(np.concatenate([state.count[name] for name in names], axis=1)),
        )
    x = np.zeros((1, packed.n_state, packed.size))
    x[0, 0] = packed.v_init
    return Start(x, np.full((1, packed.size), -np.inf), np.zeros((1, packed.size), np.int64))


def observed_spikes(packed: PackedComponent, observed: Mapping[str, Spikes], batch: int) -> tuple[Floats, Ints]:
    """Observed spikes of a component by sample and neuron: their times, and where each neuron's begin."""
    parts = [observed[name] for name in packed.component.populations]
    times = np.concatenate([part.times for part in parts])
    columns = [packed.columns[name][0] for name in packed.component.populations]
    neuron = np.concatenate([part.units + np.int64(column) for part, column in zip(parts, columns, strict=True)])
    sample = np.concatenate([part.sample_index() for part in parts])
    group = sample * packed.size + neuron
    order = np.lexsort((times, group))
    starts = np.concatenate(([0], np.cumsum(np.bincount(group, minlength=batch * packed.size))))
    pointers = starts[np.arange(batch)[:, None] * packed.size + np.arange(packed.size + 1)[None, :]]
    return times[order], np.ascontiguousarray(pointers.astype(np.int64))


def run_component(
    packed: PackedComponent,
    sources: Sources,
    start: Start,
    continued: bool,
    duration: float,
    probe_times: Floats,
    watched: bool,
    observed: Mapping[str, Spikes] | None,
    batch: int,
    max_events: int,
    threads: int,
) -> ComponentRun:
    """Run one component on its sources; ``observed`` spikes, where given, take the place of the model's own."""
    n = packed.size
    probes = make_probes(batch, n, probe_times, watched)
    report = Report(np.zeros((REPORTED, batch), np.int64), np.zeros(batch))
    end = new_end(packed, batch)
    if observed is not None:
        times, pointers = observed_spikes(packed, observed, batch)
    else:
        times, pointers = np.empty(0), np.zeros((1, n + 1), np.int64)
    replay = (times, pointers, observed is not None)
    wide = not packed.component.recurrent and n >= WIDE and not watched and observed is None
    if packed.component.recurrent:
        plain = not watched and probe_times.size == 0 and observed is None
        run = partial(_run_queue, "crowd" if plain and packed.crowded else "queue")
    else:
        run = partial(_run_feedforward, "wide" if wide else "narrow")

    def work(first: int, stop: int) -> tuple[Part, Spiked]:
        events = sort_events(packed, sources, duration, probe_times, first, stop)
        return run(packed, events, start, duration, replay, max_events, first, stop, (*end, probes, report))

    # samples do not touch one another, so that their number in a chunk may depend on the threads
    updates = n * count_events(packed, sources, probe_times, 0, batch)
    found = run_chunks(work, chunks(batch, updates, threads), threads)
    ends = np.cumsum([part.n_spikes for part, _ in found])
    parts = tuple(replace(part, begin=int(end) - part.n_spikes) for (part, _), end in zip(found, ends, strict=True))
    spiked = [spiked for _, spiked in found]
    units = joined([each.units for each in spiked], threads)
    return ComponentRun(
        packed,
        sources,
        probe_times,
        start,
        continued,
        wide,
        parts,
        joined([each.times for each in spiked], threads),
        units,
        joined_offsets([part.offsets[part.first :] for part in parts]),
        probes,
        report,
        *end,
        _members(packed, units),
    )


def _members(packed: PackedComponent, units: Ints) -> dict[str, Ints | slice]:
    if len(packed.columns) == 1:
        return {name: slice(None) for name in packed.columns}
    return {name: np.flatnonzero((units >= first) & (units < last)) for name, (first, last) in packed.columns.items()}


def _run_feedforward(
    name: str,
    packed: PackedComponent,
    events: Events,
    start: Start,
    duration: float,
    replay: tuple[Floats, Ints, bool],
    max_events: int,
    first: int,
    stop: int,
    outputs: tuple[Any, ...],
) -> tuple[Part, Spiked]:
    run = kernel(name, packed.model, packed.shared)
    known = int(events.offsets[stop] - events.offsets[first])
    tape = new_tape(capacity(packed, stop - first, known), packed.n_state)
    spiked = new_spiked(tape)
    offsets = np.zeros(stop + 1, np.int64)
    common = (packed.parameters, events, packed.weights, start, packed.limit)
    if name == "wide":
        shape = (packed.n_gap + 4 * packed.n_state + FORWARD_ROWS + packed.rows_of_own, lanes(packed.size))
        common += (max_events, np.zeros(shape), np.zeros((MARKS, shape[1]), np.int64))
    else:
        common += (*replay, max_events, np.empty((packed.n_gap, longest_sample(events, first, stop) + 1)))
    n, at = 0, first
    while True:
        at, n = run(at, stop, *common, n, tape, spiked, offsets, *outputs)
        if at == stop:
            break
        tape = grown_tape(tape, n)
        spiked = new_spiked(tape, spiked, n)
    spiked = Spiked(spiked.times[:n], spiked.units[:n], spiked.index[:n])
    return Part(first, stop, events, fitted(tape, n), spiked.index, offsets, NO_LOG, NO_INTS, NO_INTS), spiked


def longest_sample(events: Events, first: int, stop: int) -> int:
    """Largest number of events in one of the samples ``first <= b < stop``."""
    return int(np.diff(events.offsets[first : stop + 1]).max(initial=0))


def _run_queue(
    name: str,
    packed: PackedComponent,
    events: Events,
    start: Start,
    duration: float,
    replay: tuple[Floats, Ints, bool],
    max_events: int,
    first: int,
    stop: int,
    outputs: tuple[Any, ...],
) -> tuple[Part, Spiked]:
    run = kernel(name, packed.model)
    known = int(events.offsets[stop] - events.offsets[first])
    tape = new_tape(capacity(packed, stop - first, known), packed.n_state)
    spikes = tape.floats.shape[1]
    log = new_log(known + 4 * spikes + 64, 2 * spikes + 64)
    offsets = [np.zeros(stop + 1, np.int64) for _ in range(3)]
    common = (
        duration,
        packed.parameters,
        events,
        packed.weights,
        packed.delays,
        packed.wiring,
        packed.synapses,
        start,
        packed.limit,
    )
    if name == "crowd":
        common += (max_events, *crowd_scratch(packed.size))
    else:
        scratch = (np.zeros((MARKS, packed.size), np.int64), np.zeros((packed.size, CELL)), np.zeros(packed.size))
        common += (*replay, max_events, *scratch)
    used = (0, 0, 0)
    at = first
    place = np.zeros(PLACES, np.int64)
    heap = (empty(log.times.size), empty(log.times.size, np.int64))
    while True:
        buffers = (tape, offsets[0], log, offsets[1], offsets[2])
        at, *used = run(at, stop, *common, *heap, place, *used, *buffers, *outputs)
        if at == stop:
            break
        # it goes on in the middle of a sample
        _, _, waiting, spikes, entries, arrivals = place.tolist()
        tape = grown_tape(tape, spikes)
        log = grown_log(log, entries, arrivals)
        heap = tuple(grown(array, waiting, log.times.size) for array in heap)
    order_samples(first, stop, tape, offsets[0], outputs[-2].watch, log, offsets[1], offsets[2])
    tape = fitted(tape, used[0])
    # here the tape itself is in order
    begins: Ints = offsets[0][first:]
    index: Ints = np.arange(used[0], dtype=np.int64) - np.repeat(begins[:-1], np.diff(begins))
    # copies: they may stay with the user when the tape is gone
    spiked = Spiked(tape.floats[TIME, : used[0]].copy(), tape.ints[UNIT, : used[0]].copy(), index)
    return Part(first, stop, events, tape, index, offsets[0], log, offsets[1], offsets[2]), spiked
