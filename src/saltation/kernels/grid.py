"""A component on a time grid, forward: step by step, all neurons side by side.

    at grid point k:   I += arrivals;   a spike where V >= v_th + a, not held:  V := v_reset, a += beta, held
    to the next:       V := v_leak + alpha_m (V - v_leak) + sum_r kappa_r I_r,   I_r := alpha_r I_r,   a := alpha_a a

The factors are those of the exact solution over one step.  A held neuron keeps its voltage.  Own spikes that arrive
at once act on the way to the next point; later ones wait in a ring of ``I`` to come.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.kernels.bits import natural
from saltation.kernels.cache import compile_kernel
from saltation.kernels.inlining import called
from saltation.kernels.records import (
    BY_SIGN,
    DELAY,
    NOT_FINITE,
    OK,
    PER_TARGET,
    PLAIN_ROWS,
    RECEPTOR,
    ROW,
    START,
    STOP,
    Synapses,
    Wiring,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Scheme(NamedTuple):
    """What is the same for all samples of a component.

    ``last``: the last grid point of the window; ``every``: steps between checkpoints; ``ring``: grid points for which
    currents to come are kept; ``table [row, neuron]``: the coefficients; ``currents [batch, step or 0, receptor,
    neuron]``: what values on the grid bring; ``steps_of``: the steps of each delay; ``start [batch or 1, row,
    neuron]``: the state at the beginning, and ``checkpoints [batch, segment, row, neuron]`` before each segment.
    """

    dt: float
    last: int
    every: int
    ring: int
    table: Floats
    currents: Floats
    weights: Floats
    synapses: Synapses
    wiring: Wiring
    steps_of: Ints
    limit: Ints
    start: Floats
    checkpoints: Floats


class Recorder(NamedTuple):
    """What is recorded: ``samples [batch, probe, neuron]``, ``watch [batch or 1, WATCHED, neuron or 0]``."""

    probe_steps: Ints
    samples: Floats
    watch: Floats


class Found(NamedTuple):
    """Room for spikes: unit and grid point of each."""

    units: Ints
    steps: Ints


# Rows of the table of coefficients; decays and gains of the receptors follow.
LEAK = 0
THRESHOLD = 1
RESET = 2
STEPS_HELD = 3
BETA = 4
ALPHA_MEM = 5
ALPHA_ADAPT = 6
RECEPTORS_FROM = 7  # decay of receptor r, then of all of them the gain

# Rows of the state of a sample; currents, then those to come, follow.
V = 0
ADAPT = 1
HELD_TO = 2  # last grid point of the hold
COUNT = 3
CURRENTS_FROM = 4

# Rows of what is traced of each step; currents after its arrivals follow where there are as many rows.
BEFORE = 0  # voltage at the grid point, before a spike there
DISTANCE = 1  # of it from the threshold; NaN while held, -inf where no more spikes are allowed
LIGHT_ROWS = 2
ADAPTED = 2  # behind a spike
TRACED_FROM = 3

# Rows of what is watched.
PEAK = 0
PEAK_STEP = 1
AREA = 2
WATCHED = 3


@called
def _deposit(state, base, receptor, row, first, last, weights, synapses):
    """Add a row of weights to the currents in rows ``base`` (excitatory, or the one) and ``base + 1``."""
    n = state.shape[1]
    if first < 0:
        for s in range(-1 - first, last):
            w = weights[synapses.places[natural(s)]]
            to = base + (receptor if receptor != BY_SIGN else np.int64(w < 0.0))
            state[to, synapses.targets[natural(s)]] += w
        return
    if receptor == BY_SIGN:
        for m in range(first, min(last, n)):
            w = weights[row + m - first]
            state[base + np.int64(w < 0.0), m] += w
        return
    target = state[base + receptor]
    for m in range(first, min(last, n)):
        target[m] += weights[row + m - first]


@called
def _emit(scheme, state, k, unit, n_receptors):
    """A spike of a neuron leaves along the projections inside the component."""
    wiring, weights, synapses, ring = scheme.wiring, scheme.weights, scheme.synapses, scheme.ring
    for i in range(wiring.offsets[unit], wiring.offsets[unit + 1]):
        receptor = wiring.ints[RECEPTOR, i]
        row, first, last = wiring.ints[ROW, i], wiring.ints[START, i], wiring.ints[STOP, i]
        delay = wiring.ints[DELAY, i]
        if wiring.ints[PER_TARGET, i] == 0:
            late = scheme.steps_of[delay]
            if late < ring:
                slot = 0 if late == 0 else 1 + (k + late) % ring
                base = CURRENTS_FROM + slot * n_receptors
                _deposit(state, base, receptor, row, first, last, weights, synapses)
            continue
        for j in range(-1 - first if first < 0 else first, last):
            place = np.int64(synapses.places[j]) if first < 0 else row + j - first
            target = np.int64(synapses.targets[j]) if first < 0 else j
            late = scheme.steps_of[delay + place - row]
            if late < ring:
                w = weights[place]
                slot = 0 if late == 0 else 1 + (k + late) % ring
                to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
                state[CURRENTS_FROM + slot * n_receptors + to, target] += w


@called
def _arrive(scheme, events, event_steps, e, end, b, k, n_receptors, state):
    """All that arrives at grid point ``k``; the next event."""
    n = state.shape[1]
    plain = events.ints.shape[0] == PLAIN_ROWS
    while e < end and event_steps[e] <= k:
        first = 0 if plain else events.ints[START, e]
        stop = n if plain else events.ints[STOP, e]
        receptor, row = events.ints[RECEPTOR, e], events.ints[ROW, e]
        _deposit(state, CURRENTS_FROM, receptor, row, first, stop, scheme.weights, scheme.synapses)
        e += 1
    if scheme.currents.shape[1] > 0:
        for r in range(n_receptors):
            into = state[CURRENTS_FROM + r]
            for m in range(n):
                into[m] += scheme.currents[b, k, r, m]
    if scheme.ring > 1:
        slot = CURRENTS_FROM + (1 + k % scheme.ring) * n_receptors
        for r in range(n_receptors):
            into, waiting = state[CURRENTS_FROM + r], state[slot + r]
            for m in range(n):
                into[m] += waiting[m]
                waiting[m] = 0.0
    return e


@called
def _go_on(table, k, n_receptors, state):
    """From grid point ``k`` to the next."""
    n = state.shape[1]
    v, adapt, held = state[V], state[ADAPT], state[HELD_TO]
    leak, alpha, fade = table[LEAK], table[ALPHA_MEM], table[ALPHA_ADAPT]
    if n_receptors == 1:
        current, decay, gain = state[CURRENTS_FROM], table[RECEPTORS_FROM], table[RECEPTORS_FROM + 1]
        for m in range(n):
            moved = leak[m] + alpha[m] * (v[m] - leak[m]) + gain[m] * current[m]
            v[m] = v[m] if held[m] > k else moved
            current[m] *= decay[m]
    else:
        exc, inh = state[CURRENTS_FROM], state[CURRENTS_FROM + 1]
        decay_exc, decay_inh = table[RECEPTORS_FROM], table[RECEPTORS_FROM + 1]
        gain_exc, gain_inh = table[RECEPTORS_FROM + 2], table[RECEPTORS_FROM + 3]
        for m in range(n):
            moved = leak[m] + alpha[m] * (v[m] - leak[m]) + gain_exc[m] * exc[m] + gain_inh[m] * inh[m]
            v[m] = v[m] if held[m] > k else moved
            exc[m] *= decay_exc[m]
            inh[m] *= decay_inh[m]
    for m in range(n):
        adapt[m] *= fade[m]


@called
def advance(scheme, events, event_steps, b, k0, k1, e, state, trace, recorder, found, at):
    """Go from grid point ``k0`` up to and not including ``k1``; the next event, and how many spikes there were.

    ``state`` is that of the sample before the arrivals at ``k0``.  Spikes beyond the room for them are counted and not
    written.  ``trace [row, step or 0, neuron]`` takes what the adjoint needs.
    """
    n = state.shape[1]
    table, limit, last, dt = scheme.table, scheme.limit, scheme.last, scheme.dt
    n_receptors = (table.shape[0] - RECEPTORS_FROM) // 2
    deep = trace.shape[0] > LIGHT_ROWS
    probe = np.searchsorted(recorder.probe_steps, k0)
    v, adapt, held, count = state[V], state[ADAPT], state[HELD_TO], state[COUNT]
    threshold = table[THRESHOLD]
    end = events.offsets[b + 1] - 1  # the last is the end of the window
    for k in range(k0, k1):
        e = _arrive(scheme, events, event_steps, e, end, b, k, n_receptors, state)
        if probe < recorder.probe_steps.size and recorder.probe_steps[probe] == k:
            recorder.samples[b, probe] = v
            probe += 1
        if recorder.watch.shape[2] > 0:
            share = dt if 0 < k < last else 0.5 * dt
            peak, where, area = recorder.watch[b, PEAK], recorder.watch[b, PEAK_STEP], recorder.watch[b, AREA]
            for m in range(n):
                higher = v[m] > peak[m]
                peak[m] = v[m] if higher else peak[m]
                where[m] = k if higher else where[m]
                area[m] += share * v[m]
        hits = 0
        for m in range(n):
            hits += np.int64((v[m] >= threshold[m] + adapt[m]) & (held[m] < k))
        if trace.shape[1] > 0:
            before, distance = trace[BEFORE, k - k0], trace[DISTANCE, k - k0]
            for m in range(n):
                before[m] = v[m]
                over = v[m] - threshold[m] - adapt[m]
                over = -math.inf if (limit[m] > 0) & (count[m] >= limit[m]) else over
                distance[m] = math.nan if held[m] >= k else over
        if hits > 0:
            for m in range(n):
                if v[m] >= threshold[m] + adapt[m] and held[m] < k and (limit[m] == 0 or count[m] < limit[m]):
                    if at < found.units.size:
                        found.units[at] = m
                        found.steps[at] = k
                    at += 1
                    v[m] = table[RESET, m]
                    adapt[m] += table[BETA, m]
                    held[m] = k + table[STEPS_HELD, m]
                    count[m] += 1.0
                    _emit(scheme, state, k, m, n_receptors)
        if deep:
            trace[ADAPTED, k - k0] = adapt
            for r in range(n_receptors):
                trace[TRACED_FROM + r, k - k0] = state[CURRENTS_FROM + r]
        if k < last:
            _go_on(table, k, n_receptors, state)
    return e, at


@called
def begin_sample(scheme, b, state):
    """Set the state to that at the beginning of a sample."""
    origin = scheme.start[b if scheme.start.shape[0] > 1 else 0]
    state[:, :] = 0.0
    state[: origin.shape[0]] = origin


def _grid_forward(first, stop, scheme, events, event_steps, state, recorder, found, at, offsets, ends, status):
    """Run samples ``first <= b < stop``, or up to one whose spikes have no room.

    Returns where it stopped, and how many spikes there were before and with that sample.  ``ends [batch, row, neuron]``
    are the states behind the last grid point.
    """
    nothing = np.empty((0, 0, 0))
    rows, n = ends.shape[1], state.shape[1]
    last, every, checkpoints = scheme.last, scheme.every, scheme.checkpoints
    for b in range(first, stop):
        begin_sample(scheme, b, state)
        begin = at
        e = events.offsets[b]
        if recorder.watch.shape[2] > 0:
            recorder.watch[b] = 0.0
            recorder.watch[b, PEAK] = -math.inf
        for k0 in range(0, last + 1, every):
            if checkpoints.shape[1] > 0:
                checkpoints[b, k0 // every] = state
            k1 = min(k0 + every, last + 1)
            e, at = advance(scheme, events, event_steps, b, k0, k1, e, state, nothing, recorder, found, at)
        if at > found.units.size:
            return b, begin, at
        offsets[b + 1] = at
        ends[b] = state[:rows]
        status[b] = OK
        for row in range(rows):
            for m in range(n):
                if row != HELD_TO and not math.isfinite(state[row, m]):
                    status[b] = NOT_FINITE
    return stop, at, at


grid_forward = compile_kernel(_grid_forward)
