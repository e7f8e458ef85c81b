"""Refractory times: clocks and counters that come closest to them; nothing is measured, as counters are exact."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

_SIDE = g.COLUMNS // 2
_COUNTS = 255
_SCALES = 16
FAST, SLOW = 1, 0
"""What ``refractory_period_input_clock`` chooses."""


def refractory_times(configuration: Configuration, wanted: Floats) -> None:
    """Write the refractory times ``[512]`` as nearly as the clocks allow.

    The circuits of each half share a fast and a slow clock of ``2^(s + 1) / 250 MHz``, of which each takes one and
    counts up to 255 of its periods.  Of all pairs of clocks the one is taken whose largest relative error is least;
    among equals that which is there, then the faster one.
    """
    side = g.column_of(np.arange(g.CIRCUITS)) // _SIDE
    for half in range(2):
        own = np.flatnonzero(side == half)
        there = tuple(int(configuration[f"clock_scale_{name}"][half]) for name in ("fast", "slow"))
        fast, slow = best_clocks(wanted[own], (there[0], there[1]))
        clock, count = counted(wanted[own], fast, slow)
        configuration.set("clock_scale_fast", fast, at=half)
        configuration.set("clock_scale_slow", slow, at=half)
        configuration.set("refractory_period_input_clock", clock, at=own)
        configuration.set("refractory_period_refractory_time", count, at=own)


def best_clocks(wanted: Floats, there: tuple[int, int]) -> tuple[int, int]:
    """Scales of the fast and the slow clock for these times, those that are ``there`` if none are better."""
    pairs = [there, *((fast, slow) for fast in range(_SCALES) for slow in range(fast, _SCALES))]
    errors = [_errors(wanted, g.divided_period(np.arange(_SCALES)[list(pair)])).min(axis=0).max() for pair in pairs]
    # rounding must not decide between equals
    return pairs[int(np.argmin(np.round(errors, 12)))]


def counted(wanted: Floats, fast: int, slow: int) -> tuple[Ints, Ints]:
    """Clock and number of its periods for each of these times; the fast clock among equals."""
    periods = np.array([g.divided_period(slow), g.divided_period(fast)])
    errors = np.round(_errors(wanted, periods), 12)
    clock = np.where(errors[FAST] <= errors[SLOW], FAST, SLOW)
    return clock.astype(np.int32), _counts(wanted, periods[clock]).astype(np.int32)


def _counts(wanted: Floats, period: Floats) -> Floats:
    return np.clip(np.rint(wanted / period), 1, _COUNTS)


def _errors(wanted: Floats, periods: Floats) -> Floats:
    """How far from each time the nearest number of periods of each clock is, relatively, ``[clock, circuit]``."""
    period = periods[:, None]
    return np.abs(_counts(wanted[None], period) * period - wanted) / wanted
