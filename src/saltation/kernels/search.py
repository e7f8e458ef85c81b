"""When the neurons picked in a gap spike first: one by one, or side by side where the model allows it.

``x [state, j]`` is the state of the neuron in place ``j`` of a row; ``times[j]`` receives how long it takes to its
next upward crossing within ``left[j]``, infinity if there is none.  ``common`` are the parameters that all share, if
they do, ``mine`` those of each in its place, if not; ``still [j]`` is scratch.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.physics.exponentials import minus_log
from saltation.kernels.rows import whole

HELPERS = ("search",)

_ITERATIONS = 10
# A step, in membrane time constants, behind which the next one is below rounding: the order is three.
_SMALL = 1e-6
# What the voltage may be off the threshold, by its largest term.
_CLOSE = 2e-15
# Nearer to the threshold than this at the start, by the largest term, is left to the search one by one.
_IMMINENT = 1e-3
# The turning point's closed form needs rates that differ.
_APART = 1e-5


def search(mine, common, x, found, left, times, still):
    """For any model: neuron by neuron."""
    for j in range(found):
        p = own(mine, common, j)
        state = load(x, 0, j)
        times[j] = crossing(p, state, left[j]) if may_cross(p, state) else math.inf


def search_ratio_two(mine, common, x, found, left, times, still):
    """For one current and ``tau_mem = 2 tau_syn``: the closed form of ``crossing_half``, without branches."""
    for j in range(whole(found)):
        p = own(mine, common, j)
        v = x[0, j]
        i0 = x[1, j]
        q = v - p[1]
        m = p[0] - v
        u0 = i0 - q
        disc = u0 * u0 - 4.0 * i0 * m
        root = math.sqrt(max(disc, 0.0)) if disc < math.inf else abs(u0)
        rising = u0 >= 0.0
        y = (2.0 * m if rising else u0 - root) / (u0 + root if rising else 2.0 * i0)
        b = q + i0
        late = (b + root if b > 0.0 else 2.0 * (q + m)) / (2.0 * i0 if b > 0.0 else b - root)
        near_by = y < 0.5
        e = 1.0 - y if near_by else late
        rest = (1.0 - e) - y if near_by else 0.0
        there = (disc > 0.0) & (rising | (i0 < 0.0)) & (y > 0.0) & (y < 1.0) & (e > 0.0)
        s = minus_log(e if there else 1.0, rest if there else 0.0) * p[4]
        s = s if there & (s <= left[j]) else math.inf
        times[j] = 0.0 if (m <= 0.0) & (u0 > 0.0) else s


def search_halley(mine, common, x, found, left, times, still):
    """For one current: Halley's method for all at once, and the guarded search for those it does not serve.

    With ``above = v - v_leak`` and ``u = tau_mem dv/dt = i - above``: ``tau_mem^2 d2v/dt2 = -u - i tau_mem/tau_syn``.
    A voltage that rises to a peak is concave on the way, so that the iteration does not leave the branch that it
    starts on.  A result is taken where the voltage is on the threshold, to rounding, and rises; where it is not, where
    the peak is too close to call, and where the voltage falls before it rises, ``crossing`` decides.
    """
    for j in range(whole(found)):
        p = own(mine, common, j)
        i0 = x[1, j]
        q = x[0, j] - p[1]
        m = p[0] - x[0, j]
        u0 = i0 - q
        # where the voltage turns, and how high it is there or at the end of the gap
        z = 1.0 - u0 * p[8] / (i0 * p[7])
        turn = minus_log(max(z, 1e-300), 0.0) / p[8]
        told = abs(1.0 - z) >= _APART
        top = left[j] if (z <= 0.0) | (not told) | (turn > left[j]) else turn
        g = gap(p, top)
        short = p[0] - p[1] - (q * g[0] + i0 * g[2])
        size = abs(q) + abs(i0) + abs(p[0] - p[1])
        hopeless = told & (u0 > 0.0) & (i0 > 0.0) & (short > 1e-12 * size)
        # the parabola that touches at the start
        disc = u0 * u0 - 2.0 * m * (u0 + i0 * p[7] * p[4])
        s = 2.0 * m * p[4] / (u0 + math.sqrt(max(disc, 0.0)))
        s = s if (s > 0.0) & (s < left[j]) else 0.0
        times[j] = math.inf if hopeless else s
        still[j] = 0.0 if j < found else 1.0
    for _ in range(_ITERATIONS):
        moving = 0
        for j in range(whole(found)):
            p = own(mine, common, j)
            s = times[j]
            g = gap(p, s)
            i = x[1, j] * g[1]
            above = (x[0, j] - p[1]) * g[0] + x[1, j] * g[2]
            u = i - above
            f = above - (p[0] - p[1])
            bend = u + i * (p[7] * p[4])
            step = -2.0 * f * u / (2.0 * u * u + f * bend)
            after = s + step * p[4]
            # who has arrived stays there, whatever the others do
            fine = (u > 0.0) & (after > 0.0) & (after <= left[j]) & (still[j] == 0.0)
            on = fine & (abs(step) > _SMALL)
            moving += on
            times[j] = after if fine else s
            still[j] = 0.0 if on else 1.0
        if moving == 0:
            break
    for j in range(whole(found)):
        p = own(mine, common, j)
        s = times[j]
        g = gap(p, s)
        q = x[0, j] - p[1]
        above = q * g[0] + x[1, j] * g[2]
        u = x[1, j] * g[1] - above
        off = abs(p[0] - p[1] - above)
        size = abs(q) + abs(x[1, j]) + abs(p[0] - p[1])
        # an imminent spike needs the change of the voltage, not the voltage, to keep its relative accuracy
        rising = (p[0] - x[0, j] > _IMMINENT * size) & (x[1, j] > q) & (x[1, j] > 0.0)
        taken = rising & (off <= _CLOSE * size) & (u > 1e-4 * size)
        times[j] = s if taken | (s == math.inf) else -1.0
    for j in range(found):
        if times[j] < 0.0:
            p = own(mine, common, j)
            state = load(x, 0, j)
            times[j] = crossing(p, state, left[j]) if may_cross(p, state) else math.inf


RATIO_TWO = {"search": search_ratio_two}
HALLEY = {"search": search_halley}
