"""A circuit whose leak is beyond its threshold: it fires by itself, regularly, and each in its own way."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Cadc, Configuration, Madc, Section
from saltation.experiments.demonstrations.checks import Check, check
from saltation.experiments.demonstrations.fits import line, median
from saltation.experiments.demonstrations.neuron.silent import PAIRS
from saltation.experiments.demonstrations.setting import Setting, keep_apart, listen_to, nominal, target, without_inputs

__all__ = ["firing", "spread", "threshold"]

Floats = NDArray[np.float64]
Part = tuple[list[Check], dict[str, Any]]

CIRCUITS = np.array([p for pair in PAIRS for p in pair])
_OVER = 1000  # leak code of the demonstration, beyond the supply
_LOW = 100  # reset code, below the lowest threshold of any circuit
_MADC_PER_CODE = 1.8 / 960 / (1.2 / 1023)  # 1.8 V over 960 codes (calix), 1.2 V over 1023 LSB
_FIRST = 30e-6  # seconds after which spikes count: a section begins with the membrane far above its threshold
_COUNTED = 0.4e-3  # seconds; the counters have 8 bits, and no circuit fires more often than at 600 kHz


def over_threshold(configuration: Configuration) -> Configuration:
    """The same, with a leak beyond the threshold and no input."""
    own = without_inputs(configuration)
    own.set("leak_v_leak", _OVER)
    return own


def threshold(setting: Setting) -> Part:
    """The highest voltage of circuits that fire, and their intervals, for threshold codes of 250 to 500."""
    codes = np.arange(250, 501, setting.few(25, 50))
    configuration = over_threshold(setting.configuration)
    pair = list(PAIRS[0])
    listen_to(configuration, pair)
    keep_apart(configuration)
    configuration.set("reset_v_reset", _LOW)
    peaks, intervals = [], []
    for code in codes:
        configuration.set("threshold_v_threshold", int(code))
        (observed,) = setting.run(configuration, [Section(200e-6, recordings=[Madc(pair)])])
        peaks.append([_peak(observed.samples[0][:, i]) for i in range(2)])
        intervals.append([_intervals(observed.times[observed.circuits == own]).mean() for own in pair])
    height, interval = np.array(peaks), np.array(intervals)
    fits = [line(codes, own) for own in height.T]
    slope = float(np.mean([each.slope for each in fits]))
    source = "calix: 1.8 V over 960 codes; demos: 1.2 V over 1023 LSB"
    checks = [
        check(
            "threshold: slope of the peak by its code",
            slope,
            "LSB/code",
            low=0.97 * _MADC_PER_CODE,
            high=1.03 * _MADC_PER_CODE,
            source=source,
        ),
        check(
            "threshold: distance from a line", max(f.worst for f in fits), "LSB", high=10.0, source="linear; 3 mV a run"
        ),
        check(
            "threshold: least growth of intervals",
            float(np.diff(interval, axis=0).min() * 1e6),
            "us",
            low=0.0,
            source="tau log((rest - reset) / (rest - threshold))",
        ),
    ]
    return checks, {"threshold": {"v_threshold": codes, "peak": height, "interval_us": interval * 1e6}}


def firing(setting: Setting) -> Part:
    """How regularly ten circuits fire, and whether as often as their rest, reset and threshold say."""
    configuration = over_threshold(setting.configuration)
    listen_to(configuration, CIRCUITS)
    (observed,) = setting.run(configuration, [Section(1e-3)])
    trains = [_intervals(observed.times[observed.circuits == own]) for own in CIRCUITS]
    regularity = np.array([train.std() / train.mean() for train in trains])
    rates = np.array([1e-3 / train.mean() for train in trains])
    traces, predicted = [], []
    for pair in PAIRS:
        section = Section(150e-6, recordings=[Madc(list(pair))])
        (shown,) = setting.run(configuration, [section])
        silent = configuration.copy()
        silent.set("threshold_enable", 0)
        (at_rest,) = setting.run(silent, [section])
        for i in range(2):
            trace = shown.samples[0][:, i]
            traces.append(trace)
            high, low, rest = _peak(trace), _plateau(trace), np.nanmean(at_rest.samples[0][:, i])
            hold, tau = target("refractory_time"), target("tau_mem")
            predicted.append(1e-3 / (hold + tau * np.log((rest - low) / (rest - high))))
    ratio = median(rates / np.array(predicted))
    checks = [
        check("firing: variation of intervals, most", float(regularity.max()), "1", high=0.05, source="ts_00: regular"),
        check("firing: rate by that of a circuit of 10 us", ratio, "1", low=0.93, high=1.07, source="closed form"),
    ]
    times = shown.sampled[0]
    curves = {"circuits": CIRCUITS, "rates_khz": rates, "variation": regularity, "predicted_khz": predicted}
    return checks, {"firing": {**curves, "times_us": times[::4] * 1e6, "traces": [t[::4] for t in traces]}}


def spread(setting: Setting) -> Part:
    """Rest and rate of all circuits, with one code and with the codes of the setting."""
    uniform = nominal()
    uniform.set("cadc_offset", setting.configuration["cadc_offset"])
    found: dict[str, NDArray[Any]] = {}
    for name, configuration in (("uniform", uniform), ("own", setting.configuration)):
        silent = configuration.copy()
        silent.set("threshold_enable", 0)
        section = Section(300e-6, recordings=[Cadc(samples=60, period=5e-6)])
        (observed,) = setting.run(silent, [section])
        found[f"rest_{name}"] = observed.samples[0].mean(axis=0)
        driven = over_threshold(configuration)
        driven.set("threshold_enable", 1)
        (counted,) = setting.run(driven, [Section(_COUNTED)])
        found[f"rate_{name}"] = counted.counters * 1e-3 / _COUNTED
    rest = {name: float(found[f"rest_{name}"].std()) for name in ("uniform", "own")}
    rate = {name: _relative(found[f"rate_{name}"]) for name in ("uniform", "own")}
    checks = [
        check("rest: spread, one code for all", rest["uniform"], "LSB", low=8.0, source="ts_00: visible"),
        check(
            "rest: part of it left by calibration",
            rest["own"] / rest["uniform"],
            "1",
            high=0.3,
            source="hxtorch: bound of a test",
        ),
        check("rate: spread, one code for all", rate["uniform"], "1", low=0.12, source="ts_00: visible"),
        check(
            "rate: part of it left by calibration",
            rate["own"] / rate["uniform"],
            "1",
            high=0.45,
            source="hxtorch: bound of tau_mem",
        ),
    ]
    return checks, {"spread": found}


def _relative(values: NDArray[Any]) -> float:
    return float(values.std() / values.mean())


def _intervals(times: Floats) -> Floats:
    late = times[times > _FIRST]
    return np.diff(late) if late.size > 2 else np.array([np.nan])


def _peak(trace: Floats) -> float:
    """Mean of the highest readings of each of ten stretches: one spike's highest alone is lifted by its noise."""
    parts = np.array_split(trace[~np.isnan(trace)], 10)
    return float(np.mean([part.max() for part in parts]))


def _plateau(trace: Floats) -> float:
    """Where the membrane is held: its lowest twentieth."""
    return float(np.nanpercentile(trace, 5.0))
