"""`Backend`: networks run on an emulated chip, and trained in the loop."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.backend_arguments import (
    MEASURED,
    checked_calibrations,
    checked_chips,
    checked_offset,
    tell_long_windows,
    tell_other_targets,
)
from saltation.bss2.calibration import Calibration, calibrate
from saltation.bss2.chip import Chip, Execution
from saltation.bss2.configuration import Configuration
from saltation.bss2.measuring import MeasuredScales, in_order
from saltation.bss2.parts import Part, joined, matrix, split
from saltation.bss2.placement import Placement
from saltation.bss2.placement.demand import check_rows, demands
from saltation.bss2.playing import count_early, make_sections, spikes_of, voltages_of
from saltation.bss2.readout import DRAM, SRAM, Cadc, Recording
from saltation.bss2.scaling import (
    LEAK,
    THRESHOLD,
    OperatingPoint,
    Scale,
    check_names,
    make_targets,
    weight_scale,
)
from saltation.bss2.sites import Site, Sites
from saltation.bss2.translation import hold_times
from saltation.engine.backend import Backend as Abstract
from saltation.engine.backend import Job, Observation
from saltation.engine.exact import Exact, refuse_trains
from saltation.engine.grid import Grid
from saltation.engine.observation import Request
from saltation.engine.plan import Plan, compile_network
from saltation.errors import CalibrationError, ChipWarning, ParameterError
from saltation.model import MaxVoltage, Network, ProjectionKey, Spikes, Voltage, VoltageIntegral, VoltageSamples
from saltation.model.checks import caller_level

Ints = NDArray[np.int64]


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
    chips : Chip or sequence of Chip
        Where it runs.  A network that is larger than a chip runs in parts one after another, feed-forward, the spikes
        of one played to the next; several chips take turns.
    calibration : Calibration or sequence of Calibration, optional
        Of these chips and for this network; by default they are made when the network first runs.
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
    time_offset : float or "measured"
        Seconds on the chip by which it is late: taken off time stamps and times of readings.  Measured, it is from an
        event at the host's link to the time stamp of a spike; see `measure_scales`.
    trace_scale : {"asked", "measured"}
        Whether readings are at leak and threshold where the chip was asked to have them, or where they are measured; if
        measured, the scale of weights is that of the responses measured with them.
    cadc_period : float, optional
        Seconds on the chip between readings of voltages; by default as often as the CADC can.
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
        "_again",
        "_calibrations",
        "_kept",
        "_plan",
        "_rows",
        "_weight_scale",
        "adjoint",
        "cadc_period",
        "calibrated",
        "chips",
        "executions",
        "point",
        "seed",
        "threads",
        "time_offset",
        "trace_scale",
    )

    def __init__(
        self,
        chips: Chip | Sequence[Chip],
        calibration: Calibration | Sequence[Calibration] | None = None,
        *,
        calibrated: bool = True,
        adjoint: Exact | Grid | None = None,
        time_scale: float = 1e-3,
        leak: float | Mapping[str, float] = LEAK,
        threshold: float | Mapping[str, float] = THRESHOLD,
        rows: int | Mapping[ProjectionKey, int] = 1,
        weight_scale: float | None = None,
        shortest_hold: float = 1e-6,
        time_offset: float | Literal["measured"] = 0.0,
        trace_scale: Literal["asked", "measured"] = "asked",
        cadc_period: float | None = None,
        synapse_dac_bias: int = 1000,
        i_synin_gm: int | Mapping[str, int] = 500,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.chips = checked_chips(chips)
        self._calibrations = checked_calibrations(calibration, self.chips)
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
        self.seed, self.threads, self.calibrated = seed, threads, bool(calibrated)
        if trace_scale not in ("asked", MEASURED):
            raise ParameterError(f"Backend.trace_scale must be 'asked' or 'measured'; got {trace_scale!r}")
        self.time_offset, self.trace_scale, self.cadc_period = checked_offset(time_offset), trace_scale, cadc_period
        self.point = OperatingPoint(
            float(time_scale), leak, threshold, float(shortest_hold), synapse_dac_bias, i_synin_gm
        )
        self.point.span_of()
        self._rows, self._weight_scale = rows, weight_scale
        self._kept: tuple[Any, Sites] | None = None
        self._plan: Plan | None = None
        self._again = False
        self.executions: tuple[Execution, ...] = ()

    def __repr__(self) -> str:
        shown = repr(self.chip) if len(self.chips) == 1 else repr(list(self.chips))
        return f"Backend({shown}, time_scale={self.point.time_scale:g})"

    @property
    def chip(self) -> Chip:
        """The chip, or the first one."""
        return self.chips[0]

    @property
    def surrogate_gradients(self) -> bool:
        """Whether gradients are those of steps on a grid."""
        return self.adjoint.surrogate_gradients

    def run(self, job: Job) -> Observation:
        """Run all samples on the chip, and the adjoint's model at what it observed."""
        _refuse(job)
        placed = self._place(job.plan)
        tell_long_windows(job.duration, job.plan.populations, placed.tell)
        weights = {key: placed.rounded(key, projection) for key, projection in job.plan.projections.items()}
        pieces: dict[str, list[tuple[Ints, Spikes]]] = {}
        spikes: dict[str, Spikes] = dict(job.stimulus)
        read: dict[str, list[tuple[Ints, VoltageSamples]]] = {}
        executions: list[Execution] = []
        for site in placed.all:
            for name in site.part.sources:
                if name in pieces and name not in spikes:
                    spikes[name] = joined(pieces[name], job.plan.populations[name].size)
            executions.append(self._run_part(job, placed, site, weights, spikes, pieces, read))
        self.executions = tuple(executions)
        found = {name: joined(each, job.plan.populations[name].size) for name, each in pieces.items()}
        measured = {name: _put_together(each, job.plan.populations[name].size) for name, each in read.items()}
        request = Request(job.request.probes, job.request.single, measured)
        observed = replace(job, plan=self._as_run(job.plan, placed, weights), observed=found, request=request)
        return replace(self.adjoint.run(observed), conditions=self._conditions(placed, executions))

    def _run_part(
        self,
        job: Job,
        placed: Sites,
        site: Site,
        weights: Mapping[ProjectionKey, Ints],
        spikes: Mapping[str, Spikes],
        pieces: dict[str, list[tuple[Ints, Spikes]]],
        read: dict[str, list[tuple[Ints, VoltageSamples]]],
    ) -> Execution:
        """Run a part on its chip, and add what it observed."""
        part, scale = site.part, self.point.time_scale
        for key in part.keys:
            projection = job.plan.projections[key]
            whole = matrix(projection, weights[key])[:, part.neurons[projection.post]]
            part.placement.write_weights(site.configuration, key, whole)
        recordings, names = self._recordings(job, site)
        given = {name: spikes[name] for name in part.sources}
        sections = make_sections(part.placement, given, job.batch, self._length(job, site), scale, recordings)
        execution = site.chip.run(site.configuration, sections, seed=self.seed)
        placed.complain(execution, names)
        if early := count_early(execution.sections, self._offset_of(site)):
            placed.tell(
                "early",
                f"{early} spikes are stamped before the offset of time, {self._offset_of(site):g} s, and were put at "
                "the begin; a smaller Backend.time_offset, or 'measured', leaves them where they are",
            )
        found = spikes_of(part.placement, execution.sections, job.duration, scale, self._offset_of(site))
        for name, own in found.items():
            pieces.setdefault(name, []).append((part.neurons[name], own))
        for name in names:
            samples = self._measured(job, site, name, recordings[0], execution)
            read.setdefault(name, []).append((part.neurons[name], samples))
        return execution

    def _conditions(self, placed: Sites, executions: Sequence[Execution]) -> dict[str, Any]:
        """How the model was on the chip, by population, and which runs of which chips it was."""
        scales: dict[str, Scale] = {name: scale for site in placed.all for name, scale in site.scales.items()}
        spans = {name: self.point.span_of(name) for name in scales}
        return {
            "chips": [site.chip.serial for site in placed.all],
            "runs": [execution.number for execution in executions],
            "seed": self.seed,
            "time_scale": self.point.time_scale,
            "leak": {name: span[0] for name, span in spans.items()},
            "threshold": {name: span[1] for name, span in spans.items()},
            "lsb": {name: scale.lsb for name, scale in scales.items()},
            "weight_scale": dict(placed.factors),
            "time_offset": [self._offset_of(site) for site in placed.all],
            "hardware_time": sum(execution.hardware_time for execution in executions),
            "settled": sum(execution.settled for execution in executions),
        }

    def calibration(self, plan_or_network: Plan | Network) -> Calibration:
        """The calibration with which a network runs, of its first part if it has several."""
        return self._place(plan_or_network).all[0].calibration

    def placement(self, plan_or_network: Plan | Network) -> Placement:
        """Where a network is on the chip, its first part if it has several."""
        return self._place(plan_or_network).all[0].part.placement

    def parts(self, plan_or_network: Plan | Network) -> tuple[Part, ...]:
        """The parts in which a network runs; one where it fits on the chip."""
        return tuple(site.part for site in self._place(plan_or_network).all)

    def weight_scales(self, plan_or_network: Plan | Network) -> dict[str, float]:
        """For each population, the weight on the chip for a weight of 1."""
        return dict(self._place(plan_or_network).factors)

    def measured_scales(self, plan_or_network: Plan | Network) -> dict[str, MeasuredScales]:
        """For each population what `measure_scales` finds, of its neurons in order; measured if it was not yet.

        Of a population in several parts, circuits are those of each neuron on its chip.
        """
        parts: dict[str, list[tuple[Ints, MeasuredScales]]] = {}
        for site in self._place(plan_or_network).all:
            for demand in site.part.placement.demands:
                parts.setdefault(demand.name, []).append(
                    (site.part.neurons[demand.name], site.measured_of(demand.name))
                )
        return {name: in_order([n for n, _ in each], [m for _, m in each]) for name, each in parts.items()}

    def _place(self, plan_or_network: Plan | Network) -> Sites:
        """Placement, calibration and configuration of a plan; kept while all but its weights stays the same."""
        plan = plan_or_network if isinstance(plan_or_network, Plan) else compile_network(plan_or_network)
        patterns = tuple(projection.connectivity for projection in plan.projections.values())
        asked = (tuple(plan.populations.items()), patterns, demands(plan.populations, plan.projections, self._rows))
        if self._kept is not None and self._kept[0] == asked:
            return self._kept[1]
        check_names(self.point, plan.populations)
        check_rows(self._rows, plan.projections)
        if self._kept is not None and not self._calibrations and self._kept[0][0] != asked[0] and not self._again:
            self._again = True
            warnings.warn(
                "Backend: parameters of neurons have changed, so that the chip is calibrated again, which takes "
                "seconds each time and is told once; a backend of its own for each network keeps what it has, and "
                "on a chip weights alone are trained quickly",
                ChipWarning,
                stacklevel=caller_level(),
            )
        sites: list[Site] = []
        scales: dict[str, list[tuple[int, float]]] = {}
        for i, part in enumerate(split(plan, self._rows)):
            sites.append(site := self._site(part, self.chips[i % len(self.chips)]))
            for demand in part.placement.demands:
                factor = self._weight_scale or self._factor(site, demand.name)
                scales.setdefault(demand.name, []).append((demand.size, factor))
        # one for all parts of a population, whose synapses may share their weights
        factors = {name: sum(n * f for n, f in each) / sum(n for n, _ in each) for name, each in scales.items()}
        placed = Sites(tuple(sites), factors)
        self._kept = (asked, placed)
        return placed

    def _site(self, part: Part, chip: Chip) -> Site:
        target, scales = make_targets(part.populations, part.placement, self.point)
        calibration = self._calibrations.get(chip.serial)
        if calibration is None:
            calibration = calibrate(chip, target)
        else:
            tell_other_targets(
                calibration, target, np.concatenate([c.ravel() for c in part.placement.circuits.values()])
            )
        if not self.calibrated:
            calibration = calibration.uniform()
        configuration = Configuration()
        calibration.apply(configuration)
        part.placement.configure(configuration)
        part.placement.share_capacitance(configuration, chip.physics)
        hold = hold_times(configuration) / self.point.time_scale
        spiking = {name: circuits[:, 0] for name, circuits in part.placement.circuits.items()}
        scales = {name: replace(scale, hold=hold[spiking[name]]) for name, scale in scales.items()}
        site = Site(part, chip, calibration, configuration, scales)
        if self.trace_scale == MEASURED:
            for name, scale in scales.items():
                site.scales[name] = scale.measured(part.populations[name], site.measured_of(name))
        return site

    def _factor(self, site: Site, name: str) -> float:
        """Weight on the chip for a weight of 1, of a population in a part."""
        scale = site.scales[name]
        if self.trace_scale == MEASURED:
            return scale.measured_weight(name, site.part.populations[name], site.measured_of(name))
        return weight_scale(site.calibration, site.part.placement.circuits[name][:, 0], scale.lsb)

    def _offset_of(self, site: Site) -> float:
        """Seconds by which a chip is late."""
        if not isinstance(self.time_offset, str):
            return self.time_offset
        offset = site.measured.time_offset
        if np.isnan(offset):
            raise CalibrationError(
                "Backend.time_offset='measured': no neuron spiked in the measurement; give it in seconds on the chip, "
                "or move leak= and threshold= together"
            )
        return offset

    def _length(self, job: Job, site: Site) -> float:
        """Seconds of a section: what happens at the end of the window is seen later by the offset."""
        return job.duration * self.point.time_scale + max(self._offset_of(site), 0.0)

    def _recordings(self, job: Job, site: Site) -> tuple[list[Recording], list[str]]:
        here = [demand.name for demand in site.part.placement.demands]
        names = [name for name in here if name in job.request.probes or self.surrogate_gradients]
        if not names:
            return [], []
        circuits = np.concatenate([site.part.placement.circuits[name][:, 0] for name in names])
        length = self._length(job, site)
        period = site.chip.physics.cadc_period if self.cadc_period is None else self.cadc_period
        store = SRAM if length <= (g.CADC_SRAM_SAMPLES - 1) * period else DRAM
        return [Cadc(circuits=circuits, period=self.cadc_period, placement=store)], names

    def _measured(self, job: Job, site: Site, name: str, recording: Recording, execution: Execution) -> VoltageSamples:
        scale, probes = self.point.time_scale, job.request.probes.get(name, ())
        times = [probe.times for probe in probes if isinstance(probe, Voltage)]
        whole = any(isinstance(probe, MaxVoltage | VoltageIntegral) for probe in probes)
        offset = self._offset_of(site)
        if whole or self.surrogate_gradients:
            sampled = execution.sections[0].sampled[0] - offset
            times.append(sampled[(sampled >= 0.0) & (sampled <= job.duration * scale * (1 + 1e-12))] / scale)
        union = np.unique(np.minimum(np.concatenate(times), job.duration))
        first = site.part.placement.circuits[name][:, 0]
        given = (first, recording, execution.sections, 0, site.scales[name], union * scale + offset)
        return VoltageSamples(union, voltages_of(*given))

    def _as_run(self, plan: Plan, placed: Sites, weights: Mapping[ProjectionKey, Ints]) -> Plan:
        """The plan as the chip had it: its rounded weights, and its refractory times."""
        projections = {
            key: projection.with_values({"weight": weights[key] / placed.factors[projection.post]})
            for key, projection in plan.projections.items()
        }
        before = None if self._plan is None else self._plan.without_past()
        self._plan = Plan(placed.held(plan.populations), projections, plan.components, before)
        return self._plan


def _put_together(pieces: Sequence[tuple[Ints, VoltageSamples]], size: int) -> VoltageSamples:
    """Voltages of a population from those of its parts, which were read at the same times."""
    if len(pieces) == 1:
        return pieces[0][1]
    first = pieces[0][1]
    values = np.empty((*first.values.shape[:2], size))
    for index, samples in pieces:
        values[:, :, index] = samples.values
    return VoltageSamples(first.times, values)


def _refuse(job: Job) -> None:
    if job.drive:
        raise ParameterError("simulate.stimulus must be Spikes on a chip; Spikes.from_dense(array, dt) makes them")
    if job.state is not None:
        raise ParameterError("simulate.state: a run on the chip begins at rest and cannot go on from another")
    if job.observed or job.request.measured:
        raise ParameterError("simulate.observed: on a chip it is the chip that observes; leave it out, or use Exact()")
    refuse_trains(job.request)
