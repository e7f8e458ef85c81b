"""Running a network on a time grid: components in order, chunks of samples, and the record they leave."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.backend import Drive, Job, Observation, Status
from saltation.engine.buffers import grown
from saltation.engine.grid_drive import currents_of, fitted_drive
from saltation.engine.grid_observed import forced_spikes, measured_voltages
from saltation.engine.grid_run import GridPart, GridRun, GridSettings
from saltation.engine.grid_table import last_step, step_table, steps
from saltation.engine.grid_trace import GridTrace
from saltation.engine.memory import empty
from saltation.engine.observation import Probe, Request
from saltation.engine.plan import PackedComponent
from saltation.engine.sources import gather, sort_events
from saltation.engine.state import State
from saltation.engine.threads import chunks, run_chunks
from saltation.errors import ParameterError
from saltation.kernels.grid import (
    ADAPT,
    AREA,
    COUNT,
    CURRENTS_FROM,
    FOR_EVER,
    HELD_TO,
    PEAK,
    PEAK_STEP,
    STEPS_HELD,
    WATCHED,
    Found,
    Recorder,
    Scheme,
    V,
    grid_forward,
)
from saltation.model import MaxVoltage, Spikes, SpikeTrain, Voltage
from saltation.model.checks import freeze
from saltation.model.surrogates import Surrogate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# What is traced of a segment should stay in the cache of a core: that many numbers.
_SEGMENT = 1 << 15
# More numbers than these are not kept from the run for its gradient, which then makes them again.
_MOST_KEPT = 1 << 24
# A step of a neuron costs a fraction of its update by an event, by which chunks of samples are measured.
_STEPS_PER_UPDATE = 8


def run_on_grid(
    job: Job, dt: float, surrogate: Surrogate, detached: bool, checkpoint: int | None, threads: int
) -> Observation:
    """Run all components in order, with what was observed of them elsewhere in the place of their own."""
    plan = job.plan
    last = last_step(job.duration, dt)
    if last < 1:
        raise ParameterError(f"simulate.duration must be at least one step of the grid, {dt} s; got {job.duration} s")
    settings = GridSettings(dt, last, surrogate, detached, checkpoint, threads)
    drive = {name: fitted_drive(name, values, last) for name, values in job.drive.items()}
    if job.state is not None and job.state.values and job.state.step != dt:
        raise ParameterError(
            f"simulate.state has values on their way, by steps of {job.state.step} s; go on with the same Grid.dt; got "
            f"{dt} s"
        )
    spikes = dict(job.stimulus)
    moved = {name: _on_grid(events, dt) for name, events in spikes.items()}
    runs: list[GridRun | None] = []
    for index, component in enumerate(plan.components):
        names = component.populations
        if component.model == "input":
            runs.append(None)
            continue
        run = _run_component(job, plan.packed(index), moved, drive, settings)
        runs.append(run)
        if run.packed.spiking:
            for name in names:
                if name in job.observed:
                    spikes[name], moved[name] = job.observed[name], _on_grid(job.observed[name], dt)
                else:
                    moved[name] = spikes[name] = run.spikes_of(name, job.duration)
    trace = GridTrace(job, moved, drive, tuple(runs), settings)
    return Observation(spikes, *_voltages(job.request, runs, settings), _status(runs, job.batch), trace)


def _on_grid(spikes: Spikes, dt: float) -> Spikes:
    return Spikes._trusted(  # pyright: ignore[reportPrivateUsage]
        (steps(spikes.times, dt) * dt).astype(np.float64, copy=False), spikes.units, spikes.offsets, spikes.n_units
    )


def _run_component(
    job: Job,
    packed: PackedComponent,
    spikes: Mapping[str, Spikes],
    drive: Mapping[str, Drive],
    settings: GridSettings,
) -> GridRun:
    dt, last = settings.dt, settings.last
    table = step_table(job.plan, packed, dt)
    packed = settings.on_grid(packed)
    steps_of = steps(packed.delays, dt)
    sources = gather(packed, _without(spikes, drive, job.batch), job.state, job.batch)
    if sources.elapsed.size:
        # what arrived with the last step of the run before is over, also where rounding says it was a little later
        sources = replace(sources, elapsed=freeze(np.append(sources.elapsed[:-1], sources.elapsed[-1] + 0.25 * dt)))
    n, n_receptors = packed.size, len(table.receptors)
    ring = _ring(job, packed, steps_of, last)
    rows = CURRENTS_FROM + n_receptors * (1 + (ring if ring > 1 else 0))
    names = packed.component.populations
    forced = forced_spikes(packed, job, dt, last)
    every = settings.checkpoint or max(int(np.ceil(np.sqrt(last + 1))), _SEGMENT // (5 * n))
    every = min(every, last + 1)
    segments = 0 if every > last else -(-(last + 1) // every)
    scheme = Scheme(
        dt,
        packed.spiking,
        "beta" in packed.names,
        bool(table.rows[STEPS_HELD].any() or packed.limit.any()) or job.state is not None,
        bool(packed.limit.any()) and not forced.shape[1],
        last,
        every,
        ring,
        table.rows,
        currents_of(job.plan, packed, drive, values_before(job), n_receptors, steps_of, last),
        packed.weights,
        packed.synapses,
        packed.wiring,
        steps_of,
        packed.limit,
        _start(packed, job.state, dt, n_receptors),
        empty((job.batch, segments, rows, n)),
        forced,
        measured_voltages(packed, job, dt, last),
    )
    # measured voltages are already in the place of the model's, and are recorded as those would be
    request = replace(job.request, measured={})
    probe_steps = np.unique(steps(request.times(names), dt))
    recorder = Recorder(
        probe_steps,
        np.zeros((job.batch, probe_steps.size, n) if probe_steps.size else (1, 0, 0)),
        np.zeros((job.batch, WATCHED, n) if request.watched(names) else (1, WATCHED, 0)),
        empty(_kept(settings, scheme, job.batch, n)),
    )
    ends = np.zeros((job.batch, CURRENTS_FROM + n_receptors, n))
    status = np.zeros(job.batch, np.int64)

    def work(first: int, stop: int) -> GridPart:
        events = sort_events(packed, sources, (last + 0.25) * dt, np.empty(0), first, stop)
        event_steps = steps(events.times[: events.offsets[stop]], dt)  # behind them is room
        offsets = np.zeros(stop + 1, np.int64)
        room = 2 * n * (stop - first) + 64 if packed.spiking else 0
        found = Found(empty(room, np.int64), empty(room, np.int64))
        state = np.zeros((rows, n))
        at, used = first, 0
        while True:
            outputs = (state, recorder, found, used, offsets, ends, status)
            at, used, needed = grid_forward(at, stop, scheme, events, event_steps, *outputs)
            if at == stop:
                break
            found = Found(*(grown(array, used, 2 * needed) for array in found))
        return GridPart(first, stop, events, event_steps, found.units[:used], found.steps[:used], offsets)

    updates = job.batch * n * (last + 1) // _STEPS_PER_UPDATE
    parts = tuple(run_chunks(work, chunks(job.batch, updates, settings.threads), settings.threads))
    return GridRun(packed, table, scheme, parts, recorder, ends, status)


def _kept(settings: GridSettings, scheme: Scheme, batch: int, n: int) -> tuple[int, int, int]:
    """Shape of the distances to keep for the gradient: of a plain component, where they are not too many."""
    simple = scheme.spiking and not (scheme.adaptive or scheme.holds)
    if not simple or settings.checkpoint is not None or batch * (scheme.last + 1) * n > _MOST_KEPT:
        return 1, 0, n
    return batch, scheme.last + 1, n


def values_before(job: Job) -> Mapping[str, Drive]:
    """Values of the runs before that may still be on their way."""
    return {} if job.state is None else job.state.values


def _without(spikes: Mapping[str, Spikes], drive: Mapping[str, Drive], batch: int) -> dict[str, Spikes]:
    """Spikes of all sources; an input that is given as values has none."""
    return {**spikes, **{name: Spikes.empty(batch, values.shape[2]) for name, values in drive.items()}}


def _ring(job: Job, packed: PackedComponent, steps_of: Ints, last: int) -> int:
    """Grid points for which currents to come are kept: the longest delay inside, as far as it matters."""
    longest = 0
    for key in packed.component.internal:
        j = packed.keys.index(key)
        own = steps_of[packed.delay_at[j] : packed.delay_at[j + 1]]
        longest = max(longest, int(own.max(initial=0)))
    return min(longest, last) + 1


def _start(packed: PackedComponent, state: State | None, dt: float, n_receptors: int) -> Floats:
    """State of each sample before the first grid point ``[batch or 1, row, neuron]``."""
    names = packed.component.populations
    batch = 1 if state is None else state.batch
    start = np.zeros((batch, CURRENTS_FROM + n_receptors, packed.size))
    start[:, V] = packed.v_init
    start[:, HELD_TO] = -1.0
    if state is not None:
        x = np.concatenate([state.x[name] for name in names], axis=2)
        start[:, V] = x[:, 0]
        start[:, CURRENTS_FROM:] = x[:, 1 : 1 + n_receptors]
        if x.shape[1] > 1 + n_receptors:
            start[:, ADAPT] = x[:, -1]
        release = np.concatenate([state.release[name] for name in names], axis=1)
        start[:, HELD_TO] = np.clip(np.rint(release / dt), -1.0, FOR_EVER)
        start[:, COUNT] = np.concatenate([state.count[name] for name in names], axis=1)
    return start


def _status(runs: Sequence[GridRun | None], batch: int) -> Ints:
    status = np.zeros(batch, np.int64)
    for run in runs:
        if run is not None:
            status = np.where(status == Status.OK, run.status, status)
    return status


def _voltages(
    request: Request, runs: Sequence[GridRun | None], settings: GridSettings
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Recorded values of each population, and where maxima lie."""
    voltage: dict[str, Any] = {}
    peak_time: dict[str, Floats] = {}
    for run in runs:
        if run is None:
            continue
        for name, (first, last) in run.packed.columns.items():
            if name not in request.probes:
                continue
            values = tuple(_value(run, probe, settings, name) for probe in request.probes[name])
            voltage[name] = values[0] if name in request.single else values
            if any(isinstance(probe, MaxVoltage) for probe in request.probes[name]):
                peak_time[name] = run.recorder.watch[:, PEAK_STEP, first:last] * settings.dt
    return voltage, peak_time


def _value(run: GridRun, probe: Probe, settings: GridSettings, name: str) -> Floats:
    first, last = run.packed.columns[name]
    if isinstance(probe, SpikeTrain):
        return run.train_of(name)
    if isinstance(probe, Voltage):
        at = np.searchsorted(run.recorder.probe_steps, steps(probe.times, settings.dt))
        return np.ascontiguousarray(run.recorder.samples[:, at, first:last])
    row = PEAK if isinstance(probe, MaxVoltage) else AREA
    return np.ascontiguousarray(run.recorder.watch[:, row, first:last])
