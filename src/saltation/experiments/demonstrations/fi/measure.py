r"""All measurements of ``chip-fi``.

A circuit that is driven by a current I fires with the rate

    f = 1 / (t_ref - tau_reset + tau_mem log(I / (I - I_rh))),    I_rh = g_l (V_th - E_l)

if it is reset to its leak: nothing below the rheobase ``I_rh``, and above it a rate without a jump, which approaches
``1 / (t_ref - tau_reset)``: against the conductance of the reset, ``tau_reset = C / g_r``, the current lifts the held
membrane by ``I / g_r``, which saves ``C / g_r`` on the way to the threshold.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Configuration, Section
from saltation.bss2 import geometry as g
from saltation.experiments.demonstrations.checks import Check, Outcome, check
from saltation.experiments.demonstrations.fi.figures import draw
from saltation.experiments.demonstrations.fits import line, median
from saltation.experiments.demonstrations.setting import Setting, listen_to, moved, target, without_inputs

__all__ = ["measure"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[int, int]  # leak, refractory time

LEAKS = (150, 300, 450)
REFRACTORY = (10, 30, 50)
CIRCUITS = np.arange(8) * 65
"""Circuits from all event outputs of the chip."""

# 50 LSB of the MADC, 1.2 V over 1023, in LSB of the CADC, 0.9 V over 200.
_DISTANCE = 50 * (1.2 / 1023) / (0.9 / 200)
_DURATION = 1e-3
_ONSET = 20.0  # kHz: a circuit fires, and not by its noise alone
_LINEAR_FROM = 1.4  # rheobases
_STRONG = 600  # code
_RESET = 0.5  # us, time constant of the fastest reset
_PERIOD = 1e6 * float(g.divided_period(4))  # us, of the slow clock as it is after a reset
_COMBINED: list[Key] = [(LEAKS[0], each) for each in REFRACTORY] + [(each, REFRACTORY[0]) for each in LEAKS[1:]]


def measure(setting: Setting) -> Outcome:
    """Measure all curves, and the onset of the first one closely."""
    currents = np.arange(0, 1001, setting.few(20, 50))
    curves = {
        (leak, refractory): _curve(setting, _circuit(setting, leak, refractory), currents, _DURATION)
        for leak, refractory in _COMBINED
    }
    onsets = {key: _rheobase(currents, rates) for key, rates in curves.items()}
    # a circuit that always fires, or never, is looked at from 0 on
    own = np.nan_to_num(onsets[_COMBINED[0]], nan=0.0)
    near = np.arange(-60, 61, setting.few(2, 10))
    shifted = np.clip(np.rint(near[:, None] + own), 0, g.CODE_MAX).astype(int)
    fine = _curve(setting, _circuit(setting, *_COMBINED[0]), shifted, setting.few(4, 2) * _DURATION)
    result: dict[str, Any] = {
        "circuits": CIRCUITS,
        "currents": currents,
        "curves": [
            {"leak": leak, "refractory": refractory, "rheobase": onsets[leak, refractory], "rates_khz": rates}
            for (leak, refractory), rates in curves.items()
        ],
        "near": near,
        "near_khz": fine,
    }
    checks = (*_of_rheobases(onsets), *_of_onset(fine), *_of_shape(currents, curves, onsets))
    return Outcome(checks, result, lambda: draw(currents, curves, near, fine))


def _circuit(setting: Setting, leak: int, refractory: int) -> Configuration:
    configuration = without_inputs(setting.configuration)
    rest, lower = target("leak"), target("leak") + _DISTANCE - target("threshold")
    configuration.set("threshold_v_threshold", moved(configuration["threshold_v_threshold"], lower))
    configuration.set("reset_v_reset", moved(configuration["reset_v_reset"], rest - target("reset")))
    configuration.set("leak_i_bias", leak)
    configuration.set("refractory_period_input_clock", 0)
    configuration.set("refractory_period_refractory_time", refractory)
    configuration.set("constant_current_enable", 1)
    listen_to(configuration, CIRCUITS)
    return configuration


def _curve(setting: Setting, configuration: Configuration, currents: Ints, duration: float) -> Floats:
    """Rates in kHz, ``[current, circuit]``: the inverse of the mean interval; 0 with fewer than two spikes.

    The codes of the current are the same for all circuits, or ``[current, circuit]``.
    """
    rates = np.zeros((len(currents), CIRCUITS.size))
    for i, current in enumerate(currents):
        configuration.set("constant_current_i_offset", current, at=CIRCUITS)
        (observed,) = setting.run(configuration, [Section(duration)])
        for k, circuit in enumerate(CIRCUITS):
            times = observed.times[observed.circuits == circuit]
            if times.size > 1:
                rates[i, k] = 1e-3 * (times.size - 1) / (times[-1] - times[0])
    return rates


def _rheobase(currents: Ints, rates: Floats) -> Floats:
    """Current at which each circuit first fires with `_ONSET`, in codes; NaN where it does not or always does."""
    found = np.full(rates.shape[1], np.nan)
    for k, own in enumerate(rates.T):
        above = np.flatnonzero(own >= _ONSET)
        if above.size and above[0] > 0:
            i = above[0]
            part = (_ONSET - own[i - 1]) / (own[i] - own[i - 1])
            found[k] = currents[i - 1] + part * (currents[i] - currents[i - 1])
    return found


def _of_rheobases(onsets: Mapping[Key, Floats]) -> list[Check]:
    first, *_ = _COMBINED
    same, grows = "cns_02: the same", "I_rh = g_l (V_th - E_l)"
    checks = [check("rheobase", median(onsets[first]), "code", low=130, high=310, source="cns_02: about 220")]
    for leak in LEAKS[1:]:
        ratio, expected = median(onsets[leak, REFRACTORY[0]] / onsets[first]), leak / LEAKS[0]
        what = f"rheobase at leak {leak} by that at {LEAKS[0]}"
        checks.append(check(what, ratio, "1", low=0.8 * expected, high=1.2 * expected, source=grows))
    ratio = median(onsets[LEAKS[0], REFRACTORY[-1]] / onsets[first])
    what = f"rheobase at refractory {REFRACTORY[-1]} by that at {REFRACTORY[0]}"
    return [*checks, check(what, ratio, "1", low=0.8, high=1.2, source=same)]


def _of_onset(fine: Floats) -> list[Check]:
    lowest = float(np.median([own[own > 0.0].min(initial=np.inf) for own in fine.T]))
    largest = float(np.abs(np.diff(np.median(fine, axis=1))).max())
    source = "cns_02: type I, no jump"
    return [
        check("lowest rate near the rheobase", lowest, "kHz", high=_ONSET, source=source),
        check("largest step there", largest, "kHz", high=30.0, source=source),
    ]


def _of_shape(currents: Ints, curves: Mapping[Key, Floats], onsets: Mapping[Key, Floats]) -> list[Check]:
    checks, slopes, strong = [], [], []
    for refractory in REFRACTORY:
        rates, rheobase = curves[LEAKS[0], refractory], onsets[LEAKS[0], refractory]
        intervals = 1e3 / np.where(rates > 0.0, rates, np.nan)
        above = [currents > _LINEAR_FROM * own for own in rheobase]
        straight = [line(currents[used], rates[used, k]) for k, used in enumerate(above)]
        reach = [np.log(currents[used] / (currents[used] - own)) for used, own in zip(above, rheobase, strict=True)]
        exact = [line(reach[k], intervals[used, k]) for k, used in enumerate(above)]
        slopes.append(median([each.slope for each in straight]))
        strong.append(intervals[currents >= _STRONG])
        if refractory == REFRACTORY[0]:
            r2 = median([each.r2 for each in straight])
            checks.append(check("rate by current above it: r2", r2, "1", low=0.95, source="cns_02: near-linear"))
        shortest, expected = median([each.offset for each in exact]), refractory * _PERIOD - _RESET
        what, source = f"shortest interval at refractory {refractory}", "t_ref less 0.5 us, tau of the reset"
        checks.append(check(what, shortest, "us", low=expected - 0.5, high=expected + 0.5, source=source))
    tau = median([each.slope for each in exact])
    checks.append(check("tau_mem of the last curve", tau, "us", low=6.5, high=14.0, source="cns_02: 10 us"))
    for i in (1, 2):
        ratio = slopes[i] / slopes[i - 1]
        what = f"slope at refractory {REFRACTORY[i]} by that at {REFRACTORY[i - 1]}"
        checks.append(check(what, ratio, "1", high=0.8, source="cns_02: lower"))
    longer, periods = median(strong[2] - strong[1]), (REFRACTORY[2] - REFRACTORY[1]) * _PERIOD
    what = f"interval at refractory {REFRACTORY[2]} less that at {REFRACTORY[1]}"
    return [*checks, check(what, longer, "us", low=0.95 * periods, high=1.05 * periods, source="20 periods")]
