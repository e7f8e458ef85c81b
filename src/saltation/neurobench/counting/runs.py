"""`count_run`: what a run of ours costs, on the exact backend, on a grid, or on an emulated chip."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation.engine.backend import Status
from saltation.engine.grid_trace import GridTrace
from saltation.engine.run import Run
from saltation.engine.state import State
from saltation.errors import ParameterError
from saltation.model import Input, Population, Projection, ProjectionKey, Spikes
from saltation.model.checks import SECONDS, describe, explain, number
from saltation.model.events import cells, step_count
from saltation.neurobench.counting.chip import packed_footprint, synapse_events
from saltation.neurobench.counting.events import count_projection, count_updates, count_values, names_of
from saltation.neurobench.counting.network import static_of
from saltation.neurobench.counting.record import Activity, LayerCount
from saltation.neurobench.counting.traffic import Traffic, Window, fans_of, traffic_by_name
from saltation.neurobench.report import Complexity, check_samples, declared_rate
from saltation.neurobench.rules import rules_of

if TYPE_CHECKING:
    from saltation.bss2.parts import Part

_EVENTS = ("per-sample", "synapse", "events", "bias", "reference-step", "event-dense", "sparse", "window")


def count_run(
    run: Run,
    *,
    step: float | None = None,
    trainable: Iterable[str] = ("weight",),
    execution_rate: float | None = None,
    parts: "Sequence[Part] | None" = None,
) -> Complexity:
    """Count what a run costs, from its events.

    ::

        Effective_ACs = sum over delivered spikes of the nonzero weights that they reach

    Parameters
    ----------
    run : Run
        What `saltation.simulate` returned; all its samples must have run to their end.
    step : float, optional
        Reference step in seconds for Dense and activation sparsity, which are not defined without one: that of the
        baseline of a task.  By default the step of the grid, if the run was on one.
    trainable : iterable of str
        Kinds of parameters that are counted as parameters.
    execution_rate : float, optional
        Decisions per second of the data, declared.
    parts : sequence of Part, optional
        Of a run on an emulated chip ``backend.parts(network)``, for the physical events of its synapses.

    Returns
    -------
    Complexity
        With ``extra``: duration, reference step, spikes, and on a chip its modelled time in seconds, of all samples of
        the run, and ``modelled_settling``, the wait after analog values are written, which is not in it.

    Raises
    ------
    ParameterError
        If a sample failed, or an argument is not allowed.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.neurobench import count_run
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("out", sal.LIF(1, tau_mem=20e-3, tau_syn=5e-3))
    >>> _ = net.connect("in", "out", weight=[[3.0], [4.0]])
    >>> run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0, 1e-3], [0, 1])])}, duration=30e-3)
    >>> costs = count_run(run, step=1e-3)
    >>> costs.effective_acs, costs.dense, costs.activation_sparsity  # two spikes; 30 steps, one with a spike
    (2.0, 60.0, 0.9666666666666667)
    """
    if not isinstance(run, Run):
        raise ParameterError(explain("count_run.run", "what simulate returned", describe(run), "run the network first"))
    if parts is not None and not isinstance(parts, Sequence):
        raise ParameterError(explain("count_run.parts", "backend.parts(network)", describe(parts)))
    failed = np.flatnonzero(run.status != Status.OK)
    if failed.size:
        raise ParameterError(
            f"count_run.run must have no failed samples; got {failed.size}, the first {int(failed[0])}; their spikes "
            "are not all there; mend the cause, or run the others alone"
        )
    trace: Any = run._trace  # pyright: ignore[reportPrivateUsage]
    chip = "chips" in run.conditions
    # on a chip a trace of steps is that of its surrogate gradients: the spikes are no grid's
    grid = None if chip else trace.settings.dt if isinstance(trace, GridTrace) else run.conditions.get("grid")
    if parts is not None and not chip:
        raise ParameterError("count_run.parts are those of a run on an emulated chip; got a run of another backend")
    # not run.plan, which has the weights that were asked for: on a chip those are others than were written
    plan = trace.job.plan
    found = count_spikes(
        plan.populations,
        plan.projections,
        run.spikes,
        run.duration,
        drive=trace.job.drive,
        state=trace.job.state,
        grid=grid,
        step=grid if step is None else step,
        trainable=trainable,
        execution_rate=execution_rate,
        chip=run.conditions if chip else None,
        parts=parts,
    )
    more = {"packed_footprint": packed_footprint(found.static)} if chip else {}
    return dataclasses.replace(found, extra={**found.extra, **more})


def count_spikes(
    populations: Mapping[str, Population],
    projections: Mapping[ProjectionKey, Projection],
    spikes: Mapping[str, Spikes],
    duration: float,
    *,
    drive: Mapping[str, npt.NDArray[Any]] | None = None,
    state: State | None = None,
    grid: float | None = None,
    step: float | None = None,
    trainable: Iterable[str] = ("weight",),
    execution_rate: float | None = None,
    chip: Mapping[str, Any] | None = None,
    parts: "Sequence[Part] | None" = None,
) -> Complexity:
    """Count from populations, projections and spikes alone; arguments as in `count_run`."""
    drive, pending = drive or {}, {} if state is None else state.values
    batch = next((own.batch for own in spikes.values()), next((v.shape[0] for v in drive.values()), 0))
    emitted = {name: spikes[name] for name in populations if name in spikes}
    for name in () if state is None else state.recent:
        # an input that is driven by values now may have spikes on their way
        emitted.setdefault(name, Spikes.empty(batch, populations[name].size))
    traffic = traffic_by_name(emitted, state)
    check_samples("count_run", batch)
    window = Window(duration, grid, np.zeros(0) if state is None else state.elapsed)
    steps = None
    if step is not None:
        steps = step_count(number("count_run", "step", step, minimum=0.0, strict=True, hint=SECONDS), duration)
    layers: list[LayerCount] = []
    for key, projection in projections.items():
        of_all = None if steps is None else steps * batch
        fans, before = fans_of(projection), pending.get(projection.pre)
        if projection.pre in drive or before is not None:
            given = None if projection.pre not in drive else np.asarray(drive[projection.pre], np.float64)
            layer = count_values(key, projection, fans, given, before, window, of_all)
            if projection.pre in traffic:
                spikes_too = count_projection(key, projection, fans, traffic[projection.pre], window, None)
                layer = dataclasses.replace(layer, effective_acs=layer.effective_acs + spikes_too.effective_acs)
            layers.append(layer)
        else:
            layers.append(count_projection(key, projection, fans, traffic[projection.pre], window, of_all))
    extra: dict[str, Any] = {"duration": duration, "reference_step": step}
    extra["spikes"] = {name: own.n_events for name, own in spikes.items() if name in populations}
    neurons = [name for name, p in populations.items() if p.spiking and not isinstance(p, Input)]
    fired = sum(spikes[name].n_events for name in neurons)
    size = sum(populations[name].size for name in neurons)
    extra["spikes_per_neuron_and_sample"] = fired / (size * batch) if size else None
    extra["events_per_second"] = sum(extra["spikes"].values()) / (batch * duration)
    of_updates = ["updates"] if grid is None else ["grid-points", "grid-updates"]
    rules = [*_EVENTS, *of_updates, "rate", "event-footprint", "learning"]
    if drive or pending:
        rules[3:3] = ["values", "analog"]
    kind = "event-driven" if grid is None else "time-stepped"
    if chip is not None:
        kind = "emulated chip"
        rules.append("chip")
        # once, where a configuration is new, however many samples follow: no time of a sample
        extra["modelled_hardware_time"] = chip["hardware_time"] - chip["settled"]
        extra["modelled_settling"] = chip["settled"]
        extra["Synapse_Events"] = None if parts is None else synapse_events(parts, spikes) / batch
    return Complexity(
        kind,
        batch,
        tuple(layers),
        static_of(populations, projections, trainable, weight_bytes=None if chip is None else 1),
        _activity(spikes, neurons, populations, duration, step, steps, batch),
        None,
        _updates(populations, projections, traffic, window, batch),
        declared_rate("count_run", execution_rate),
        extra,
        rules_of(*rules),
    )


def _activity(
    spikes: Mapping[str, Spikes],
    neurons: Sequence[str],
    populations: Mapping[str, Population],
    duration: float,
    step: float | None,
    steps: int | None,
    batch: int,
) -> Activity:
    """Bins of the reference step, and how many are without a spike."""
    if step is None or steps is None:
        return Activity(None, None, tuple(neurons))
    outputs = occupied = 0
    for name in neurons:
        own, size = spikes[name], populations[name].size
        cell = own.sample_index() * steps + cells(own.times, step, 0.0, steps)
        outputs += batch * steps * size
        occupied += np.unique(cell * size + own.units).size
    return Activity(outputs, outputs - occupied, tuple(neurons))


def _updates(
    populations: Mapping[str, Population],
    projections: Mapping[ProjectionKey, Projection],
    traffic: Mapping[str, Traffic],
    window: Window,
    batch: int,
) -> int:
    total = 0
    for name, population in populations.items():
        if isinstance(population, Input):
            continue
        if window.grid is not None:
            total += batch * population.size * step_count(window.grid, window.duration)
            continue
        incoming = [projections[key] for key in names_of(projections, name)]
        pairs = [(projection, traffic[projection.pre]) for projection in incoming]
        total += count_updates(pairs, population.size, traffic.get(name), window, batch)
    return total
