"""Sections run on a compiled configuration: events in, spikes and readings out, each section on its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import crossbar
from saltation.bss2 import geometry as g
from saltation.bss2.arriving import arrivals_of
from saltation.bss2.circuits import at_rest
from saltation.bss2.configuration import Configuration
from saltation.bss2.emulation import Channels, advance, readings_between, readings_of, switched
from saltation.bss2.gates import FIRST_LINK, FIRST_OUTPUT, GATES, timing_of
from saltation.bss2.physics import Physics
from saltation.bss2.readout import converted, shown
from saltation.bss2.registers import ADAPTATION, MEMBRANE
from saltation.bss2.section import Observed, Section
from saltation.bss2.staging import Stage
from saltation.bss2.translation import Translation, adapting
from saltation.bss2.variation import Noise
from saltation.engine.threads import run_chunks
from saltation.kernels.chip import records as r

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    routes, begins = [stage.compiled.routes for stage in stages], [stage.begin for stage in stages]
    arrivals, lost_in = arrivals_of(setting.configuration, section, physics, routes, begins)
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
