"""Leaky integrate-and-fire with one exponential synaptic current.

    tau_mem dV/dt = v_leak - V + I        tau_syn dI/dt = -I
    arrival: I += w        spike at V = v_th, rising: V := v_reset, held for t_refrac while I runs on

State ``x = (V, I)``; parameters ``p`` in the order of :data:`NAMES`, then the rates derived from them.
``lam = (dL/dV, dL/dI)``.  A companion carries, backward in time, what the gradients for the time constants need
of the state that lies before it (see ``docs/derivation.md``): ``(D_mem/q, D_mem/I, D_syn/I)``.
"""

from saltation.kernels.inlining import inlined
from saltation.kernels.physics.exponentials import (
    decay,
    kappa,
    kappa_by_tau_mem,
    kappa_by_tau_syn,
    largest_kappa,
    largest_within,
)
from saltation.kernels.physics.roots import crossing_equal, crossing_half, crossing_one, turning_point_one

NAMES = ("v_th", "v_leak", "v_reset", "t_refrac", "tau_mem", "tau_syn")
N_STATE = 2
N_COMPANION = 3
N_GAP = 3
N_COMPANION_GAP = 4

# A bound gives way by more than rounding can be wrong: what it lets through is searched exactly.
_SLACK = 1e-12


@inlined
def derive(primary):
    """Complete the primary parameters by the rates that the functions below use."""
    v_th, v_leak, v_reset, t_refrac, tau_mem, tau_syn = primary
    rm = 1.0 / tau_mem
    rs = 1.0 / tau_syn
    return (v_th, v_leak, v_reset, t_refrac, tau_mem, tau_syn, rm, rs, rs - rm, largest_kappa(rm, rs))


@inlined
def load_parameters(table, m):
    """Column ``m`` of the parameter table as a tuple."""
    return (
        table[0, m],
        table[1, m],
        table[2, m],
        table[3, m],
        table[4, m],
        table[5, m],
        table[6, m],
        table[7, m],
        table[8, m],
        table[9, m],
    )


@inlined
def load(array, row, m):
    """State in column ``m``, from ``row`` on."""
    return array[row, m], array[row + 1, m]


@inlined
def store(array, row, m, x):
    """Write a state into column ``m``, from ``row`` on."""
    array[row, m] = x[0]
    array[row + 1, m] = x[1]


@inlined
def load_companion(array, row, m):
    """Companion in column ``m``, from ``row`` on."""
    return array[row, m], array[row + 1, m], array[row + 2, m]


@inlined
def store_companion(array, row, m, k):
    """Write a companion into column ``m``, from ``row`` on."""
    array[row, m] = k[0]
    array[row + 1, m] = k[1]
    array[row + 2, m] = k[2]


# --- forward ----------------------------------------------------------------------------------------------


@inlined
def gap(p, s):
    """Factors of a flow over ``s``: ``(exp(-s/tau_mem), exp(-s/tau_syn), kappa)``."""
    em = decay(-s * p[6])
    es = decay(-s * p[7])
    return em, es, kappa(s, p[6], em, es, p[8])


@inlined
def gap_apart(p, s):
    """:func:`gap` for time constants that are not close: the difference has nothing to cancel."""
    em = decay(-s * p[6])
    es = decay(-s * p[7])
    return em, es, (em - es) * (p[6] / p[8])


@inlined
def gap_ratio_two(p, s):
    """:func:`gap` for ``tau_mem = 2 tau_syn``: one exponential."""
    em = decay(-s * p[6])
    es = em * em
    return em, es, em - es


@inlined
def gap_ratio_one(p, s):
    """:func:`gap` for ``tau_mem = tau_syn``."""
    em = decay(-s * p[6])
    return em, em, s * p[6] * em


@inlined
def load_gap(array, e):
    """Factors of a gap in column ``e``."""
    return array[0, e], array[1, e], array[2, e]


@inlined
def store_gap(array, e, g):
    """Write the factors of a gap into column ``e``."""
    array[0, e] = g[0]
    array[1, e] = g[1]
    array[2, e] = g[2]


@inlined
def flow(p, x, g):
    """State after a gap with factors ``g`` and nothing arriving."""
    return p[1] + (x[0] - p[1]) * g[0] + x[1] * g[2], x[1] * g[1]


@inlined
def hold(p, x, g):
    """State after a gap in which the voltage is held (refractory)."""
    return x[0], x[1] * g[1]


@inlined
def arrive(x, receptor, w):
    """State after an arrival of weight ``w``."""
    return x[0], x[1] + w


@inlined
def may_cross(p, x):
    """Whether the threshold could be reached without further input: a bound that costs few operations."""
    return (max(x[0] - p[1], 0.0) + max(x[1], 0.0) * p[9] > p[0] - p[1]) | (x[0] >= p[0])


@inlined
def near(p, x, g):
    """Whether the threshold could be reached within a gap with factors ``g``: a bound without branches."""
    q = x[0] - p[1]
    slack = _SLACK * (abs(q) + abs(x[1]) + abs(p[0] - p[1]))
    return (max(q, q * g[0]) + max(x[1], 0.0) * largest_within(g[1], g[2], p[9]) >= p[0] - p[1] - slack) | (
        x[0] >= p[0]
    )


@inlined
def near_ratio_two(p, x, g):
    """:func:`near` for ``tau_mem = 2 tau_syn``: at the end of the gap, or at the peak if that lies within."""
    q = x[0] - p[1]
    m = p[0] - x[0]
    u = x[1] - q
    slack = _SLACK * (abs(q) + abs(x[1]) + abs(m))
    at_end = q * g[0] + x[1] * g[2] >= p[0] - p[1] - slack
    at_peak = (u > 0.0) & (u * u >= 4.0 * x[1] * m - slack * u) & (u - slack <= 2.0 * x[1] * (1.0 - g[0]))
    return at_end | at_peak | (m <= 0.0)


@inlined
def crossing(p, x, s_max):
    """Time to the next upward crossing within ``s_max``; inf if there is none."""
    q = x[0] - p[1]
    return crossing_one(p[0] - x[0], x[1] - q, q, x[1], p[6], p[7], s_max)


@inlined
def crossing_ratio_two(p, x, s_max):
    """:func:`crossing` for ``tau_mem = 2 tau_syn``."""
    q = x[0] - p[1]
    return crossing_half(p[0] - x[0], x[1] - q, q, x[1], p[4], s_max)


@inlined
def crossing_ratio_one(p, x, s_max):
    """:func:`crossing` for ``tau_mem = tau_syn``."""
    q = x[0] - p[1]
    return crossing_equal(p[0] - x[0], x[1] - q, q, x[1], p[6], s_max)


@inlined
def at_threshold(p, x):
    """The state at a crossing: the voltage is the threshold, whatever rounding or an observation says."""
    return p[0], x[1]


@inlined
def climb(p, x, s):
    """The state at a crossing after ``s``: :func:`at_threshold` of the flow."""
    return p[0], x[1] * decay(-s * p[7])


@inlined
def fire(p, x):
    """State after a spike."""
    return p[2], x[1]


@inlined
def v_dot(p, x):
    """``dV/dt``."""
    return (p[1] - x[0] + x[1]) * p[6]


@inlined
def slope(p, x):
    """``d(V - threshold)/dt``."""
    return (p[1] - x[0] + x[1]) * p[6]


@inlined
def ceiling(p, x):
    """A value that the voltage does not exceed without further input."""
    return max(x[0], p[1] + max(x[1], 0.0))


@inlined
def peak(p, x, s_max):
    """Time of the interior maximum of the voltage within ``(0, s_max)``, or -1."""
    u0 = p[1] - x[0] + x[1]
    if not (u0 > 0.0 and x[1] > 0.0):
        return -1.0
    s = turning_point_one(u0, x[1], p[6], p[7], s_max)
    return s if s < s_max else -1.0


@inlined
def area(p, s, x, y):
    """``integral V dt`` over a gap from state ``x`` to ``y``."""
    return p[1] * s + p[4] * (x[0] - y[0]) + p[5] * (x[1] - y[1])


# --- adjoint ----------------------------------------------------------------------------------------------


@inlined
def flow_back(p, g, lam):
    """Transpose of :func:`flow`."""
    return lam[0] * g[0], lam[1] * g[1] + lam[0] * g[2]


@inlined
def hold_back(p, g, lam):
    """Transpose of :func:`hold` for the states that run on; the held voltage has no past."""
    return 0.0, lam[1] * g[1]


@inlined
def area_shift(p, c, lam):
    """Add ``c`` times the state dependence of :func:`area` at the start of a gap (``-c``: at its end)."""
    return lam[0] + c * p[4], lam[1] + c * p[5]


@inlined
def current(lam, receptor):
    """``dL/dI`` of a receptor."""
    return lam[1]


@inlined
def arrival_pull(p, lam, receptor):
    """``dL/dt`` of an arrival per unit of weight."""
    return lam[1] * p[7] - lam[0] * p[6]


@inlined
def inject(lam, value):
    """``lam`` with ``value`` added to ``dL/dV``."""
    return lam[0] + value, lam[1]


@inlined
def without_voltage(lam):
    """``lam`` with ``dL/dV`` set to zero."""
    return 0.0, lam[1]


@inlined
def fire_pull(p, x, lam, c):
    """``dL/dt`` of a spike at state ``x`` through its own neuron, with ``c = dL/d(integral V)``.

    The sensitivities of what runs through the spike cancel; left are the reset voltage's slope and the jump of
    the integrand.
    """
    return c * (p[0] - p[2]) - lam[0] * (p[1] - p[2] + x[1]) * p[6]


@inlined
def fire_back(lam, step):
    """``lam`` before a spike; ``step = (dL/dt of the spike) / slope`` is spread over the level's gradient."""
    return -step, lam[1]


@inlined
def spend_spike(p, lam, step, grad, m):
    """Parameter gradients of a spike beyond the threshold's and the reset's."""


# --- gradients for the time constants -----------------------------------------------------------------------


@inlined
def companion_gap(p, s, g):
    """What a companion needs of a gap of length ``s`` with factors ``g``, beside them."""
    by_mem = kappa_by_tau_mem(s, p[6], g[0], g[1], p[8], g[2])
    by_syn = kappa_by_tau_syn(s, p[6], p[7], g[0], g[1], p[8])
    return g[0] * s * p[6] * p[6], by_mem, g[1] * s * p[7] * p[7], by_syn


@inlined
def load_companion_gap(array, e):
    """What :func:`companion_gap` gave, from column ``e``."""
    return array[0, e], array[1, e], array[2, e], array[3, e]


@inlined
def store_companion_gap(array, e, h):
    """Write what :func:`companion_gap` gave into column ``e``."""
    array[0, e] = h[0]
    array[1, e] = h[1]
    array[2, e] = h[2]
    array[3, e] = h[3]


@inlined
def companion_back(g, h, lam, k):
    """Companion over a gap with factors ``g`` and ``h``; ``lam`` is the adjoint at its end."""
    return (
        g[0] * k[0] + h[0] * lam[0],
        g[1] * k[1] + g[2] * k[0] + h[1] * lam[0],
        g[1] * k[2] + h[2] * lam[1] + h[3] * lam[0],
    )


@inlined
def companion_hold(g, h, lam, k):
    """Companion over a held gap."""
    return 0.0, g[1] * k[1], g[1] * k[2] + h[2] * lam[1]


@inlined
def companion_shift(c, k):
    """Direct dependence of :func:`area` on the time constants, as :func:`area_shift`."""
    return k[0] + c, k[1], k[2] + c


@inlined
def companion_arrive(k, receptor, w, grad, m):
    """Collect what an arrival of weight ``w`` contributes."""
    grad[m, 4] += w * k[1]
    grad[m, 5] += w * k[2]


@inlined
def companion_voltage(p, k, v, grad, m):
    """Collect what a voltage set to ``v`` contributes, and forget the voltage before it."""
    grad[m, 4] += k[0] * (v - p[1])
    return 0.0, k[1], k[2]


@inlined
def companion_spike(p, k, grad, m):
    """Collect what the jump of further states at a spike contributes."""


@inlined
def companion_start(p, k, x, grad, m):
    """Collect what the initial state contributes."""
    grad[m, 4] += k[0] * (x[0] - p[1]) + k[1] * x[1]
    grad[m, 5] += k[2] * x[1]


# --- tangents (forward mode) --------------------------------------------------------------------------------


@inlined
def flow_tangent(p, dp, x, dx, s, g):
    """Tangent of :func:`flow` at fixed ``s``; ``dp`` in the order of :data:`NAMES`."""
    q = x[0] - p[1]
    by_mem = kappa_by_tau_mem(s, p[6], g[0], g[1], p[8], g[2])
    by_syn = kappa_by_tau_syn(s, p[6], p[7], g[0], g[1], p[8])
    return (
        dp[1] * (1.0 - g[0])
        + dx[0] * g[0]
        + dx[1] * g[2]
        + dp[4] * (q * g[0] * s * p[6] * p[6] + x[1] * by_mem)
        + dp[5] * x[1] * by_syn,
        dx[1] * g[1] + dp[5] * x[1] * g[1] * s * p[7] * p[7],
    )


@inlined
def hold_tangent(p, dp, x, dx, s, g):
    """Tangent of :func:`hold`."""
    return dx[0], dx[1] * g[1] + dp[5] * x[1] * g[1] * s * p[7] * p[7]


@inlined
def field(p, x):
    """``dx/dt`` in free flight."""
    return (p[1] - x[0] + x[1]) * p[6], -x[1] * p[7]


@inlined
def held_field(p, x):
    """``dx/dt`` while the voltage is held."""
    return 0.0, -x[1] * p[7]


@inlined
def level_tangent(dp, dx):
    """Tangent of ``V - threshold`` at fixed time."""
    return dx[0] - dp[0]


@inlined
def fire_tangent(p, dp, dx):
    """Tangent of :func:`fire`."""
    return dp[2], dx[1]


@inlined
def area_tangent(p, dp, s, x, y, dx, dy):
    """Tangent of :func:`area` at fixed ``s``."""
    return dp[1] * s + p[4] * (dx[0] - dy[0]) + p[5] * (dx[1] - dy[1]) + dp[4] * (x[0] - y[0]) + dp[5] * (x[1] - y[1])
