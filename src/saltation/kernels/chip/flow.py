r"""The closed form of a membrane and its lines between events.

With the rates ``r = 1/tau`` and ``s = 1/tau_syn``, a line at ``x`` and the drive ``D`` in volts per second,

    dV/dt = r (L - V) + sum_lines D f(x),   dx/dt = -s x,   f(x) = x - 4 x^3 / 27 up to |x| = 1.5, and 1 beyond,

    V(t) = L + (V_0 - L) e^{-rt} + sum_lines [ D (e^{-st} - e^{-rt}) x_0 / (r - s)
                                               - 4/27 D (e^{-3st} - e^{-rt}) x_0^3 / (r - 3s) ]

where no line is saturated.  A saturated one gives ``D (1 - e^{-rt}) / r`` until it has decayed to 1.5, which is at
``t = log(x_0 / 1.5) / s``: there the form changes, and the interval is cut.  Rates are kept apart by their maker, so
that no denominator is zero.
"""

import math

from saltation.kernels.chip.records import (
    AT,
    DECAY,
    DRIVE,
    FIRST,
    FREE,
    HELD,
    LEVEL,
    LEVEL_NOW,
    LINE_ROWS,
    LINE_STEP,
    MEMBRANE_ROWS,
    PASS,
    RATE,
    RELEASE,
    STATE_ROWS,
    STEP,
    THIRD,
    V,
)
from saltation.kernels.inlining import inlined
from saltation.kernels.physics.exponentials import decay

KNEE = 1.5
# a line is brought to the knee by a logarithm and an exponential, which may leave it a rounding above
_ABOVE = KNEE * (1.0 + 1e-12)


@inlined
def saturated(x):
    """``f(x)`` for ``x >= 0``."""
    return 1.0 if x >= KNEE else x - (4.0 / 27.0) * x * x * x


@inlined
def mode_of(state, m):
    """Whether a membrane is free or held, as it was left."""
    return FREE if state.membrane[m * STATE_ROWS + RELEASE] == -math.inf else HELD


@inlined
def level_of(circuits, state, m, mode):
    """Where the voltage goes without input, with this window's noise where it is free."""
    if mode == FREE:
        return state.membrane[m * STATE_ROWS + LEVEL_NOW]
    return circuits.membrane[m * MEMBRANE_ROWS + LEVEL + HELD]


@inlined
def until_knee(circuits, line, m, left):
    """Time until the first saturated line of a membrane is not any more, at most ``left``."""
    for k in range(circuits.first[m], circuits.first[m + 1]):
        for receptor in range(2):
            x = line[2 * k + receptor]
            if x > _ABOVE:
                left = min(left, math.log(x / KNEE) / circuits.line[(2 * k + receptor) * LINE_ROWS + DECAY])
    return left


@inlined
def flow_piece(circuits, m, mode, level, v, line, t):
    """Voltage after ``t`` in which no form changes; ``line`` is moved on too."""
    rate = circuits.membrane[m * MEMBRANE_ROWS + RATE + mode]
    through = 1.0 if mode == FREE else circuits.membrane[m * MEMBRANE_ROWS + PASS]
    decayed = decay(-rate * t)
    result = level + (v - level) * decayed
    for k in range(circuits.first[m], circuits.first[m + 1]):
        for receptor in range(2):
            x = line[2 * k + receptor]
            if x == 0.0:
                continue
            at = (2 * k + receptor) * LINE_ROWS
            fall = decay(-circuits.line[at + DECAY] * t)
            line[2 * k + receptor] = x * fall
            if through == 0.0:
                continue
            if x > _ABOVE:
                result += circuits.line[at + DRIVE] * (1.0 - decayed) / rate
            else:
                result += circuits.line[at + FIRST + mode] * x * (fall - decayed)
                result += circuits.line[at + THIRD + mode] * x * x * x * (fall * fall * fall - decayed)
    return result


@inlined
def flow(circuits, m, mode, level, v, line, t):
    """Voltage after ``t``; ``line`` is moved on too."""
    while True:
        piece = until_knee(circuits, line, m, t)
        v = flow_piece(circuits, m, mode, level, v, line, piece)
        t -= piece
        if t <= 0.0:
            return v


@inlined
def advance(circuits, state, m, t):
    """Bring a membrane to time ``t``, before which nothing happens to it."""
    at = m * STATE_ROWS
    elapsed = t - state.membrane[at + AT]
    if elapsed > 0.0:
        mode = mode_of(state, m)
        level = level_of(circuits, state, m, mode)
        state.membrane[at + V] = flow(circuits, m, mode, level, state.membrane[at + V], state.line, elapsed)
        state.membrane[at + AT] = t


@inlined
def advance_window(circuits, state, m, t):
    """Bring a free membrane to the end ``t`` of a window at whose begin it was left: no exponential is needed."""
    for k in range(circuits.first[m], circuits.first[m + 1]):
        if state.line[2 * k] > _ABOVE or state.line[2 * k + 1] > _ABOVE:
            advance(circuits, state, m, t)
            return
    here = m * STATE_ROWS
    level = state.membrane[here + LEVEL_NOW]
    decayed = circuits.membrane[m * MEMBRANE_ROWS + STEP]
    v = level + (state.membrane[here + V] - level) * decayed
    for k in range(circuits.first[m], circuits.first[m + 1]):
        for receptor in range(2):
            x = state.line[2 * k + receptor]
            if x != 0.0:
                at = (2 * k + receptor) * LINE_ROWS
                fall = circuits.line[at + LINE_STEP]
                state.line[2 * k + receptor] = x * fall
                v += circuits.line[at + FIRST] * x * (fall - decayed)
                v += circuits.line[at + THIRD] * x * x * x * (fall * fall * fall - decayed)
    state.membrane[here + V] = v
    state.membrane[here + AT] = t


@inlined
def voltage_at(circuits, state, m, t, scratch):
    """Voltage at a later time, before which nothing happens; the membrane stays as it is."""
    for k in range(circuits.first[m], circuits.first[m + 1]):
        scratch[2 * k] = state.line[2 * k]
        scratch[2 * k + 1] = state.line[2 * k + 1]
    mode = mode_of(state, m)
    level = level_of(circuits, state, m, mode)
    elapsed = t - state.membrane[m * STATE_ROWS + AT]
    return flow(circuits, m, mode, level, state.membrane[m * STATE_ROWS + V], scratch, elapsed)


@inlined
def adaptation_at(circuits, state, m, t, scratch):
    """Adaptation at a later time: there is none where there is a closed form."""
    return 0.0


@inlined
def adapt(circuits, state, m):
    """What a spike adds to a membrane with a closed form: nothing."""
