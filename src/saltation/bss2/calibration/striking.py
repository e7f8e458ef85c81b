"""Membranes that spike once at each volley of events, so that what follows a spike can be read."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.steps import biased
from saltation.bss2.calibration.target import NeuronTarget
from saltation.bss2.configuration import Configuration

Floats = NDArray[np.float64]

CODES_PER_LSB = 480 / 200
"""Of potentials: codes 70 to 550 of the CADC's ramp are read as 20 to 220 (calix)."""

HOLD_CLOCK, HOLD = 4, 47
"""Scale of the slow clock and number of its periods, 6.0 us: until then the line of a volley is silent."""

LEVEL = 165.0
"""LSB at which they rest."""

_VOLLEY = 2.4e-6


def moved(codes: NDArray[np.int32], lsb: Floats | float) -> NDArray[np.int32]:
    """Codes of potentials that are so many LSB higher, as far as codes go."""
    return np.clip(np.rint(codes + CODES_PER_LSB * lsb), 0, g.CODE_MAX).astype(np.int32)


def potential_code(lsb: Floats | float) -> NDArray[np.int32]:
    """Codes ``[512]`` of potentials in LSB, as far as they are known without a measurement."""
    return moved(np.full(g.CIRCUITS, 70, np.int32), lsb - 20.0)


def volley_of(target: NeuronTarget) -> Floats:
    """Times of events that drive a line of the excitatory input into saturation for more than a microsecond."""
    events = int(np.clip(48_000 / target.synapse_dac_bias, 48, 160))
    return np.asarray(np.arange(events) * (_VOLLEY / events), np.float64)


def _distance(target: NeuronTarget) -> Floats:
    """LSB between rest and threshold: what a fast membrane can be driven up, and what inputs let through to a slow one.

    A saturated input at its largest code lifts a membrane of 0.5 us by about 45 LSB, the weakest by 20.
    """
    return 10.0 + 10.0 * np.minimum(target.of_all("tau_mem") / 4e-6, 1.0)


def striking(configuration: Configuration, target: NeuronTarget, reset: float) -> Configuration:
    """The same, but for membranes that rest high, a little under their threshold, and have a fast, strong input.

    Leak and threshold must be calibrated; the reset, a reading in LSB, is as good as codes are without it.
    """
    own = biased(configuration)
    own.set("leak_v_leak", moved(configuration["leak_v_leak"], LEVEL - target.of_all("leak")))
    above = LEVEL + _distance(target) - target.of_all("threshold")
    own.set("threshold_v_threshold", moved(configuration["threshold_v_threshold"], above))
    own.set("reset_v_reset", potential_code(reset))
    own.set("threshold_enable", 1)
    own.set("excitatory_input_enable", 1)
    own.set("excitatory_input_enable_small_capacitance", 1)
    own.set("excitatory_input_enable_high_resistance", 0)
    own.set("excitatory_input_i_bias_tau", g.CODE_MAX)
    own.set("excitatory_input_i_bias_gm", g.CODE_MAX)
    own.set("clock_scale_slow", HOLD_CLOCK)
    own.set("refractory_period_input_clock", 0)
    own.set("refractory_period_refractory_time", HOLD)
    return own
