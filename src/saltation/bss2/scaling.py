r"""From a model in its own units to targets on the chip, and back.

Time is multiplied by ``time_scale``: a model of 10 ms is a membrane of 10 us.  Of a population with the mean leak
``E`` and the mean threshold ``T``, a voltage is

    LSB(v) = leak + s (v - E),    s = (threshold - leak) / (T - E)

with the ``leak`` and ``threshold`` that the chip is to have, in LSB of its CADC; readouts have no threshold, and ``s =
threshold - leak`` a unit.  A weight ``w`` that lifts the model by ``w K(t)`` is ``round(w c)`` on the chip, with ``c``
from the response that the calibration measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import Calibration, NeuronTarget
from saltation.bss2.calibration.bench import EXC
from saltation.bss2.calibration.response import mean_response
from saltation.bss2.calibration.target import FEASIBLE
from saltation.bss2.measuring import MeasuredScales, weight_of_one
from saltation.bss2.placement import Placement
from saltation.errors import CalibrationError, ParameterError
from saltation.model import LI, LIF, Population
from saltation.model.checks import suggest

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """How a population is seen on the chip.

    Attributes
    ----------
    lsb : float
        LSB of the CADC for a unit of voltage.
    leak : ndarray, [neuron]
        Reading at the model's leak.
    v_leak : ndarray, [neuron]
        The model's leak.
    hold : ndarray, [neuron]
        Refractory time on the chip, in seconds of the model: that asked for; in a backend, that of the circuits.
    """

    lsb: float
    leak: Floats
    v_leak: Floats
    hold: Floats

    def voltage(self, readings: Floats) -> Floats:
        """Voltages of the model ``[..., neuron]`` from readings."""
        return self.v_leak + (readings - self.leak) / self.lsb

    def measured(self, population: Population, found: MeasuredScales) -> "Scale":
        """The same with what was measured: readings at rest, and LSB from there to the threshold if it has one.

        Raises
        ------
        CalibrationError
            If no threshold could be measured.
        """
        lsb = self.lsb
        if isinstance(population, LIF):
            each = self._measured_lsb(population, found)
            if not (there := np.isfinite(each)).any():
                raise CalibrationError(
                    "Backend.trace_scale='measured': no neuron spiked in the measurement, so that thresholds are not "
                    'known; leave trace_scale="asked", or move leak= and threshold= together'
                )
            lsb = float(np.median(each[there]))
        return Scale(lsb, found.rest, self.v_leak, self.hold)

    def measured_weight(self, name: str, population: Population, found: MeasuredScales) -> float:
        """Weight on the chip for a weight of 1, by the thresholds, if there are any, and responses that were measured.

        Raises
        ------
        CalibrationError
            If no neuron answered an event.
        """
        lsb = self._measured_lsb(population, found) if isinstance(population, LIF) else self.lsb
        weight = weight_of_one(lsb, found.strength)
        if np.isnan(weight):
            raise CalibrationError(
                f"population {name!r}: no neuron answered events in the measurement, so that the weight for a weight "
                "of 1 is not known; give Backend(weight_scale=), a larger i_synin_gm=, or leave trace_scale='asked'"
            )
        return weight

    def _measured_lsb(self, population: LIF, found: MeasuredScales) -> Floats:
        """LSB for a unit of voltage of each neuron; NaN where no threshold could be measured."""
        return (found.threshold - found.rest) / (of_neurons(population.v_th, self.v_leak.size) - self.v_leak)


def of_neurons(value: Any, size: int) -> Floats:
    """A parameter for each neuron."""
    return np.array(np.broadcast_to(np.asarray(value, np.float64), (size,)))


LEAK, THRESHOLD = 80.0, 150.0
"""Where a population is on the chip if nothing else is said, in LSB of its CADC (hxtorch's spiking2 calibration)."""


@final
@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where on the chip a model is to be; see `saltation.bss2.Backend`, whose arguments these are."""

    time_scale: float
    leak: float | Mapping[str, float]
    threshold: float | Mapping[str, float]
    shortest_hold: float
    synapse_dac_bias: int
    i_synin_gm: int | Mapping[str, int]

    def span_of(self, population: str = "") -> tuple[float, float]:
        """Leak and threshold of a population on the chip, in LSB."""
        leak, threshold = (
            float(value.get(population, default)) if isinstance(value, Mapping) else float(value)
            for value, default in ((self.leak, LEAK), (self.threshold, THRESHOLD))
        )
        if not 0.0 < threshold - leak < float("inf"):
            raise ParameterError(
                f"Backend: threshold - leak must be a finite number above 0; got {threshold:g} - {leak:g}"
                + (f" for {population!r}" if population else "")
            )
        return leak, threshold


def make_targets(
    populations: Mapping[str, Population], placement: Placement, point: OperatingPoint
) -> tuple[NeuronTarget, dict[str, Scale]]:
    """Targets of all circuits, and how each population is seen.

    Raises
    ------
    CalibrationError
        If a parameter of the model is out of what the circuits reach; the message gives the range in its units.
    """
    default = NeuronTarget()
    names = ("leak", "reset", "threshold", "tau_mem", "tau_syn_exc", "tau_syn_inh", "refractory_time")
    wanted = {name: np.array(default.of_all(name)) for name in names}
    wanted["threshold"][...] = THRESHOLD
    strengths = _strengths(placement, point.i_synin_gm)
    scales: dict[str, Scale] = {}
    for demand in placement.demands:
        population = populations[demand.name]
        assert isinstance(population, LIF | LI)
        _check_start(demand.name, population)
        size, own = demand.size, placement.circuits[demand.name]
        v_leak = of_neurons(population.v_leak, size)
        middle = float(v_leak.mean())
        span = 1.0
        if isinstance(population, LIF):
            span = float(of_neurons(population.v_th, size).mean()) - middle
        if not span > 0.0:
            raise CalibrationError(
                f"population {demand.name!r}: v_th must be above v_leak on the chip; got {span:g} in between"
            )
        leak, threshold = point.span_of(demand.name)
        lsb = (threshold - leak) / span
        values = {
            "leak": leak + lsb * (v_leak - middle),
            "tau_mem": of_neurons(population.tau_mem, size) * point.time_scale,
        }
        for short in ("exc", "inh"):
            tau = population.tau_syn if population.tau_syn is not None else getattr(population, f"tau_syn_{short}")
            values[f"tau_syn_{short}"] = of_neurons(tau, size) * point.time_scale
        hold = np.zeros(size)
        if isinstance(population, LIF):
            values["threshold"] = leak + lsb * (of_neurons(population.v_th, size) - middle)
            values["reset"] = leak + lsb * (of_neurons(population.v_reset, size) - middle)
            hold = np.maximum(of_neurons(population.t_refrac, size) * point.time_scale, point.shortest_hold)
            values["refractory_time"] = hold
        for name, value in values.items():
            _check_reach(demand.name, name, value, point.time_scale, lsb, middle - leak / lsb)
            wanted[name][own] = value[:, None]
        scales[demand.name] = Scale(lsb, values["leak"], v_leak, hold / point.time_scale)
    made = NeuronTarget(
        leak=wanted["leak"],
        reset=wanted["reset"],
        threshold=wanted["threshold"],
        tau_mem=wanted["tau_mem"],
        tau_syn_exc=wanted["tau_syn_exc"],
        tau_syn_inh=wanted["tau_syn_inh"],
        refractory_time=wanted["refractory_time"],
        synapse_dac_bias=point.synapse_dac_bias,
        i_synin_gm_exc=strengths,
        i_synin_gm_inh=strengths,
    )
    return made, scales


def _strengths(placement: Placement, gm: int | Mapping[str, int]) -> Floats:
    """Strength of the inputs of each circuit, ``[512]``."""
    if not isinstance(gm, Mapping):
        return np.full(g.CIRCUITS, float(gm))
    result = np.full(g.CIRCUITS, float(np.asarray(NeuronTarget().i_synin_gm_exc)))
    for name, code in gm.items():
        if name in placement.circuits:  # otherwise it is on another part
            result[placement.circuits[name]] = code
    return result


def check_names(point: OperatingPoint, populations: Mapping[str, Population]) -> None:
    """Refuse settings of populations that there are not in the whole network; a part has only some of them.

    Raises
    ------
    ParameterError
        If one names another population.
    """
    on_chip = [name for name, population in populations.items() if isinstance(population, LIF | LI)]
    for setting in ("leak", "threshold", "i_synin_gm"):
        given = getattr(point, setting)
        for name in given if isinstance(given, Mapping) else ():
            if name not in on_chip:
                raise ParameterError(
                    f"Backend.{setting}: no population {name!r} is on the chip; {suggest(str(name), on_chip)}"
                )


def _check_start(name: str, population: LIF | LI) -> None:
    if isinstance(population, LIF) and population.max_spikes is not None:
        raise CalibrationError(
            f"population {name!r}: max_spikes must be left out: the chip's neurons spike as often as they will; got "
            f"{population.max_spikes}"
        )
    start = population.v_init
    if start is not None and not np.array_equal(np.broadcast_to(start, np.shape(population.v_leak)), population.v_leak):
        raise CalibrationError(
            f"population {name!r}: v_init must be its v_leak: the chip begins with membranes at rest"
        )


def _check_reach(population: str, name: str, value: Floats, time_scale: float, lsb: float, at_0: float) -> None:
    """Refuse what is out of reach; ``at_0`` is the model's voltage at a reading of 0."""
    low, high = FEASIBLE[name]
    if value.min() >= low and value.max() <= high:
        return
    timed = name.startswith(("tau", "refractory"))
    worst = float(value.min() if value.min() < low else value.max())
    in_model = [v / time_scale if timed else at_0 + v / lsb for v in (low, high, worst)]
    unit = "s" if timed else "in units of the model's voltage"
    raise CalibrationError(
        f"population {population!r}: {name} must be within {in_model[0]:.4g}..{in_model[1]:.4g} {unit}, which the "
        f"chip reaches as {low:g}..{high:g} {'s' if timed else 'LSB'}; got {in_model[2]:.4g}; "
        + ("another time_scale= moves the range" if timed else "another leak= or threshold= moves the range")
    )


def weight_scale(calibration: Calibration, circuits: NDArray[np.int64], lsb: float) -> float:
    """Weight on the chip for a weight of 1, by the responses that the calibration measured on these circuits."""
    measured = calibration.report["strength_exc"][1][circuits]
    expected = lsb * mean_response(calibration.target, EXC)[circuits]
    return float(np.median(g.WEIGHT_MAX * expected / measured))
