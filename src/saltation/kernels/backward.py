"""Moving the adjoint of one neuron back in time: what all adjoints share.

``lam = dL/dx``.  Over a free gap it is multiplied by the transpose of the flow; at a spike it jumps.  ``adjoint
[state + companion, neuron]`` holds ``lam`` and the companion, ``side`` the watched rows with cotangents in place of
values, ``grad [neuron, :]`` the primary parameters of the physics in its order.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

from saltation.kernels.bits import natural
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    AREA,
    AT_SPIKE,
    AT_START,
    FIRST_RELEASE,
    GAP,
    INTERIOR,
    NOWHERE,
    PEAK,
    PEAK_INDEX,
    PEAK_KIND,
    PEAK_TIME,
    PREVIOUS,
    RELEASE,
    SLOPE,
    STATES,
    TIME,
    UNIT,
    WHILE_HELD,
)

HELPERS = (
    "clear",
    "start_side",
    "start_latest",
    "is_held",
    "end_of_hold",
    "inject_voltage",
    "slide",
    "slide_companion",
    "glide",
    "free_back",
    "let_go",
    "undo_spike",
    "retreat",
    "collect_arrival",
    "finish",
)


def clear(array, value):
    """Fill a two-dimensional array."""
    for i in range(array.shape[0]):
        for m in range(array.shape[1]):
            array[i, m] = value


def start_latest(tape, begin, end, latest):
    """The last spike of each neuron of a sample, counted from ``begin``; -1 without one."""
    for m in range(latest.size):
        latest[m] = -1
    for k in range(begin, end):
        latest[tape.ints[UNIT, k]] = k - begin


def start_side(side, b, watch, cotangents, release, latest, grad):
    """What the adjoint of sample ``b`` needs beside the state: cotangents of the integral and of the maximum."""
    for m in range(side.shape[1]):
        for row in range(AREA + 1):
            side[row, m] = 0.0
        side[FIRST_RELEASE, m] = release[m]
        if cotangents.integral.shape[1] > 0:
            side[AREA, m] = cotangents.integral[b, m]
        if cotangents.peak.shape[1] > 0:
            for row in range(AREA):
                side[row, m] = watch[b, row, m]
            side[PEAK, m] = cotangents.peak[b, m]
            if side[PEAK_KIND, m] == WHILE_HELD and latest[m] >= 0:
                grad[m, 2] += side[PEAK, m]


def is_held(m, t, k, begin, tape, side):
    """Whether neuron ``m``, whose latest spike not undone is ``k``, is held at ``t``."""
    if k >= 0:
        return tape.floats[RELEASE, begin + k] > t
    return side[FIRST_RELEASE, m] > t


def end_of_hold(m, begin, latest, tape, side):
    """End of the hold behind the latest spike of neuron ``m``, or of the one from before the run."""
    spike = latest[m]
    return tape.floats[RELEASE, natural(begin + spike)] if spike >= 0 else side[FIRST_RELEASE, m]


def inject_voltage(m, t, value, k, begin, tape, side, adjoint, grad):
    """Add ``dL/dV(t)``; a held voltage is the reset voltage, that of a hold from before this run a constant."""
    if is_held(m, t, k, begin, tape, side):
        if k >= 0:
            grad[m, 2] += value
    else:
        adjoint[0, m] += value


def slide(p, s, g, lam, c):
    """Free flight of ``lam`` over ``s``, whose factors are ``g``, backwards; ``c`` is ``dL/d(integral V)``.

    Returns ``lam`` before it and what it adds to ``dL/dv_leak``.
    """
    if c != 0.0:
        lam = area_shift(p, -c, lam)
    leak = c * s + lam[0] * (1.0 - g[0])
    lam = flow_back(p, g, lam)
    if c != 0.0:
        lam = area_shift(p, c, lam)
    return lam, leak


def slide_companion(p, g, h, lam, k, c):
    """Free flight of the companion over a gap with factors ``g`` and ``h``; ``lam`` is the adjoint at its end."""
    if c != 0.0:
        lam = area_shift(p, -c, lam)
        k = companion_shift(-c, k)
    k = companion_back(g, h, lam, k)
    if c != 0.0:
        k = companion_shift(c, k)
    return k


def glide(p, m, s, g, lam, k, c, timed, grad):
    """Free flight of both over ``s``, whose factors are ``g``, backwards."""
    if timed:
        k = slide_companion(p, g, companion_gap(p, s, g), lam, k, c)
    lam, leak = slide(p, s, g, lam, c)
    grad[m, 1] += leak
    return lam, k


def free_back(p, m, hi, lo, lam, k, side, timed, grad):
    """Free flight from ``hi`` back to ``lo``, with the maximum of the voltage in between if it lies there."""
    at = side[PEAK_TIME, m]
    c = side[AREA, m]
    if side[PEAK_KIND, m] == INTERIOR and lo <= at <= hi:
        lam, k = glide(p, m, hi - at, gap(p, hi - at), lam, k, c, timed, grad)
        lam = inject(lam, side[PEAK, m])
        side[PEAK_KIND, m] = NOWHERE
        hi = at
    if hi > lo:
        lam, k = glide(p, m, hi - lo, gap(p, hi - lo), lam, k, c, timed, grad)
    return lam, k


def let_go(p, m, spike, lam, k, begin, tape, timed, grad, spike_times, v_start):
    """End of a hold, backwards: what the voltage carries goes to the reset voltage and to the time of release."""
    v = v_start
    if spike >= 0:
        pull = -lam[0] * v_dot(p, load(tape.floats, STATES + N_STATE, begin + spike))
        grad[m, 3] += pull
        spike_times[begin + spike] += pull
        grad[m, 2] += lam[0]
        v = p[2]
    if timed:
        k = companion_voltage(p, k, v, grad, m)
    return without_voltage(lam), k


def undo_spike(p, m, spike, lam, k, begin, tape, side, timed, grad, spike_times):
    """The jump of the adjoint at a spike."""
    i = begin + spike
    x = load(tape.floats, STATES, i)
    rate = tape.floats[SLOPE, i]
    topped = side[PEAK_KIND, m] == AT_SPIKE and side[PEAK_INDEX, m] == spike
    spike_times[i] += fire_pull(p, x, lam, side[AREA, m])
    if topped:
        spike_times[i] += side[PEAK, m] * v_dot(p, x)
    step = spike_times[i] / rate if rate > 0.0 else 0.0
    grad[m, 0] += step
    grad[m, 2] += lam[0]
    spend_spike(p, lam, step, grad, m)
    if timed:
        k = companion_voltage(p, k, p[2], grad, m)
        companion_spike(p, k, grad, m)
    lam = fire_back(lam, step)
    if topped:
        lam = inject(lam, side[PEAK, m])
    return lam, k


def retreat(p, m, hi, lo, event, begin, latest, tape, side, adjoint, timed, grad, spike_times, v_start):
    """Take neuron ``m`` from ``hi`` back to ``lo``, undoing its spikes in the gap before ``event``."""
    lam = load(adjoint, 0, m)
    k = load_companion(adjoint, N_STATE, m)
    t = hi
    while True:
        spike = latest[m]
        in_gap = spike >= 0 and tape.ints[GAP, begin + spike] == event
        if not in_gap and not is_held(m, lo, spike, begin, tape, side):
            lam, k = free_back(p, m, t, lo, lam, k, side, timed, grad)
            break
        release = tape.floats[RELEASE, begin + spike] if spike >= 0 else side[FIRST_RELEASE, m]
        bottom = tape.floats[TIME, begin + spike] if in_gap else lo
        if release <= t:
            lam, k = free_back(p, m, t, release, lam, k, side, timed, grad)
            t = release
            if release > bottom:
                lam, k = let_go(p, m, spike, lam, k, begin, tape, timed, grad, spike_times, v_start)
        s = t - bottom
        if s > 0.0:
            g = gap(p, s)
            if spike >= 0:
                grad[m, 2] += side[AREA, m] * s
            if timed:
                k = companion_hold(g, companion_gap(p, s, g), lam, k)
            lam = hold_back(p, g, lam)
        if not in_gap:
            break
        t = bottom
        lam, k = undo_spike(p, m, spike, lam, k, begin, tape, side, timed, grad, spike_times)
        latest[m] = tape.ints[PREVIOUS, begin + spike]
    store(adjoint, 0, m, lam)
    store_companion(adjoint, N_STATE, m, k)


def collect_arrival(p, m, w, receptor, adjoint, timed, grad):
    """``(dL/dw, dL/dt)`` of an arrival of weight ``w`` at neuron ``m``."""
    receptor = receptor_of(receptor, w)
    if timed:
        companion_arrive(load_companion(adjoint, N_STATE, m), receptor, w, grad, m)
    lam = load(adjoint, 0, m)
    return current(lam, receptor), w * arrival_pull(p, lam, receptor)


def finish(p, m, begin, tape, side, adjoint, timed, grad, v_init, x_start):
    """The start of the window: what is left belongs to the initial state."""
    if side[PEAK_KIND, m] == AT_START:
        inject_voltage(m, 0.0, side[PEAK, m], -1, begin, tape, side, adjoint, grad)
    v_init[m] += adjoint[0, m]
    if timed:
        companion_start(p, load_companion(adjoint, N_STATE, m), load(x_start, 0, m), grad, m)
