"""Stages of a section: from one write to the next, circuits and wires that do not change."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.compiled import Compiled, retranslated, rewired, widened
from saltation.bss2.configuration import Configuration
from saltation.bss2.memory import Codes
from saltation.bss2.physics import Physics
from saltation.bss2.registers import SWITCHES
from saltation.bss2.section import Section
from saltation.bss2.variation import Noise
from saltation.bss2.writing import Write, by_time

Floats = NDArray[np.float64]


class Stage(NamedTuple):
    """Circuits and wires, from a time on."""

    begin: float
    compiled: Compiled


def stages_of(
    compiled: Compiled,
    configuration: Configuration,
    codes: Codes,
    hidden: Mapping[str, Floats],
    physics: Physics,
    noise: Noise,
    events: Sequence[tuple[int, int]],
    sections: Sequence[Section],
) -> tuple[list[tuple[Stage, ...]], dict[str, int]]:
    """Stages of each section, and the places written inside all of them: at their times, and back at the ends.

    Raises
    ------
    ConfigurationError
        If registers do not go together after a write.
    """
    plain = (Stage(0.0, compiled),)
    # sections of a batch share their writes
    made: dict[int, tuple[tuple[Stage, ...], dict[str, int]]] = {}
    stages: list[tuple[Stage, ...]] = []
    written: dict[str, int] = {}
    for section in sections:
        if not section.writes:
            stages.append(plain)
            continue
        if id(section.writes) not in made:
            made[id(section.writes)] = _through(
                compiled, configuration, codes, hidden, physics, noise, events, section.writes
            )
        own, places = made[id(section.writes)]
        stages.append(own)
        _add(written, places)
    return stages, written


def unheard(stages: Sequence[tuple[Stage, ...]]) -> frozenset[tuple[int, int]]:
    """Inputs of the crossbar and labels of events that are heard in no stage of any section."""
    compiled = {id(stage.compiled): stage.compiled for listed in stages for stage in listed}
    return frozenset(set.intersection(*(each.unheard() for each in compiled.values())))


def _through(
    compiled: Compiled,
    configuration: Configuration,
    codes: Codes,
    hidden: Mapping[str, Floats],
    physics: Physics,
    noise: Noise,
    events: Sequence[tuple[int, int]],
    writes: Sequence[Write],
) -> tuple[tuple[Stage, ...], dict[str, int]]:
    now, stages = configuration.copy(), [Stage(0.0, compiled)]
    written: dict[str, int] = {}
    for time, together in by_time(writes):
        before = now.copy()
        for write in together:
            write.apply(now)
        now.validate()
        changed = now.differences(before)
        _add(written, changed)
        compiled = stages[-1].compiled
        compiled = rewired(compiled, changed.keys() - SWITCHES, now, codes, hidden, physics, events, compiled.addresses)
        switched = not SWITCHES.isdisjoint(changed)
        if switched:
            compiled = retranslated(compiled, now, codes, hidden, physics, noise)
        # at the begin membranes are at rest as they were before a switch
        if time == 0.0 and not switched:
            stages.pop()
        stages.append(Stage(time, compiled))
    _add(written, configuration.differences(now))
    addresses = stages[-1].compiled.addresses
    return tuple(Stage(stage.begin, widened(stage.compiled, addresses)) for stage in stages), written


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, n in more.items():
        total[name] = total.get(name, 0) + n
