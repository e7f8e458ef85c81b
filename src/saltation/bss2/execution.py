"""Sections run on a compiled configuration: events in, spikes and readings out, each section on its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import crossbar
from saltation.bss2 import geometry as g
from saltation.bss2.background import background_events
from saltation.bss2.circuits import at_rest
from saltation.bss2.configuration import Configuration
from saltation.bss2.emulation import Arrivals, Channels, advance, readings_between, readings_of, switched
from saltation.bss2.gates import FIRST_LINK, FIRST_OUTPUT, GATES, timing_of
from saltation.bss2.physics import Physics
from saltation.bss2.readout import converted, shown
from saltation.bss2.registers import ADAPTATION, MEMBRANE
from saltation.bss2.section import ChipEvents, Observed, Section
from saltation.bss2.staging import Stage
from saltation.bss2.translation import Translation, adapting
from saltation.bss2.variation import Noise
from saltation.engine.threads import run_chunks
from saltation.kernels.cache import compile_kernel
from saltation.kernels.chip import records as r
from saltation.kernels.chip.links import serve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_serve = cache(lambda: compile_kernel(serve))


@final
@dataclass(frozen=True)
class Setting:
    """What all sections of a run have in common."""

    configuration: Configuration
    hidden: Mapping[str, Floats]
    physics: Physics
    noise: Noise


def events_met(configuration: Configuration, sections: Sequence[Section]) -> list[tuple[int, int]]:
    """All ``(input of the crossbar, label)`` that occur, sorted."""
    met: set[tuple[int, int]] = set()
    seen = np.zeros((g.LINKS, g.NEURON_LABEL_MAX + 1), bool)
    for section in sections:
        seen[np.asarray(section.events.links), np.asarray(section.events.labels)] = True
    links, labels = np.nonzero(seen)
    met.update(zip((links + crossbar.FIRST_LINK_IN).tolist(), labels.tolist(), strict=True))
    for source in np.flatnonzero(configuration["source_enable"]).tolist():
        base, mask = int(configuration["source_label"][source]), int(configuration["source_mask"][source])
        free = [bit for bit in range(8) if mask >> bit & 1]
        for chosen in range(1 << len(free)):
            drawn = sum((chosen >> i & 1) << bit for i, bit in enumerate(free))
            met.add((crossbar.FIRST_SOURCE + source, (base & ~mask) | drawn))
    return sorted(met)


def run_sections(
    setting: Setting,
    sections: Sequence[Section],
    stages: Sequence[tuple[Stage, ...]],
    seed: Sequence[int],
    threads: int,
) -> list[Observed]:
    """Run sections, each from rest and through its stages.

    ``seed`` is of all noise, and results do not depend on ``threads``.
    """
    keys = np.random.SeedSequence(list(seed)).generate_state(2 * len(sections), np.uint64)
    results: list[Any] = [None] * len(sections)

    def work(first: int, stop: int) -> None:
        for i in range(first, stop):
            results[i] = _run_section(setting, sections[i], stages[i], int(keys[2 * i]), int(keys[2 * i + 1]))

    cut = [(i, i + 1) for i in range(len(sections))]
    run_chunks(work, cut, threads)
    return results


def _run_section(setting: Setting, section: Section, stages: tuple[Stage, ...], key: int, other: int) -> Observed:
    physics, noise = setting.physics, setting.noise
    translation, circuits = stages[0].compiled.translation, stages[0].compiled.circuits
    stream = np.random.default_rng(other)
    state = at_rest(circuits, GATES, g.HEMISPHERES * g.DRIVERS)
    state.membrane[:, r.THRESHOLD_NOW] += noise.threshold * stream.standard_normal(state.count.size)
    arrivals, lost_in = arrivals_of(setting, section, stages)
    channels = [_channels(setting, translation, each, section.duration) for each in section.recordings]
    readings, values = readings_of(channels)
    timing, found = timing_of(physics, noise), []
    for i, (begin, compiled) in enumerate(stages):
        last = i + 1 == len(stages)
        until = section.duration if last else stages[i + 1].begin
        now, read = arrivals, readings
        if len(stages) > 1:
            after = begin if i else -1.0
            now, read = arrivals.between(after, until), readings_between(readings, after, until)
        if compiled.circuits is not circuits:
            state = switched(circuits, compiled.circuits, compiled.wires, state, key)
            circuits = compiled.circuits
        state, *spikes = advance(circuits, compiled.wires, timing, state, now, read, key, until)
        found.append(spikes)
    times, members = found[0] if len(found) == 1 else _one_after_another(found)
    samples = []
    for recording, channel, value in zip(section.recordings, channels, values, strict=True):
        voltage = shown(setting.configuration, recording, value, physics, adapting(translation, recording.chosen))
        given = (recording, setting.configuration, voltage, channel.time, setting.hidden, physics, noise, stream)
        samples.append(converted(*given))
    counters = np.zeros(g.CIRCUITS, np.int64)
    counters[translation.spiking] = state.count % g.COUNTS
    lost = {
        "links from the host": lost_in,
        "buses": int(state.lost[:FIRST_OUTPUT].sum()),
        "event outputs": int(state.lost[FIRST_OUTPUT:FIRST_LINK].sum()),
        "links to the host": int(state.lost[FIRST_LINK:].sum()),
    }
    return Observed(
        times,
        translation.spiking[members],
        tuple(samples),
        tuple(channel.time for channel in channels),
        counters,
        lost,
        int(state.count.sum()),
        translation.spiking[state.count >= g.COUNTS],
    )


def _one_after_another(found: Sequence[Sequence[Any]]) -> tuple[Floats, Ints]:
    """Spikes of all stages: one before a write can be stamped after one behind it."""
    times, members = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.lexsort((members, times))
    return times[order], members[order]


def _channels(setting: Setting, translation: Translation, recording: Any, duration: float) -> Channels:
    chosen = recording.chosen
    source = setting.configuration["readout_source"][chosen]
    place = translation.place_of[chosen]
    line = np.where(source == MEMBRANE, r.OF_MEMBRANE, 2 * place + source - 1)
    line = np.where(source == ADAPTATION, r.OF_ADAPTATION, line)
    return Channels(recording.times(duration, setting.physics), translation.membrane_of[chosen], line)


def arrivals_of(setting: Setting, section: Section, stages: tuple[Stage, ...]) -> tuple[Arrivals, int]:
    """Arrivals on the buses of all events from outside the neurons, and how many were lost on the way.

    The crossbar leads each as it is when the event leaves its link.
    """
    physics, configuration = setting.physics, setting.configuration
    times, kinds, lost = [], [], 0
    for source, events in _streams(configuration, section):
        stamps = np.ceil(np.asarray(events.times) / g.TICK - 1e-6) * g.TICK
        served = np.empty(stamps.size)
        patience = physics.link_depth * physics.link_period
        lost += int(_serve()(stamps, physics.link_period, patience, served))
        labels = np.asarray(events.labels)
        there = np.isfinite(served)
        served, labels = served[there], labels[there]
        cuts = np.searchsorted(served, [stage.begin for stage in stages[1:]], side="right").tolist()
        for stage, first, stop in zip(stages, [0, *cuts], [*cuts, served.size], strict=True):
            within, named = served[first:stop], labels[first:stop]
            event, kind = led(source, named, stage.compiled.addresses_of)
            times.append(within[event] + physics.input_delay)
            kinds.append(kind)
    time = np.concatenate([np.empty(0), *times])
    kind = np.concatenate([np.empty(0, np.int64), *kinds])
    order = in_order(time, kind)
    return Arrivals(time[order], kind[order]), lost


def led(source: int, labels: Ints, addresses_of: Mapping[tuple[int, int], Ints]) -> tuple[Ints, Ints]:
    """Where the crossbar leads events of a source: number of the event and address, one for each place."""
    used = np.flatnonzero(np.bincount(labels, minlength=1))
    reached = [addresses_of[source, label] for label in used.tolist()]
    flat = np.concatenate([np.empty(0, np.int64), *reached]).astype(np.int64)
    count = np.zeros(g.NEURON_LABEL_MAX + 1, np.int64)
    count[used] = [each.size for each in reached]
    first = np.zeros(g.NEURON_LABEL_MAX + 1, np.int64)
    first[used] = np.cumsum(count[used]) - count[used]
    times = count[labels]
    event = np.repeat(np.arange(labels.size), times)
    place = np.arange(event.size) - np.repeat(np.cumsum(times) - times, times)
    return event, flat[first[labels[event]] + place]


def in_order(time: Floats, kind: Ints) -> Ints:
    """The order by time, then kind: as ``np.lexsort``, and much faster where few are at the same time."""
    order = np.argsort(time, kind="stable")
    later = time[order]
    tied = np.flatnonzero(later[1:] == later[:-1])
    if tied.size:
        members = np.union1d(tied, tied + 1)
        chosen = order[members]
        order[members] = chosen[np.lexsort((kind[chosen], time[chosen]))]
    return order


def _streams(configuration: Configuration, section: Section) -> list[tuple[int, ChipEvents]]:
    """Events by input of the crossbar: of each link, and of each background source."""
    links, found = np.asarray(section.events.links), []
    for link in np.unique(links).tolist():
        own = links == link
        events = ChipEvents(np.asarray(section.events.times)[own], np.asarray(section.events.labels)[own], link)
        found.append((crossbar.FIRST_LINK_IN + link, events))
    for source in np.flatnonzero(configuration["source_enable"]).tolist():
        found.append((crossbar.FIRST_SOURCE + source, background_events(configuration, source, section.duration)))
    return found
