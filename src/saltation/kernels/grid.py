"""A component on a time grid, forward: step by step, all neurons side by side.

    at grid point k:   I += arrivals;   a spike where V >= v_th + a, not held:  V := v_reset, a += beta, held
    to the next:       V := alpha_m V + (1 - alpha_m) v_leak + sum_r kappa_r I_r,   I_r := alpha_r I_r,   a := alpha_a a

The factors are those of the exact solution over one step.  A held neuron keeps its voltage.  Own spikes that arrive
at once act on the way to the next point; later ones wait in a ring of ``I`` to come.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.kernels.bits import natural
from saltation.kernels.cache import compile_kernel
from saltation.kernels.inlining import called, inlined
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

    ``spiking``, ``adaptive``, ``holds``, ``limited``: whether neurons spike, thresholds adapt, neurons are held after
    spikes, and numbers of spikes are limited; ``last``: the last grid point of the window; ``every``: steps between
    checkpoints; ``ring``: grid points for which currents to come are kept; ``table [row, neuron]``: the coefficients;
    ``currents [batch, step or 0, receptor, neuron]``: what values on the grid bring; ``steps_of``: the steps of each
    delay; ``start [batch or 1, row, neuron]``: the state at the beginning, and ``checkpoints [batch, segment, row,
    neuron]`` before each segment.  What was observed elsewhere takes the place of the component's own: ``forced
    [batch, step or 0, neuron]`` is 1 at the grid points at which a neuron spikes, and 0 elsewhere; ``measured
    [batch, step or 0, neuron]`` are voltages.
    """

    dt: float
    spiking: bool
    adaptive: bool
    holds: bool
    limited: bool
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
    forced: NDArray[np.int8]
    measured: Floats


class Recorder(NamedTuple):
    """What is recorded: ``samples [batch, probe, neuron]``, ``watch [batch or 1, WATCHED, neuron or 0]``.

    ``distances [batch, step or 0, neuron]`` of voltages from their thresholds are kept for the adjoint, which else runs
    the steps again.
    """

    probe_steps: Ints
    samples: Floats
    watch: Floats
    distances: Floats


class Found(NamedTuple):
    """Room for spikes: unit and grid point of each."""

    units: Ints
    steps: Ints


# Rows of the table of coefficients.
LEAK = 0
THRESHOLD = 1
RESET = 2
STEPS_HELD = 3
BETA = 4
ALPHA_MEM = 5
ALPHA_ADAPT = 6
DRIFT = 7  # (1 - alpha) v_leak
DECAY = 8  # of each receptor, then the gain of each

# A grid point behind every other: the end of the hold after the last spike that is allowed.
FOR_EVER = 1e18

# Rows of the state of a sample; currents, then those to come, follow.
V = 0
ADAPT = 1
HELD_TO = 2  # last grid point of the hold
COUNT = 3
FIRED = 4  # who spikes at the grid point
CURRENTS_FROM = 5

# Rows of what is traced of each step; currents after its arrivals follow where there are as many rows.
BEFORE = 0  # voltage at the grid point, before a spike there
DISTANCE = 1  # of it from the threshold; NaN while held
LIGHT_ROWS = 2
ADAPTED = 2  # behind a spike
TRACED_FROM = 3

# Rows of what is watched.
PEAK = 0
PEAK_STEP = 1
AREA = 2
WATCHED = 3


# Taking a row out of an array, or an array out of a tuple, counts a reference up and down, which costs as much as a
# row of arithmetic: rows are taken once for many steps.  They are not indexed as parts of a matrix, and each loop
# writes one of them and reads few: else the compiler does not find out that they do not overlap, and goes neuron by
# neuron.


@inlined
def _deposit(state, base, receptor, row, first, last, weights, places, targets):
    """Add a row of weights to the currents in rows ``base`` (excitatory, or the one) and ``base + 1``."""
    if first < 0:
        for s in range(-1 - first, last):
            w = weights[places[natural(s)]]
            to = base + (receptor if receptor != BY_SIGN else np.int64(w < 0.0))
            state[natural(to), targets[natural(s)]] += w
    elif receptor == BY_SIGN:
        for m in range(last - first):
            state[natural(base), natural(first + m)] += max(weights[natural(row + m)], 0.0)
        for m in range(last - first):
            state[natural(base + 1), natural(first + m)] += min(weights[natural(row + m)], 0.0)
    else:
        for m in range(last - first):
            state[natural(base + receptor), natural(first + m)] += weights[natural(row + m)]


@called
def _emit(ring, k, unit, n_receptors, state, weights, places, targets, offsets, rows, steps_of):
    """A spike of a neuron leaves along the projections inside the component."""
    for i in range(offsets[unit], offsets[unit + 1]):
        receptor = rows[RECEPTOR, i]
        row, first, last, delay = rows[ROW, i], rows[START, i], rows[STOP, i], rows[DELAY, i]
        if rows[PER_TARGET, i] == 0:
            late = steps_of[delay]
            if late < ring:
                slot = 0 if late == 0 else 1 + (k + late) % ring
                base = CURRENTS_FROM + slot * n_receptors
                _deposit(state, base, receptor, row, first, last, weights, places, targets)
            continue
        for j in range(-1 - first if first < 0 else first, last):
            place = np.int64(places[j]) if first < 0 else row + j - first
            target = np.int64(targets[j]) if first < 0 else j
            late = steps_of[delay + place - row]
            if late < ring:
                w = weights[place]
                slot = 0 if late == 0 else 1 + (k + late) % ring
                to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
                state[CURRENTS_FROM + slot * n_receptors + to, target] += w


@inlined
def _move(drift, alpha, gain, current, held, k, v):
    """Voltages from grid point ``k`` to the next, with one current."""
    for m in range(v.size):
        moved = drift[m] + alpha[m] * v[m] + gain[m] * current[m]
        v[m] = v[m] if held[m] > k else moved


@inlined
def _add_gain(gain, current, held, k, v):
    """What another current adds to them."""
    for m in range(v.size):
        v[m] += 0.0 if held[m] > k else gain[m] * current[m]


@inlined
def _scale(factor, values):
    for m in range(values.size):
        values[m] *= factor[m]


@inlined
def _copy(values, to):
    for m in range(values.size):
        to[m] = values[m]


@inlined
def _watch(v, k, share, peak, where, area):
    """Keep the maximum of the voltage, where it was, and its integral."""
    for m in range(v.size):
        where[m] = k if v[m] > peak[m] else where[m]
    for m in range(v.size):
        peak[m] = max(v[m], peak[m])
    for m in range(v.size):
        area[m] += share * v[m]


@inlined
def _distances(v, threshold, adapt, held, k, distance):
    """How far voltages are above their thresholds; NaN where they are held."""
    for m in range(v.size):
        over = v[m] - threshold[m] - adapt[m]
        distance[m] = math.nan if held[m] >= k else over


# By what share of the way from reset to threshold a voltage is moved over its threshold, or under it.
_CLEAR = 1e-9


@inlined
def _force(seen, threshold, reset, adapt, k, v, held):
    """Move voltages to the side of their thresholds on which they were; those of neurons that are held stay."""
    for m in range(v.size):
        clear, top = _CLEAR * (threshold[m] - reset[m]), threshold[m] + adapt[m]
        moved = max(v[m], top + clear) if seen[m] > 0 else min(v[m], top - clear)
        v[m] = moved if held[m] < k else v[m]


@inlined
def _fire(threshold, reset, steps_held, beta, k, adaptive, holds, limited, limit, v, adapt, held, count, fired):
    """Mark who spikes at a grid point, and set the state behind the spikes; how many there are."""
    hits = 0
    for m in range(v.size):
        over = (v[m] >= threshold[m] + adapt[m]) & (held[m] < k)
        fired[m] = 1.0 if over else 0.0
        hits += np.int64(over)
    if hits == 0:
        return 0
    for m in range(v.size):
        v[m] = reset[m] if fired[m] > 0.0 else v[m]
    if adaptive:
        for m in range(v.size):
            adapt[m] += fired[m] * beta[m]
    if holds:
        for m in range(v.size):
            held[m] = k + steps_held[m] if fired[m] > 0.0 else held[m]
    if limited:
        for m in range(v.size):
            count[m] += fired[m]
        for m in range(v.size):
            held[m] = FOR_EVER if (limit[m] > 0) & (count[m] >= limit[m]) else held[m]
    return hits


@inlined
def _list(k, at, fired, units, steps):
    """Write down who spikes; how many spikes there were so far, also where there is no room for them."""
    if at + fired.size <= units.size:
        # each is written, and the next one over it where it does not spike: no branch to be guessed wrong
        for m in range(fired.size):
            units[natural(at)] = m
            steps[natural(at)] = k
            at += np.int64(fired[m])
    else:
        for m in range(fired.size):
            if fired[m] > 0.0:
                if at < units.size:
                    units[natural(at)] = m
                    steps[natural(at)] = k
                at += 1
    return at


@called
def advance(scheme, events, event_steps, b, k0, k1, e, state, trace, recorder, found, at):
    """Go from grid point ``k0`` up to and not including ``k1``; the next event, and how many spikes there were.

    ``state`` is that of the sample before the arrivals at ``k0``.  Spikes beyond the room for them are counted and not
    written.  ``trace [row, step or 0, neuron]`` takes what the adjoint needs.
    """
    n = state.shape[1]
    table, limit, weights, steps_of, ring = scheme.table, scheme.limit, scheme.weights, scheme.steps_of, scheme.ring
    places, targets = scheme.synapses.places, scheme.synapses.targets
    offsets, rows, currents = scheme.wiring.offsets, scheme.wiring.ints, scheme.currents
    last, dt, adaptive, limited, holds = scheme.last, scheme.dt, scheme.adaptive, scheme.limited, scheme.holds
    spiking, recurrent = scheme.spiking, rows.shape[1] > 0
    ints, samples, watch, probe_steps = events.ints, recorder.samples, recorder.watch, recorder.probe_steps
    units, steps = found.units, found.steps
    plain = ints.shape[0] == PLAIN_ROWS
    two = table.shape[0] > DECAY + 2
    v, adapt, held, count, fired = state[V], state[ADAPT], state[HELD_TO], state[COUNT], state[FIRED]
    exc, inh = state[CURRENTS_FROM], state[CURRENTS_FROM + two]
    threshold, reset, steps_held, beta = table[THRESHOLD], table[RESET], table[STEPS_HELD], table[BETA]
    kept = recorder.distances
    forced, measured = scheme.forced, scheme.measured
    drift, alpha, fade = table[DRIFT], table[ALPHA_MEM], table[ALPHA_ADAPT]
    decay_exc, decay_inh, gain_exc, gain_inh = table[DECAY], table[DECAY + two], table[DECAY + 1 + two], table[-1]
    traced, deep, watched = trace.shape[1] > 0, trace.shape[0] > LIGHT_ROWS, watch.shape[2] > 0
    seen = watch[b if watched else 0]
    peak, where, area = seen[PEAK], seen[PEAK_STEP], seen[AREA]
    probe = np.searchsorted(probe_steps, k0)
    end = events.offsets[b + 1] - 1  # the last is the end of the window
    for k in range(k0, k1):
        while e < end and event_steps[e] <= k:
            receptor, row = ints[RECEPTOR, e], ints[ROW, e]
            if plain and receptor == 0:
                for m in range(n):
                    exc[m] += weights[natural(row + m)]
            elif plain:
                _deposit(state, CURRENTS_FROM, receptor, row, 0, n, weights, places, targets)
            else:
                first, stop = ints[START, e], ints[STOP, e]
                _deposit(state, CURRENTS_FROM, receptor, row, first, stop, weights, places, targets)
            e += 1
        if currents.shape[1] > 0:
            for r in range(1 + two):
                for m in range(n):
                    state[natural(CURRENTS_FROM + r), m] += currents[b, k, r, m]
        if ring > 1:
            slot = CURRENTS_FROM + (1 + k % ring) * (1 + two)
            for r in range(1 + two):
                for m in range(n):
                    state[natural(CURRENTS_FROM + r), m] += state[natural(slot + r), m]
                for m in range(n):
                    state[natural(slot + r), m] = 0.0
        if measured.shape[1] > 0:
            _copy(measured[b, k], v)
        if probe < probe_steps.size and probe_steps[probe] == k:
            _copy(v, samples[b, probe])
            probe += 1
        if watched:
            _watch(v, k, dt if 0 < k < last else 0.5 * dt, peak, where, area)
        if forced.shape[1] > 0:
            _force(forced[b, k], threshold, reset, adapt, k, v, held)
        if kept.shape[1] > 0:
            _distances(v, threshold, adapt, held, k, kept[b, k])
        if traced:
            _copy(v, trace[BEFORE, k - k0])
            _distances(v, threshold, adapt, held, k, trace[DISTANCE, k - k0])
        if spiking and _fire(
            threshold, reset, steps_held, beta, k, adaptive, holds, limited, limit, v, adapt, held, count, fired
        ):
            at = _list(k, at, fired, units, steps)
            if recurrent:
                for m in range(n):
                    if fired[m] > 0.0:
                        _emit(ring, k, m, 1 + two, state, weights, places, targets, offsets, rows, steps_of)
        if traced and deep:
            _copy(adapt, trace[ADAPTED, k - k0])
            _copy(exc, trace[TRACED_FROM, k - k0])
            if two:
                _copy(inh, trace[TRACED_FROM + 1, k - k0])
        if k == last:
            break
        _move(drift, alpha, gain_exc, exc, held, k, v)
        _scale(decay_exc, exc)
        if two:
            _add_gain(gain_inh, inh, held, k, v)
            _scale(decay_inh, inh)
        if adaptive:
            _scale(fade, adapt)
    return e, at


@inlined
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
