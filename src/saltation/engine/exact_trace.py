"""What an exact run leaves behind: EventProp goes back along it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.engine.adjoint import network_adjoint
from saltation.engine.backend import Job, Report, Status, Tangent, Tangents, Trace, Wish
from saltation.engine.forward import ComponentRun
from saltation.engine.gradient import Gradient, name_gradient
from saltation.engine.observation import Probe, measured_value
from saltation.engine.state import State, waiting_spikes
from saltation.engine.tangent import network_tangent
from saltation.kernels.records import AREA, GRAZING, OUTCOME, PEAK, PEAK_TIME, UNCROSSED
from saltation.model import MaxVoltage, Spikes, Voltage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True)
class ExactTrace(Trace):
    """Runs of the components of a network, in order, and all spikes."""

    job: Job
    spikes: Mapping[str, Spikes]
    runs: tuple[ComponentRun | None, ...]
    threads: int

    def report(self) -> Report:
        """Spikes that need attention."""
        batch = self.job.batch
        grazing, uncrossed = np.zeros(batch, np.int64), np.zeros(batch, np.int64)
        least = np.full(batch, np.inf)
        for run in self.runs:
            if run is not None:
                grazing += run.report.ints[GRAZING]
                uncrossed += run.report.ints[UNCROSSED]
                least = np.minimum(least, run.report.least_slope)
        return Report(grazing, uncrossed, least)

    def gradient(self, wish: Wish) -> Gradient:
        """EventProp through all components."""
        bars = dict(wish.spike_times)
        parts = network_adjoint(
            self.runs,
            self.job.request,
            bars,
            wish.voltage,
            self.job.batch,
            wish.time_constants,
            wish.per_sample,
            self.threads,
        )
        return name_gradient(self.job.plan, parts, {name: bars[name] for name in self.job.plan.inputs})

    def tangent(self, tangents: Tangents) -> Tangent:
        """Tangents pushed through all components."""
        return network_tangent(self.job.plan, self.runs, self.job.request, self.spikes, tangents)

    def state(self) -> State:
        """State at the end of the window, in the clock of a run that follows."""
        job = self.job
        x: dict[str, Floats] = {}
        release: dict[str, Floats] = {}
        count: dict[str, Ints] = {}
        for run in self.runs:
            if run is None:
                continue
            for name, (first, last) in run.packed.columns.items():
                x[name] = run.x_end[:, :, first:last]
                left = run.release_end[:, first:last] - job.duration
                release[name] = np.where(left > 0.0, left, -np.inf)
                count[name] = run.count_end[:, first:last]
        recent, elapsed = waiting_spikes(job.plan.longest_delay, self.spikes, job.duration, job.state)
        return State(job.batch, x, release, count, recent, elapsed)

    def status(self) -> Ints:
        """Status of each sample: that of the first component in which it failed."""
        status = np.zeros(self.job.batch, np.int64)
        for run in self.runs:
            if run is not None and run.report.ints[OUTCOME].any():
                status = np.where(status == Status.OK, run.report.ints[OUTCOME], status)
        return status

    def grazing(self) -> int:
        """Number of spikes that barely crossed their threshold."""
        return sum(int(run.report.ints[GRAZING].sum()) for run in self.runs if run is not None)

    def voltages(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Recorded values of each population, and where maxima lie."""
        request = self.job.request
        voltage: dict[str, Any] = {}
        peak_time: dict[str, Floats] = {}
        for run in self.runs:
            if run is None:
                continue
            for name, (first, last) in run.packed.columns.items():
                if name not in request.probes:
                    continue
                values = tuple(self._value(run, probe, name, first, last) for probe in request.probes[name])
                voltage[name] = values[0] if name in request.single else values
                if any(isinstance(probe, MaxVoltage) for probe in request.probes[name]):
                    if name in request.measured:
                        measured = request.measured[name]
                        peak_time[name] = measured.times[measured.values.argmax(axis=1)]
                    else:
                        peak_time[name] = run.probes.watch[:, PEAK_TIME, first:last]
        return voltage, peak_time

    def _value(self, run: ComponentRun, probe: Probe, name: str, first: int, last: int) -> Floats:
        if name in self.job.request.measured:
            return measured_value(probe, self.job.request.measured[name], name)
        if isinstance(probe, Voltage):
            at = np.searchsorted(run.probe_times, probe.times)
            return np.ascontiguousarray(run.probes.samples[:, at, first:last])
        row = PEAK if isinstance(probe, MaxVoltage) else AREA
        return np.ascontiguousarray(run.probes.watch[:, row, first:last])
