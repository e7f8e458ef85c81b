"""Forward mode: how spike times and voltages move with the parameters, along a run that has been made.

``dx`` is the tangent of the state at fixed time.  An event that jumps the vector field from ``F-`` to ``F+`` and
moves by ``dt`` adds ``(F- - F+) dt``; a spike moves by ``dt = -d(level) / slope``.  ``moving`` holds, for each neuron,
state and tangent (``2 n_state`` rows) and the rows named below.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import numpy as np

from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    AT_EVENT,
    AT_SPIKE,
    AT_START,
    CAUSE,
    DELAY,
    END,
    INTERIOR,
    NOWHERE,
    OWN,
    PEAK_INDEX,
    PEAK_KIND,
    PEAK_SLOPE,
    PEAK_TIME,
    PLAIN_ROWS,
    PROBE,
    RECEPTOR,
    RELEASE,
    ROW,
    SLOPE,
    START,
    STATES,
    STOP,
    TIME,
    UNIT,
    WHILE_HELD,
)

HELPERS = ("add_jump", "drift", "move", "pass_spike")

CLOCK = 0
LET_GO = 1
D_LET_GO = 2
KIND = 3
AT = 4
D_AREA = 5
D_PEAK = 6
MOVING = 7


def add_jump(array, row, m, before, after, dt):
    """Add ``(before - after) dt`` to a tangent."""
    for i in range(N_STATE):
        array[row + i, m] += (before[i] - after[i]) * dt


def drift(p, dp, m, t, held, x, moving):
    """Flow of state and tangent of neuron ``m`` to ``t``, free or held."""
    s = t - moving[CLOCK, m]
    if not s > 0.0:
        return
    state = load(x, 0, m)
    dx = load(x, N_STATE, m)
    g = gap(p, s)
    if held:
        after = hold(p, state, g)
        d_after = hold_tangent(p, dp, state, dx, s, g)
        moving[D_AREA, m] += dx[0] * s
    else:
        after = flow(p, state, g)
        d_after = flow_tangent(p, dp, state, dx, s, g)
        moving[D_AREA, m] += area_tangent(p, dp, s, state, after, dx, d_after)
    store(x, 0, m, after)
    store(x, N_STATE, m, d_after)
    moving[CLOCK, m] = t


def move(p, dp, m, t, x, moving):
    """Bring neuron ``m`` to ``t`` through the end of a hold and past an interior maximum."""
    if moving[CLOCK, m] < moving[LET_GO, m]:
        drift(p, dp, m, min(moving[LET_GO, m], t), True, x, moving)
        if moving[LET_GO, m] > t:
            return
        state = load(x, 0, m)
        add_jump(x, N_STATE, m, held_field(p, state), field(p, state), moving[D_LET_GO, m])
    if moving[KIND, m] == INTERIOR and moving[CLOCK, m] <= moving[AT, m] <= t:
        drift(p, dp, m, moving[AT, m], False, x, moving)
        moving[D_PEAK, m] = x[N_STATE, m]
        moving[KIND, m] = NOWHERE
    drift(p, dp, m, t, False, x, moving)


def pass_spike(p, dp, m, k, topped, x, moving, tape):
    """Move through spike ``k`` of neuron ``m``; how much its time moves."""
    t = tape.floats[TIME, k]
    was_held = moving[LET_GO, m] > t
    move(p, dp, m, t, x, moving)
    state = load(tape.floats, STATES, k)
    dx = load(x, N_STATE, m)
    rate = tape.floats[SLOPE, k]
    dt = -level_tangent(dp, dx) / rate if rate > 0.0 else 0.0
    if topped:
        moving[D_PEAK, m] = dx[0] + v_dot(p, state) * dt
    after = fire(p, state)
    release = tape.floats[RELEASE, k]
    if not was_held:
        moving[D_AREA, m] += (state[0] - after[0]) * dt
    before = held_field(p, state) if was_held else field(p, state)
    beyond = held_field(p, after) if release > t else field(p, after)
    # along with the moving spike, through the jump, and back to fixed time
    for i in range(N_STATE):
        x[N_STATE + i, m] += before[i] * dt
    store(x, N_STATE, m, fire_tangent(p, dp, load(x, N_STATE, m)))
    for i in range(N_STATE):
        x[N_STATE + i, m] -= beyond[i] * dt
    store(x, 0, m, after)
    moving[LET_GO, m] = release
    moving[D_LET_GO, m] = dt + dp[3]
    return dt


def tangent(
    parameters,
    events,
    weights,
    synapses,
    start,
    tape,
    tape_offsets,
    log,
    log_offsets,
    own_offsets,
    watch,
    d_parameters,
    d_start,
    d_weights,
    d_delays,
    d_source_times,
    d_spike_times,
    d_samples,
    d_area,
    d_peak,
):
    """Tangents of all observations of a component; the last four arguments receive them."""
    n = d_start.size
    shared = parameters.shape[1] == 1
    p = load_parameters(parameters, 0)
    x = np.empty((2 * N_STATE, n))
    moving = np.empty((MOVING, n))
    watched = watch.shape[2] > 0
    for b in range(tape_offsets.size - 1):
        begin = 0 if start.x.shape[0] == 1 else b
        for m in range(n):
            for i in range(N_STATE):
                x[i, m] = start.x[begin, i, m]
                x[N_STATE + i, m] = 0.0
            x[N_STATE, m] = d_start[m]
            for i in range(MOVING):
                moving[i, m] = 0.0
            moving[LET_GO, m] = start.release[begin, m]
            if not watched:
                continue
            moving[KIND, m] = watch[b, PEAK_KIND, m]
            moving[AT, m] = watch[b, PEAK_TIME, m]
            if moving[KIND, m] == AT_START:
                moving[D_PEAK, m] = d_start[m]
            elif moving[KIND, m] == WHILE_HELD:
                moving[D_PEAK, m] = d_parameters[m, 2]
        for at in range(log_offsets[b], log_offsets[b + 1]):
            what = log.order[at]
            if what < 0:
                k = tape_offsets[b] - 1 - what
                m = tape.ints[UNIT, k]
                if not shared:
                    p = load_parameters(parameters, m)
                topped = moving[KIND, m] == AT_SPIKE and watch[b, PEAK_INDEX, m] == k - tape_offsets[b]
                d_spike_times[k] = pass_spike(p, d_parameters[m], m, k, topped, x, moving, tape)
                continue
            external = what < OWN
            i = events.offsets[b] + what if external else own_offsets[b] + (what - OWN)
            ints = events.ints if external else log.ints
            t = events.times[i] if external else log.times[i]
            row = ints[ROW, i]
            first = ints[START, i] if ints.shape[0] > PLAIN_ROWS else 0
            stop = ints[STOP, i] if ints.shape[0] > PLAIN_ROWS else n
            dt = 0.0
            if row >= 0:
                dt = d_delays[ints[DELAY, i]]
                dt += d_source_times[ints[CAUSE, i]] if external else d_spike_times[tape_offsets[b] + ints[CAUSE, i]]
            elif row == END or row <= PROBE:
                first = 0
                stop = n
            some = first < 0
            if some:
                first = -1 - first
            for j in range(first, stop):
                m = np.int64(synapses.targets[j]) if some else j
                if not shared:
                    p = load_parameters(parameters, m)
                move(p, d_parameters[m], m, t, x, moving)
                if moving[KIND, m] == AT_EVENT and moving[AT, m] == t:
                    moving[D_PEAK, m] = x[N_STATE, m] + watch[b, PEAK_SLOPE, m] * dt
                    moving[KIND, m] = NOWHERE
                if row <= PROBE:
                    d_samples[b, PROBE - row, m] = x[N_STATE, m]
                elif row >= 0:
                    place = np.int64(synapses.places[j]) if some else row + j - first
                    w = weights[place]
                    r = receptor_of(ints[RECEPTOR, i], w)
                    state = load(x, 0, m)
                    after = arrive(state, r, w)
                    if moving[LET_GO, m] > t:
                        add_jump(x, N_STATE, m, held_field(p, state), held_field(p, after), dt)
                    else:
                        add_jump(x, N_STATE, m, field(p, state), field(p, after), dt)
                    x[N_STATE + 1 + r, m] += d_weights[place]
                    store(x, 0, m, after)
        for m in range(n):
            d_area[b, m] = moving[D_AREA, m]
            d_peak[b, m] = moving[D_PEAK, m]
