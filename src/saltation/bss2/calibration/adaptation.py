r"""Adaptation, seen at the membrane alone: its decay and its step after spikes, and what it does to levels at rest.

    tau_mem V' = E_l - V - w / g_l,    tau_w w' = a (V - E_w) - w,    w + b at a spike

With ``a`` off, N spikes leave the membrane ``y = (w / g_l) tau_w / (tau_w - tau_mem)`` below its rest once its own way
there is over.  With ``a`` on, it rests at ``E_w + (E_l - E_w) / (1 + a / g_l)``, a line over levels of the leak.

Signs are switches: sizes are measured without them.
"""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.bench import EXC, Bench, wired
from saltation.bss2.calibration.fits import LEAST_READING, WORTH, decay_amplitude, decay_time
from saltation.bss2.calibration.reach import leak_conductance
from saltation.bss2.calibration.search import Codes, proportion
from saltation.bss2.calibration.steps import silent
from saltation.bss2.calibration.striking import HOLD, HOLD_CLOCK, LEVEL, moved, potential_code, striking, volley_of
from saltation.bss2.calibration.target import NeuronTarget
from saltation.bss2.configuration import Configuration
from saltation.bss2.physics import Physics
from saltation.bss2.readout import Cadc
from saltation.bss2.section import ChipEvents, Section

Floats = NDArray[np.float64]

_LEAD, _APART = 2e-6, 8e-6
_RESET = 150.0
_REPEATS, _SAMPLES = 4, 100
# By how much the membrane is to be lowered by all spikes of a burst, in LSB, and how many there are at most.
_DEPTH, _MOST_SPIKES = 60.0, 8
# The membrane's own way back is over after so many of its time constants.
_PAST = 6.0
# Levels in LSB between which the rest is compared.
_LOW, _HIGH = 60.0, 140.0
_SETTLED, _READINGS, _PERIOD = 400e-6, 60, 5e-6
_ROUNDS = 2


def adaptation(bench: Bench, configuration: Configuration, target: NeuronTarget) -> None:
    """Find time constant, strengths and potential of the adaptation; it is left switched off."""
    wanted = target.of_all("tau_adap")

    def measured(codes: Codes) -> Floats:
        configuration.set("adaptation_i_bias_tau", codes)
        return measure_tau_adap(bench, configuration, target)

    start = _rounded(bench.chip.physics.adaptation_tau_code / wanted)
    configuration.set("adaptation_i_bias_tau", proportion(measured, wanted, start, _ROUNDS))
    if target.subthreshold_adaptation_strength is not None:
        _subthreshold(bench, configuration, target)
    if target.spike_triggered_adaptation_increment is not None:
        _spike_triggered(bench, configuration, target)


def _subthreshold(bench: Bench, configuration: Configuration, target: NeuronTarget) -> None:
    at = target.of_all("leak")
    strongest = configuration.copy()
    strongest.set("adaptation_i_bias_a", g.CODE_MAX)
    strongest.set("adaptation_v_ref", potential_code(at))
    for _ in range(2):
        level = rests(bench, strongest, target)[1]
        shift = np.where(np.isfinite(level), np.clip(at - level, -30.0, 30.0), 0.0)
        strongest.set("adaptation_v_ref", moved(strongest["adaptation_v_ref"], shift))
    configuration.set("adaptation_v_ref", strongest["adaptation_v_ref"])
    wanted = target.of_all("subthreshold_adaptation_strength")
    configuration.set("adaptation_invert_a", (wanted < 0.0).astype(int))
    size = np.abs(wanted)

    def measured(codes: Codes) -> Floats:
        configuration.set("adaptation_i_bias_a", codes)
        return rests(bench, configuration, target)[0]

    physics = bench.chip.physics
    start = _rounded(size * leak_conductance(physics, target) / physics.adaptation_a_per_code)
    configuration.set("adaptation_i_bias_a", proportion(measured, size, start, _ROUNDS, inversely=False))


def _spike_triggered(bench: Bench, configuration: Configuration, target: NeuronTarget) -> None:
    wanted = target.of_all("spike_triggered_adaptation_increment")
    configuration.set("adaptation_invert_b", (wanted < 0.0).astype(int))
    size = np.abs(wanted)

    def measured(codes: Codes) -> Floats:
        configuration.set("adaptation_i_bias_b", codes)
        return measure_increment(bench, configuration, target)

    start = _increment_codes(bench.chip.physics, target, size)
    configuration.set("adaptation_i_bias_b", proportion(measured, size, start, _ROUNDS, inversely=False))


def measure_tau_adap(bench: Bench, configuration: Configuration, target: NeuronTarget) -> Floats:
    """Time constants of the adaptation ``[512]``, with a jump that can be seen well."""
    own = configuration.copy()
    own.set("adaptation_i_bias_b", _increment_codes(bench.chip.physics, target, _DEPTH / _MOST_SPIKES))
    return after_burst(bench, own, target, _MOST_SPIKES)[0]


def measure_increment(bench: Bench, configuration: Configuration, target: NeuronTarget) -> Floats:
    """By how much a spike lowers where the membrane goes, in LSB, ``[512]``."""
    size = float(np.abs(target.of_all("spike_triggered_adaptation_increment")).max())
    return after_burst(bench, configuration, target, int(np.clip(_DEPTH / size, 1, _MOST_SPIKES)))[1]


def measure_strength(bench: Bench, configuration: Configuration, target: NeuronTarget) -> Floats:
    """Size of ``a / g_l``, ``[512]``."""
    return rests(bench, configuration, target)[0]


def after_burst(bench: Bench, configuration: Configuration, target: NeuronTarget, spikes: int) -> tuple[Floats, Floats]:
    """Time constant of the adaptation in seconds and what a spike adds to it in LSB, ``[512]`` each.

    NaN where a circuit did not spike once at each volley.
    """
    about, membrane = target.of_all("tau_adap"), target.of_all("tau_mem")
    own = striking(configuration, target, _RESET)
    rest = bench.reading(own)
    own.set("adaptation_enable", 1)
    own.set("adaptation_enable_pulse", 1)
    # the smallest code that no other cells have: those of a code that many share let through more
    own.set("adaptation_i_bias_a", 1)
    own.set("adaptation_invert_a", 0)
    own.set("adaptation_invert_b", 0)
    # and where the membrane is, even that is none
    own.set("adaptation_v_ref", potential_code(LEVEL))
    own, label = wired(own, EXC, 0)
    begin = _LEAD + _APART * np.arange(spikes)
    volleys = (begin[:, None] + volley_of(target)).reshape(-1)
    first = begin[-1] + g.divided_period(HOLD_CLOCK) * HOLD + 1e-6 + _PAST * float(membrane.max())
    period = max(bench.chip.physics.cadc_period, WORTH * float(about.max()) / _SAMPLES)
    reading = Cadc(start=first, samples=_SAMPLES, period=period)
    events = ChipEvents(volleys, np.full(volleys.size, label))
    section = Section(first + _SAMPLES * period, events, [reading])
    observed = bench.run(own, [section] * _REPEATS)
    times = observed[0].sampled[0] - first
    below = rest - np.mean([each.samples[0] for each in observed], axis=0)
    tau = decay_time(times, below, LEAST_READING, WORTH * about)
    # what the last spike and those before it, which have decayed since, leave at the first sample
    since = first - begin[:, None]
    left = np.exp(-since / tau).sum(axis=0) * tau / (tau - membrane)
    step = decay_amplitude(times, below, tau) / left
    once = np.all([each.counters == spikes for each in observed], axis=0)
    return np.where(once, tau, np.nan), np.where(once, step, np.nan)


def rests(bench: Bench, configuration: Configuration, target: NeuronTarget) -> tuple[Floats, Floats]:
    """Size of ``a / g_l``, and the potential ``E_w`` in LSB at which it is none, ``[512]`` each."""
    leak, at = configuration["leak_v_leak"], target.of_all("leak")
    own = silent(configuration)
    found = []
    for level in (_LOW, _HIGH):
        own.set("leak_v_leak", moved(leak, level - at))
        for on in (0, 1):
            own.set("adaptation_enable", on)
            own.set("adaptation_enable_pulse", 0)
            own.set("adaptation_invert_a", 0)
            # how fast it settles changes nothing of where
            own.set("adaptation_i_bias_tau", g.CODE_MAX)
            found.append(_settled(bench, own))
    low, low_on, high, high_on = found
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (high_on - low_on) / (high - low)
        return 1.0 / part - 1.0, (low_on - part * low) / (1.0 - part)


def _settled(bench: Bench, configuration: Configuration) -> Floats:
    """Mean reading of each column ``[512]`` once the adaptation has settled."""
    reading = Cadc(start=_SETTLED, samples=_READINGS, period=_PERIOD)
    section = Section(_SETTLED + _READINGS * _PERIOD, recordings=[reading])
    return bench.run(configuration, [section])[0].samples[0].mean(axis=0)


def _increment_codes(physics: Physics, target: NeuronTarget, lsb: Floats | float) -> Codes:
    """Codes at which a spike would lower where the membrane goes by so many LSB, without mismatch."""
    return _rounded(lsb * physics.cadc_volt_per_lsb * leak_conductance(physics, target) / physics.adaptation_b_per_code)


def _rounded(code: Floats) -> Codes:
    return np.clip(np.rint(code), 1, g.CODE_MAX).astype(np.int32)
