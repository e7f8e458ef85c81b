"""Both converters and an ideal probe on the same membranes at the same time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Cadc, Configuration, IdealProbe, Madc, Section
from saltation.bss2 import geometry as g
from saltation.experiments.demonstrations.checks import Check, check
from saltation.experiments.demonstrations.fits import Line, line
from saltation.experiments.demonstrations.setting import EXC, Setting, events, write_synapses

__all__ = ["converters", "stimulated"]

Floats = NDArray[np.float64]

PAIR = (102, 153)
EVENTS = np.array([20e-6, 25e-6, 30e-6, 40e-6, 100e-6, 103e-6])
_DURATION = 175e-6
# calix: 0.15 to 1.05 V are read as 20 to 220; demos: the MADC is linear over 0 to 1.2 V
_CADC_GAIN, _MADC_GAIN = 200 / 0.9, 1023 / 1.2
_AROUND = 15  # samples of the MADC on either side that are averaged for one of the CADC: half a microsecond each


def stimulated(setting: Setting) -> Configuration:
    """Silent membranes that answer to events with their largest weight."""
    configuration = setting.configuration.copy()
    configuration.set("threshold_enable", 0)
    write_synapses(configuration, {EXC: g.WEIGHT_MAX})
    return configuration


def converters(setting: Setting) -> tuple[list[Check], dict[str, Any]]:
    """Compare what the converters read of two circuits, and of all channels of the CADC."""
    configuration = stimulated(setting)
    cadc, madc = Cadc(samples=g.CADC_SRAM_SAMPLES), Madc(PAIR)
    pilot = Section(_DURATION, events(EVENTS), [cadc, madc])
    slow, fast = setting.run(configuration, [pilot])[0].sampled
    probes = [IdealProbe(np.arange(g.CIRCUITS), slow), IdealProbe(PAIR, fast)]
    (seen,) = setting.run(configuration, [Section(_DURATION, events(EVENTS), [cadc, madc, *probes])])
    by_cadc, by_madc, at_slow, at_fast = (np.asarray(each, np.float64) for each in seen.samples)
    later = Section(_DURATION, recordings=[Cadc(placement="dram")])
    dram = setting.run(configuration, [later])[0].sampled[0]
    settled = ~np.isnan(by_madc[:, 0])
    coarse = [line(at_slow[:, own], by_cadc[:, own]) for own in PAIR]
    fine = [line(at_fast[settled, i], by_madc[settled, i]) for i in range(2)]
    left = {
        "cadc": np.concatenate(
            [_left(f, at_slow[:, own], by_cadc[:, own]) for f, own in zip(coarse, PAIR, strict=True)]
        ),
        "madc": np.concatenate([_left(f, at_fast[settled, i], by_madc[settled, i]) for i, f in enumerate(fine)]),
    }
    between = [_between(slow, by_cadc[:, own], fast[settled], by_madc[settled, i]) for i, own in enumerate(PAIR)]
    expected = _CADC_GAIN * (at_slow.mean(axis=0) - 0.15) + 20
    channels = by_cadc.mean(axis=0) - expected
    checks = [
        *_of_periods(slow, fast, dram, settled),
        *_of_gains(coarse, fine, left),
        check("CADC by MADC, offset and scale: apart", max(between), "LSB", high=1.5, source="ts_12: agree"),
        check(
            "channels of the CADC apart: std", float(channels.std()), "LSB", high=3.0, source="calix: after calibration"
        ),
    ]
    curves = {
        "cadc_us": slow * 1e6,
        "cadc_lsb": by_cadc[:, PAIR[0]],
        "madc_us": fast[settled] * 1e6,
        "madc_lsb": by_madc[settled, 0],
        "probe_v": at_fast[settled, 0],
        "cadc_line": coarse[0]._asdict(),
        "madc_line": fine[0]._asdict(),
        "left_cadc": left["cadc"],
        "left_madc": left["madc"],
        "channels_lsb": channels,
    }
    return checks, curves


def _left(fitted: Line, volts: Floats, reading: Floats) -> Floats:
    return reading - (fitted.slope * volts + fitted.offset)


def _between(slow: Floats, by_cadc: Floats, fast: Floats, by_madc: Floats) -> float:
    """Standard deviation of the CADC, in its LSB, from a straight line through the MADC around the same moments."""
    found, kept = [], []
    for time, value in zip(slow, by_cadc, strict=True):
        near = np.abs(fast - time) <= _AROUND * (fast[1] - fast[0])
        if near.sum() == 2 * _AROUND + 1:
            found.append(by_madc[near].mean())
            kept.append(value)
    fitted = line(found, kept)
    return float(np.std(np.array(kept) - fitted.slope * np.array(found) - fitted.offset))


def _of_periods(slow: Floats, fast: Floats, dram: Floats, settled: NDArray[np.bool_]) -> list[Check]:
    period = {
        name: float(np.median(np.diff(times))) for name, times in (("sram", slow), ("dram", dram), ("madc", fast))
    }
    invalid = float(fast[settled][0] - fast[0]) * 1e6
    return [
        check("CADC: period, fast store", period["sram"] * 1e6, "us", low=1.69, high=1.71, source="grenade: 1.7 us"),
        check("CADC: period, slow store", period["dram"] * 1e6, "us", low=5.5, high=6.5, source="grenade: about 6 us"),
        check("MADC: period", period["madc"] * 1e9, "ns", low=33.9, high=34.1, source="haldls: 500 MHz / 17"),
        check("MADC: invalid at first", invalid, "us", low=7.9, high=8.1, source="pynn-brainscales: about 8 us"),
    ]


def _of_gains(coarse: list[Line], fine: list[Line], left: dict[str, Floats]) -> list[Check]:
    gains = {"CADC": np.mean([f.slope for f in coarse]), "MADC": np.mean([f.slope for f in fine])}
    nominal = {"CADC": _CADC_GAIN, "MADC": _MADC_GAIN}
    source = {"CADC": "calix: ramp 70..550 as 20..220", "MADC": "demos: 1023 over 1.2 V"}
    noise = {"CADC": (0.85, 1.3), "MADC": (1.7, 2.4)}  # 1 and 2 LSB, with that of rounding
    checks = []
    for name, gain in gains.items():
        least, most = 0.96 * nominal[name], 1.04 * nominal[name]
        checks.append(check(f"{name}: gain", float(gain), "LSB/V", low=least, high=most, source=source[name]))
        low, high = noise[name]
        spread = float(left[name.lower()].std())
        checks.append(check(f"{name}: noise", spread, "LSB", low=low, high=high, source="Noise: assumed"))
    return checks
