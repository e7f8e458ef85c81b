"""Answers of a silent membrane to events: they add."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Madc, Section
from saltation.experiments.demonstrations.checks import Check, check
from saltation.experiments.demonstrations.setting import EXC, INH, Setting, events, write_synapses

__all__ = ["stacking"]

Floats = NDArray[np.float64]

_PAIR = [102, 153]
_WEIGHT = 30
_FIRST = 20e-6
_APART = 6e-6
_EVENTS = 3
_DURATION = 100e-6
_SMOOTH = 15  # samples, half a microsecond


def stacking(setting: Setting) -> tuple[list[Check], dict[str, Any]]:
    """Compare the answer to three events with the sum of three answers to one, and a double weight with two."""
    one = _answer(setting, {EXC: _WEIGHT}, EXC, 1)
    three = _answer(setting, {EXC: _WEIGHT}, EXC, _EVENTS)
    double = _answer(setting, {EXC: 2 * _WEIGHT}, EXC, 1)
    opposite = _answer(setting, {INH: _WEIGHT}, INH, 1)
    times = one[0]
    shifted = [np.interp(times - i * _APART, times, one[1], left=0.0) for i in range(_EVENTS)]
    total = np.sum(shifted, axis=0)
    apart = float(np.abs(three[1] - total).max() / total.max())
    shape = one[1] / (one[1] @ one[1])
    checks = [
        check("events: three less three single ones, most", apart, "of peak", high=0.05, source="ts_00: PSPs add"),
        check(
            "events: a double weight by a single one",
            float(double[1] @ shape),
            "1",
            low=1.9,
            high=2.1,
            source="ts_00: PSPs add",
        ),
        check(
            "events: inhibition by excitation",
            float(opposite[1] @ shape),
            "1",
            low=-1.25,
            high=-0.75,
            source="one strength",
        ),
    ]
    curves = {"times_us": times * 1e6, "one": one[1], "three": three[1], "sum": total, "double": double[1]}
    return checks, {"stacking": {**curves, "inhibitory": opposite[1]}}


def _answer(setting: Setting, weights: dict[int, int], receptor: int, count: int) -> tuple[Floats, Floats]:
    """Mean of two circuits and many repeats, in LSB of the MADC above rest; smoothed."""
    configuration = setting.configuration.copy()
    configuration.set("threshold_enable", 0)
    write_synapses(configuration, weights)
    section = Section(_DURATION, events(_FIRST + _APART * np.arange(count), receptor), [Madc(_PAIR)])
    observed = setting.run(configuration, [section] * setting.few(120, 40))
    times = observed[0].sampled[0]
    mean = np.mean([o.samples[0].mean(axis=1) for o in observed], axis=0)
    settled = ~np.isnan(mean)
    times, mean = times[settled], mean[settled]
    mean = np.convolve(mean, np.full(_SMOOTH, 1.0 / _SMOOTH), "valid")[::_SMOOTH]
    times = np.convolve(times, np.full(_SMOOTH, 1.0 / _SMOOTH), "valid")[::_SMOOTH]
    return times, mean - mean[times < _FIRST].mean()
