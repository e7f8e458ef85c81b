r"""The exponential term, by the level of the leak from which the membrane runs away.

    tau_mem V' = E_l - V + D_T exp((V - V_T) / D_T)

has a rest for ``E_l <= V_T - D_T`` only.  Its strength and its onset do the same to ``V_T``: the strength is set such
that the onset is about ``V_T``, and the onset is searched for.
"""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.bench import Bench
from saltation.bss2.calibration.reach import leak_conductance
from saltation.bss2.calibration.search import Codes, halve
from saltation.bss2.calibration.steps import biased, potential
from saltation.bss2.calibration.striking import moved
from saltation.bss2.calibration.target import NeuronTarget
from saltation.bss2.configuration import Configuration
from saltation.bss2.physics import Physics

Floats = NDArray[np.float64]

_WATCHED = 200e-6
# LSB above V_T of the threshold, which only tells that a membrane ran away
_ABOVE = 40.0


def exponential(bench: Bench, configuration: Configuration, target: NeuronTarget) -> None:
    """Find the onset of the exponential term; it is left switched off."""
    physics, wanted = bench.chip.physics, target.of_all("exponential_threshold")
    strength = leak_conductance(physics, target) * physics.exponential_slope / physics.exponential_per_code
    configuration.set("exponential_i_bias", np.clip(np.rint(strength), 5, g.CODE_MAX).astype(int))
    own = biased(configuration)
    potential(bench, own, "leak_v_leak", wanted - _slope(physics))
    own = _running_away(own, target)

    def low_enough(codes: Codes) -> NDArray[np.bool_]:
        own.set("exponential_v_exp", codes)
        return bench.counts(own, _WATCHED) > 0

    configuration.set("exponential_v_exp", halve(low_enough))


def measure_exponential(bench: Bench, configuration: Configuration, target: NeuronTarget) -> Floats:
    """``V_T [512]`` in LSB: the largest leak at which a membrane does not run away, and the slope above it."""
    own = _running_away(biased(configuration), target)

    def low_enough(codes: Codes) -> NDArray[np.bool_]:
        own.set("leak_v_leak", codes)
        return bench.counts(own, _WATCHED) == 0

    own.set("leak_v_leak", halve(low_enough))
    own.set("threshold_enable", 0)
    own.set("exponential_enable", 0)
    return bench.reading(own) + _slope(bench.chip.physics)


def _running_away(configuration: Configuration, target: NeuronTarget) -> Configuration:
    """The same, with the exponential term, and the threshold well above it."""
    own = configuration.copy()
    above = target.of_all("exponential_threshold") + _ABOVE - target.of_all("threshold")
    own.set("threshold_v_threshold", moved(configuration["threshold_v_threshold"], above))
    own.set("threshold_enable", 1)
    own.set("exponential_enable", 1)
    own.set("refractory_period_enable_pause", 1)
    return own


def _slope(physics: Physics) -> float:
    """``D_T`` in LSB, which no register changes."""
    return physics.exponential_slope / physics.cadc_volt_per_lsb
