r"""The first time at which a free membrane meets its threshold, before a limit, or none.

In a piece without a change of form, with ``D_n = D_n f(x_n)`` the pull of each line at its begin and the length h,

    |V'| <= G = r |L - V_0| + (1 + r h) sum_n |D_n|
    |V''| <= r G + sum_n |D_n| s_n min(x_n, 1/sqrt(3))

as ``x f'(x)`` is at most ``1/sqrt(3)``.  A chord plus ``|V''| h^2 / 8`` below the threshold rules a crossing out; a
slope that cannot change its sign leaves one at most; anything else is halved, down to a nanosecond, where an analog
comparator sees no difference.
"""

import math

from saltation.kernels.chip.flow import flow_piece, saturated, until_knee
from saltation.kernels.chip.records import (
    AT,
    DECAY,
    DRIVE,
    FREE,
    LEVEL_NOW,
    LINE_ROWS,
    MEMBRANE_ROWS,
    RATE,
    STATE_ROWS,
    THRESHOLD_NOW,
    V,
)
from saltation.kernels.inlining import called, inlined

_STEEPEST = 1.0 / math.sqrt(3.0)
_FINEST = 1e-9
_EXACT = 1e-13
_ITERATIONS = 60


@inlined
def may_cross(circuits, state, m, limit):
    """Whether the pull of the excitatory lines could lift a free membrane to its threshold before ``limit``."""
    v, level = state.membrane[m * STATE_ROWS + V], state.membrane[m * STATE_ROWS + LEVEL_NOW]
    up = max(0.0, level - v) * circuits.membrane[m * MEMBRANE_ROWS + RATE]
    for k in range(circuits.first[m], circuits.first[m + 1]):
        x = state.line[2 * k]
        if x > 0.0:
            up += circuits.line[2 * k * LINE_ROWS + DRIVE] * min(x, 1.0)
    return v + up * (limit - state.membrane[m * STATE_ROWS + AT]) >= state.membrane[m * STATE_ROWS + THRESHOLD_NOW]


@inlined
def slope_of(circuits, m, level, v, line):
    """``dV/dt`` of a free membrane."""
    slope = circuits.membrane[m * MEMBRANE_ROWS + RATE] * (level - v)
    for k in range(circuits.first[m], circuits.first[m + 1]):
        for receptor in range(2):
            slope += circuits.line[(2 * k + receptor) * LINE_ROWS + DRIVE] * saturated(line[2 * k + receptor])
    return slope


@inlined
def bend_of(circuits, m, level, v, line, h):
    """A bound of ``|d2V/dt2|`` over a piece of length ``h``."""
    rate = circuits.membrane[m * MEMBRANE_ROWS + RATE]
    pull, fall = 0.0, 0.0
    for k in range(circuits.first[m], circuits.first[m + 1]):
        for receptor in range(2):
            x = line[2 * k + receptor]
            if x > 0.0:
                drive = abs(circuits.line[(2 * k + receptor) * LINE_ROWS + DRIVE])
                pull += drive * saturated(x)
                fall += drive * min(x, _STEEPEST) * circuits.line[(2 * k + receptor) * LINE_ROWS + DECAY]
    return rate * (rate * abs(level - v) + (1.0 + rate * h) * pull) + fall


@inlined
def copy_lines(circuits, m, source, to):
    """Copy the lines of a membrane."""
    for k in range(circuits.first[m], circuits.first[m + 1]):
        to[2 * k] = source[2 * k]
        to[2 * k + 1] = source[2 * k + 1]


@inlined
def refine(circuits, m, level, v, line, low, high, threshold, trial):
    """The one crossing between ``low`` and ``high`` after the begin of a piece: Newton's steps, kept inside."""
    t = high
    for _ in range(_ITERATIONS):
        copy_lines(circuits, m, line, trial)
        there = flow_piece(circuits, m, FREE, level, v, trial, t)
        if there >= threshold:
            high = t
        else:
            low = t
        slope = slope_of(circuits, m, level, there, trial)
        following = t - (there - threshold) / slope if slope > 0.0 else low
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - t) < _EXACT:
            return following
        t = following
    return t


@called
def first_crossing(circuits, state, m, limit, here, trial):
    """Time of the first crossing before ``limit``, inf if there is none; ``here`` and ``trial`` are room for lines."""
    level, threshold = state.membrane[m * STATE_ROWS + LEVEL_NOW], state.membrane[m * STATE_ROWS + THRESHOLD_NOW]
    v, t = state.membrane[m * STATE_ROWS + V], state.membrane[m * STATE_ROWS + AT]
    if v >= threshold:
        return t
    copy_lines(circuits, m, state.line, here)
    while t < limit:
        piece = until_knee(circuits, here, m, limit - t)
        at, before, slope = 0.0, v, slope_of(circuits, m, level, v, here)
        bend = bend_of(circuits, m, level, v, here, piece)
        h = piece
        while at < piece:
            copy_lines(circuits, m, here, trial)
            after = flow_piece(circuits, m, FREE, level, v, trial, at + h)
            if max(before, after) + 0.125 * bend * h * h >= threshold:
                steady = slope - bend * h > 0.0
                if not steady and h > _FINEST:
                    h *= 0.5
                    continue
                if after >= threshold:
                    return t + refine(circuits, m, level, v, here, at, at + h, threshold, trial)
            at += h
            before, slope = after, slope_of(circuits, m, level, after, trial)
            h = min(piece - at, 2.0 * h)
            if piece - at < _EXACT:
                break
        v = flow_piece(circuits, m, FREE, level, v, here, piece)
        t += piece
    return math.inf
