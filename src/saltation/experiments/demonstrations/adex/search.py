"""The search for codes at which a circuit shows a pattern, and how surely it then does."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Observed
from saltation.experiments.demonstrations.adex.classify import OTHER, classify
from saltation.experiments.demonstrations.adex.patterns import (
    BEGIN,
    END,
    PATTERNS,
    Codes,
    Found,
    configure,
    in_step,
    step,
)
from saltation.experiments.demonstrations.setting import Setting

__all__ = ["again", "search"]

_AT_ONCE = 2  # repeats in which a circuit must show its pattern: once may be luck
_SHIFTS = (0, -10, 10, -20, 20, -30, 30, -40, 40)
_FACTORS = (1.0, 0.8, 1.25)
CANDIDATES = sorted(
    (Codes(shift, factor) for shift in _SHIFTS for factor in _FACTORS),
    key=lambda codes: abs(codes.shift) / 10 + abs(np.log(codes.factor)) / np.log(1.25),
)
"""In the order in which they are tried: those that change least first."""


def search(setting: Setting, circuits: dict[str, NDArray[np.int64]]) -> list[Found]:
    """Try one candidate after another on all circuits that do not yet show their pattern."""
    pending = [(int(circuit), name) for name, own in circuits.items() for circuit in own]
    found: list[Found] = []
    for codes in CANDIDATES:
        if not pending:
            break
        configuration = configure(setting, [(circuit, PATTERNS[name], codes) for circuit, name in pending])
        observed = setting.run(configuration, [step()] * _AT_ONCE)
        shown = [all(shows(each, circuit) == name for each in observed) for circuit, name in pending]
        found += [Found(circuit, name, codes) for (circuit, name), yes in zip(pending, shown, strict=True) if yes]
        pending = [each for each, yes in zip(pending, shown, strict=True) if not yes]
    return found


def again(setting: Setting, found: list[Found], repeats: int, *, adaptation: bool = True) -> NDArray[np.float64]:
    """The part of repeats, with other noise, in which each circuit shows its pattern again."""
    if not found:
        return np.empty(0)
    wanted = [(each.circuit, PATTERNS[each.pattern], each.codes) for each in found]
    configuration = configure(setting, wanted, adaptation=adaptation)
    observed = setting.run(configuration, [step()] * repeats)
    shown = [[shows(one, each.circuit) == each.pattern for one in observed] for each in found]
    return np.mean(np.array(shown, np.float64), axis=1)


def shows(observed: Observed, circuit: int) -> str:
    """The pattern of a circuit in the step; other, where it spikes before it, too."""
    times = observed.times[observed.circuits == circuit]
    if np.any(times < BEGIN):
        return OTHER
    return classify(in_step(times), END - BEGIN)
