"""Zeros of membrane voltages and of their slopes, bracketed so that none is missed.

With ``q = v - v_leak`` and currents ``i_j`` (rates ``r_j``, ``delta_j = r_j - rm``), between two events

    v(s) - v(0) = q (exp(-rm s) - 1) + sum_j i_j kappa_j(s),
    u(s) = tau_mem dv/ds = v_leak - v(s) + sum_j i_j exp(-r_j s).

``u exp(rm s)`` has the derivative ``-exp(rm s) sum_j i_j r_j exp(-r_j s)``.  With one current that never changes
sign: ``u`` has at most one zero, known in closed form.  With two currents it changes sign at most once, at a
time known in closed form: ``u`` has at most two zeros, one on each side of it.  So the voltage splits into at
most three monotone pieces, and a crossing is missed on none of them.
"""

import math

from saltation.kernels.inlining import inlined
from saltation.kernels.physics.exponentials import kappa, minus_log

_MAX_ITERATIONS = 200
_EPS = 2.3e-16
_NO_MORE = 600.0


@inlined
def rise_one(s, q, i0, rm, r0):
    """``(v(s) - v(0), u(s))`` for one current."""
    delta = r0 - rm
    loss = -math.expm1(-rm * s)
    em = 1.0 - loss if loss < 0.5 else math.exp(-rm * s)
    e0 = math.exp(-r0 * s)
    k0 = kappa(s, rm, em, e0, delta)
    # the slope from what is left and not from the change: it keeps its sign when almost nothing is
    return i0 * k0 - q * loss, i0 * (e0 - k0) - q * em


@inlined
def rise_two(s, q, i0, i1, rm, r0, r1):
    """``(v(s) - v(0), u(s))`` for two currents."""
    loss = -math.expm1(-rm * s)
    em = 1.0 - loss if loss < 0.5 else math.exp(-rm * s)
    e0 = math.exp(-r0 * s)
    e1 = math.exp(-r1 * s)
    k0 = kappa(s, rm, em, e0, r0 - rm)
    k1 = kappa(s, rm, em, e1, r1 - rm)
    return i0 * k0 + i1 * k1 - q * loss, i0 * (e0 - k0) + i1 * (e1 - k1) - q * em


@inlined
def turning_point_one(u0, i0, rm, r0, s_max):
    """The zero of ``u`` in ``(0, s_max)`` for one current, or ``s_max`` if there is none."""
    if u0 * i0 <= 0.0:
        return s_max
    y = u0 / (i0 * r0)
    x = (r0 - rm) * y
    if x >= 1.0:
        return s_max
    z = -x
    ratio = 1.0 - z * (0.5 - z / 3.0) if abs(z) < 1e-5 else math.log1p(z) / z
    return min(y * ratio, s_max)


@inlined
def crossing_one(m, u0, q, i0, rm, r0, s_max):
    """First upward crossing of ``v(0) + m`` in ``(0, s_max]`` by a guarded Newton search; inf if there is none.

    A voltage that rises to a peak is concave on the way: its first slope bounds what it can reach, and at the peak,
    where ``u = 0``, it is ``v_leak`` plus the current left.
    """
    if m <= 0.0 and u0 > 0.0:
        return 0.0
    if m < 0.0 and u0 == 0.0:
        return math.inf
    lo = 0.0
    hi = s_max
    start = 0.0
    if u0 > 0.0 and i0 > 0.0:
        if rm * u0 * s_max <= m:
            return math.inf
        hi = turning_point_one(u0, i0, rm, r0, s_max)
        if hi < s_max:
            if not i0 * math.exp(-r0 * hi) - q > m:
                return math.inf
        elif not rise_one(hi, q, i0, rm, r0)[0] > m:
            return math.inf
        # the parabola that touches at the start
        disc = u0 * u0 - 2.0 * m * (u0 + i0 * r0 / rm)
        start = 2.0 * m / (rm * (u0 + math.sqrt(max(disc, 0.0))))
        if not start < hi:
            start = 0.0
    else:
        if u0 < 0.0 or (u0 == 0.0 and i0 > 0.0):
            lo = turning_point_one(u0, i0, rm, r0, s_max)
            if not lo < s_max or rise_one(lo, q, i0, rm, r0)[0] > m:
                return math.inf
            start = lo
        if not rise_one(hi, q, i0, rm, r0)[0] > m:
            return math.inf
    s = start
    for _ in range(_MAX_ITERATIONS):
        change, u = rise_one(s, q, i0, rm, r0)
        f = change - m
        if f > 0.0:
            hi = s
        elif f < 0.0:
            lo = s
        else:
            return s
        trial = s - f / (rm * u) if u > 0.0 else hi
        if not (lo < trial < hi):
            trial = 0.5 * (lo + hi)
        if abs(trial - s) <= _EPS * trial or not (lo < trial < hi):
            return trial
        s = trial
    return s


@inlined
def crossing_half(m, u0, q, i0, tau_mem, s_max):
    """First upward crossing for ``tau_mem = 2 tau_syn``, in closed form; inf if there is none.

    ``x = exp(-s/tau_mem)`` solves a quadratic.  Written for ``1 - x`` it keeps its relative accuracy for imminent
    spikes, written for ``x`` for late ones, and each root in the form in which nothing cancels; ``disc = 0`` is a
    voltage that only touches the threshold, which is no spike.
    """
    if m <= 0.0 and u0 > 0.0:
        return 0.0
    disc = u0 * u0 - 4.0 * i0 * m
    if not disc > 0.0:
        return math.inf
    # beyond 1e154 the square overflows, and what is taken from it is nothing beside it
    root = math.sqrt(disc) if disc < math.inf else abs(u0)
    if u0 < 0.0:
        if not i0 < 0.0:
            return math.inf
        y = (u0 - root) / (2.0 * i0)
    else:
        y = 2.0 * m / (u0 + root)
    if not 0.0 < y < 1.0:
        return math.inf
    x = 1.0 - y
    rest = (1.0 - x) - y
    if y >= 0.5:
        b = q + i0
        x = (b + root) / (2.0 * i0) if b > 0.0 else 2.0 * (q + m) / (b - root)
        rest = 0.0
        if not x > 0.0:
            return math.inf
    s = minus_log(x, rest) * tau_mem
    return s if s <= s_max else math.inf


@inlined
def crossing_equal(m, u0, q, i0, rm, s_max):
    """First upward crossing for ``tau_mem = tau_syn``; inf if there is none.

    With ``z = rm s`` it solves ``(q + i0 z) exp(-z) = q + m``, that is ``z = -q/i0 - W0(-(q+m)/i0 exp(-q/i0))``
    with Lambert's W; the iteration runs in ``z``, where neither the exponential overflows for small currents nor
    digits are lost at the branch point.
    """
    if m <= 0.0 and u0 > 0.0:
        return 0.0
    if m < 0.0 and u0 == 0.0:
        return math.inf
    z_max = rm * s_max
    lo = 0.0
    hi = min(u0 / i0, z_max) if u0 * i0 > 0.0 else z_max
    if u0 < 0.0 or (u0 == 0.0 and i0 > 0.0):
        if not i0 < 0.0 or not hi < z_max:
            return math.inf
        lo = hi
        hi = z_max
        if i0 * lo * math.exp(-lo) + q * math.expm1(-lo) > m:
            return math.inf
    if not i0 * hi * math.exp(-hi) + q * math.expm1(-hi) > m:
        return math.inf
    z = lo
    for _ in range(_MAX_ITERATIONS):
        loss = -math.expm1(-z)
        e = 1.0 - loss if loss < 0.5 else math.exp(-z)
        f = i0 * z * e - q * loss - m
        if f > 0.0:
            hi = z
        elif f < 0.0:
            lo = z
        else:
            break
        slope = (i0 - q - i0 * z) * e
        trial = z - f / slope if slope > 0.0 else hi
        if not (lo < trial < hi):
            trial = 0.5 * (lo + hi)
        if abs(trial - z) <= _EPS * trial or not (lo < trial < hi):
            z = trial
            break
        z = trial
    return min(z / rm, s_max)


@inlined
def slope_zero_two(lo, hi, q, i0, i1, rm, r0, r1):
    """The zero of ``u`` on ``[lo, hi]``, where it changes sign once."""
    rising = rise_two(lo, q, i0, i1, rm, r0, r1)[1] < 0.0
    s = 0.5 * (lo + hi)
    for _ in range(_MAX_ITERATIONS):
        u = rise_two(s, q, i0, i1, rm, r0, r1)[1]
        if u == 0.0:
            return s
        if (u < 0.0) == rising:
            lo = s
        else:
            hi = s
        slope = -rm * u - i0 * r0 * math.exp(-r0 * s) - i1 * r1 * math.exp(-r1 * s)
        trial = s - u / slope if slope != 0.0 else lo
        if not (lo < trial < hi):
            trial = 0.5 * (lo + hi)
        if abs(trial - s) <= _EPS * trial or not (lo < trial < hi):
            return trial
        s = trial
    return s


@inlined
def turning_points_two(u0, q, i0, i1, rm, r0, r1, s_max):
    """The zeros of ``u`` in ``(0, s_max)`` for two currents, in order; ``s_max`` stands for those not there."""
    # behind this nothing moves any more, and the slope would underflow to a zero that has no sign
    slowest = min(rm, r0) if i0 != 0.0 else rm
    slowest = min(slowest, r1) if i1 != 0.0 else slowest
    end = min(s_max, _NO_MORE / slowest)
    split = end
    if i0 * i1 < 0.0 and r0 != r1:
        w = math.log(-(i0 * r0) / (i1 * r1)) / (r0 - r1)
        if 0.0 < w < end:
            split = w
    u_split = rise_two(split, q, i0, i1, rm, r0, r1)[1]
    first = s_max
    second = s_max
    if (u0 < 0.0) != (u_split < 0.0) and u0 != 0.0 and u_split != 0.0:
        first = slope_zero_two(0.0, split, q, i0, i1, rm, r0, r1)
    if split < end:
        u_end = rise_two(end, q, i0, i1, rm, r0, r1)[1]
        if (u_split < 0.0) != (u_end < 0.0) and u_split != 0.0 and u_end != 0.0:
            zero = slope_zero_two(split, end, q, i0, i1, rm, r0, r1)
            if first < s_max:
                second = zero
            else:
                first = zero
        elif u_split == 0.0 and (u0 < 0.0) != (u_end < 0.0) and u0 != 0.0 and u_end != 0.0:
            first = split
    return first, second


@inlined
def crossing_two(m, u0, q, i0, i1, rm, r0, r1, s_max):
    """First upward crossing of ``v(0) + m`` in ``(0, s_max]`` for two currents; inf if there is none."""
    if m <= 0.0 and u0 > 0.0:
        return 0.0
    first, second = turning_points_two(u0, q, i0, i1, rm, r0, r1, s_max)
    lo = 0.0
    below = m >= 0.0
    for piece in range(3):
        hi = first if piece == 0 else (second if piece == 1 else s_max)
        above = rise_two(hi, q, i0, i1, rm, r0, r1)[0] > m
        if below and above:
            return _root_two(lo, hi, m, q, i0, i1, rm, r0, r1)
        below = not above
        lo = hi
        if not hi < s_max:
            break
    return math.inf


@inlined
def _root_two(lo, hi, m, q, i0, i1, rm, r0, r1):
    """The crossing of ``m`` on ``[lo, hi]``, where the voltage rises through it once."""
    s = lo
    for _ in range(_MAX_ITERATIONS):
        change, u = rise_two(s, q, i0, i1, rm, r0, r1)
        f = change - m
        if f > 0.0:
            hi = s
        elif f < 0.0:
            lo = s
        else:
            return s
        trial = s - f / (rm * u) if u > 0.0 else hi
        if not (lo < trial < hi):
            trial = 0.5 * (lo + hi)
        if abs(trial - s) <= _EPS * trial or not (lo < trial < hi):
            return trial
        s = trial
    return s


__all__ = [
    "crossing_equal",
    "crossing_half",
    "crossing_one",
    "crossing_two",
    "rise_one",
    "rise_two",
    "turning_point_one",
    "turning_points_two",
]
