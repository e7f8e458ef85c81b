"""What came of a calibration: each quantity measured with one code for all circuits, and with the codes found."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.calibration import adaptation, steps
from saltation.bss2.calibration.bench import Bench
from saltation.bss2.calibration.conductance import measure_conductance
from saltation.bss2.calibration.exponential import measure_exponential
from saltation.bss2.calibration.membrane import measure_tau_mem
from saltation.bss2.calibration.result import DECIDED_BY
from saltation.bss2.calibration.target import RECEPTORS, NeuronTarget
from saltation.bss2.configuration import Configuration

Floats = NDArray[np.float64]
Measure = Callable[[Configuration], tuple[Floats, ...]]


def spreads(bench: Bench, configuration: Configuration, target: NeuronTarget) -> dict[str, tuple[Floats, Floats]]:
    """Measured values of each quantity, with one code for all circuits and with the codes found, ``[512]`` each."""
    report: dict[str, tuple[Floats, Floats]] = {}
    for names, measure in _measurements(bench, target):
        before: list[Floats] = []
        for which, name in enumerate(names):
            uniform, register = configuration.copy(), DECIDED_BY[name]
            uniform.set(register, int(np.median(configuration[register][target.asks(name)])))
            before.append(measure(uniform)[which])
        report |= zip(names, zip(before, measure(configuration), strict=True), strict=True)
    return report


def _measurements(bench: Bench, target: NeuronTarget) -> list[tuple[tuple[str, ...], Measure]]:
    """How quantities are measured, those together that one measurement gives."""
    about = target.of_all
    listed = [
        _alone("leak", lambda c: bench.reading(steps.silent(c))),
        _alone("reset", lambda c: bench.reading(steps.held(c))),
        _alone("threshold", lambda c: steps.measure_threshold(bench, c)),
        _alone("tau_mem", lambda c: measure_tau_mem(bench, c, target)),
    ]
    for receptor, short in enumerate(RECEPTORS):
        tau = f"tau_syn_{short}"
        listed.append(_alone(tau, partial(steps.measure_tau_syn, bench, receptor=receptor, about=about(tau))))
        repeats = steps.strength_repeats(bench.chip.physics, target, receptor)
        given = partial(steps.measure_strength, bench, receptor=receptor, repeats=repeats)
        listed.append(_alone(f"strength_{short}", given))
    for receptor, short in enumerate(RECEPTORS):
        if target.asks(f"e_coba_reversal_{short}").any():
            names = (f"e_coba_reversal_{short}", f"e_coba_reference_{short}")
            listed.append((names, partial(measure_conductance, bench, receptor=receptor, target=target)))
    for name, measure in _TERMS:
        if getattr(target, name) is not None:
            listed.append(_alone(name, partial(measure, bench, target=target)))
    return listed


_TERMS = (
    ("tau_adap", adaptation.measure_tau_adap),
    ("subthreshold_adaptation_strength", adaptation.measure_strength),
    ("spike_triggered_adaptation_increment", adaptation.measure_increment),
    ("exponential_threshold", measure_exponential),
)


def _alone(name: str, measure: Callable[[Configuration], Floats]) -> tuple[tuple[str, ...], Measure]:
    return (name,), lambda configuration: (measure(configuration),)
