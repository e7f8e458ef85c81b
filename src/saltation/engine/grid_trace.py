"""What a run on a grid leaves behind: surrogate gradients go back along it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.engine.backend import Drive, Job, Report, Tangent, Tangents, Trace, Wish
from saltation.engine.gradient import ComponentGradient, Gradient, name_gradient
from saltation.engine.grid_adjoint import all_spikes, component_back, no_spikes
from saltation.engine.grid_drive import drive_back, values_on_their_way
from saltation.engine.grid_followers import Followers, following, joined_followers, pull_source
from saltation.engine.grid_run import GridRun, GridSettings
from saltation.engine.grid_table import parameters_from
from saltation.engine.state import State, waiting_spikes
from saltation.errors import GradientError
from saltation.kernels.grid import ADAPT, COUNT, CURRENTS_FROM, HELD_TO, V
from saltation.model import Spikes, SpikeTrain
from saltation.model.named import Named

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NOT_ON_A_GRID = (
    "{what} is not defined on a grid, where times are whole steps; use Grid(dt, gradient='eventprop') for the gradient "
    "of the exact model at the spikes of the grid, or Exact()"
)


@final
@dataclass(frozen=True, slots=True)
class GridTrace(Trace):
    """Runs of the components of a network, in order, all spikes as the grid has them, and the values that drove it."""

    job: Job
    spikes: Mapping[str, Spikes]
    drive: Mapping[str, Drive]
    runs: tuple[GridRun | None, ...]
    settings: GridSettings

    def _spiking(self) -> dict[str, GridRun]:
        """Runs of the populations that spike and are no inputs."""
        runs = (run for run in self.runs if run is not None and run.packed.spiking)
        return {name: run for run in runs for name in run.packed.columns}

    def report(self) -> Report:
        """Nothing grazes on a grid; of observed spikes, those that were not the grid's too are told."""
        batch = self.job.batch
        uncrossed = np.zeros(batch, np.int64)
        for run in self.runs:
            if run is not None and run.scheme.forced.shape[1]:
                own = np.concatenate([np.diff(part.offsets[part.first :]) for part in run.parts])
                uncrossed += sum(np.diff(self.job.observed[name].offsets) for name in run.packed.columns) - own
        return Report(np.zeros(batch, np.int64), uncrossed, np.full(batch, np.inf))

    def tangent(self, tangents: Tangents) -> Tangent:
        """There is none."""
        raise GradientError("Run.jvp: " + _NOT_ON_A_GRID.format(what="how spike times move with parameters"))

    def state(self) -> State:
        """State behind the last grid point, in the clock of a run that follows."""
        job, settings = self.job, self.settings
        if abs(settings.last * settings.dt - job.duration) > 1e-6 * settings.dt:
            raise GradientError(
                "Run.state of a run on a grid needs a duration of whole steps, for the next run to continue on the "
                f"same grid; got {job.duration} s with steps of {settings.dt} s"
            )
        x: dict[str, Floats] = {}
        release: dict[str, Floats] = {}
        count: dict[str, Ints] = {}
        for run in self.runs:
            if run is None:
                continue
            adaptive = run.packed.n_state > 1 + len(run.table.receptors)
            for name, (first, last) in run.packed.columns.items():
                end = run.ends[:, :, first:last]
                rows = [end[:, V : V + 1], end[:, CURRENTS_FROM:], *([end[:, ADAPT : ADAPT + 1]] if adaptive else [])]
                x[name] = np.concatenate(rows, axis=1)
                left = end[:, HELD_TO] - settings.last
                release[name] = np.where(left > 0.0, left * settings.dt, -np.inf)
                count[name] = end[:, COUNT].astype(np.int64)
        longest = {name: self._on_grid(value) for name, value in job.plan.longest_delay.items()}
        recent, elapsed = waiting_spikes(longest, self.spikes, job.duration, job.state)
        before = self._before()
        values = values_on_their_way(job.plan, self.drive, before, settings.dt, settings.last)
        return State(job.batch, x, release, count, recent, elapsed, values, settings.dt if values else None)

    def _before(self) -> Mapping[str, Drive]:
        """Values of the runs before that may still have been on their way."""
        return {} if self.job.state is None else self.job.state.values

    def _on_grid(self, time: float) -> float:
        # a quarter of a step keeps what falls on the end of the run, to rounding, with that run
        return max(round(time / self.settings.dt) * self.settings.dt - 0.25 * self.settings.dt, 0.0)

    def gradient(self, wish: Wish) -> Gradient:
        """Back through the steps of all components."""
        if wish.timed:
            raise GradientError(
                "Run.gradient.spike_times: " + _NOT_ON_A_GRID.format(what="a derivative by spike times")
            )
        job, settings, plan = self.job, self.settings, self.job.plan
        by_spike: dict[str, Floats] = {}
        for name, bars in wish.voltage.items():
            for probe, bar in zip(job.request.probes[name], bars, strict=True):
                if isinstance(probe, SpikeTrain):
                    by_spike[name] = by_spike.get(name, 0.0) + bar
        by_drive: dict[str, Floats] = {name: np.zeros(values.shape) for name, values in self.drive.items()}
        spiking = self._spiking()
        follow: dict[tuple[str, ...], list[Followers]] = {}
        parts: list[ComponentGradient] = []
        for run in reversed(self.runs):
            if run is None:
                continue
            packed = run.packed
            pulled = [name for name in packed.component.sources if name in spiking and name not in packed.columns]
            given = {*self.drive, *self._before()}
            driven = any(plan.projections[key].pre in given for key in packed.keys)
            weights, coefficients, start, kept = component_back(
                run,
                job.request,
                settings,
                wish.voltage,
                self._of_component(run, by_spike),
                joined_followers(follow.pop(packed.component.populations, []), packed.size),
                bool(pulled) or driven,
                wish.per_sample,
                wish.time_constants,
            )
            for name in pulled:
                source = spiking[name].packed
                few = following(plan, run, kept, name, slice(*source.columns[name]), source.size)
                if few is not None:
                    follow.setdefault(source.component.populations, []).append(few)
                    continue
                if name not in by_spike:
                    by_spike[name] = all_spikes(job.batch, settings.last, plan.populations[name].size)
                pull_source(plan, run, settings, name, kept, by_spike[name])
            if driven:
                steps_of, values = run.scheme.steps_of, (self.drive, self._before())
                drive_back(plan, packed, *values, steps_of, kept, wish.per_sample, weights, by_drive)
            shape = weights.shape[:-1]
            delays = np.zeros((*shape, packed.delays.size))
            parameters = parameters_from(run.table, coefficients, wish.time_constants)
            parts.append(ComponentGradient(packed, weights, delays, parameters, start, job.state is None))
        return _without_times(name_gradient(plan, parts, {}), by_drive)

    def _of_component(self, run: GridRun, by_spike: Mapping[str, Floats]) -> Floats:
        """``dL/dz`` of all its neurons."""
        columns = run.packed.columns
        if not any(name in by_spike for name in columns):
            return no_spikes(run.packed.size)
        if len(columns) == 1:
            return np.ascontiguousarray(by_spike[next(iter(columns))])
        found = all_spikes(self.job.batch, self.settings.last, run.packed.size)
        for name, (first, last) in columns.items():
            if name in by_spike:
                found[:, :, first:last] = by_spike[name]
        return found


def _without_times(gradient: Gradient, by_drive: dict[str, Floats]) -> Gradient:
    """Leave out what is moved to whole steps, and say why to whoever asks for it."""
    nothing: dict[str, Any] = {
        kind: Named(f"Gradient.{kind} (" + _NOT_ON_A_GRID.format(what="a derivative by times") + ")")
        for kind in ("delay", "t_refrac", "input_times")
    }
    return replace(gradient, **nothing, input_values=Named("Gradient.input_values", by_drive))
