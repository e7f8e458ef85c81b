"""The exact backend: event by event, spike times to rounding."""

import logging
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from saltation.engine.backend import Backend, Job, Observation
from saltation.engine.exact_trace import ExactTrace
from saltation.engine.forward import ComponentRun, make_start, run_component
from saltation.engine.observation import Request
from saltation.engine.sources import gather
from saltation.engine.threads import default_threads
from saltation.errors import ParameterError
from saltation.model import Spikes

_LOG = logging.getLogger(__name__)


@final
@dataclass(frozen=True, slots=True)
class Exact(Backend):
    """Exact event-driven simulation in continuous time.

    Between events the state follows its closed form; spikes are the first upward crossings of the threshold, found
    in closed form for ``tau_mem`` twice ``tau_syn`` and by an iteration to rounding otherwise, which a bracketed
    search stands behind.  No crossing is missed and no spike is dropped.

    Parameters
    ----------
    threads : int, optional
        Number of threads over samples; by default ``SALTATION_NUM_THREADS`` or all processors.  Results do not
        depend on it.
    max_events : int
        Spikes that a component may emit in one sample; a sample with more fails with the status ``EVENT_LIMIT`` and
        keeps no spikes.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import saltation as sal
    >>> sal.Exact(threads=1).threads
    1
    """

    threads: int | None = None
    max_events: int = 1_000_000

    def __post_init__(self) -> None:
        """Check the arguments."""
        given: tuple[tuple[str, Any], ...] = (("threads", self.threads), ("max_events", self.max_events))
        for name, value in given:
            if value is None and name == "threads":
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ParameterError(f"Exact.{name} must be a whole number of at least 1; got {value!r}")

    def run(self, job: Job) -> Observation:
        """Run all components in order."""
        if job.state is not None and job.state.values:
            raise ParameterError(
                f"simulate.state has values of {', '.join(job.state.values)} on their way, which only a grid delivers; "
                f"go on with Grid(dt={job.state.step}), or end the values a delay earlier"
            )
        if job.drive:
            raise ParameterError(
                f"simulate.stimulus must be Spikes where a network runs event by event; got an array for "
                f"{', '.join(job.drive)}; make events of zeros and ones by Spikes.from_dense(array, dt), or run it "
                "with backend=Grid(dt)"
            )
        refuse_trains(job.request)
        threads = self.threads or default_threads()
        plan = job.plan
        spikes = dict(job.stimulus)
        runs: list[ComponentRun | None] = []
        for index, component in enumerate(plan.components):
            if component.model == "input":
                runs.append(None)
                continue
            packed = plan.packed(index)
            names = component.populations
            run = run_component(
                packed,
                gather(packed, spikes, job.state, job.batch),
                make_start(packed, job.state),
                job.state is not None,
                job.duration,
                job.request.times(names),
                job.request.watched(names),
                job.observed if names[0] in job.observed else None,
                job.batch,
                self.max_events,
                threads,
            )
            runs.append(run)
            if packed.spiking:
                for name in names:
                    spikes[name] = _spikes_of(run, name)
        trace = ExactTrace(job, spikes, tuple(runs), threads)
        if _LOG.isEnabledFor(logging.INFO) and (grazing := trace.grazing()):
            _LOG.info("%d spikes barely crossed their threshold; their gradients are huge", grazing)
        return Observation(spikes, *trace.voltages(), trace.status(), trace)


def refuse_trains(request: Request) -> None:
    """Raise a `ParameterError` where spike trains on a grid are to be recorded."""
    if trains := request.trains():
        raise ParameterError(
            f"record[{trains[0]!r}]: SpikeTrain() is on a grid, which an exact run does not have; its spike times are "
            "among its spikes, and Spikes.to_dense(dt, duration) lays them on one; or run it with Grid(dt)"
        )


def _spikes_of(run: ComponentRun, name: str) -> Spikes:
    """Spikes of one population of a component."""
    first, last = run.packed.columns[name]
    times, units, offsets = run.times, run.units, run.offsets
    where = run.members[name]
    if not isinstance(where, slice):
        times, units = times[where], units[where] - first
        offsets = np.searchsorted(where, offsets).astype(np.int64)
    return Spikes._trusted(  # pyright: ignore[reportPrivateUsage]
        np.ascontiguousarray(times), units.astype(np.int32), offsets, last - first
    )
