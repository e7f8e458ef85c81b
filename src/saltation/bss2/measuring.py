"""`measure_scales`: what a unit of a model is on a calibrated chip, measured by converters and spikes alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import Calibration, NeuronTarget
from saltation.bss2.calibration.bench import EXC, INH, Bench
from saltation.bss2.calibration.response import response
from saltation.bss2.calibration.steps import measure_threshold, silent
from saltation.bss2.chip import Chip
from saltation.bss2.configuration import Configuration
from saltation.bss2.latency import latencies, meeting_point
from saltation.bss2.registers import REGISTERS, WIRING
from saltation.errors import CalibrationError, ParameterError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WEIGHTS = (21, 42, 63)
# Drivers and synapses differ; each of these has one of the weights, and none served in a calibration (`DRIVERS`).
_DRIVERS = range(1, g.DRIVERS, 9)
# time constants after an event for which its response is read
_LENGTH = 4.0


@final
@dataclass(frozen=True, slots=True, eq=False)
class MeasuredScales:
    """What circuits of a chip make of weights and voltages, and when their spikes are stamped.

    Attributes
    ----------
    circuits : ndarray of int, [circuit]
        Which were measured.
    rest : ndarray, [circuit]
        Reading of a membrane at rest, in LSB of the CADC: the offset of its trace.
    threshold : ndarray, [circuit]
        Reading at which it spikes; NaN where that could not be measured.
    strength : ndarray, [circuit]
        LSB of the CADC by which a weight of 1 on the chip lifts a membrane where a weight of 1 lifts the model by 1.
    delay : ndarray, [circuit]
        Seconds from an event at the host's link to the time stamp of a spike, but for those in which the membrane
        rises; NaN where that could not be measured.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2 import MeasuredScales
    >>> scales = MeasuredScales(np.arange(2), *np.array([[80, 81], [150, 153], [1.0, 1.2], [2e-7, 2e-7]]))
    >>> scales.trace_scale, scales.weight_scale, scales.time_offset
    (71.0, 65.0, 2e-07)
    """

    circuits: Ints
    rest: Floats
    threshold: Floats
    strength: Floats
    delay: Floats

    @property
    def trace_scale(self) -> float:
        """LSB from rest to threshold, of the median circuit: those of a unit where a model has them 1 apart."""
        return _median(self.threshold - self.rest)

    @property
    def weight_scale(self) -> float:
        """Weight on the chip for a weight of 1 of a model with rest and threshold 1 apart, of the median circuit."""
        return weight_of_one(self.threshold - self.rest, self.strength)

    @property
    def time_offset(self) -> float:
        """Seconds to take off time stamps, of the median circuit."""
        return _median(self.delay)

    def of(self, circuits: npt.ArrayLike) -> "MeasuredScales":
        """Those of some of the circuits, in this order.

        Raises
        ------
        ParameterError
            If one of them was not measured.
        """
        wanted = np.atleast_1d(np.asarray(circuits))
        unknown = wanted[~np.isin(wanted, self.circuits)].tolist() if wanted.dtype.kind in "iu" else [circuits]
        if unknown:
            raise ParameterError(
                f"MeasuredScales.of.circuits must be among the {self.circuits.size} measured; got {unknown[0]!r}; "
                "measure_scales(..., circuits=) decides which are"
            )
        place = np.empty(g.CIRCUITS, np.int64)
        place[self.circuits] = np.arange(self.circuits.size)
        at = place[wanted]
        return MeasuredScales(wanted, self.rest[at], self.threshold[at], self.strength[at], self.delay[at])

    def table(self) -> list[tuple[str, float, float, int, str]]:
        """Of each quantity its name, median, standard deviation over circuits, how many have none, and unit."""
        span = self.threshold - self.rest
        rows = (
            ("rest", self.rest, "LSB"),
            ("threshold", self.threshold, "LSB"),
            ("trace scale", span, "LSB from rest to threshold"),
            ("strength", self.strength, "LSB a weight"),
            ("weight scale", span / self.strength, "weight"),
            ("time offset", 1e6 * self.delay, "us"),
        )
        return [(name, _median(each), _spread(each), int(np.isnan(each).sum()), unit) for name, each, unit in rows]

    def __str__(self) -> str:
        """The table, to be printed."""
        lines = [f"{'':<14}{'median':>10}{'spread':>10}{'failed':>8}  of {self.circuits.size} circuits"]
        for name, median, spread, failed, unit in self.table():
            lines.append(f"{name:<14}{median:>10.4g}{spread:>10.3g}{failed:>8}  {unit}")
        return "\n".join(lines)


def measure_scales(
    chip: Chip,
    calibration: Calibration,
    *,
    configuration: Configuration | None = None,
    circuits: npt.ArrayLike | None = None,
    seed: int = 0,
) -> MeasuredScales:
    r"""Measure the scales between a model and a chip: of traces, of weights, and the offset of time.

    Readings at rest are averaged.  The response to an event of a weight ``w`` is fitted by ``w s K(t)``, with the
    response ``K`` of the model with the time constants asked for, over some weights of both signs.  Delay and threshold
    come from the latencies of spikes, see `saltation.bss2.latency`; where a membrane crosses more than 2 LSB in a time
    stamp of 8 ns, the threshold is the reading above which it spikes by itself.

    Parameters
    ----------
    chip : Chip
        What is measured; nothing of its hidden variation is looked at, and it is left as it was.
    calibration : Calibration
        Of this chip; what it was asked for decides ``K``.
    configuration : Configuration, optional
        What the circuits are, such as joined ones; by default the calibration's codes and nothing else.  Weights, rows
        and routes in it are not used.
    circuits : array_like of int, optional
        Which circuits, of a joined membrane the one that spikes; by default all.
    seed : int
        Of the noise of the measurements.

    Returns
    -------
    MeasuredScales

    Raises
    ------
    CalibrationError
        If the calibration is of another chip, or no response to an event could be seen.
    ParameterError
        If a circuit does not exist, or is given twice.

    References
    ----------
    The utilities ``get_weight_scaling`` and ``get_trace_scaling`` of hxtorch ask for the same; jaxsnn takes 80 ns off
    time stamps.

    Examples
    --------
    >>> from saltation.bss2 import Chip, calibrate, measure_scales
    >>> chip = Chip(serial=1)
    >>> scales = measure_scales(chip, calibrate(chip), circuits=[0, 1, 2, 300])
    >>> 0.1e-6 < scales.time_offset < 0.3e-6
    True
    """
    calibration.check(chip.serial)
    chosen = _chosen(circuits)
    own = Configuration() if configuration is None else configuration.copy()
    if configuration is None:
        calibration.apply(own)
    for name in (*WIRING, "source_enable"):  # the measurement has its own
        own.set(name, REGISTERS[name].default)
    target, before = calibration.target, chip.state
    bench = Bench(chip, seed)
    try:
        rest = bench.reading(silent(own))[chosen]
        strength = _strength(bench, silent(own), target, chosen)
        distance = target.of_all("threshold") - target.of_all("leak")
        codes = distance * chip.physics.cadc_volt_per_lsb / chip.physics.volt_per_code
        readings, times = latencies(bench, own, chosen, codes)
        delay, threshold = meeting_point(readings, times, target.of_all("tau_mem")[chosen])
        if np.isnan(threshold).any():
            alone = measure_threshold(bench, own, chosen)[chosen]
            threshold = np.where(np.isnan(threshold) & np.isfinite(delay), alone, threshold)
    finally:
        chip.restore(before)
    return MeasuredScales(chosen, rest, threshold, strength, delay)


def weight_of_one(lsb: Floats | float, strength: Floats) -> float:
    """Weight on the chip for a weight of 1 of the median circuit, where a unit of voltage is so many LSB; NaN if none.

    Circuits with a high threshold may be strong ones: what counts is the ratio of each.
    """
    return _median(lsb / strength)


def in_order(neurons: Sequence[Ints], parts: Sequence[MeasuredScales]) -> MeasuredScales:
    """Scales of parts of a population put together in the order of its neurons."""
    order = np.argsort(np.concatenate(neurons))
    names = ("circuits", "rest", "threshold", "strength", "delay")
    return MeasuredScales(*(np.concatenate([getattr(each, name) for each in parts])[order] for name in names))


def _strength(bench: Bench, configuration: Configuration, target: NeuronTarget, circuits: Ints) -> Floats:
    """LSB by which a weight of 1 lifts a membrane where it lifts the model by 1, by all weights and drivers at once."""
    hemisphere, column = g.hemisphere_of(circuits), g.column_of(circuits)
    product, square = np.zeros(circuits.size), np.zeros(circuits.size)
    for receptor, sign in ((EXC, 1.0), (INH, -1.0)):
        tau_mem, tau_syn = (target.of_all(n)[circuits] for n in ("tau_mem", f"tau_syn_{('exc', 'inh')[receptor]}"))
        length = float(np.clip(_LENGTH * max(tau_mem.max(), tau_syn.max()), 10e-6, 140e-6))
        for size, driver in zip(cycle(_WEIGHTS), _DRIVERS):
            weight = np.zeros((g.HEMISPHERES, g.COLUMNS), np.int32)
            weight[hemisphere, column] = size
            times, values = bench.response(configuration, receptor, driver, np.zeros(1), length, weight=weight)
            after = times > 0.0
            expected = sign * size * response(times[after, None], tau_mem, tau_syn)
            product += (values[after][:, circuits] * expected).sum(axis=0)
            square += (expected * expected).sum(axis=0)
    strength = product / square
    if not (strength > 0.0).any():
        raise CalibrationError(
            "measure_scales: no circuit answered events; their inputs are off in this configuration; calibration.apply"
            "(configuration) switches them on"
        )
    return np.where(strength > 0.0, strength, np.nan)


def _chosen(circuits: npt.ArrayLike | None) -> Ints:
    chosen = np.arange(g.CIRCUITS) if circuits is None else np.atleast_1d(np.asarray(circuits))
    whole = chosen.ndim == 1 and chosen.dtype.kind in "iu" and chosen.size > 0
    if not whole or chosen.min() < 0 or chosen.max() >= g.CIRCUITS or np.unique(chosen).size < chosen.size:
        raise ParameterError(
            f"measure_scales.circuits must be numbers of circuits, 0..{g.CIRCUITS - 1}, each once; got {circuits!r}"
        )
    return chosen.astype(np.int64)


def _median(values: Floats) -> float:
    """Of those that are there; NaN where none is."""
    there = values[np.isfinite(values)]
    return float(np.median(there)) if there.size else float("nan")


def _spread(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(there.std()) if there.size else float("nan")
