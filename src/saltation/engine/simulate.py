"""`simulate`: the one way to run a network."""

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.engine.arguments import (
    check_duration,
    check_network,
    check_observed,
    check_record,
    check_state,
    check_stimulus,
    split_observed,
)
from saltation.engine.backend import Backend, Job, Status
from saltation.engine.backends import check_backend
from saltation.engine.observation import Observed, Record
from saltation.engine.plan import compile_network
from saltation.engine.run import Run
from saltation.engine.state import State
from saltation.errors import SimulationError
from saltation.model import Network, Spikes
from saltation.model.named import Named

_LOG = logging.getLogger(__name__)


def simulate(
    network: Network,
    stimulus: Mapping[str, Spikes | npt.ArrayLike],
    duration: float,
    *,
    backend: Backend | None = None,
    record: Record | None = None,
    observed: Mapping[str, Observed] | None = None,
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
    stimulus : dict of str to Spikes or array
        Events of every ``Input`` population, all with the same batch; on a grid also values ``[batch, step, unit]``,
        one for each grid point of the window.
    duration : float
        Length of the window in seconds.
    backend : Exact or Grid, optional
        How to run it; ``Exact()`` by default.
    record : dict of str to probe or tuple of probes, optional
        Voltages to record: ``Voltage(times)``, ``MaxVoltage()``, ``VoltageIntegral()``.
    observed : dict of str to Spikes, VoltageSamples, or both in a tuple, optional
        Observations from elsewhere, from a chip or another simulator.  Observed spikes take the place of a
        population's own: nothing is searched, the state is the model's, and the adjoint is evaluated at them.
        Measured voltages take the place of what its probes record; with surrogate gradients of a grid also that of
        the voltages at which the surrogate is evaluated.
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
    spikes, drive, batch = check_stimulus(plan, stimulus, duration, state)
    seen_spikes, measured = split_observed({} if observed is None else observed)
    request = check_record(plan, record or {}, measured, duration, batch, backend.surrogate_gradients)
    replayed = check_observed(plan, seen_spikes, duration, batch)
    job = Job(plan, spikes, drive, duration, batch, request, replayed, state)
    seen = backend.run(job)
    _complain(seen.status, throw)
    return Run(
        Named("Run.spikes", {name: seen.spikes[name] for name in plan.populations if name in seen.spikes}),
        Named("Run.voltage (what was recorded)", seen.voltage),
        Named("Run.peak_time (what was recorded with MaxVoltage)", seen.peak_time),
        seen.status,
        duration,
        plan,
        request,
        seen.trace,
        seen.conditions,
    )


_CAUSES = {
    Status.EVENT_LIMIT: "a component emitted more spikes than Exact.max_events allows; the activity may run away: look "
    "at recurrent weights and t_refrac, or raise max_events",
    Status.NOT_FINITE: "the state overflowed; look at the size of the weights",
}


def _complain(status: NDArray[np.int64], throw: bool) -> None:
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
