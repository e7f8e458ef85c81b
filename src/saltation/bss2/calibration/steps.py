"""The steps of a calibration, one for each quantity: each finds codes by measurement and leaves the rest as it is."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.bench import EXC, KINDS, PHASES, Bench
from saltation.bss2.calibration.fits import LEAST_READING, WORTH, decay_time
from saltation.bss2.calibration.response import WINDOW, mean_response
from saltation.bss2.calibration.search import Codes, halve, proportion
from saltation.bss2.calibration.target import RECEPTORS, NeuronTarget
from saltation.bss2.configuration import Configuration
from saltation.bss2.joining import joined
from saltation.bss2.physics import Physics

Floats = NDArray[np.float64]

DRIVERS = (0, 17, 34, 51, 68, 85, 102, 119)
"""Those over which the strength of an input is averaged: synapses and drivers differ, and cannot be calibrated."""

# LSB of a response that is measured well once
_WELL_SEEN = 7.0


def cadc_offsets(bench: Bench, configuration: Configuration) -> None:
    """Offsets of the columns of the CADC: all read the reference voltage, and are made equal to their mean."""
    own = configuration.copy()
    own.set("cadc_enable_reference", 1)
    own.set("cadc_offset", 0)
    reading = bench.reading(own)
    wanted = np.clip(np.rint(np.median(reading) - reading), -128, 127).astype(np.int32)
    configuration.set("cadc_offset", wanted)


def potential(bench: Bench, configuration: Configuration, name: str, target: Floats) -> None:
    """Code of a potential at which columns read the target."""

    def low_enough(codes: Codes) -> NDArray[np.bool_]:
        configuration.set(name, codes)
        return bench.reading(configuration) <= target

    configuration.set(name, halve(low_enough))


def leak(bench: Bench, configuration: Configuration, target: Floats) -> None:
    """Leak potential, with all inputs on."""
    own = silent(configuration)
    potential(bench, own, "leak_v_leak", target)
    configuration.set("leak_v_leak", own["leak_v_leak"])


def reset(bench: Bench, configuration: Configuration, target: Floats) -> None:
    """Reset potential: membranes whose threshold is at the bottom are held at it nearly all the time."""
    own = held(configuration)
    potential(bench, own, "reset_v_reset", target)
    configuration.set("reset_v_reset", own["reset_v_reset"])


def held(configuration: Configuration) -> Configuration:
    """The same, but for membranes that are held at their reset."""
    own = configuration.copy()
    own.set("threshold_enable", 1)
    own.set("threshold_v_threshold", 0)
    own.set("event_routing_enable_digital", 0)
    own.set("clock_scale_slow", 4)
    own.set("refractory_period_input_clock", 0)
    own.set("refractory_period_refractory_time", 255)
    return own


def threshold(bench: Bench, configuration: Configuration, target: Floats) -> None:
    """Threshold: the largest code at which a membrane that leaks to the target still spikes.

    It spikes by its noise when the threshold is a little above it, so that thresholds come out higher than the target
    by about one standard deviation of the noise.
    """
    own = biased(configuration)
    potential(bench, own, "leak_v_leak", target)
    own.set("threshold_enable", 1)

    def low_enough(codes: Codes) -> NDArray[np.bool_]:
        own.set("threshold_v_threshold", codes)
        return bench.counts(own, 100e-6) > 0

    configuration.set("threshold_v_threshold", halve(low_enough))


def measure_threshold(bench: Bench, configuration: Configuration, at: npt.ArrayLike | None = None) -> Floats:
    """Readings ``[512]`` at the largest leak at which a membrane does not spike, of all circuits or those ``at``.

    Circuits of a joined membrane have the leak of the one that spikes: it alone tells when that is too high.
    """
    own, spiking = biased(configuration), np.arange(g.CIRCUITS) if at is None else np.asarray(at)
    own.set("threshold_enable", 1, at=spiking)
    telling = _telling(joined(own), np.sort(spiking))

    def low_enough(codes: Codes) -> NDArray[np.bool_]:
        own.set("leak_v_leak", codes)
        return (bench.counts(own, 100e-6) == 0)[telling]

    own.set("leak_v_leak", halve(low_enough))
    own.set("threshold_enable", 0)
    return bench.reading(own)


def _telling(membrane: NDArray[np.int64], spiking: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each circuit the one of its membrane that spikes, the first of several; itself where none does."""
    result = np.arange(g.CIRCUITS)
    for circuit in spiking[::-1]:
        result[membrane == membrane[circuit]] = circuit
    return result


def silent(configuration: Configuration) -> Configuration:
    """The same, without spikes."""
    own = configuration.copy()
    own.set("threshold_enable", 0)
    return own


def biased(configuration: Configuration) -> Configuration:
    """The same, but for inputs, threshold and event output, which are off."""
    own = configuration.copy()
    for kind in KINDS:
        own.set(f"{kind}_input_enable", 0)
    own.set("threshold_enable", 0)
    own.set("event_routing_enable_digital", 0)
    return own


def tau_syn(bench: Bench, configuration: Configuration, receptor: int, target: Floats, phases: int = PHASES) -> None:
    """Time constant of an input: the decay of its line after a volley, read at so many fractions of a period."""
    kind = KINDS[receptor]
    base = bench.chip.physics.tau_syn_code
    small, high = target < 4e-6, target > 25e-6
    factor = np.where(small, bench.chip.physics.tau_syn_small, 1.0) * np.where(
        high, bench.chip.physics.tau_syn_resistance, 1.0
    )
    configuration.set(f"{kind}_input_enable_small_capacitance", small.astype(int))
    configuration.set(f"{kind}_input_enable_high_resistance", high.astype(int))
    name = f"{kind}_input_i_bias_tau"
    start = np.clip(np.rint(base * factor / target), 1, g.CODE_MAX).astype(np.int32)

    def measured(codes: Codes) -> Floats:
        configuration.set(name, codes)
        return measure_tau_syn(bench, configuration, receptor, target, phases)

    configuration.set(name, proportion(measured, target, start))


def measure_tau_syn(
    bench: Bench, configuration: Configuration, receptor: int, about: Floats, phases: int = PHASES
) -> Floats:
    """Time constants of an input ``[512]``, which are ``about`` so long."""
    own = silent(configuration)
    own.set("readout_source", receptor + 1)
    volley = at_once(5)
    times, values = bench.response(own, receptor, 0, volley, reading_length(about), phases=phases)
    after = times > volley[-1] + 2 * bench.chip.physics.input_delay
    return decay_time(times[after], -values[after], LEAST_READING, volley[-1] + WORTH * about)


def strength(bench: Bench, configuration: Configuration, receptor: int, target: NeuronTarget) -> None:
    """Strength of an input: that of the median circuit at a code.

    Responses to an event are averaged over drivers, and divided by what the time constants make of an equal strength.
    """
    kind = KINDS[receptor]
    name = f"{kind}_input_i_bias_gm"
    code = target.of_all(("i_synin_gm_exc", "i_synin_gm_inh")[receptor])
    shape = target.of_all("tau_mem") * mean_response(target, receptor)
    start = np.rint(code).astype(np.int32)
    repeats = strength_repeats(bench.chip.physics, target, receptor)

    def measured(codes: Codes) -> Floats:
        configuration.set(name, codes)
        return measure_strength(bench, configuration, receptor, repeats=repeats) / shape

    wanted = np.median(measured(start) / code) * code
    configuration.set(name, proportion(measured, wanted, start, 3, inversely=False))


def expected_strength(physics: Physics, target: NeuronTarget, receptor: int) -> Floats:
    """Mean response that an event of full weight would have without mismatch, in LSB, ``[512]``."""
    weight = g.WEIGHT_MAX * target.synapse_dac_bias / physics.dac_reference
    current = physics.gm_per_code * target.of_all(f"i_synin_gm_{RECEPTORS[receptor]}") * weight
    rise = current / physics.capacitance(target.membrane_capacitance) / physics.cadc_volt_per_lsb
    return rise * target.of_all("tau_mem") * mean_response(target, receptor)


def strength_repeats(physics: Physics, target: NeuronTarget, receptor: int) -> int:
    """How often responses are to be measured: small ones, as those of fast membranes, oftener."""
    typical = float(np.median(expected_strength(physics, target, receptor)))
    return int(np.clip((_WELL_SEEN / typical) ** 2, 1, 8))


def measure_strength(
    bench: Bench,
    configuration: Configuration,
    receptor: int,
    *,
    events: int = 1,
    drivers: tuple[int, ...] = DRIVERS,
    repeats: int = 1,
) -> Floats:
    """Mean response of each circuit to events of full weight at once, in LSB over the 30 us after them, ``[512]``."""
    own = silent(configuration)
    found = []
    for driver in drivers:
        times, values = bench.response(own, receptor, driver, at_once(events), WINDOW + 5e-6, repeats)
        window = (times > 0.0) & (times < WINDOW)
        found.append(values[window].mean(axis=0))
    sign = 1.0 if receptor == EXC else -1.0
    return sign * np.mean(found, axis=0)


def reference(bench: Bench, configuration: Configuration, receptor: int) -> None:
    """Offset of an input: the shift at which the membrane rests where it does with the input off."""
    own = biased(configuration)
    off = bench.reading(own)
    own.set(f"{KINDS[receptor]}_input_enable", 1)
    name = f"{KINDS[receptor]}_input_i_shift_reference"
    below: Callable[[Floats], NDArray[np.bool_]] = (
        (lambda reading: reading <= off) if receptor == EXC else (lambda reading: reading >= off)
    )

    def low_enough(codes: Codes) -> NDArray[np.bool_]:
        own.set(name, codes)
        return below(bench.reading(own))

    configuration.set(name, halve(low_enough))


def at_once(events: int) -> Floats:
    """Times of events, as close to one another as a link carries them without a queue."""
    return np.asarray(np.arange(events) * 16e-9, np.float64)


def reading_length(about: Floats) -> float:
    """For how long a decay is worth reading."""
    return float(np.clip(4.0 * np.max(about), 10e-6, 140e-6))
