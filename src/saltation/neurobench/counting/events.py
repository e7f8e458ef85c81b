"""Operations and updates of a run by events: spikes times the synapses that they reach."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from saltation.model import Projection, ProjectionKey
from saltation.neurobench.counting.record import LayerCount
from saltation.neurobench.counting.traffic import Fans, Traffic, Window, fans_of, pairs_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Updates that are looked through for equal times at once.
_AT_ONCE = 1 << 22


def projection_name(key: ProjectionKey) -> str:
    """A projection as text, ``in -> hid``."""
    return key if isinstance(key, str) else " -> ".join(key)


def count_projection(
    key: ProjectionKey, projection: Projection, fans: Fans, traffic: Traffic, window: Window, steps: int | None
) -> LayerCount:
    """Accumulations of the spikes that a projection delivers in a window; ``steps`` are of all samples, for Dense.

    ::

        effective = sum over spikes of the nonzero weights of their row,    event-dense = of all weights of their row
    """
    if projection.delay_per_weight:
        effective, whole = _one_by_one(fans, traffic, window)
        # pairs without a synapse have no delay of their own: they count as those of a spike at once
        whole += int((fans.all_of - np.diff(fans.cuts))[traffic.units].sum())
    else:
        delays = np.broadcast_to(projection.delay, fans.all_of.shape)[traffic.units]
        delivered = window.arrivals(traffic.times, traffic.age, delays)[1]
        units = traffic.units[delivered]
        effective, whole = int(fans.nonzero_of[units].sum()), int(fans.all_of[units].sum())
    dense = None if steps is None else steps * int(fans.all_of.sum())
    kind = "all-to-all" if projection.connectivity is None else type(projection.connectivity).__name__
    return LayerCount(projection_name(key), kind, 0, effective, dense, whole)


def _one_by_one(fans: Fans, traffic: Traffic, window: Window) -> tuple[int, int]:
    effective = whole = 0
    for spike, synapse in pairs_of(fans, traffic):
        delivered = window.arrivals(traffic.times[spike], traffic.age[spike], fans.delay[synapse])[1]
        whole += int(np.count_nonzero(delivered))
        effective += int(np.count_nonzero(delivered & fans.nonzero[synapse]))
    return effective, whole


def count_updates(
    incoming: Sequence[tuple[Projection, Traffic]], size: int, own: Traffic | None, window: Window, batch: int
) -> int:
    """Updates of the neurons of a population: distinct times at which spikes reach each, and its own spikes.

    ::

        updates = sum over samples, neurons of |{arrival times}|  +  number of own spikes

    A weight of zero reaches nothing.
    """
    resets = 0 if own is None else int(np.count_nonzero(own.age == 0))
    fans = [fans_of(projection) for projection, _ in incoming]
    if all(
        projection.connectivity is None and not projection.delay_per_weight and np.all(each.nonzero_of == size)
        for each, (projection, _) in zip(fans, incoming, strict=True)
    ):
        # all neurons are reached at the same times
        found = [_times(projection, traffic, window) for projection, traffic in incoming]
        return resets + size * _distinct(found)
    total = sum(int(each.nonzero_of[traffic.units].sum()) for each, (_, traffic) in zip(fans, incoming, strict=True))
    pieces = min(batch, max(1, -(-total // _AT_ONCE)))
    cuts = np.linspace(0, batch, pieces + 1).astype(int)
    for first, stop in pairwise(cuts.tolist()):
        found = [
            _reached(each, traffic.of(first, stop), window, size)
            for each, (_, traffic) in zip(fans, incoming, strict=True)
        ]
        resets += _distinct(found)
    return resets


def _times(projection: Projection, traffic: Traffic, window: Window) -> tuple[Ints, Floats]:
    """Sample and time of each arrival."""
    delays = np.broadcast_to(projection.delay, projection.shape[:1])[traffic.units]
    at, delivered = window.arrivals(traffic.times, traffic.age, delays)
    return traffic.samples[delivered], at[delivered]


def _reached(fans: Fans, traffic: Traffic, window: Window, size: int) -> tuple[Ints, Floats]:
    """A number for each pair of sample and neuron, and the time, of each arrival through a nonzero weight."""
    where: list[Ints] = [np.zeros(0, np.int64)]
    times: list[Floats] = [np.zeros(0)]
    for spike, synapse in pairs_of(fans, traffic):
        at, delivered = window.arrivals(traffic.times[spike], traffic.age[spike], fans.delay[synapse])
        there = delivered & fans.nonzero[synapse]
        where.append(traffic.samples[spike[there]] * size + fans.post[synapse[there]])
        times.append(at[there])
    return np.concatenate(where), np.concatenate(times)


def _distinct(found: Sequence[tuple[Ints, Floats]]) -> int:
    """Number of distinct pairs of place and time."""
    if not found:
        return 0
    where = np.concatenate([place for place, _ in found])
    times = np.concatenate([at for _, at in found])
    order = np.lexsort((times, where))
    where, times = where[order], times[order]
    return int(np.count_nonzero((np.diff(where) != 0) | (np.diff(times) != 0.0))) + bool(where.size)


def count_values(
    key: ProjectionKey,
    projection: Projection,
    fans: Fans,
    values: Floats | None,
    before: Floats | None,
    window: Window,
    steps: int | None,
) -> LayerCount:
    """Operations of values ``[batch, step, unit]`` that drive an input on a grid, and of those of the runs before.

    ``before`` are values at the last points up to point 0 that may still be on their way; they arrive behind it.  The
    vector of a step is of spikes where it holds -1, 0 and 1 alone, and analog otherwise.
    """
    macs = acs = 0
    delays = window.clock(np.broadcast_to(projection.delay, (projection.shape[0],)))
    for given, first in ((values, 0), (before, 0 if before is None else 1 - before.shape[1])):
        if given is None:
            continue
        arrivals = np.arange(first, first + given.shape[1])[:, None] + delays
        there = (given != 0.0) & (arrivals <= window.end)
        if given is before:
            there &= arrivals > 0
        analog = np.any((given != 0.0) & (np.abs(given) != 1.0), axis=2)
        counts = [there[which].sum(axis=0, dtype=np.int64) for which in (analog, ~analog)]
        found = [int(count @ fans.nonzero_of) for count in counts]
        macs, acs = macs + found[0], acs + found[1]
    dense = None if steps is None else steps * int(fans.all_of.sum())
    return LayerCount(projection_name(key), "values", macs, acs, dense, None)


def names_of(projections: Mapping[ProjectionKey, Projection], post: str) -> list[ProjectionKey]:
    """Projections that reach a population."""
    return [key for key, projection in projections.items() if projection.post == post]
