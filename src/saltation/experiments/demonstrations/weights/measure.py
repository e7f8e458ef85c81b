"""All measurements of ``chip-range``: how far one event moves a membrane."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Cadc, Configuration, Section
from saltation.bss2 import geometry as g
from saltation.experiments.demonstrations.checks import Check, Outcome, check
from saltation.experiments.demonstrations.fits import line
from saltation.experiments.demonstrations.setting import EXC, INH, Setting, events, moved, target, write_synapses
from saltation.experiments.demonstrations.weights.figures import draw

__all__ = ["measure"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NAMES = ("excitatory", "inhibitory")
_REST = (250 * 1.2 / 1023 - 0.15) * 200 / 0.9 + 20  # LSB of the CADC: 0.15 to 1.05 V are read as 20 to 220
_EVENT = 20e-6
_DURATION = 70e-6
_LINEAR_UNTIL = 130  # weights, before any membrane comes near the end of its range
_WEAKER = 5
# hxtorch: a weight of 50 is one of 1, which would lift by the 45 LSB to the threshold; at its peak by 1/e of them.
_SLOPE = 45 / 50 / np.e


def measure(setting: Setting) -> Outcome:
    """Measure both receptors at the strength of the setting, and far weaker with far larger weights."""
    weights = np.append(np.arange(0, 300, setting.few(20, 60)), 300)
    weights = np.union1d(weights, [g.WEIGHT_MAX, 2 * g.WEIGHT_MAX])
    many = np.arange(0, 1601, setting.few(200, 400))
    usual = target("leak")
    whole = _configuration(setting, 1, _REST)
    weak = _configuration(setting, _WEAKER, usual)  # higher up, so that the converter does not cut what inputs do
    strong = {name: _amplitudes(setting, whole, receptor, weights) for receptor, name in enumerate(NAMES)}
    far = {name: _amplitudes(setting, weak, receptor, many) for receptor, name in enumerate(NAMES)}
    checks = [*_of_strong(weights, strong), *_of_far(many, far)]
    curves = {
        "weights": weights,
        "mean_lsb": {name: values.mean(axis=1) for name, values in strong.items()},
        "std_lsb": {name: values.std(axis=1) for name, values in strong.items()},
        "many_weights": many,
        "weak_mean_lsb": {name: values.mean(axis=1) for name, values in far.items()},
        "rest_lsb": _REST,
    }
    return Outcome(tuple(checks), curves, lambda: draw(weights, strong, many, far))


def _configuration(setting: Setting, weaker: int, rest: float) -> Configuration:
    configuration = setting.configuration.copy()
    configuration.set("threshold_enable", 0)
    by = rest - target("leak")
    configuration.set("leak_v_leak", moved(configuration["leak_v_leak"], by))
    for name in NAMES:
        strength = configuration[f"{name}_input_i_bias_gm"]
        configuration.set(f"{name}_input_i_bias_gm", np.rint(strength / weaker).astype(int))
    return configuration


def _amplitudes(setting: Setting, configuration: Configuration, receptor: int, weights: Ints) -> Floats:
    """By how many LSB of the CADC each circuit moves at most, towards where it should, ``[weight, 512]``."""
    sign = (1.0, -1.0)[receptor]
    section = Section(_DURATION, events(_EVENT, receptor), [Cadc()])
    found = []
    for weight in weights:
        write_synapses(configuration, {receptor: int(weight)})
        observed = setting.run(configuration, [section] * setting.few(16, 6))
        before = observed[0].sampled[0] < _EVENT
        mean = np.mean([each.samples[0] for each in observed], axis=0)
        apart = sign * (mean - mean[before].mean(axis=0))
        # of three neighbours, 5 us in all, so that it is not the luckiest noise that counts
        found.append(((apart[:-2] + apart[1:-1] + apart[2:]) / 3.0).max(axis=0))
    return np.array(found)


def _of_strong(weights: Ints, strong: dict[str, Floats]) -> list[Check]:
    checks = []
    one, two = (int(np.flatnonzero(weights == n * g.WEIGHT_MAX)[0]) for n in (1, 2))
    for name, values in strong.items():
        mean = values.mean(axis=1)
        small = (weights <= _LINEAR_UNTIL) & (weights > 0)
        begin = line(weights[small], mean[small])
        relative = values[two].std() / values[two].mean()
        least, most = 0.8 * _SLOPE, 1.2 * _SLOPE
        source = "hxtorch: 50 weights, 20 % or so"
        checks += [
            check(f"{name}: slope", begin.slope, "LSB/weight", low=least, high=most, source=source),
            check(f"{name}: two rows by one", mean[two] / mean[one], "1", low=1.9, high=2.1, source="rows add"),
            check(f"{name}: spread over circuits", relative, "1", high=0.12, source="calibrated: 5 to 8 %"),
        ]
    end = {name: _by_line(weights, values.mean(axis=1), _LINEAR_UNTIL) for name, values in strong.items()}
    source = "ts_06: figure"
    checks += [
        check("excitatory: at 300 by a straight line", end[NAMES[EXC]], "1", low=0.93, high=1.03, source=source),
        check("inhibitory: at 300 by a straight line", end[NAMES[INH]], "1", low=0.45, high=0.75, source=source),
    ]
    return checks


def _of_far(many: Ints, far: dict[str, Floats]) -> list[Check]:
    source = "sums saturate"
    return [
        check(
            f"{name}, weak: at 1600 by a straight line",
            _by_line(many, own.mean(axis=1), 400),
            "1",
            high=0.75,
            source=source,
        )
        for name, own in far.items()
    ]


def _by_line(weights: Ints, mean: Floats, until: int) -> float:
    """The last amplitude, by what a straight line through those of weights up to ``until`` would have there."""
    used = (weights <= until) & (weights > 0)
    slope = float((weights[used] * mean[used]).sum() / (weights[used] ** 2).sum())
    return float(mean[-1] / (slope * weights[-1]))
