"""The chip's answer to events beside that of a software model: the weight at which the two agree."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Cadc, Section
from saltation.bss2 import geometry as g
from saltation.experiments.demonstrations.checks import Check, check
from saltation.experiments.demonstrations.readout.converters import stimulated
from saltation.experiments.demonstrations.setting import Setting, events, target

__all__ = ["model"]

Floats = NDArray[np.float64]

_EVENTS = np.array([20e-6, 25e-6, 30e-6, 40e-6])
_DELAY = 0.1e-6  # from the host to a synapse
_SAMPLES = 60


def model(setting: Setting) -> tuple[list[Check], dict[str, Any]]:
    """Fit the scale of weights: how many of the chip's are one of a model whose threshold is 1 above its leak."""
    section = Section(_SAMPLES * 1.7e-6, events(_EVENTS), [Cadc(samples=_SAMPLES)])
    observed = setting.run(stimulated(setting), [section] * setting.few(40, 12))
    times = observed[0].sampled[0]
    mean = np.mean([each.samples[0] for each in observed], axis=0)
    lsb = target("threshold") - target("leak")
    traces = (mean - mean[times < _EVENTS[0]].mean(axis=0)) / lsb
    shape = _answer(times)  # to a weight of 1
    part = (shape @ traces) / (shape @ shape)
    scale = float(np.median(g.WEIGHT_MAX / part))
    middle = np.median(traces, axis=1)
    apart = float(np.abs(middle - g.WEIGHT_MAX / scale * shape).max() / middle.max())
    checks = [
        check(
            "weights of the chip that are 1",
            scale,
            "weight",
            low=40,
            high=65,
            source="ts_12: 55; hxtorch: 50, 20 % or so",
        ),
        check("model by chip: most apart", apart, "of peak", high=0.06, source="ts_12: agree after scaling"),
    ]
    band = np.percentile(traces, (5, 95), axis=1)
    curves = {
        "model_us": times * 1e6,
        "chip": middle,
        "band": band,
        "model": g.WEIGHT_MAX / scale * shape,
        "scale": scale,
    }
    return checks, curves


def _answer(times: Floats) -> Floats:
    r"""The sum over events of ``(t / tau) exp(-t / tau)``, of a membrane and a synapse with one time constant."""
    since = np.maximum(times[:, None] - _EVENTS - _DELAY, 0.0) / target("tau_mem")
    return (since * np.exp(-since)).sum(axis=1)
