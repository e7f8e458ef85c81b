"""`simulate`: the one way to run a network."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.arguments import (
    check_backend,
    check_duration,
    check_network,
    check_observed,
    check_record,
    check_state,
    check_stimulus,
)
from saltation.engine.exact import Exact
from saltation.engine.forward import ComponentRun
from saltation.engine.observation import Probe, Record, Request, measured_value
from saltation.engine.plan import Plan, compile_network
from saltation.engine.run import Run, Status
from saltation.engine.sources import join_recent
from saltation.engine.state import Recent, State, recent_spikes
from saltation.engine.threads import default_threads
from saltation.errors import SimulationError
from saltation.kernels.records import AREA, GRAZING, OUTCOME, PEAK, PEAK_TIME
from saltation.model import MaxVoltage, Network, Spikes, Voltage, VoltageSamples
from saltation.model.named import Named

Floats = NDArray[np.float64]
_LOG = logging.getLogger(__name__)


def simulate(
    network: Network,
    stimulus: Mapping[str, Spikes],
    duration: float,
    *,
    backend: Exact | None = None,
    record: Record | None = None,
    observed: Mapping[str, Spikes | VoltageSamples] | None = None,
    state: State | None = None,
    throw: bool = True,
) -> Run:
    r"""Run a network on a stimulus.

    The window is ``[0, duration]``, both ends included: an input, an arrival and a spike at exactly ``duration``
    still count.  At equal times an input comes before a spike, and a lower unit before a higher one.

    Parameters
    ----------
    network : Network
        What to run.
    stimulus : dict of str to Spikes
        Events of every ``Input`` population, all with the same batch.
    duration : float
        Length of the window in seconds.
    backend : Exact, optional
        How to run it; ``Exact()`` by default.
    record : dict of str to probe or tuple of probes, optional
        Voltages to record: ``Voltage(times)``, ``MaxVoltage()``, ``VoltageIntegral()``.
    observed : dict of str to Spikes or VoltageSamples, optional
        Observations from elsewhere, from a chip or another simulator.  Observed spikes take the place of a
        population's own: nothing is searched, the state is the model's, and the adjoint is evaluated at them.
        Measured voltages take the place of what its probes record.
    state : State, optional
        ``run.state`` of the run to continue; time starts again at 0.
    throw : bool
        Whether a failed sample raises; otherwise it is noted in ``run.status``.

    Returns
    -------
    Run
        Spikes, voltages, status, and their gradient.

    Raises
    ------
    ParameterError
        If an argument is missing, out of range or of the wrong shape; the message names it.
    NetworkError
        If the network cannot be run.
    SimulationError
        If samples fail and ``throw`` is set; ``error.samples`` lists them.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import saltation as sal
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(1)); _ = net.add("out", sal.LIF(1, tau_mem=0.02, tau_syn=0.01))
    >>> _ = net.connect("in", "out", weight=[[5.0]])
    >>> run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, duration=0.05)
    >>> run.spikes["out"].times.round(6)
    array([0.00647])
    """
    check_network(network)
    backend = check_backend(backend)
    duration = check_duration(duration)
    plan = compile_network(network)
    if state is not None:
        check_state(plan, state)
    batch = check_stimulus(plan, stimulus, duration, state)
    request = check_record(plan, record or {}, observed or {}, duration, batch)
    replayed = check_observed(plan, observed or {}, duration, batch)
    spikes = {name: stimulus[name] for name in plan.inputs}
    runs = backend.run(plan, spikes, duration, request, replayed, state)
    status = _status(runs, batch)
    _complain(runs, status, throw)
    voltage, peak_time = _voltages(runs, request)
    return Run(
        Named("Run.spikes", {name: spikes[name] for name in plan.populations if name in spikes}),
        Named("Run.voltage (what was recorded)", voltage),
        Named("Run.peak_time (what was recorded with MaxVoltage)", peak_time),
        status,
        duration,
        plan,
        request,
        runs,
        backend.threads or default_threads(),
        partial(_end_state, plan, runs, spikes, duration, state, batch),
    )


def _status(runs: Sequence[ComponentRun | None], batch: int) -> NDArray[np.int64]:
    """Status of each sample: that of the first component in which it failed."""
    status = np.zeros(batch, np.int64)
    for run in runs:
        if run is not None and run.report.ints[OUTCOME].any():
            status = np.where(status == Status.OK, run.report.ints[OUTCOME], status)
    return status


_CAUSES = {
    Status.EVENT_LIMIT: "a component emitted more spikes than Exact.max_events allows; the activity may run away: look "
    "at recurrent weights and t_refrac, or raise max_events",
    Status.NOT_FINITE: "the state overflowed; look at the size of the weights",
}


def _complain(runs: Sequence[ComponentRun | None], status: NDArray[np.int64], throw: bool) -> None:
    if status.any():
        failed = np.flatnonzero(status)
        kind = Status(int(status[failed[0]]))
        samples = tuple(int(i) for i in failed)
        shown = ", ".join(map(str, samples[:10])) + (", ..." if len(samples) > 10 else "")
        message = (
            f"{failed.size} of {status.size} samples failed ({shown}), the first with {kind.name}: {_CAUSES[kind]}"
        )
        if throw:
            error = SimulationError(f"{message}; throw=False keeps the others", samples)
            raise error
        _LOG.warning("%s", message)
    if _LOG.isEnabledFor(logging.INFO):
        grazing = sum(int(run.report.ints[GRAZING].sum()) for run in runs if run is not None)
        if grazing:
            _LOG.info("%d spikes barely crossed their threshold; their gradients are huge", grazing)


def _voltages(runs: Sequence[ComponentRun | None], request: Request) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Recorded values of each population, and where maxima lie."""
    voltage: dict[str, Any] = {}
    peak_time: dict[str, Floats] = {}
    for run in runs:
        if run is None:
            continue
        for name, (first, last) in run.packed.columns.items():
            if name not in request.probes:
                continue
            values = tuple(_value(run, probe, request, name, first, last) for probe in request.probes[name])
            voltage[name] = values[0] if name in request.single else values
            if any(isinstance(probe, MaxVoltage) for probe in request.probes[name]):
                if name in request.measured:
                    measured = request.measured[name]
                    peak_time[name] = measured.times[measured.values.argmax(axis=1)]
                else:
                    peak_time[name] = run.probes.watch[:, PEAK_TIME, first:last]
    return voltage, peak_time


def _value(run: ComponentRun, probe: Probe, request: Request, name: str, first: int, last: int) -> Floats:
    if name in request.measured:
        return measured_value(probe, request.measured[name], name)
    if isinstance(probe, Voltage):
        at = np.searchsorted(run.probe_times, probe.times)
        return np.ascontiguousarray(run.probes.samples[:, at, first:last])
    row = PEAK if isinstance(probe, MaxVoltage) else AREA
    return np.ascontiguousarray(run.probes.watch[:, row, first:last])


def _end_state(
    plan: Plan,
    runs: Sequence[ComponentRun | None],
    spikes: Mapping[str, Spikes],
    duration: float,
    before: State | None,
    batch: int,
) -> State:
    """State at the end of the window, in the clock of a run that follows."""
    x: dict[str, Floats] = {}
    release: dict[str, Floats] = {}
    count: dict[str, NDArray[np.int64]] = {}
    recent: dict[str, Recent] = {}
    for run in runs:
        if run is None:
            continue
        for name, (first, last) in run.packed.columns.items():
            x[name] = run.x_end[:, :, first:last]
            left = run.release_end[:, first:last] - duration
            release[name] = np.where(left > 0.0, left, -np.inf)
            count[name] = run.count_end[:, first:last]
    elapsed = np.append(before.elapsed if before is not None else np.zeros(0), duration)
    for name, emitted in spikes.items():
        longest = plan.longest_delay[name]
        if longest > 0.0:
            old = before.recent.get(name) if before is not None else None
            times, units, age, offsets, _ = join_recent(old, emitted)
            age = age if age.size else np.zeros(times.size, np.int64)
            recent[name] = recent_spikes(times, units, age, offsets, elapsed, longest)
    oldest = max((int(kept.age.max(initial=0)) for kept in recent.values()), default=0)
    return State(batch, x, release, count, recent, elapsed[elapsed.size - oldest :])
