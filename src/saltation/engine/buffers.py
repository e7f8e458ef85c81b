"""What kernels write to: buffers with room for the spikes to come, larger ones where that was too little.

Arrays that live and go together lie on one block of memory: taking a block costs as much as a small loop.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.memory import empty
from saltation.engine.plan import PackedComponent
from saltation.kernels.crowd import CELL, WINDOWS
from saltation.kernels.records import EVENT_ROWS, MARKS, STATES, TAPE_INTS, Log, Spiked, Tape

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_INTS: Ints = np.empty(0, np.int64)
NO_LOG = Log(NO_INTS, np.empty(0), np.empty((EVENT_ROWS, 0), np.int64))

# A tape is kept as it is unless it has room for so many times its spikes; a copy takes time, too.
_LARGEST_WASTE = 4


def capacity(packed: PackedComponent, samples: int, events: int) -> int:
    """Spikes to make room for at first: two a neuron, one an event; the buffer grows where that is not enough."""
    return samples * (2 * packed.size + 16) + events if packed.spiking else 0


def new_tape(room: int, n_state: int) -> Tape:
    """A tape with room for so many spikes."""
    rows = STATES + 2 * n_state
    block = empty((rows + TAPE_INTS, room))
    return Tape(block[:rows], block[rows:].view(np.int64))


def new_spiked(tape: Tape, before: Spiked | None = None, used: int = 0) -> Spiked:
    """Room for as many spikes as the tape has, with the first ``used`` of those before."""
    n = tape.floats.shape[1]
    # each by itself: they do not live equally long
    spiked = Spiked(empty(n), empty(n, np.int64), empty(n, np.int64))
    if before is not None:
        spiked.times[:used] = before.times[:used]
        spiked.units[:used] = before.units[:used]
        spiked.index[:used] = before.index[:used]
    return spiked


def new_log(entries: int, arrivals: int) -> Log:
    """A log with room for so many entries, and arrivals of own spikes."""
    return Log(empty(entries, np.int64), empty(arrivals), empty((EVENT_ROWS, arrivals), np.int64))


def new_end(packed: PackedComponent, batch: int) -> tuple[Floats, Floats, Ints]:
    """State at the end, ends of holds, and spikes so far: ``[batch, state, neuron]`` and twice ``[batch, neuron]``."""
    n, n_state = packed.size, packed.n_state
    released, counted = batch * n_state, batch * (n_state + 1)
    block = empty((counted + batch, n))
    return block[:released].reshape(batch, n_state, n), block[released:counted], block[counted:].view(np.int64)


def crowd_scratch(n: int) -> tuple[NDArray[Any], ...]:
    """Scratch of the kernel ``crowd``: marks, cells, when each is due, voltages of holds, who is ready, the window."""
    # as many entries as neurons are valid at most; the others are thrown out when there is no room
    room = 2 * n + 64
    ready = (empty(room), empty(room, np.int64))
    return np.zeros((MARKS, n), np.int64), np.zeros((n, CELL)), np.zeros(n), np.zeros(n), *ready, np.zeros(WINDOWS)


def grown(array: NDArray[Any], used: int, room: int) -> NDArray[Any]:
    """A copy with more room along the last axis."""
    bigger = empty((*array.shape[:-1], room), array.dtype)
    bigger[..., :used] = array[..., :used]
    return bigger


def grown_tape(tape: Tape, used: int) -> Tape:
    """A tape with twice the room."""
    bigger = new_tape(2 * tape.floats.shape[1] + 64, (tape.floats.shape[0] - STATES) // 2)
    for new, old in zip(bigger, tape, strict=True):
        new[:, :used] = old[:, :used]
    return bigger


def grown_log(log: Log, entries: int, arrivals: int) -> Log:
    """A log with twice the room."""
    order = grown(log.order, entries, 2 * log.order.size + 64)
    return Log(order, *(grown(array, arrivals, 2 * array.shape[-1] + 64) for array in log[1:]))


def fitted(tape: Tape, used: int) -> Tape:
    """A tape as it is, or a copy of what is on it where that is little."""
    if tape.floats.shape[1] <= _LARGEST_WASTE * used:
        return tape
    return Tape(np.ascontiguousarray(tape.floats[:, :used]), np.ascontiguousarray(tape.ints[:, :used]))
