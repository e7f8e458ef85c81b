"""The loop over events and windows that carries the state of a chip from where it is to a later time.

Time is cut into windows of equal length, counted from 0, in each of which the noise of a membrane is constant.  At
the begin of a window every membrane is brought up to date; inside it a membrane is touched only by what happens to
it.  Nothing but the events decides where a membrane is brought up to date: not where a run stops, and not what is
read.  So a run in pieces, and one that is watched, are the same bit for bit.
"""

import math

import numpy as np

from saltation.kernels.chip.crossing import first_crossing, may_cross
from saltation.kernels.chip.flow import adapt, adaptation_at, advance, advance_window, voltage_at
from saltation.kernels.chip.random import nearly_normal, normal, word
from saltation.kernels.chip.records import (
    AT,
    BROKEN,
    HEAPED,
    HOLD,
    LEVEL,
    LEVEL_NOW,
    MEMBRANE_ROWS,
    NEXT,
    NOISE,
    NOW,
    OF_ADAPTATION,
    READ,
    RELEASE,
    SPIKED,
    STATE_ROWS,
    STP_CHARGED,
    STP_RATE,
    STP_REST,
    STP_ROWS,
    STP_USE,
    TAKEN,
    THRESHOLD_NOW,
    WINDOW,
    Circuits,
    Readings,
    Spiked,
    State,
    Wires,
)
from saltation.kernels.heap import heap_pop, heap_push
from saltation.kernels.inlining import inlined
from saltation.kernels.views import bare

# What a call of `advance_chip` returns.
DONE = 0
HEAP_FULL = 1
SPIKES_FULL = 2
RUNAWAY = 3

# Streams of random numbers, apart from one another.
_JITTER = np.uint64(0x5851F42D4C957F2D)


@inlined
def predict(circuits, state, m, limit, here, trial):
    """Find out what a membrane does next by itself, in this window."""
    following = math.inf
    if state.membrane[m * STATE_ROWS + THRESHOLD_NOW] < math.inf and may_cross(circuits, state, m, limit):
        following = first_crossing(circuits, state, m, limit, here, trial)
    state.membrane[m * STATE_ROWS + NEXT] = following


@inlined
def expect(state, size, m, addresses):
    """Put what a membrane does next on the heap."""
    time = state.membrane[m * STATE_ROWS + NEXT]
    if time < math.inf:
        return heap_push(state.heap_time, state.heap_item, size, time, 2 * addresses + m)
    return size


@inlined
def begin_window(circuits, state, key, index, size, addresses, here, trial):
    """Bring every membrane to the begin of a window and draw its noise; the new size of the heap."""
    start = index * circuits.window
    before = (index - 1) * circuits.window
    limit = (index + 1) * circuits.window
    for m in range(state.count.size):
        if state.membrane[m * STATE_ROWS + RELEASE] != -math.inf:
            # what it was held at is no longer up to this window's noise
            redraw(circuits, state, key, index, m)
            continue
        if index > 0:
            if state.membrane[m * STATE_ROWS + AT] == before:
                advance_window(circuits, state, m, start)
            else:
                advance(circuits, state, m, start)
        redraw(circuits, state, key, index, m)
        predict(circuits, state, m, limit, here, trial)
        size = expect(state, size, m, addresses)
    return size


@inlined
def redraw(circuits, state, key, index, m):
    """The level of a free membrane, with the noise of a window."""
    level = circuits.membrane[m * MEMBRANE_ROWS + LEVEL]
    noise = circuits.membrane[m * MEMBRANE_ROWS + NOISE]
    if noise > 0.0:
        level += noise * nearly_normal(word(key, m, index))
    state.membrane[m * STATE_ROWS + LEVEL_NOW] = level


@inlined
def strength_of(wires, state, driver, t):
    """Strength of a driver for an event at ``t``, which also uses it up."""
    use = wires.plasticity[driver * STP_ROWS + STP_USE]
    if use == 0.0:
        return 1.0
    rest = wires.plasticity[driver * STP_ROWS + STP_REST]
    recovered = math.exp(-wires.plasticity[driver * STP_ROWS + STP_RATE] * (t - state.strength[2 * driver + 1]))
    strength = rest + (state.strength[2 * driver] - rest) * recovered
    state.strength[2 * driver] = strength + use * (wires.plasticity[driver * STP_ROWS + STP_CHARGED] - strength)
    state.strength[2 * driver + 1] = t
    return strength


@inlined
def arrive(circuits, wires, state, address, t, limit, size, here, trial):
    """An address on its bus: the synapses that match drive their lines; the new size of the heap."""
    addresses = wires.bus.size
    for segment in range(wires.segment[address], wires.segment[address + 1]):
        strength = wires.factor[segment] * strength_of(wires, state, wires.driver[segment], t)
        first, last = wires.begin[segment], wires.end[segment]
        for entry in range(first, last):
            k = wires.circuit[entry]
            m = circuits.owner[k]
            advance(circuits, state, m, t)
            state.line[2 * k + wires.receptor[entry]] += strength * wires.charge[entry]
            # one look ahead for a membrane, after the last of what it gets at once
            again = entry + 1 < last and circuits.owner[wires.circuit[entry + 1]] == m
            if not again and state.membrane[m * STATE_ROWS + RELEASE] == -math.inf:
                predict(circuits, state, m, limit, here, trial)
                size = expect(state, size, m, addresses)
    return size


@inlined
def _most_reached(wires):
    """The most synapses of an address, each of which may put its membrane on the heap."""
    most = 0
    for address in range(wires.bus.size):
        reached = 0
        for segment in range(wires.segment[address], wires.segment[address + 1]):
            reached += wires.end[segment] - wires.begin[segment]
        most = max(most, reached)
    return most


@inlined
def admitted(state, gate, t, timing):
    """When a gate, which takes one event in a period, takes this one; inf, and counted, if it is lost."""
    start = max(t, state.busy[gate])
    if start - t > timing.patience:
        state.lost[gate] += 1
        return math.inf
    state.busy[gate] = start + timing.period
    return start


@inlined
def act(circuits, wires, timing, state, m, t, key, limit, size, spiked, here, trial):
    """What a membrane does by itself: it is released, or it spikes; the new size of the heap."""
    addresses = wires.bus.size
    advance(circuits, state, m, t)
    if state.membrane[m * STATE_ROWS + RELEASE] == t:
        state.membrane[m * STATE_ROWS + RELEASE] = -math.inf
        predict(circuits, state, m, limit, here, trial)
        return expect(state, size, m, addresses)
    state.membrane[m * STATE_ROWS + RELEASE] = t + circuits.membrane[m * MEMBRANE_ROWS + HOLD]
    state.membrane[m * STATE_ROWS + NEXT] = state.membrane[m * STATE_ROWS + RELEASE]
    size = expect(state, size, m, addresses)
    late = timing.comparator
    if timing.jitter > 0.0:
        late = max(0.0, late + timing.jitter * normal(word(key ^ _JITTER, m, state.count[m])))
    stamp = math.ceil((t + late) / timing.tick) * timing.tick
    state.count[m] += 1
    adapt(circuits, state, m)
    if wires.output[m] < 0:
        return size
    start = admitted(state, wires.output[m], stamp, timing)
    if start == math.inf:
        return size
    if wires.link[m] >= 0 and admitted(state, wires.link[m], start, timing) < math.inf:
        at = int(state.clock[SPIKED])
        spiked.time[at] = stamp
        spiked.membrane[at] = m
        state.clock[SPIKED] = at + 1
    for route in range(wires.route[m], wires.route[m + 1]):
        size = heap_push(state.heap_time, state.heap_item, size, start + timing.delay, wires.target[route])
    return size


@inlined
def read(circuits, state, readings, i, scratch):
    """Take the i-th reading."""
    place = readings.place[i]
    t = readings.time[i]
    for channel in range(readings.begin[i], readings.end[i]):
        m, line = readings.membrane[channel], readings.line[channel]
        if line == OF_ADAPTATION:
            v = adaptation_at(circuits, state, m, t, scratch)
        else:
            v = voltage_at(circuits, state, m, t, scratch)
            if line >= 0:
                v = scratch[line]
        readings.out[place] = v
        place += 1


@inlined
def bare_circuits(circuits):
    """The same arrays, flat, without their owners, whom compiled code counts at every touch.

    Flat, for the rows of a thing are then a known distance apart.
    """
    return Circuits(
        bare(circuits.membrane.reshape(-1)),
        bare(circuits.line.reshape(-1)),
        bare(circuits.extra.reshape(-1)),
        bare(circuits.first),
        bare(circuits.owner),
        circuits.window,
    )


@inlined
def bare_state(state):
    """As `bare_circuits`; what is written into it is in the state."""
    return State(
        bare(state.membrane.reshape(-1)),
        bare(state.line.reshape(-1)),
        bare(state.count),
        bare(state.strength.reshape(-1)),
        bare(state.busy),
        bare(state.lost),
        bare(state.heap_time),
        bare(state.heap_item),
        bare(state.clock),
    )


@inlined
def _unowned(circuits, wires, state, readings, spiked):
    """All of them, flat and without owners."""
    return (
        bare_circuits(circuits),
        Wires(
            bare(wires.bus),
            bare(wires.segment),
            bare(wires.driver),
            bare(wires.factor),
            bare(wires.begin),
            bare(wires.end),
            bare(wires.circuit),
            bare(wires.receptor),
            bare(wires.charge),
            bare(wires.output),
            bare(wires.link),
            bare(wires.route),
            bare(wires.target),
            bare(wires.plasticity.reshape(-1)),
        ),
        bare_state(state),
        Readings(
            bare(readings.time),
            bare(readings.begin),
            bare(readings.end),
            bare(readings.place),
            bare(readings.membrane),
            bare(readings.line),
            bare(readings.out),
        ),
        Spiked(bare(spiked.time), bare(spiked.membrane)),
    )


def advance_chip(circuits, wires, timing, state, arrival_time, arrival_address, readings, key, until, spiked, room):
    """Carry the state to ``until``; external arrivals and readings at that time are taken.

    ``room`` is ``[2, 2 * circuit]``.  Returns a status; where a buffer is full, call it again with a larger one.
    """
    circuits, wires, state, readings, spiked = _unowned(circuits, wires, state, readings, spiked)
    arrival_time, arrival_address = bare(arrival_time), bare(arrival_address)
    room = bare(room)
    here, trial = room[0], room[1]
    addresses = wires.bus.size
    members = state.count.size
    size = int(state.clock[HEAPED])
    taken, taking = int(state.clock[TAKEN]), int(state.clock[READ])
    index = int(state.clock[WINDOW])
    most = max(members, _most_reached(wires)) + (np.diff(wires.route).max() if members else 0) + 1
    status = DONE
    while True:
        limit = (index + 1) * circuits.window
        if state.clock[BROKEN] != 0.0:
            status = RUNAWAY
            break
        if size + most > state.heap_time.size:
            status = HEAP_FULL
            break
        if state.clock[SPIKED] >= spiked.time.size:
            status = SPIKES_FULL
            break
        outside = arrival_time[taken] if taken < arrival_time.size else math.inf
        inside = state.heap_time[0] if size > 0 else math.inf
        reading = readings.time[taking] if taking < readings.time.size else math.inf
        t = min(outside, inside)
        if min(t, reading) > until and limit > until:
            break
        if limit <= min(t, reading):
            index += 1
            size = begin_window(circuits, state, key, index, size, addresses, here, trial)
            continue
        if reading < t:
            read(circuits, state, readings, taking, here)
            taking += 1
            continue
        external = outside <= inside
        if external:
            item = arrival_address[taken]
            taken += 1
        else:
            item, size = heap_pop(state.heap_time, state.heap_item, size)
        if item >= 2 * addresses:
            m = item - 2 * addresses
            if state.membrane[m * STATE_ROWS + NEXT] == t:
                size = act(circuits, wires, timing, state, m, t, key, limit, size, spiked, here, trial)
            continue
        if item < addresses:
            start = admitted(state, wires.bus[item], t, timing)
            if start == math.inf:
                continue
            if start > t:
                size = heap_push(state.heap_time, state.heap_item, size, start, addresses + item)
                continue
        else:
            item -= addresses
        size = arrive(circuits, wires, state, item, t, limit, size, here, trial)
    state.clock[HEAPED], state.clock[TAKEN], state.clock[READ] = size, taken, taking
    state.clock[WINDOW] = index
    if status == DONE:
        state.clock[NOW] = until
    return status
