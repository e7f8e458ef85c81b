"""`measure`: a `FastModel` of a calibrated chip, by what its columns read of vectors that are played to them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.bench import Bench
from saltation.bss2.calibration.target import RECEPTORS
from saltation.bss2.chip import Chip
from saltation.bss2.configuration import Configuration
from saltation.bss2.mac import layout
from saltation.bss2.mac.amplitudes import differences, matrix, one_by_one
from saltation.bss2.mac.circuits import configure
from saltation.bss2.mac.layout import Schedule
from saltation.bss2.mac.lines import lacking_of, own_tau_syn, step_sums
from saltation.bss2.mac.model import FastModel
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUTS, WEIGHT_MAX
from saltation.bss2.mac.result import HagenCalibration
from saltation.bss2.mac.unit import Tile
from saltation.errors import ParameterError

Floats = NDArray[np.float64]

# one driver at a time, its events so far apart that lines hardly add up: of a long pulse 45 LSB, of a short one 25
_LONG, _SHORT = Schedule(1, 12, 100), Schedule(1, 26, 100)
_SHORT_ACTIVATION = 8
# and with small weights, of which what does not go with the weight is a large part: about 45 LSB
_SMALL, _SMALL_WEIGHT = Schedule(1, 100, 40), 8
# vectors of zeros, read soon and late
_SILENT = 200
_SOON, _LATE = Schedule(INPUTS), Schedule(INPUTS, 8)
# all drivers as fast as a link carries them, with weights that keep the columns off their rails
_DENSE, _DENSE_WEIGHT, _DENSE_VECTORS = Schedule(INPUTS, 1, 1), 42, 48
_RAIL_VECTORS = 16


def measure(chip: Chip, calibration: HagenCalibration, *, seed: int = 0, repeats: int = 6) -> FastModel:
    """Measure the numbers of a `FastModel`; the chip is left as it was, and nothing hidden of it is looked at.

    Parameters
    ----------
    chip : Chip
        What is measured.
    calibration : HagenCalibration
        Of this chip, with which it is measured.
    seed : int
        Of the noise of the measurements, and of the vectors played.
    repeats : int
        How often each synapse is measured: its gain is then known to about 5 % over the root of it.

    Raises
    ------
    CalibrationError
        If the calibration is of another chip.
    ParameterError
        If ``repeats`` is not a whole number of at least 1.

    Examples
    --------
    >>> from saltation.bss2 import Chip
    >>> from saltation.bss2.mac import Fast, calibrate_hagen, measure
    >>> chip = Chip(serial=1)
    >>> fast = Fast(measure(chip, calibrate_hagen(chip)))  # doctest: +SKIP
    """
    calibration.check(chip.serial)
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 1:
        raise ParameterError(f"measure.repeats must be a whole number of at least 1; got {repeats!r}")
    bench, before = Bench(chip, seed), chip.state
    try:
        return _measured(bench, configure((), calibration), calibration, seed, repeats)
    finally:
        chip.restore(before)


def _measured(bench: Bench, base: Configuration, calibration: HagenCalibration, seed: int, repeats: int) -> FastModel:
    tau = np.asarray(calibration.report["tau_mem"][1])
    tau = np.where(np.isnan(tau), np.nanmedian(tau), tau)
    rest, noise, growth = _silent(bench, base, tau)
    seen = np.sqrt(noise + growth * (1.0 - np.exp(-2.0 * _SMALL.reading / tau)))
    offset, gain, deviation = _synapses(bench, base, tau, seen, repeats)
    high, low = (
        differences(bench, *_all_driven(base, sign * WEIGHT_MAX, _RAIL_VECTORS)).mean(axis=0) - rest for sign in (1, -1)
    )
    made: dict[str, Any] = {"offset": offset, "gain": gain, "deviation": deviation, "tau_mem": tau}
    made |= {"low": low, "high": high, "rest": rest}
    lines = np.stack([calibration.report[f"tau_syn_{short}"][1] for short in RECEPTORS])
    made |= {"noise": noise, "growth": growth, "tau_syn": np.where(np.isnan(lines), np.nanmedian(lines), lines)}
    strength = _strengths(bench, base, FastModel(calibration.serial, strength=np.ones(2), **made), seed)
    return FastModel(calibration.serial, strength=strength, **made)


def _silent(bench: Bench, base: Configuration, tau: Floats) -> tuple[Floats, Floats, float]:
    """Mean and variance of results without an event, and what the variance gains with time."""
    tiles = _both(np.zeros((INPUTS, OUTPUTS), np.int64))
    vectors = [np.zeros((_SILENT, INPUTS), np.int64)] * g.HEMISPHERES
    read = [differences(bench, base, layout.sections_of(tiles, vectors, each)) for each in (_SOON, _LATE)]
    grown = [1.0 - np.exp(-2.0 * each.reading / tau) for each in (_SOON, _LATE)]
    variance = [each.var(axis=0, ddof=1) for each in read]
    # columns share the growth: of one alone it would be mostly chance
    growth = max(0.0, float(np.mean(variance[1] - variance[0]) / np.mean(grown[1] - grown[0])))
    noise = np.mean([v - growth * grew for v, grew in zip(variance, grown, strict=True)], axis=0)
    return np.mean(np.concatenate(read), axis=0), np.maximum(noise, 0.0), growth


def _synapses(
    bench: Bench, base: Configuration, tau: Floats, sigma: Floats, repeats: int
) -> tuple[Floats, Floats, Floats]:
    """Offsets of drivers ``[hemisphere, 128]``, gains and deviations of synapses ``[2, hemisphere, 128, 256]``.

    ``sigma [512]`` is the noise of the measurement of small weights.  What of the variance of deviations it explains
    is taken out of them.
    """
    full, small, often = [], [], max(1, repeats // 3)
    short = np.empty(0)
    for sign in (1, -1):
        own = matrix(base, _both(np.full((INPUTS, OUTPUTS), sign * WEIGHT_MAX)))
        full.append(sign * _alone(bench, own, tau, ACTIVATION_MAX, _LONG, repeats))
        if sign > 0:
            short = _alone(bench, own, tau, _SHORT_ACTIVATION, _SHORT, 1)
        own = matrix(base, _both(np.full((INPUTS, OUTPUTS), sign * _SMALL_WEIGHT)))
        small.append(sign * _alone(bench, own, tau, ACTIVATION_MAX, _SMALL, often))
    ratio = short.mean(axis=2) / full[0].mean(axis=2)
    # (8 + o) / (31 + o) is the ratio
    offset = (ACTIVATION_MAX * ratio - _SHORT_ACTIVATION) / (1.0 - ratio)
    gain = (np.stack(full) - np.stack(small)) / (WEIGHT_MAX - _SMALL_WEIGHT)
    deviation = np.stack(small) / gain - _SMALL_WEIGHT
    chance = (sigma / (_SMALL.sends * _SMALL.mean_remaining(tau))).reshape(g.HEMISPHERES, 1, g.COLUMNS) / gain
    deviation *= max(0.0, 1.0 - float((chance**2).mean() / often / max(deviation.var(), 1e-12)))
    return offset, np.stack(full) / (WEIGHT_MAX + deviation) / (ACTIVATION_MAX + offset)[:, :, None], deviation


def _alone(bench: Bench, own: Configuration, tau: Floats, activation: int, schedule: Schedule, repeats: int) -> Floats:
    """What an event of each driver adds to each column ``[hemisphere, 128, 256]``, as if nothing of it leaked away."""
    found = sum(differences(bench, own, one_by_one(activation, schedule)) for _ in range(repeats)) / repeats
    found = found / (schedule.sends * schedule.mean_remaining(tau))
    return found.reshape(g.DRIVERS, g.HEMISPHERES, g.COLUMNS).swapaxes(0, 1)


def _strengths(bench: Bench, base: Configuration, model: FastModel, seed: int) -> Floats:
    """Saturation of lines ``[2]``, by what random matrices lack of their product where events come fastest.

    What they lack goes with the inverse square of the strength.
    """
    rng = np.random.default_rng([seed, model.serial])
    strengths = []
    for receptor, sign in enumerate((1, -1)):
        tiles = _both(sign * np.maximum(rng.integers(-_DENSE_WEIGHT, _DENSE_WEIGHT + 1, (INPUTS, OUTPUTS)), 0))
        vectors = rng.integers(0, ACTIVATION_MAX + 1, (_DENSE_VECTORS, INPUTS))
        sections = layout.sections_of(tiles, [vectors] * g.HEMISPHERES, _DENSE)
        read = sign * (differences(bench, matrix(base, tiles), sections) - model.rest)
        linear, lacking = 0.0, 0.0
        for tile in tiles:
            sums = step_sums(model, tile)[:, receptor * OUTPUTS : (receptor + 1) * OUTPUTS]
            left = _DENSE.remaining(model.typical_tau)
            lengths = np.where(vectors > 0, vectors + model.offset[tile.hemisphere], 0.0)
            linear += (lengths * left @ sums).mean() / g.HEMISPHERES
            tau = own_tau_syn(model, tile)[receptor * OUTPUTS : (receptor + 1) * OUTPUTS]
            lacking += lacking_of(tau, sums, 1.0, _DENSE).mean() * left.mean() / g.HEMISPHERES
        strengths.append(np.sqrt(lacking / max(linear - read.mean(), 1e-3 * linear)))
    return np.array(strengths)


def _both(weights: NDArray[np.int64]) -> list[Tile]:
    return [Tile(hemisphere, weights) for hemisphere in range(g.HEMISPHERES)]


def _all_driven(base: Configuration, weight: int, vectors: int) -> tuple[Configuration, list[Any]]:
    """A matrix of one weight, and vectors of the largest activation."""
    tiles = _both(np.full((INPUTS, OUTPUTS), weight))
    full = [np.full((vectors, INPUTS), ACTIVATION_MAX)] * g.HEMISPHERES
    return matrix(base, tiles), layout.sections_of(tiles, full, Schedule(INPUTS))
