r"""Membranes without a closed form: exponential and adaptation terms, and conductance-based input.

    dV/dt = r (L - V) + sum_lines D (1 + G (V - V_ref)) f(x(t)) + min(K exp((V - V_T) / D_T), K_max) - w
    dw/dt = (a (V - E_w) - w) / tau_w

by the embedded pair of Dormand and Prince of orders 5 and 4 (doi:10.1016/0771-050X(80)90013-3), the lines in closed
form.  Every interval between two events begins with the same step, so that where a run stops changes nothing.
"""

import math

from saltation.kernels.chip import crossing as closed_crossing
from saltation.kernels.chip import flow as closed
from saltation.kernels.chip.flow import level_of, mode_of, saturated
from saltation.kernels.chip.records import (
    ADAPT_A,
    ADAPT_B,
    ADAPT_LEVEL,
    ADAPT_RATE,
    AT,
    BROKEN,
    DECAY,
    DRIVE,
    EXPONENTIAL,
    EXTRA_ROWS,
    FREE,
    KICK_AT,
    KICK_LIMIT,
    KICK_SLOPE,
    LEVEL_NOW,
    LINE_ROWS,
    MEMBRANE_ROWS,
    NUMERICAL,
    PASS,
    RATE,
    REACH,
    REFERENCE,
    STATE_ROWS,
    THRESHOLD_NOW,
    V,
    W,
)
from saltation.kernels.inlining import called, inlined

_FIRST_STEP = 2e-7
_LEAST_STEP = 1e-12
# of a step: volts, and volts per second of adaptation in a time constant of about 10 us
_TOLERANCE = 1e-9
_EXACT = 1e-12
# volts beyond which a membrane has run away
_BEYOND = 1e3
_SHRINK, _GROW, _SAFE = 0.2, 4.0, 0.9
_ITERATIONS = 40


@called
def field(circuits, m, mode, level, v, w, line, t):
    """``dV/dt`` and ``dw/dt`` at a time ``t`` after that of ``line``."""
    here, terms = m * MEMBRANE_ROWS, m * EXTRA_ROWS
    slope = circuits.membrane[here + RATE + mode] * (level - v) - w
    if mode == FREE or circuits.membrane[here + PASS] > 0.0:
        for k in range(circuits.first[m], circuits.first[m + 1]):
            for receptor in range(2):
                x = line[2 * k + receptor]
                if x > 0.0:
                    at = (2 * k + receptor) * LINE_ROWS
                    reach = 1.0 + circuits.line[at + REACH] * (v - circuits.line[at + REFERENCE])
                    pull = saturated(x * math.exp(-circuits.line[at + DECAY] * t))
                    slope += circuits.line[at + DRIVE] * pull * reach
        kick = circuits.extra[terms + EXPONENTIAL]
        if kick > 0.0:
            limit = circuits.extra[terms + KICK_LIMIT]
            power = (v - circuits.extra[terms + KICK_AT]) / circuits.extra[terms + KICK_SLOPE]
            slope += limit if power > math.log(limit / kick) else kick * math.exp(power)
    pull = circuits.extra[terms + ADAPT_A] * (v - circuits.extra[terms + ADAPT_LEVEL])
    return slope, circuits.extra[terms + ADAPT_RATE] * (pull - w)


@called
def step(circuits, m, mode, level, v, w, line, t, h):
    """One step of length ``h``: the new V and w, and the size of the error."""
    a1, b1 = field(circuits, m, mode, level, v, w, line, t)
    a2, b2 = field(circuits, m, mode, level, v + h * a1 / 5, w + h * b1 / 5, line, t + h / 5)
    a3, b3 = field(
        circuits,
        m,
        mode,
        level,
        v + h * (3 / 40 * a1 + 9 / 40 * a2),
        w + h * (3 / 40 * b1 + 9 / 40 * b2),
        line,
        t + 0.3 * h,
    )
    a4, b4 = field(
        circuits,
        m,
        mode,
        level,
        v + h * (44 / 45 * a1 - 56 / 15 * a2 + 32 / 9 * a3),
        w + h * (44 / 45 * b1 - 56 / 15 * b2 + 32 / 9 * b3),
        line,
        t + 0.8 * h,
    )
    a5, b5 = field(
        circuits,
        m,
        mode,
        level,
        v + h * (19372 / 6561 * a1 - 25360 / 2187 * a2 + 64448 / 6561 * a3 - 212 / 729 * a4),
        w + h * (19372 / 6561 * b1 - 25360 / 2187 * b2 + 64448 / 6561 * b3 - 212 / 729 * b4),
        line,
        t + 8 / 9 * h,
    )
    a6, b6 = field(
        circuits,
        m,
        mode,
        level,
        v + h * (9017 / 3168 * a1 - 355 / 33 * a2 + 46732 / 5247 * a3 + 49 / 176 * a4 - 5103 / 18656 * a5),
        w + h * (9017 / 3168 * b1 - 355 / 33 * b2 + 46732 / 5247 * b3 + 49 / 176 * b4 - 5103 / 18656 * b5),
        line,
        t + h,
    )
    v_new = v + h * (35 / 384 * a1 + 500 / 1113 * a3 + 125 / 192 * a4 - 2187 / 6784 * a5 + 11 / 84 * a6)
    w_new = w + h * (35 / 384 * b1 + 500 / 1113 * b3 + 125 / 192 * b4 - 2187 / 6784 * b5 + 11 / 84 * b6)
    a7, b7 = field(circuits, m, mode, level, v_new, w_new, line, t + h)
    e = 71 / 57600 * a1 - 71 / 16695 * a3 + 71 / 1920 * a4 - 17253 / 339200 * a5 + 22 / 525 * a6 - a7 / 40
    f = 71 / 57600 * b1 - 71 / 16695 * b3 + 71 / 1920 * b4 - 17253 / 339200 * b5 + 22 / 525 * b6 - b7 / 40
    # an error of w is worth what it does to V in a step
    return v_new, w_new, h * (abs(e) + abs(f) * h)


@inlined
def resized(h, error):
    """Length of the next step, or of another try of this one."""
    if error == 0.0:
        return h * _GROW
    return h * min(_GROW, max(_SHRINK, _SAFE * (_TOLERANCE / error) ** 0.2))


@inlined
def decay_lines(circuits, m, line, t):
    """Move the lines of a membrane on by ``t``."""
    for k in range(circuits.first[m], circuits.first[m + 1]):
        for receptor in range(2):
            line[2 * k + receptor] *= math.exp(-circuits.line[(2 * k + receptor) * LINE_ROWS + DECAY] * t)


@called
def integrate(circuits, m, mode, level, v, w, line, length):
    """V and w after ``length``, V inf where it runs away; ``line`` is moved on too."""
    t, h = 0.0, min(_FIRST_STEP, length)
    while True:
        v_new, w_new, error = step(circuits, m, mode, level, v, w, line, t, h)
        if not abs(v_new) < _BEYOND:
            return math.inf, w
        if error <= _TOLERANCE or h <= _LEAST_STEP:
            t += h
            v, w = v_new, w_new
        left = length - t
        if left <= _EXACT:
            break
        h = min(max(resized(h, error), _LEAST_STEP), left)
    decay_lines(circuits, m, line, length)
    return v, w


@inlined
def is_numerical(circuits, m):
    """Whether a membrane has no closed form."""
    return circuits.extra[m * EXTRA_ROWS + NUMERICAL] != 0.0


@called
def state_at(circuits, state, m, t, line):
    """V and w at a later time, before which nothing happens; ``line``, that of now, is moved on."""
    at = m * STATE_ROWS
    v, w = state.membrane[at + V], state.membrane[at + W]
    elapsed = t - state.membrane[at + AT]
    if elapsed <= 0.0:
        return v, w
    mode = mode_of(state, m)
    return integrate(circuits, m, mode, level_of(circuits, state, m, mode), v, w, line, elapsed)


@called
def advance(circuits, state, m, t):
    """Bring a membrane to time ``t``, before which nothing happens to it."""
    if not is_numerical(circuits, m):
        closed.advance(circuits, state, m, t)
        return
    at = m * STATE_ROWS
    if t > state.membrane[at + AT]:
        v, w = state_at(circuits, state, m, t, state.line)
        if v == math.inf:
            state.clock[BROKEN] = m + 1.0
            return
        state.membrane[at + V], state.membrane[at + W] = v, w
        state.membrane[at + AT] = t


@inlined
def advance_window(circuits, state, m, t):
    """Bring a free membrane to the end ``t`` of a window at whose begin it was left."""
    if is_numerical(circuits, m):
        advance(circuits, state, m, t)
    else:
        closed.advance_window(circuits, state, m, t)


@called
def voltage_at(circuits, state, m, t, scratch):
    """Voltage at a later time, before which nothing happens; the membrane stays as it is."""
    if not is_numerical(circuits, m):
        return closed.voltage_at(circuits, state, m, t, scratch)
    closed_crossing.copy_lines(circuits, m, state.line, scratch)
    return state_at(circuits, state, m, t, scratch)[0]


@called
def adaptation_at(circuits, state, m, t, scratch):
    """Adaptation at a later time, before which nothing happens; the membrane stays as it is."""
    if not is_numerical(circuits, m):
        return 0.0
    closed_crossing.copy_lines(circuits, m, state.line, scratch)
    return state_at(circuits, state, m, t, scratch)[1]


@inlined
def adapt(circuits, state, m):
    """What a spike adds to the adaptation."""
    if is_numerical(circuits, m):
        state.membrane[m * STATE_ROWS + W] += circuits.extra[m * EXTRA_ROWS + ADAPT_B]


@inlined
def may_cross(circuits, state, m, limit):
    """Whether a membrane may meet its threshold before ``limit``: to be found out, where it has no closed form."""
    return is_numerical(circuits, m) or closed_crossing.may_cross(circuits, state, m, limit)


@inlined
def rises_above(v0, v1, d0, d1, h, threshold):
    """Whether the cubic through both ends of a step, with their slopes, exceeds the threshold in between."""
    if d0 <= 0.0 or d1 >= 0.0:
        return False
    a = 2.0 * (v0 - v1) + h * (d0 + d1)
    b = 3.0 * (v1 - v0) - h * (2.0 * d0 + d1)
    c = h * d0
    # the slope of the cubic falls through zero once: the larger half of the root first, nothing cancels
    root = math.sqrt(b * b - 3.0 * a * c)
    q = -(b + root) if b >= 0.0 else root - b
    s = c / q
    if not 0.0 < s < 1.0:
        s = q / (3.0 * a)
    return ((a * s + b) * s + c) * s + v0 > threshold


@called
def first_crossing(circuits, state, m, limit, here, trial):
    """Time of the first crossing before ``limit``, inf if there is none."""
    if not is_numerical(circuits, m):
        return closed_crossing.first_crossing(circuits, state, m, limit, here, trial)
    at = m * STATE_ROWS
    level, threshold = state.membrane[at + LEVEL_NOW], state.membrane[at + THRESHOLD_NOW]
    v, w, begin = state.membrane[at + V], state.membrane[at + W], state.membrane[at + AT]
    if v >= threshold:
        return begin
    length = limit - begin
    t, h = 0.0, min(_FIRST_STEP, length)
    while True:
        v_new, w_new, error = step(circuits, m, FREE, level, v, w, state.line, t, h)
        if not abs(v_new) < _BEYOND:
            # whoever brings it there finds out
            return math.inf
        left = length - t
        if error > _TOLERANCE and h > _LEAST_STEP:
            h = min(max(resized(h, error), _LEAST_STEP), left)
            continue
        if v_new >= threshold:
            low, high, step_to = 0.0, h, h
            for _ in range(_ITERATIONS):
                there, w_there, _ = step(circuits, m, FREE, level, v, w, state.line, t, step_to)
                if there >= threshold:
                    high = step_to
                else:
                    low = step_to
                slope, _ = field(circuits, m, FREE, level, there, w_there, state.line, t + step_to)
                following = step_to - (there - threshold) / slope if slope > 0.0 else low
                if not low < following < high:
                    following = 0.5 * (low + high)
                if abs(following - step_to) < _EXACT:
                    step_to = following
                    break
                step_to = following
            return begin + t + step_to
        d0, _ = field(circuits, m, FREE, level, v, w, state.line, t)
        d1, _ = field(circuits, m, FREE, level, v_new, w_new, state.line, t + h)
        if h > 1e-9 and rises_above(v, v_new, d0, d1, h, threshold):
            h *= 0.5
            continue
        t += h
        v, w = v_new, w_new
        left = length - t
        if left <= _EXACT:
            return math.inf
        h = min(max(resized(h, error), _LEAST_STEP), left)
