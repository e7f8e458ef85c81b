r"""Inputs as conductances: their strength falls from that of the current at the reference to none at the reversal.

With the drive ``g(t) = A exp(-t / tau_syn)`` after a volley and ``y = V - L`` above the level ``L`` of the leak,

    tau_mem y' = -y + tau_mem g(t) (s + G y),    s = 1 + G (L - E_ref),    G = 1 / (E_ref - E_rev),

so that the response is proportional to ``s``, exactly: over levels it is a line, which crosses zero at the reversal.
Its slope is that of ``s`` times how much the conductance itself changes the response, which follows from ``A``.
"""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.bench import EXC, KINDS, Bench
from saltation.bss2.calibration.response import WINDOW, mean_response
from saltation.bss2.calibration.steps import DRIVERS, expected_strength, measure_strength, silent
from saltation.bss2.calibration.striking import moved, potential_code
from saltation.bss2.calibration.target import RECEPTORS, NeuronTarget
from saltation.bss2.configuration import Configuration

Floats = NDArray[np.float64]

# Levels of the leak in LSB, on whose farther side there is room for a response of the height below.
_LEVELS = ((60.0, 140.0), (90.0, 165.0))
_HEIGHT = 45.0
_MOST_EVENTS = 8
# drivers that are measured; over one the response is as proportional, but for noise
_ROUNDS = (DRIVERS[:2], DRIVERS[:4], DRIVERS)
_POINTS = 400
# of codes where an input stays a current
_UNUSED = 100


def conductance(bench: Bench, configuration: Configuration, receptor: int, target: NeuronTarget) -> None:
    """Find slope and reference of a conductance; the input itself is left a current."""
    kind, short = KINDS[receptor], RECEPTORS[receptor]
    asked = target.asks(f"e_coba_reversal_{short}")
    wanted = target.coba_reference(short)
    away = np.where(asked, np.abs(target.of_all(f"e_coba_reversal_{short}") - wanted), 1.0)
    physics = bench.chip.physics
    code = np.where(asked, 1.0 / (physics.coba_per_code * physics.cadc_volt_per_lsb * away), _UNUSED)
    bias, place = f"{kind}_input_i_bias_coba", f"{kind}_input_v_rev_coba"
    configuration.set(bias, np.clip(np.rint(code), 1, g.CODE_MAX).astype(int))
    configuration.set(place, potential_code(wanted))
    for drivers in _ROUNDS:
        reversal, reference = measure_conductance(bench, configuration, receptor, target, drivers)
        known = asked & np.isfinite(reversal)
        ratio = np.where(known, np.clip(np.abs(reversal - reference) / away, 0.3, 3.0), 1.0)
        shift = np.where(known, np.clip(wanted - reference, -60.0, 60.0), 0.0)
        configuration.set(bias, np.clip(np.rint(configuration[bias] * ratio), 1, g.CODE_MAX).astype(int))
        configuration.set(place, moved(configuration[place], shift))


def measure_conductance(
    bench: Bench,
    configuration: Configuration,
    receptor: int,
    target: NeuronTarget,
    drivers: tuple[int, ...] = DRIVERS,
) -> tuple[Floats, Floats]:
    """Reversal and reference potentials of an input as a conductance, in LSB, ``[512]`` each.

    NaN where it is not asked for, or where the strength does not fall towards the reversal.
    """
    kind, short = KINDS[receptor], RECEPTORS[receptor]
    asked = target.asks(f"e_coba_reversal_{short}")
    current, own = silent(configuration), silent(configuration)
    own.set(f"{kind}_input_enable_coba_mode", asked.astype(int))
    leak, at = configuration["leak_v_leak"], target.of_all("leak")
    events = _events(expected_strength(bench.chip.physics, target, receptor), target, receptor)
    levels, responses, usual = [], [], []
    for level in _LEVELS[receptor]:
        for each in (current, own):
            each.set("leak_v_leak", moved(leak, level - at))
        levels.append(bench.reading(current))
        usual.append(measure_strength(bench, current, receptor, events=events, drivers=drivers))
        responses.append(measure_strength(bench, own, receptor, events=events, drivers=drivers))
    as_current = np.mean(usual, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (each / as_current for each in responses)
        slope = (high - low) / (levels[1] - levels[0])
        reversal = levels[0] - low / slope
        falls = asked & ((slope < 0.0) if receptor == EXC else (slope > 0.0))
        gain = _without_itself(slope, as_current, target, receptor)
        reference = reversal + 1.0 / gain
    return np.where(falls, reversal, np.nan), np.where(falls, reference, np.nan)


def _events(single: Floats, target: NeuronTarget, receptor: int) -> int:
    """How many events at once make a response of a good height, given the mean response to one."""
    drive = np.median(single / (mean_response(target, receptor) * target.of_all("tau_mem")))
    peak = float((drive * _responses(np.zeros(g.CIRCUITS), np.ones(g.CIRCUITS), target, receptor)[1]).max())
    return int(np.clip(_HEIGHT / peak, 1, _MOST_EVENTS)) if peak > 0.0 else 1


def _without_itself(slope: Floats, as_current: Floats, target: NeuronTarget, receptor: int) -> Floats:
    """``G`` from the slope of the relative response over levels, which is ``G`` times what ``G`` makes of it."""
    sign = 1.0 if receptor == EXC else -1.0
    drive = sign * as_current / (mean_response(target, receptor) * target.of_all("tau_mem"))
    usual, gain = _responses(np.zeros(g.CIRCUITS), drive, target, receptor)[0], slope
    for _ in range(5):
        gain = slope * usual / _responses(gain, drive, target, receptor)[0]
    return gain


def _responses(gain: Floats, drive: Floats, target: NeuronTarget, receptor: int) -> tuple[Floats, Floats]:
    """Mean and largest response ``y`` for ``s = 1``, over the time for which responses are averaged, ``[512]`` each.

    By variation of constants: ``y(t) = h(t) int_0^t g / h`` with ``h' = (-1 / tau_mem + G g) h``.
    """
    t = np.linspace(0.0, WINDOW, _POINTS)[:, None]
    a, b = 1.0 / target.of_all("tau_mem"), 1.0 / target.of_all(f"tau_syn_{RECEPTORS[receptor]}")
    force = drive * np.exp(-b * t)
    log_h = -a * t + gain * drive / b * -np.expm1(-b * t)
    integrand = force * np.exp(-log_h)
    steps = 0.5 * (integrand[1:] + integrand[:-1]) * (t[1] - t[0])
    y = np.exp(log_h[1:]) * np.cumsum(steps, axis=0)
    return y.mean(axis=0), np.abs(y).max(axis=0)
