r"""All measurements of ``chip-fi``.

A circuit that is driven by a current I fires with the rate

    f = 1 / (t_ref - tau_reset + tau_mem log(I / (I - I_rh))),    I_rh = g_l (V_th - E_l)

if it is reset to its leak: nothing below the rheobase ``I_rh``, and above it a rate without a jump, which approaches
``1 / (t_ref - tau_reset)``: against the conductance of the reset, ``tau_reset = C / g_r``, the current lifts the held
membrane by ``I / g_r``, which saves ``C / g_r`` on the way to the threshold.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Configuration, Section
from saltation.bss2 import geometry as g
from saltation.experiments.chip.checks import Check, Outcome, check
from saltation.experiments.chip.fi.figures import draw
from saltation.experiments.chip.fits import line
from saltation.experiments.chip.setting import TARGET, Setting, listen_to, moved, without_inputs

__all__ = ["measure"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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


def measure(setting: Setting) -> Outcome:
    """Measure all curves, and the onset of the first one closely."""
    currents = np.arange(0, 1001, setting.few(20, 50))
    curves = {
        (leak, refractory): _curve(setting, _circuit(setting, leak, refractory), currents, _DURATION)
        for leak, refractory in [(LEAKS[0], each) for each in REFRACTORY]
        + [(leak, REFRACTORY[0]) for leak in LEAKS[1:]]
    }
    onsets = {key: _rheobase(currents, rates) for key, rates in curves.items()}
    first = (LEAKS[0], REFRACTORY[0])
    own = np.nan_to_num(onsets[first], nan=0.0)  # a circuit that always fires, or never, is looked at from 0 on
    near = np.arange(-60, 61, setting.few(2, 10))
    shifted = np.clip(np.rint(near[:, None] + own), 0, g.CODE_MAX).astype(int)
    fine = _curve(setting, _circuit(setting, *first), shifted, setting.few(4, 2) * _DURATION)
    checks = [
        *_of_rheobases(onsets, fine),
        *_of_shape(currents, curves, onsets),
    ]
    named = {f"leak {leak}, refractory {refractory}": rates for (leak, refractory), rates in curves.items()}
    result: dict[str, Any] = {
        "currents": currents,
        "rates_khz": named,
        "rheobase": {f"leak {leak}, refractory {refractory}": onsets[leak, refractory] for leak, refractory in curves},
        "near": near,
        "near_khz": fine,
        "circuits": CIRCUITS,
    }
    return Outcome(tuple(checks), result, lambda: draw(currents, curves, near, fine))


def _circuit(setting: Setting, leak: int, refractory: int) -> Configuration:
    configuration = without_inputs(setting.configuration)
    rest, reset, threshold = (float(np.asarray(value)) for value in (TARGET.leak, TARGET.reset, TARGET.threshold))
    configuration.set(
        "threshold_v_threshold", moved(configuration["threshold_v_threshold"], rest + _DISTANCE - threshold)
    )
    configuration.set("reset_v_reset", moved(configuration["reset_v_reset"], rest - reset))
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


def _of_rheobases(onsets: dict[tuple[int, int], Floats], fine: Floats) -> list[Check]:
    leak, refractory = LEAKS[0], REFRACTORY[0]
    first = onsets[leak, refractory]
    ratios = [float(np.nanmedian(onsets[each, refractory] / first)) for each in LEAKS[1:]]
    longest = float(np.nanmedian(onsets[leak, REFRACTORY[-1]] / first))
    rising = np.median(fine, axis=1)
    lowest = float(np.median([own[own > 0.0].min(initial=np.inf) for own in fine.T]))
    return [
        check("rheobase", float(np.nanmedian(first)), "code", low=130, high=310, source="cns_02: about 220"),
        check(
            "rheobase at leak 300 by that at 150", ratios[0], "1", low=1.7, high=2.3, source="I_rh = g_l (V_th - E_l)"
        ),
        check(
            "rheobase at leak 450 by that at 150", ratios[1], "1", low=2.4, high=3.5, source="I_rh = g_l (V_th - E_l)"
        ),
        check("rheobase at refractory 50 by that at 10", longest, "1", low=0.9, high=1.1, source="cns_02: the same"),
        check("lowest rate near the rheobase", lowest, "kHz", high=_ONSET, source="cns_02: type I, no jump"),
        check(
            "largest step there",
            float(np.abs(np.diff(rising)).max()),
            "kHz",
            high=30.0,
            source="cns_02: type I, no jump",
        ),
    ]


def _of_shape(
    currents: Ints, curves: dict[tuple[int, int], Floats], onsets: dict[tuple[int, int], Floats]
) -> list[Check]:
    leak = LEAKS[0]
    slopes, r2, holds = [], [], []
    for refractory in REFRACTORY:
        rates, rheobase = curves[leak, refractory], onsets[leak, refractory]
        fits = [
            line(currents[u], rates[u, k])
            for k in range(CIRCUITS.size)
            if (u := _above(currents, rheobase[k])).sum() > 2
        ]
        slopes.append(float(np.median([each.slope for each in fits])) if fits else np.nan)
        r2.append(float(np.median([each.r2 for each in fits])) if fits else np.nan)
        holds.append(_hold_and_tau(currents, rates, rheobase))
    strong = currents >= _STRONG
    shorter, longer = (1e3 / np.median(curves[leak, each][strong], axis=1) for each in REFRACTORY[1:])
    period = 1e6 * float(g.divided_period(4))  # of the slow clock, as after a reset
    checks = [
        check("rate by current above it: r2", r2[0], "1", low=0.95, source="cns_02: near-linear"),
        check("slope at refractory 30 by that at 10", slopes[1] / slopes[0], "1", high=0.8, source="cns_02: lower"),
        check("slope at refractory 50 by that at 30", slopes[2] / slopes[1], "1", high=0.8, source="cns_02: lower"),
        check(
            "interval at 50 less that at 30",
            float(np.mean(longer - shorter)),
            "us",
            low=19 * period,
            high=21 * period,
            source="20 periods",
        ),
    ]
    for refractory, (hold, _) in zip(REFRACTORY, holds, strict=True):
        least = refractory * period - _RESET
        source = "t_ref less 0.5 us, tau of the reset"
        checks.append(
            check(f"shortest interval at {refractory}", hold, "us", low=least - 0.5, high=least + 0.5, source=source)
        )
    checks.append(check("tau_mem of the curves", holds[-1][1], "us", low=7.5, high=12.5, source="cns_02: 10 us"))
    return checks


def _above(currents: Ints, rheobase: float) -> NDArray[np.bool_]:
    return currents > _LINEAR_FROM * rheobase


def _hold_and_tau(currents: Ints, rates: Floats, rheobase: Floats) -> tuple[float, float]:
    """``t_ref`` and ``tau_mem`` in us, of a line through intervals by ``log(I / (I - I_rh))``; the median circuit's."""
    fits = []
    for k in range(CIRCUITS.size):
        used = _above(currents, rheobase[k])
        if used.sum() > 2:
            fits.append(line(np.log(currents[used] / (currents[used] - rheobase[k])), 1e3 / rates[used, k]))
    if not fits:
        return np.nan, np.nan
    return float(np.median([each.offset for each in fits])), float(np.median([each.slope for each in fits]))
