"""All measurements of ``chip-adex``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Cadc, Madc
from saltation.bss2 import geometry as g
from saltation.experiments.demonstrations.adex.classify import NAMES, TONIC
from saltation.experiments.demonstrations.adex.figures import draw
from saltation.experiments.demonstrations.adex.patterns import (
    BEGIN,
    END,
    PATTERNS,
    RINGING,
    Codes,
    Found,
    configure,
    in_step,
    step,
)
from saltation.experiments.demonstrations.adex.search import again, search
from saltation.experiments.demonstrations.checks import Check, Outcome, check
from saltation.experiments.demonstrations.setting import Setting

__all__ = ["measure"]

Floats = NDArray[np.float64]

_LEAST, _AGAIN = 0.7, 0.6  # of the circuits, and of the repeats
_SETTLED = 350e-6  # seconds after the begin of the step
_THINNED = 4  # of the MADC, one sample in so many is kept
_PERIOD = 8e-6  # of the CADC, whose store holds 100 samples


def measure(setting: Setting) -> Outcome:
    """Search, repeat, take the adaptation away, and record what the best circuit of each pattern does."""
    each = setting.few(8, 3)
    circuits = {name: (51 * np.arange(each) + 7 * i) % g.CIRCUITS for i, name in enumerate(NAMES)}
    found = search(setting, circuits)
    repeated = again(setting, found, setting.few(6, 3))
    without = again(setting, found, 1, adaptation=False)
    checks: list[Check] = []
    best: dict[str, Found] = {}
    for name in NAMES:
        mine = np.array([one.pattern == name for one in found], bool)
        part = mine.sum() / each
        surely = float(repeated[mine].mean()) if mine.any() else np.nan
        source = "ts_08: by codes searched for" if name != TONIC else "Naud et al.: fig. 4a"
        checks.append(check(f"{name}: circuits that show it", part, "1", low=_LEAST, source=source))
        checks.append(
            check(f"{name}: repeats that show it again", surely, "1", low=_AGAIN, source="more than by chance")
        )
        if name != TONIC:
            left = float(without[mine].mean()) if mine.any() else np.nan
            checks.append(check(f"{name}: without adaptation", left, "1", high=0.0, source="w makes the pattern"))
        if mine.any():
            order = [i for i in np.flatnonzero(mine)]
            best[name] = found[max(order, key=lambda i: (repeated[i], -i))]
    ringing, traces = _ringing(setting, (51 * np.arange(each) + 7 * len(NAMES)) % g.CIRCUITS)
    shown = {name: _record(setting, one) for name, one in best.items()}
    curves: dict[str, Any] = {
        "found": [
            {"circuit": one.circuit, "pattern": one.pattern, "shift": one.codes.shift, "factor": one.codes.factor,
             "again": float(part)}
            for one, part in zip(found, repeated, strict=True)
        ],
        "shown": shown,
        "ringing": traces,
    }  # fmt: skip
    return Outcome((*checks, *ringing), curves, lambda: draw(curves))


def _record(setting: Setting, one: Found) -> dict[str, Any]:
    """Membrane by the MADC, and spikes, of one circuit."""
    configuration = configure(setting, [(one.circuit, PATTERNS[one.pattern], one.codes)])
    (observed,) = setting.run(configuration, [step((Madc(one.circuit),))])
    reading, times = observed.samples[0][::_THINNED, 0], observed.sampled[0][::_THINNED]
    settled = ~np.isnan(reading)
    spikes = in_step(observed.times[observed.circuits == one.circuit])
    return {
        "circuit": one.circuit,
        "first_us": times[settled][0] * 1e6,
        "every_us": (times[1] - times[0]) * 1e6,
        "madc_lsb": reading[settled].astype(int),
        "spikes_us": (spikes + BEGIN) * 1e6,
    }


def _ringing(setting: Setting, circuits: NDArray[np.int64]) -> tuple[list[Check], dict[str, Any]]:
    """Overshoot at the begin of a step, the swing back below where it settles, and how long that takes."""
    configuration = configure(setting, [(int(circuit), RINGING, Codes()) for circuit in circuits])
    recording = Cadc(circuits, start=BEGIN - 10 * _PERIOD, period=_PERIOD, samples=g.CADC_SRAM_SAMPLES)
    observed = setting.run(configuration, [step((recording,))] * setting.few(40, 12))
    times = observed[0].sampled[0]
    mean = np.mean([one.samples[0] for one in observed], axis=0)
    lifted = mean - mean[times < BEGIN].mean(axis=0)
    steady = lifted[(times > BEGIN + _SETTLED) & (times < END)].mean(axis=0)
    during = (times >= BEGIN) & (times < BEGIN + _SETTLED)
    apart = (lifted[during] - steady) / steady
    peak = apart.argmax(axis=0)
    low = np.array([apart[p:, i].argmin() + p for i, p in enumerate(peak)])
    half = (low - peak) * _PERIOD * 1e6
    over = float(np.median(apart[peak, np.arange(circuits.size)]))
    back = float(np.median(apart[low, np.arange(circuits.size)]))
    spikes = sum(one.times.size for one in observed)
    checks = [
        check("oscillation: overshoot", over, "of step", low=0.3, source="ts_08: ringing"),
        check("oscillation: swing back", back, "of step", high=-0.05, source="ts_08: ringing"),
        check(
            "oscillation: half a period", float(np.median(half)), "us", low=50, high=110, source="eigenvalues: 77 us"
        ),
        check("oscillation: spikes", float(spikes), "1", high=0.0, source="below the threshold"),
    ]
    return checks, {"times_us": times * 1e6, "lifted_lsb": lifted, "circuits": circuits}
