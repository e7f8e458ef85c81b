"""The circuits of a chip run for a while: the kernel's loop, with buffers that grow."""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.circuits import grown, twice
from saltation.errors import ParameterError, SimulationError
from saltation.kernels.chip import records as r
from saltation.kernels.chip.advance import DONE, HEAP_FULL, RUNAWAY
from saltation.kernels.chip.records import Circuits, Readings, Spiked, State, Timing, Wires
from saltation.kernels.chip.specialise import advance_chip, switch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events from outside, sorted by time: when, and at which address of `Wires`."""

    time: Floats
    address: Ints

    def between(self, start: float, stop: float) -> "Arrivals":
        """Those after ``start`` up to ``stop``."""
        first, last = np.searchsorted(self.time, [start, stop], side="right")
        return Arrivals(self.time[first:last], self.address[first:last])


@final
@dataclass(frozen=True, slots=True)
class Channels:
    """What is read together: the voltage of a membrane, or a line, at the same times.

    Attributes
    ----------
    time : ndarray
        Sorted, in seconds.
    membrane : ndarray of int
    line : ndarray of int
        ``2 circuit + receptor``; or `OF_MEMBRANE`, its voltage, or `OF_ADAPTATION`, in volts per second.
    """

    time: Floats
    membrane: Ints
    line: Ints


_INTS = np.empty(0, np.int64)
_NONE = Readings(np.empty(0), _INTS, _INTS, _INTS, _INTS, _INTS, np.empty(0))


def readings_of(channels: list[Channels]) -> tuple[Readings, list[Floats]]:
    """Readings for the kernel, and where the values of each will be: ``[time, channel]``."""
    if not channels:
        return _NONE, []
    sizes = np.array([each.membrane.size for each in channels], np.int64)
    begins = np.cumsum(sizes) - sizes
    totals = np.array([each.time.size * each.membrane.size for each in channels], np.int64)
    out = np.zeros(int(totals.sum()))
    starts = np.cumsum(totals) - totals
    time = np.concatenate([np.empty(0), *(each.time for each in channels)])
    which = np.repeat(np.arange(len(channels)), [each.time.size for each in channels])
    place = np.concatenate(
        [
            np.empty(0, np.int64),
            *(s + np.arange(c.time.size) * c.membrane.size for s, c in zip(starts, channels, strict=True)),
        ]
    )
    order = np.argsort(time, kind="stable")
    which = which[order]
    empty = np.empty(0, np.int64)
    readings = Readings(
        time[order],
        begins[which],
        begins[which] + sizes[which],
        place[order].astype(np.int64),
        np.concatenate([empty, *(each.membrane for each in channels)]).astype(np.int64),
        np.concatenate([empty, *(each.line for each in channels)]).astype(np.int64),
        out,
    )
    views = [
        out[s : s + n].reshape(c.time.size, c.membrane.size) for s, n, c in zip(starts, totals, channels, strict=True)
    ]
    return readings, views


def readings_between(readings: Readings, start: float, stop: float) -> Readings:
    """Those after ``start`` up to ``stop``, which fill the same values."""
    first, last = np.searchsorted(readings.time, [start, stop], side="right")
    time, begin, end, place = (each[first:last] for each in readings[:4])
    return readings._replace(time=time, begin=begin, end=end, place=place)


def advance(
    circuits: Circuits,
    wires: Wires,
    timing: Timing,
    state: State,
    arrivals: Arrivals,
    readings: Readings,
    key: int,
    until: float,
) -> tuple[State, Floats, Ints]:
    """Carry a state to a later time.

    Parameters
    ----------
    circuits, wires, timing
        The chip, as it is configured.
    state : State
        Where it is; what follows is written into its arrays.
    arrivals : Arrivals
        Events after the state's time; those up to ``until`` are taken.
    readings : Readings
        What to read, after the state's time and up to ``until``.
    key : int
        Of the noise; the same one continues it.
    until : float
        In seconds.

    Returns
    -------
    state, times, membranes
        The state at ``until``, and the spikes in between that reached the host, sorted by time and membrane.

    Raises
    ------
    ParameterError
        If an arrival or a reading is in the past.
    SimulationError
        If a membrane runs away.
    """
    now = float(state.clock[r.NOW])
    for what, times in (("arrivals", arrivals.time), ("readings", readings.time)):
        if times.size and times[0] < now:
            raise ParameterError(
                f"advance.{what} must not be before the state's time {now} s; got {times[0]} s; a chip does not go back"
            )
    run = advance_chip(bool(circuits.extra.size))
    state.clock[r.TAKEN] = state.clock[r.READ] = state.clock[r.SPIKED] = 0.0
    spiked = Spiked(np.empty(1024), np.empty(1024, np.int64))
    room = np.empty((2, circuits.line[:, :, 0].size))
    word = np.uint64(key)
    while True:
        given = (circuits, wires, timing, state, arrivals.time, arrivals.address, readings, word, until, spiked, room)
        status = run(*given)
        if status == DONE:
            break
        if status == RUNAWAY:
            m = int(state.clock[r.BROKEN]) - 1
            raise SimulationError(
                f"membrane {m} of {state.count.size} left all bounds; its terms feed it back without end: look at the "
                "signs of its adaptation and at its conductances"
            )
        if status == HEAP_FULL:
            state = grown(state)
        else:
            spiked = Spiked(twice(spiked.time), twice(spiked.membrane))
    n = int(state.clock[r.SPIKED])
    order = np.lexsort((spiked.membrane[:n], spiked.time[:n]))
    return state, spiked.time[:n][order], spiked.membrane[:n][order]


def switched(before: Circuits, after: Circuits, wires: Wires, state: State, key: int) -> State:
    """A state whose membranes go on as other circuits: voltages, lines and what is on its way carry over.

    Membranes that stay as they are are not touched, so that they go on bit for bit.
    """
    members = _changed(before, after)
    if not members.size:
        return state
    while int(state.clock[r.HEAPED]) + members.size > state.heap_time.size:
        state = grown(state)
    numerically = bool(before.extra.size), bool(after.extra.size)
    leave, _ = switch(numerically[0])
    _, enter = switch(numerically[1])
    leave(before, state, members, float(state.clock[r.NOW]))
    room = np.empty((2, after.line[:, :, 0].size))
    enter(after, state, members, np.uint64(key), wires.bus.size, room)
    return state


def _changed(before: Circuits, after: Circuits) -> Ints:
    """Membranes of which a constant, or one of a circuit, differs."""
    lines = (before.line != after.line).any(axis=(1, 2))
    changed = (before.membrane != after.membrane).any(axis=1)
    changed |= np.logical_or.reduceat(lines, before.first[:-1])
    sizes = before.extra.size, after.extra.size
    if all(sizes):
        changed |= (before.extra != after.extra).any(axis=1)
    elif any(sizes):
        # rows of membranes with a closed form are of no account
        changed |= (after.extra if sizes[1] else before.extra)[:, r.NUMERICAL] != 0.0
    return np.flatnonzero(changed)
