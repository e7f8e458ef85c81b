"""Spikes on their way to a population: when each arrives, and whether it does so in the window."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.engine.grid_table import last_step, steps
from saltation.engine.state import State, join_recent
from saltation.model import Projection, Sparse, Spikes
from saltation.model.events import samples_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Pairs of a spike and a synapse that are laid out at a time.
_AT_ONCE = 1 << 22


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """The window ``[0, duration]`` of a run, in its own clock: seconds, or steps of its grid.

    ``elapsed`` are durations of the runs before, the latest last, as far back as spikes are on their way.
    """

    duration: float
    grid: float | None
    elapsed: Floats

    @property
    def end(self) -> float:
        """The last time at which something arrives."""
        return self.duration if self.grid is None else float(last_step(self.duration, self.grid))

    def clock(self, seconds: npt.ArrayLike) -> Floats:
        """Seconds as the run has them: as they are, or to the nearest step."""
        times = np.asarray(seconds, np.float64)
        return times if self.grid is None else steps(times, self.grid).astype(np.float64)

    def arrivals(self, times: Floats, age: Ints, delays: npt.NDArray[np.floating[Any]]) -> tuple[Floats, Bools]:
        """When spikes of given ages arrive, and whether it is in this window."""
        at = self.clock(times) + self.clock(delays)
        # one duration after the other, as the engine does it, so that none arrives in two runs or in neither
        for back in range(self.elapsed.size, 0, -1):
            at = np.where(age >= back, at - self.clock(self.elapsed[self.elapsed.size - back]), at)
        return at, (at <= self.end) & ((age == 0) | (at > 0.0))


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Traffic:
    """Spikes of a population that are new, or still on their way from runs before; ordered by sample."""

    times: Floats
    units: Ints
    age: Ints
    samples: Ints

    def of(self, first: int, stop: int) -> "Traffic":
        """Those of samples ``first <= b < stop``."""
        where = slice(*np.searchsorted(self.samples, [first, stop]).tolist())
        return Traffic(self.times[where], self.units[where], self.age[where], self.samples[where])


def traffic_of(spikes: Spikes, name: str, state: State | None) -> Traffic:
    """All spikes that may arrive in a run that began in a state."""
    old = None if state is None else state.recent.get(name)
    times, units, age, offsets, _ = join_recent(old, spikes)
    age = age if age.size else np.zeros(times.size, np.int64)
    return Traffic(times, units.astype(np.int64), age, samples_of(offsets))


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Fans:
    """Synapses of a projection in order of the unit they leave, and how many leave each unit.

    ``post``, ``nonzero`` and ``delay`` are those of each synapse; a unit's are at ``cuts[unit]:cuts[unit + 1]``.
    ``all_of`` and ``nonzero_of`` count those of each unit, ``all_of`` with the pairs that a list leaves out.
    """

    cuts: Ints
    post: Ints
    nonzero: Bools
    delay: Floats
    all_of: Ints
    nonzero_of: Ints


def fans_of(projection: Projection) -> Fans:
    """Lay out the synapses of a projection."""
    n_pre, n_post = projection.shape
    if projection.connectivity is None:
        pre, post = np.divmod(np.arange(n_pre * n_post), n_post)
        place = np.arange(n_pre * n_post)
    else:
        pre, post, place = projection.connectivity.synapses()
        order = np.argsort(pre, kind="stable")
        pre, post, place = pre[order], post[order], place[order]
    nonzero = projection.weight.reshape(-1)[place] != 0.0
    if projection.delay_per_weight:
        delay = projection.delay.reshape(-1)[place].astype(np.float64)
    else:
        delay = np.broadcast_to(projection.delay, (n_pre,))[pre].astype(np.float64)
    listed = np.bincount(pre, minlength=n_pre)
    whole = listed
    if isinstance(projection.connectivity, Sparse):
        pairs = np.unique(pre * n_post + post)
        whole = listed + n_post - np.bincount(pairs // n_post, minlength=n_pre)
    cuts = np.concatenate(([0], np.cumsum(listed)))
    return Fans(cuts, post, nonzero, delay, whole, np.bincount(pre[nonzero], minlength=n_pre))


def pairs_of(fans: Fans, traffic: Traffic) -> Iterator[tuple[Ints, Ints]]:
    """Every spike with every synapse that it leaves through, some at a time: numbers of spikes, and of synapses."""
    counts = np.diff(fans.cuts)[traffic.units]
    ends = np.cumsum(counts)
    start = 0
    while start < counts.size:
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        own = counts[start:stop]
        spike = np.repeat(np.arange(start, stop), own)
        first = np.repeat(fans.cuts[traffic.units[start:stop]] - (np.cumsum(own) - own), own)
        yield spike, np.arange(spike.size) + first
        start = stop


def traffic_by_name(spikes: Mapping[str, Spikes], state: State | None) -> dict[str, Traffic]:
    """Traffic of every population that spikes."""
    return {name: traffic_of(own, name, state) for name, own in spikes.items()}
