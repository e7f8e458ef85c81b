"""Stages of a section: from one write to the next, circuits with wires that do not change."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.compiled import Compiled, widened, wired, with_weights
from saltation.bss2.configuration import Configuration
from saltation.bss2.memory import Codes
from saltation.bss2.physics import Physics
from saltation.bss2.writing import Write, in_order

Floats = NDArray[np.float64]


class Stage(NamedTuple):
    """Wires, from a time on."""

    begin: float
    compiled: Compiled


def stages_of(
    compiled: Compiled,
    configuration: Configuration,
    codes: Codes,
    hidden: Mapping[str, Floats],
    physics: Physics,
    events: Sequence[tuple[int, int]],
    writes: Sequence[Write],
) -> tuple[tuple[Stage, ...], dict[str, int]]:
    """Stages of a section with these writes, and the places written in it: at their times, and back at the end.

    Raises
    ------
    ConfigurationError
        If registers do not go together after a write.
    """
    now, stages = configuration.copy(), [Stage(0.0, compiled)]
    written: dict[str, int] = {}
    for time, together in in_order(writes):
        before = now.copy()
        for write in together:
            write.apply(now)
        now.validate()
        changed = now.differences(before)
        _add(written, changed)
        compiled = stages[-1].compiled
        if set(changed) <= {"synapse_weight"}:
            compiled = with_weights(compiled, now, codes, hidden, physics)
        else:
            given = (compiled.translation, compiled.circuits, now, codes, hidden, physics, events)
            compiled = wired(*given, compiled.addresses)
        if time == 0.0:
            stages.pop()
        stages.append(Stage(time, compiled))
    _add(written, configuration.differences(now))
    addresses = stages[-1].compiled.addresses
    return tuple(Stage(stage.begin, widened(stage.compiled, addresses)) for stage in stages), written


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, n in more.items():
        total[name] = total.get(name, 0) + n
