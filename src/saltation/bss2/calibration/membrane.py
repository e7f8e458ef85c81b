"""Time constants of membranes: by the decay after a volley, or, where that is too fast to be seen, after a spike."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import steps
from saltation.bss2.calibration.bench import EXC, Bench
from saltation.bss2.calibration.fits import LEAST_READING, WORTH, decay_time
from saltation.bss2.calibration.reach import leak_codes
from saltation.bss2.calibration.search import Codes, proportion
from saltation.bss2.calibration.striking import HOLD, HOLD_CLOCK, striking, volley_of
from saltation.bss2.calibration.target import NeuronTarget
from saltation.bss2.configuration import Configuration

Floats = NDArray[np.float64]

FAST = 4e-6
"""Seconds: faster membranes decay about as fast as the line that charges them, and are measured from their reset."""

_RESET = 40.0  # LSB
_PHASES, _REPEATS = 16, 4
# what has left the reset is told from what is held there by this part of the way
_LEFT = 0.85


def tau_mem(bench: Bench, configuration: Configuration, target: NeuronTarget) -> None:
    """Time constant of the membrane, by the leak's current, which is divided or multiplied for it."""
    wanted, physics = target.of_all("tau_mem"), bench.chip.physics
    start, factor = leak_codes(wanted, physics.capacitance(target.membrane_capacitance), physics)
    configuration.set("leak_enable_division", (factor < 1.0).astype(int))
    configuration.set("leak_enable_multiplication", (factor > 1.0).astype(int))
    if np.any(wanted < FAST):
        # what inputs let through moves a fast membrane less: its leak is needed where it is looked for
        configuration.set("leak_i_bias", start)
        steps.leak(bench, configuration, target.of_all("leak"))

    def measured(codes: Codes) -> Floats:
        configuration.set("leak_i_bias", codes)
        return measure_tau_mem(bench, configuration, target)

    configuration.set("leak_i_bias", proportion(measured, wanted, start))


def measure_tau_mem(bench: Bench, configuration: Configuration, target: NeuronTarget) -> Floats:
    """Time constants of the membranes ``[512]``, which are about so long as the target's."""
    about = target.of_all("tau_mem")
    fast = about < FAST
    if not fast.any():
        return after_volley(bench, configuration, about)
    quick = after_reset(bench, configuration, target)
    return quick if fast.all() else np.where(fast, quick, after_volley(bench, configuration, about))


def after_volley(bench: Bench, configuration: Configuration, about: Floats) -> Floats:
    """Decay after a volley through an input that is made fast for it, ``[512]``."""
    own = steps.silent(configuration)
    own.set("excitatory_input_enable_small_capacitance", 1)
    own.set("excitatory_input_enable_high_resistance", 0)
    own.set("excitatory_input_i_bias_tau", g.CODE_MAX)
    own.set("excitatory_input_i_bias_gm", g.CODE_MAX)
    volley = np.asarray(np.arange(40) * 40e-9, np.float64)
    times, values = bench.response(own, EXC, 0, volley, steps.reading_length(about))
    # five time constants of a line whose fixed pattern makes it twice as slow as it should be
    after = times > volley[-1] + 3e-6
    return decay_time(times[after], values[after], LEAST_READING, volley[-1] + 3e-6 + WORTH * about)


def after_reset(bench: Bench, configuration: Configuration, target: NeuronTarget) -> Floats:
    """Way back from the reset after a spike ``[512]``; NaN where a membrane was not held before it.

    All circuits spike at nearly the same moment, and their input is silent when they are released.  Volleys are moved
    by a sixteenth of the CADC's period, so that samples are 0.1 us apart.
    """
    about = target.of_all("tau_mem")
    held = g.divided_period(HOLD_CLOCK) * HOLD
    length = held + 2e-6 + steps.reading_length(np.minimum(about, FAST))
    own = striking(configuration, target, _RESET)
    times, values = bench.response(own, EXC, 0, volley_of(target), length, _REPEATS, _PHASES)
    below = -values
    before = (times > 0.6 * held) & (times < 0.95 * held)
    level = below[before].mean(axis=0)
    free = (times > 0.95 * held)[:, None] & (below < _LEFT * level)
    begin = np.where(free, times[:, None], np.inf).min(axis=0)
    found = decay_time(times, np.where(free, below, 0.0), LEAST_READING, begin + WORTH * about)
    return np.where(level > 5 * LEAST_READING, found, np.nan)
