"""What went wrong in a run: the status of a sample, and the error that says so where values are there to be seen."""

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.core import Tracer

from saltation.errors import ParameterError, SimulationError
from saltation.kernels import padded, records


class Status(enum.IntEnum):
    """Outcome of a sample; where it is not ``OK``, all that was observed of the sample is NaN.

    ``EVENT_LIMIT`` and ``NOT_FINITE`` are those of `saltation.Status`.  ``CAPACITY``: a population has more spikes than
    there is room for.  ``STIMULUS``: a time that is NaN, negative or beyond the window, or a unit that does not exist.
    ``PARAMETER``: a parameter out of its range, or a traced duration that is, or that ends before a recorded time.
    ``UNFINISHED``: the kernel did not come to its end.  ``BACKEND``: the backend raised an error, which is in the log.

    Examples
    --------
    >>> from saltation.jax import Status
    >>> Status(3).name
    'CAPACITY'
    """

    OK = records.OK
    EVENT_LIMIT = records.EVENT_LIMIT
    NOT_FINITE = records.NOT_FINITE
    CAPACITY = padded.CAPACITY
    STIMULUS = padded.STIMULUS
    PARAMETER = padded.PARAMETER
    UNFINISHED = padded.UNFINISHED
    BACKEND = padded.UNFINISHED + 1


_CAUSES = {
    Status.EVENT_LIMIT: "a component emitted more spikes than Exact.max_events allows; the activity may run away: look "
    "at recurrent weights and t_refrac, or raise max_events",
    Status.NOT_FINITE: "the state overflowed; look at the size of the weights",
    Status.STIMULUS: "an event has a time that is NaN, negative or beyond the window, or a unit that does not exist; "
    "times are in seconds, and nothing is dropped silently",
    Status.UNFINISHED: "the kernel did not come to its end; there may be no memory left",
}


def complain(populations: Sequence[str], capacity: Sequence[int], status: Any, spikes: Sequence[Any]) -> None:
    """Raise an error for failed samples, if the status can be looked at: outside of ``jit`` and ``vmap``.

    ``capacity`` and ``spikes`` are those of each population that spikes event by event; these come first.
    """
    if isinstance(status, Tracer):
        return
    seen = np.asarray(status)
    failed = np.flatnonzero(seen)
    if not failed.size:
        return
    names = ", ".join(repr(name) for name in populations)
    shown = ", ".join(map(str, failed[:10])) + (", ..." if failed.size > 10 else "")
    kind = Status(int(seen[failed[0]]))
    if kind == Status.PARAMETER:
        raise ParameterError(
            f"a parameter of population {names} is out of its range: weights must be finite, delays, t_refrac and beta "
            ">= 0, time constants > 0, v_reset and the initial voltage < v_th; if it is trained, a step carried it "
            "there: train what is in seconds with a smaller learning rate; or a traced duration is not positive, or "
            "ends before a recorded time"
        )
    head = f"{failed.size} of {seen.size} samples failed ({shown}), the first with {kind.name}"
    if kind == Status.CAPACITY:
        needed = {
            name: int(np.asarray(train.count).max(initial=0))
            for name, room, train in zip(populations, capacity, spikes, strict=False)
            if np.asarray(train.count).max(initial=0) > room
        }
        had = {name: room for name, room in zip(populations, capacity, strict=False) if name in needed}
        raise SimulationError(
            f"{head}: the capacity must be at least {needed}; got {had}; pass capacity={needed} or more, of which "
            "saltation.jax.capacities(network, stimulus, duration) gives a suggestion",
            tuple(int(i) for i in failed),
        )
    raise SimulationError(f"{head}, in population {names}: {_CAUSES[kind]}", tuple(int(i) for i in failed))
