"""`Backend`: networks run on an emulated chip, and trained in the loop."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import Calibration, calibrate
from saltation.bss2.chip import Chip, Execution
from saltation.bss2.configuration import Configuration
from saltation.bss2.placement import Placement
from saltation.bss2.placement.demand import demands
from saltation.bss2.placement.placement import place_parts
from saltation.bss2.playing import at_rails, make_sections, spikes_of, voltages_of
from saltation.bss2.readout import DRAM, SRAM, Cadc, Recording
from saltation.bss2.scaling import LEAK, THRESHOLD, OperatingPoint, Scale, make_targets, weight_scale
from saltation.engine.backend import Backend as Abstract
from saltation.engine.backend import Job, Observation
from saltation.engine.exact import Exact, refuse_trains
from saltation.engine.grid import Grid
from saltation.engine.observation import Request
from saltation.engine.plan import Plan
from saltation.errors import ChipWarning, ParameterError
from saltation.model import (
    LIF,
    MaxVoltage,
    Network,
    Population,
    Projection,
    ProjectionKey,
    Voltage,
    VoltageIntegral,
    VoltageSamples,
)
from saltation.model.checks import caller_level


@final
class Backend(Abstract):
    """Runs of a network on an emulated chip, whose spikes and voltages EventProp then differentiates.

    The network is placed on the chip, its weights are scaled and rounded to the chip's, and each sample is played to
    it in hardware time.  What the chip observed takes the place of the model's own spikes and recorded voltages; the
    gradient is that of the model, with the weights as written and what was observed, and goes to the weights as if
    they had not been rounded (straight through).  With ``adjoint=Exact()`` it is that of EventProp, from the observed
    spikes alone where no voltage is recorded; with ``adjoint=Grid(dt)`` it is a surrogate gradient, evaluated at the
    voltages that the CADC read of every neuron.

    Parameters
    ----------
    chip : Chip
        Where it runs.
    calibration : Calibration, optional
        Of this chip and for this network; by default it is made when the network first runs.
    calibrated : bool
        False: all circuits get one code, the median of those that the calibration found; to see what it is worth.
    adjoint : Exact or Grid
        How what was observed is differentiated; ``Exact()`` by default.  The step of a grid is in seconds of the model:
        one of 1 to 2 us on the chip is about as fine as the CADC is.
    time_scale : float
        Seconds on the chip for a second of the model.
    leak, threshold : float or dict of str to float
        Where the model's leak and threshold are on the chip, in LSB of its CADC, of all populations or by population.
        Farther apart, noise and mismatch count less, and more weights are beyond 63.  Of a readout without a
        threshold, ``threshold - leak`` is how many LSB a unit of voltage has.
    rows : int or dict of projection to int
        Parallel rows of each synapse, for weights beyond 63.
    weight_scale : float, optional
        Weight on the chip for a weight of 1; by default measured.
    shortest_hold : float
        Refractory time on the chip, in its seconds, of neurons that have a shorter one in the model.
    time_offset : float
        Seconds on the chip that are taken off its time stamps.
    synapse_dac_bias : int
        Current of a weight of all synapses: with a larger one weights count more, and lines saturate earlier.
    i_synin_gm : int or dict of str to int
        Strength of inputs, of all populations or by population: with a smaller one weights count less, and more of
        their 63 steps are in use.
    seed : int
        Of temporal noise, which also differs from run to run.
    threads : int, optional
        Number of threads over samples.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Pehle, Blessing, Arnold, Mueller, Schemmel: Event-based backpropagation for analog neuromorphic hardware (2023),
    arXiv:2302.07141; Cramer, Billaudelle et al., PNAS 119 (2022), doi:10.1073/pnas.2109194119.

    Examples
    --------
    >>> import numpy as np, saltation as sal
    >>> from saltation.bss2 import Backend, Chip
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("out", sal.LIF(3, tau_mem=10e-3, tau_syn=10e-3))
    >>> _ = net.connect("in", "out", weight=np.full((2, 3), 1.2))
    >>> stimulus = {"in": sal.Spikes.from_lists([([0.0, 1e-3, 2e-3, 3e-3], [0, 1, 0, 1])])}
    >>> run = sal.simulate(net, stimulus, duration=30e-3, backend=Backend(Chip(serial=1)))
    >>> bool(run.spikes["out"].n_events > 0)
    True
    """

    __slots__ = (
        "_calibration",
        "_kept",
        "_plan",
        "_rows",
        "_weight_scale",
        "adjoint",
        "calibrated",
        "chip",
        "execution",
        "point",
        "seed",
        "threads",
        "time_offset",
    )

    def __init__(
        self,
        chip: Chip,
        calibration: Calibration | None = None,
        *,
        calibrated: bool = True,
        adjoint: Exact | Grid | None = None,
        time_scale: float = 1e-3,
        leak: float | Mapping[str, float] = LEAK,
        threshold: float | Mapping[str, float] = THRESHOLD,
        rows: int | Mapping[ProjectionKey, int] = 1,
        weight_scale: float | None = None,
        shortest_hold: float = 1e-6,
        time_offset: float = 0.0,
        synapse_dac_bias: int = 1000,
        i_synin_gm: int | Mapping[str, int] = 500,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        if not isinstance(chip, Chip):
            raise ParameterError(f"Backend.chip must be a Chip; got {type(chip).__name__}; Chip(serial=1) makes one")
        if calibration is not None:
            calibration.check(chip.serial)
        for name, value in (
            ("time_scale", time_scale),
            ("weight_scale", 1.0 if weight_scale is None else weight_scale),
        ):
            if not 0.0 < value < float("inf"):
                raise ParameterError(f"Backend: {name} must be a finite number above 0; got {value!r}")
        self.adjoint = Exact(threads=threads) if adjoint is None else adjoint
        if not isinstance(self.adjoint, Exact | Grid):
            raise ParameterError(
                f"Backend.adjoint must be Exact() or Grid(dt); got {adjoint!r}; it differentiates what was observed"
            )
        self.chip, self.seed, self.threads, self.calibrated = chip, seed, threads, bool(calibrated)
        self.time_offset = float(time_offset)
        self.point = OperatingPoint(
            float(time_scale), leak, threshold, float(shortest_hold), synapse_dac_bias, i_synin_gm
        )
        self.point.span_of()
        self._rows, self._weight_scale, self._calibration = rows, weight_scale, calibration
        self._kept: tuple[Any, _Placed] | None = None
        self._plan: Plan | None = None
        self.execution: Execution | None = None

    def __repr__(self) -> str:
        return f"Backend({self.chip!r}, time_scale={self.point.time_scale:g})"

    @property
    def surrogate_gradients(self) -> bool:
        """Whether gradients are those of steps on a grid."""
        return self.adjoint.surrogate_gradients

    def run(self, job: Job) -> Observation:
        """Run all samples on the chip, and the adjoint's model at what it observed."""
        _refuse(job)
        placed = self._place(job.plan)
        weights = {key: placed.rounded(key, projection) for key, projection in job.plan.projections.items()}
        for key, values in weights.items():
            placed.placement.write_weights(placed.configuration, key, values)
        recordings, names = self._recordings(job, placed)
        scale = self.point.time_scale
        sections = make_sections(placed.placement, job.stimulus, job.batch, job.duration * scale, scale, recordings)
        execution = self.chip.run(placed.configuration, sections, seed=self.seed)
        self.execution = execution
        _complain(placed, execution, names)
        found = spikes_of(placed.placement, execution.sections, job.duration, scale, self.time_offset)
        measured = {name: self._measured(job, placed, name, recordings[0], execution) for name in names}
        request = Request(job.request.probes, job.request.single, measured)
        observed = replace(job, plan=self._as_run(job.plan, placed, weights), observed=found, request=request)
        return self.adjoint.run(observed)

    def calibration(self, plan_or_network: Plan | Network) -> Calibration:
        """The calibration with which a network runs."""
        return self._place(plan_or_network).calibration

    def placement(self, plan_or_network: Plan | Network) -> Placement:
        """Where a network is on the chip."""
        return self._place(plan_or_network).placement

    def weight_scales(self, plan_or_network: Plan | Network) -> dict[str, float]:
        """For each population, the weight on the chip for a weight of 1."""
        return dict(self._place(plan_or_network).factors)

    def _place(self, plan: Plan | Network) -> "_Placed":
        """Placement, calibration and configuration of a plan; kept while all but its weights stays the same."""
        asked = (tuple(plan.populations.items()), demands(plan.populations, plan.projections, self._rows))
        if self._kept is not None and self._kept[0] == asked:
            return self._kept[1]
        placement = place_parts(plan.populations, plan.projections, self._rows)
        target, scales = make_targets(plan.populations, placement, self.point)
        calibration = self._calibration or calibrate(self.chip, target)
        if not self.calibrated:
            calibration = calibration.uniform()
        configuration = Configuration()
        calibration.apply(configuration)
        placement.configure(configuration)
        placement.share_capacitance(configuration, self.chip.physics)
        factors = {
            demand.name: self._weight_scale
            or weight_scale(calibration, placement.circuits[demand.name][:, 0], scales[demand.name].lsb)
            for demand in placement.demands
        }
        placed = _Placed(placement, calibration, configuration, scales, factors)
        self._kept = (asked, placed)
        return placed

    def _recordings(self, job: Job, placed: "_Placed") -> tuple[list[Recording], list[str]]:
        names = [name for name in job.request.probes if name not in job.plan.inputs]
        if self.surrogate_gradients:
            names += [name for name in job.plan.populations if name not in (*names, *job.plan.inputs)]
        if not names:
            return [], []
        circuits = np.concatenate([placed.placement.circuits[name][:, 0] for name in names])
        length = job.duration * self.point.time_scale
        fits = length <= (g.CADC_SRAM_SAMPLES - 1) * self.chip.physics.cadc_period
        return [Cadc(circuits=circuits, placement=SRAM if fits else DRAM)], names

    def _measured(
        self, job: Job, placed: "_Placed", name: str, recording: Recording, execution: Execution
    ) -> VoltageSamples:
        scale, probes = self.point.time_scale, job.request.probes.get(name, ())
        times = [probe.times for probe in probes if isinstance(probe, Voltage)]
        whole = any(isinstance(probe, MaxVoltage | VoltageIntegral) for probe in probes)
        if whole or self.surrogate_gradients:
            times.append(execution.sections[0].sampled[0] / scale)
        union = np.unique(np.minimum(np.concatenate(times), job.duration))
        first = placed.placement.circuits[name][:, 0]
        given = (first, recording, execution.sections, 0, placed.scales[name], union * scale)
        return VoltageSamples(union, voltages_of(*given))

    def _as_run(self, plan: Plan, placed: "_Placed", weights: dict[ProjectionKey, NDArray[np.int64]]) -> Plan:
        """The plan as the chip had it: its rounded weights, and its refractory times."""
        projections = {
            key: projection.with_values({"weight": weights[key] / placed.factors[projection.post]})
            for key, projection in plan.projections.items()
        }
        before = None if self._plan is None else self._plan.without_past()
        self._plan = Plan(placed.held(plan.populations), projections, plan.components, before)
        return self._plan


@final
class _Placed:
    """A network on the chip: where, with which codes, and in which scale; and what was said of it already."""

    def __init__(
        self,
        placement: Placement,
        calibration: Calibration,
        configuration: Configuration,
        scales: dict[str, Scale],
        factors: dict[str, float],
    ) -> None:
        self.placement, self.calibration, self.configuration = placement, calibration, configuration
        self.scales, self.factors = scales, factors
        self._held: dict[str, Population] | None = None
        self._told: set[str] = set()

    def tell(self, what: str, message: str) -> None:
        """Warn of something once: in a training it would come with every batch."""
        if what not in self._told:
            self._told.add(what)
            warnings.warn(message, ChipWarning, stacklevel=caller_level())

    def rounded(self, key: ProjectionKey, projection: Projection) -> NDArray[np.int64]:
        """Weights of a projection as the chip has them, those beyond its range cut."""
        most = g.WEIGHT_MAX * self.placement.written[key].rows
        factor = self.factors[projection.post]
        wanted = np.rint(projection.weight * factor).astype(np.int64)
        if beyond := int((np.abs(wanted) > most).sum()):
            self.tell(
                f"cut {key!r}",
                f"projection {key!r}: {beyond} of {wanted.size} weights are beyond the chip's {most} and were cut, and "
                f"later ones will be; a weight of 1 is {factor:.1f} on the chip; use more rows=, a larger "
                "synapse_dac_bias=, or smaller weights",
            )
        return np.clip(wanted, -most, most)

    def held(self, populations: Mapping[str, Population]) -> dict[str, Population]:
        """Populations with the refractory times of the chip; made once, so that what was packed for them stays."""
        if self._held is None:
            self._held = dict(populations)
            for name, population in populations.items():
                if isinstance(population, LIF):
                    self._held[name] = population.with_parameters(t_refrac=self.scales[name].hold)
        return self._held


def _complain(placed: _Placed, execution: Execution, recorded: list[str]) -> None:
    """Say what the chip lost in a run, and where its readings ended."""
    if lost := {place: n for place, n in execution.lost.items() if n}:
        warnings.warn(
            f"the chip lost events in run {execution.number}: {lost}; more come at once than a link or a bus carries, "
            "one every 8 ns; spread them, or use fewer inputs",
            ChipWarning,
            stacklevel=caller_level(),
        )
    if recorded and (n := at_rails(execution.sections, 0)):
        placed.tell(
            "rails",
            f"{n} readings of {', '.join(recorded)} in run {execution.number} were at an end of the CADC's 0..255, and "
            "the voltage may have been beyond; move leak= or threshold=, or use smaller weights",
        )


def _refuse(job: Job) -> None:
    if job.drive:
        raise ParameterError("simulate.stimulus must be Spikes on a chip; Spikes.from_dense(array, dt) makes them")
    if job.state is not None:
        raise ParameterError("simulate.state: a run on the chip begins at rest and cannot go on from another")
    if job.observed or job.request.measured:
        raise ParameterError("simulate.observed: on a chip it is the chip that observes; leave it out, or use Exact()")
    refuse_trains(job.request)
