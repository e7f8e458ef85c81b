"""A circuit without spikes: where it rests, and how fast it gets there."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Cadc, Configuration, Madc, Section
from saltation.bss2 import geometry as g
from saltation.bss2.calibration.fits import decay_time
from saltation.experiments.demonstrations.checks import Check, check
from saltation.experiments.demonstrations.fits import line, median
from saltation.experiments.demonstrations.setting import (
    EXC,
    Setting,
    events,
    keep_apart,
    nominal_code,
    without_inputs,
    write_synapses,
)

__all__ = ["membrane", "rest"]

Floats = NDArray[np.float64]
Part = tuple[list[Check], dict[str, Any]]

PAIRS = tuple((51 * i, 51 * (i + 1)) for i in range(0, 10, 2))
"""Ten circuits from all over the chip, two by two: one even and one odd, as the MADC takes them."""

_LINEAR_UNTIL = 540  # codes; the supply is reached near 630, by some circuits 90 earlier or later
_LAST = 200  # codes at the end of the sweep in which nothing changes any more
_DEMONSTRATED = 150  # leak_i_bias by which the demonstrations have 10 us
_CURRENT = 100  # code of the constant current
_REST = 100.0  # LSB of the CADC
_VOLLEY = np.arange(20) * 40e-9
_SETTLE = 2e-6  # from a volley until its line, of 0.3 us, is silent
_LEAD = 20e-6  # before a volley


def rest(setting: Setting) -> Part:
    """Readings of all circuits at rest, for leak codes of 400 to 1022."""
    codes = np.unique(np.append(np.arange(400, 1022, setting.few(20, 60)), 1022))
    configuration = without_inputs(setting.configuration)
    configuration.set("threshold_enable", 0)
    configuration.set("leak_i_bias", g.CODE_MAX)
    keep_apart(configuration)
    readings, madc = [], []
    for code in codes:
        configuration.set("leak_v_leak", int(code))
        section = Section(100e-6, recordings=[Cadc(samples=58), Madc(PAIRS[0][0])])
        (observed,) = setting.run(configuration, [section])
        readings.append(observed.samples[0].mean(axis=0))
        madc.append(float(np.nanmean(observed.samples[1])))
    values = np.array(readings)
    middle = np.median(values, axis=1)
    rising = codes <= _LINEAR_UNTIL
    fitted = line(codes[rising], middle[rising])
    late = middle[codes >= g.CODE_MAX - _LAST]
    source = "calix: codes 70 to 550 are read as 20 to 220"
    checks = [
        check("rest: slope by v_leak", fitted.slope, "LSB/code", low=0.4, high=0.435, source=source),
        check("rest: distance from a line", fitted.worst, "LSB", high=1.5, source="cns_01: linear"),
        check("rest: change over the last 200 codes", np.ptp(late), "LSB", high=1.0, source="ts_00, cns_01: rails"),
    ]
    curves = {"v_leak": codes, "cadc": values[:, [p for pair in PAIRS for p in pair]], "median": middle, "madc": madc}
    return checks, {"rest": {**curves, "slope": fitted.slope, "offset": fitted.offset}}


def membrane(setting: Setting) -> Part:
    """Time constants by leak conductance, and by how much a constant current lifts the membrane."""
    codes = np.rint(np.geomspace(10, g.CODE_MAX, setting.few(10, 5))).astype(int)
    pairs = PAIRS[: setting.few(5, 2)]
    tau = np.array([_time_constants(setting, int(code), pairs) for code in codes])
    lift = np.array([_lift(setting, int(code), pairs) for code in codes])
    fits = [line(codes, 1e-6 / own) for own in tau.T]
    at_demonstrated = [1.0 / (_DEMONSTRATED * each.slope + each.offset) for each in fits]
    power = [line(np.log(tau[:, i]), np.log(lift[:, i])).slope for i in range(tau.shape[1])]
    known = float(np.isfinite(tau).mean())
    least = min((f.r2 for f in fits if np.isfinite(f.r2)), default=np.nan)
    finer = line(np.log(codes), np.log([median(row) for row in tau])).slope
    source = "cns_01: linear"
    checks = [
        check("tau_mem: part that could be measured", known, "1", low=0.95, source="events lift enough"),
        check("1/tau_mem by leak_i_bias: least r2", least, "1", low=0.98, source=source),
        check("tau_mem ~ leak_i_bias^p: p", finer, "1", low=-1.1, high=-0.85, source="cns_01: finer where fast"),
        check("tau_mem at leak_i_bias 150", median(at_demonstrated), "us", low=6.5, high=14.0, source="cns_02: 10 us"),
        check("lift by a current ~ tau_mem^p: p", median(power), "1", low=0.95, high=1.05, source="cns_01: I/g_l"),
    ]
    curves = {"leak_i_bias": codes, "tau_us": tau * 1e6, "lift": lift, "power_of_tau": finer}
    return checks, {"membrane": curves}


def _still(setting: Setting, leak: int) -> Configuration:
    configuration = without_inputs(setting.configuration)
    configuration.set("threshold_enable", 0)
    configuration.set("leak_v_leak", nominal_code(_REST))
    configuration.set("leak_i_bias", leak)
    return configuration


def _time_constants(setting: Setting, leak: int, pairs: tuple[tuple[int, int], ...]) -> Floats:
    """Of each circuit, from the decay after a volley through an input that is made fast for it."""
    about = 1.5e-3 / leak  # seconds; 10 us at 150
    configuration = _still(setting, leak)
    configuration.set("excitatory_input_enable", 1)
    configuration.set("excitatory_input_enable_small_capacitance", 1)
    configuration.set("excitatory_input_i_bias_tau", g.CODE_MAX)
    # a fast membrane takes a stronger push, to be far enough from rest when the line is silent
    configuration.set("excitatory_input_i_bias_gm", int(np.clip(4 * leak, 300, g.CODE_MAX)))
    write_synapses(configuration, {EXC: g.WEIGHT_MAX})
    end = _LEAD + _VOLLEY[-1] + _SETTLE
    found = []
    for pair in pairs:
        with_volley = Section(end + 2.5 * about, events(_LEAD + _VOLLEY), [Madc(list(pair))])
        without = Section(with_volley.duration, recordings=with_volley.recordings)
        repeats = setting.few(16, 12)
        observed = setting.run(configuration, [with_volley, without] * repeats)
        lifted = np.mean([o.samples[0] for o in observed[::2]], axis=0)
        flat = np.nanmean([o.samples[0] for o in observed[1::2]], axis=(0, 1))
        at = observed[0].sampled[0]
        found.append(decay_time(at[at >= end] - end, (lifted - flat)[at >= end], 4.0))
    return np.concatenate(found)


def _lift(setting: Setting, leak: int, pairs: tuple[tuple[int, int], ...]) -> Floats:
    """By how many LSB of the MADC a constant current lifts each circuit."""
    found = []
    duration = 20e-6 + 10 * 1.5e-3 / leak
    for pair in pairs:
        means = []
        for on in (0, 1):
            configuration = _still(setting, leak)
            configuration.set("constant_current_enable", on)
            configuration.set("constant_current_i_offset", _CURRENT)
            section = Section(duration, recordings=[Madc(list(pair))])
            observed = setting.run(configuration, [section] * setting.few(6, 4))
            means.append(np.nanmean([o.samples[0] for o in observed], axis=(0, 1)))
        found.append(means[1] - means[0])
    return np.concatenate(found)
