"""When the neurons picked in a gap spike first: one by one, or side by side where the model allows it.

``x [state, j]`` is the state of neuron ``picked[j]``; ``times[j]`` receives how long it takes to its next upward
crossing within ``left[j]``, infinity if there is none.  ``common`` are the parameters that all share, if they do.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.physics.exponentials import minus_log

HELPERS = ("search",)

_ITERATIONS = 12
_CLOSE = 2e-15


def search(parameters, common, picked, x, found, left, times):
    """For any model: neuron by neuron."""
    for j in range(found):
        p = own(parameters, common, picked[j])
        state = load(x, 0, j)
        times[j] = crossing(p, state, left[j]) if may_cross(p, state) else math.inf


def search_ratio_two(parameters, common, picked, x, found, left, times):
    """For one current and ``tau_mem = 2 tau_syn``: the closed form of ``crossing_half``, without branches."""
    for j in range(found):
        p = own(parameters, common, picked[j])
        v = x[0, j]
        i0 = x[1, j]
        q = v - p[1]
        m = p[0] - v
        u0 = i0 - q
        disc = u0 * u0 - 4.0 * i0 * m
        root = math.sqrt(max(disc, 0.0))
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


def search_newton(parameters, common, picked, x, found, left, times):
    """For one current: Newton's method for all at once, and the guarded search for those it does not serve.

    A voltage that rises to a peak is concave on the way, so that from the start of the gap the iteration climbs to the
    first crossing and does not pass it.  A result is taken where the voltage is on the threshold, to rounding, and
    rises; where it is not, where there is no crossing, and where the voltage falls before it rises, ``crossing``
    decides.
    """
    for j in range(found):
        p = own(parameters, common, picked[j])
        i0 = x[1, j]
        q = x[0, j] - p[1]
        m = p[0] - x[0, j]
        u0 = i0 - q
        # where the voltage turns, and how high it is there or at the end of the gap
        z = 1.0 - u0 * p[8] / (i0 * p[7])
        turn = minus_log(max(z, 1e-300), 0.0) / p[8]
        top = left[j] if (z <= 0.0) | (abs(1.0 - z) < 1e-5) | (turn > left[j]) else turn
        g = gap(p, top)
        short = p[0] - p[1] - (q * g[0] + i0 * g[2])
        size = abs(q) + abs(i0) + abs(p[0] - p[1])
        hopeless = (u0 > 0.0) & (i0 > 0.0) & (short > 1e-12 * size) & (abs(1.0 - z) >= 1e-5)
        # the parabola that touches at the start
        disc = u0 * u0 - 2.0 * m * (u0 + i0 * p[7] * p[4])
        s = 2.0 * m * p[4] / (u0 + math.sqrt(max(disc, 0.0)))
        s = s if (s > 0.0) & (s < left[j]) else 0.0
        times[j] = math.inf if hopeless else s
    for _ in range(_ITERATIONS):
        moving = 0
        for j in range(found):
            p = own(parameters, common, picked[j])
            s = times[j]
            g = gap(p, s)
            q = x[0, j] - p[1]
            above = q * g[0] + x[1, j] * g[2]
            slope_now = x[1, j] * g[1] - above
            step = (p[0] - p[1] - above) * p[4] / slope_now
            after = s + step
            after = after if (slope_now > 0.0) & (after > 0.0) & (after <= left[j]) else s
            moving += abs(after - s) > 1e-15 * p[4]
            times[j] = after
        if moving == 0:
            break
    for j in range(found):
        p = own(parameters, common, picked[j])
        if times[j] == math.inf:
            continue
        state = load(x, 0, j)
        q = state[0] - p[1]
        g = gap(p, times[j])
        above = q * g[0] + state[1] * g[2]
        slope_now = state[1] * g[1] - above
        off = abs(p[0] - p[1] - above)
        size = abs(q) + abs(state[1]) + abs(p[0] - p[1])
        rising = (p[0] > state[0]) & (state[1] > q) & (state[1] > 0.0)
        if not (rising & (off <= _CLOSE * size) & (slope_now > 1e-4 * size)):
            times[j] = crossing(p, state, left[j]) if may_cross(p, state) else math.inf


RATIO_TWO = {"search": search_ratio_two}
NEWTON = {"search": search_newton}
