"""Leaky integrate-and-fire with an adaptive threshold: the proof that a model is one such file.

    tau_mem dV/dt = v_leak - V + I    tau_syn dI/dt = -I    tau_adapt da/dt = -a
    spike at V = v_th + a, rising: V := v_reset, a += beta

State ``x = (V, I, a)``.  In ``y = V - a`` the threshold stands still and ``a (tau_mem/tau_adapt - 1)`` acts as a
second current with time constant ``tau_adapt``, so the search for a crossing is that of two currents.
The functions are those of :mod:`saltation.kernels.physics.lif`, described there.  Companion: ``(D_mem/q, D_mem/I,
D_syn/I, D_adapt/a)``.
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
from saltation.kernels.physics.roots import crossing_two, turning_point_one

NAMES = ("v_th", "v_leak", "v_reset", "t_refrac", "tau_mem", "tau_syn", "tau_adapt", "beta")
N_STATE = 3
N_COMPANION = 4
N_GAP = 4
N_COMPANION_GAP = 5


@inlined
def derive(primary):
    """Complete the primary parameters by the rates that the functions below use."""
    v_th, v_leak, v_reset, t_refrac, tau_mem, tau_syn, tau_adapt, beta = primary
    rm = 1.0 / tau_mem
    rs = 1.0 / tau_syn
    ra = 1.0 / tau_adapt
    rates = (rm, rs, ra, rs - rm, largest_kappa(rm, rs))
    return (v_th, v_leak, v_reset, t_refrac, tau_mem, tau_syn, tau_adapt, beta, *rates)


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
        table[10, m],
        table[11, m],
        table[12, m],
    )


@inlined
def load(array, row, m):
    """State in column ``m``, from ``row`` on."""
    return array[row, m], array[row + 1, m], array[row + 2, m]


@inlined
def store(array, row, m, x):
    """Write a state into column ``m``, from ``row`` on."""
    array[row, m] = x[0]
    array[row + 1, m] = x[1]
    array[row + 2, m] = x[2]


@inlined
def load_companion(array, row, m):
    """Companion in column ``m``, from ``row`` on."""
    return array[row, m], array[row + 1, m], array[row + 2, m], array[row + 3, m]


@inlined
def store_companion(array, row, m, k):
    """Write a companion into column ``m``, from ``row`` on."""
    array[row, m] = k[0]
    array[row + 1, m] = k[1]
    array[row + 2, m] = k[2]
    array[row + 3, m] = k[3]


# --- forward ----------------------------------------------------------------------------------------------


@inlined
def gap(p, s):
    """Factors of a flow over ``s``: the three exponentials and the response."""
    em = decay(-s * p[8])
    es = decay(-s * p[9])
    ea = decay(-s * p[10])
    return em, es, ea, kappa(s, p[8], em, es, p[11])


@inlined
def load_gap(array, e):
    """Factors of a gap in column ``e``."""
    return array[0, e], array[1, e], array[2, e], array[3, e]


@inlined
def store_gap(array, e, g):
    """Write the factors of a gap into column ``e``."""
    array[0, e] = g[0]
    array[1, e] = g[1]
    array[2, e] = g[2]
    array[3, e] = g[3]


@inlined
def flow(p, x, g):
    """State after a gap with factors ``g`` and nothing arriving."""
    return p[1] + (x[0] - p[1]) * g[0] + x[1] * g[3], x[1] * g[1], x[2] * g[2]


@inlined
def hold(p, x, g):
    """State after a gap in which the voltage is held (refractory)."""
    return x[0], x[1] * g[1], x[2] * g[2]


@inlined
def arrive(x, receptor, w):
    """State after an arrival of weight ``w``."""
    return x[0], x[1] + w, x[2]


@inlined
def may_cross(p, x):
    """Whether the threshold could be reached without further input; the adaptation only raises it."""
    return (max(x[0] - p[1], 0.0) + max(x[1], 0.0) * p[12] > p[0] - p[1]) | (x[0] >= p[0])


@inlined
def near(p, x, g):
    """Whether the threshold could be reached within a gap with factors ``g``: a bound without branches."""
    q = x[0] - p[1]
    top = max(q, q * g[0]) + max(x[1], 0.0) * largest_within(g[1], g[3], p[12])
    # by more than rounding can be wrong: what the bound lets through is searched exactly
    slack = 1e-12 * (abs(q) + abs(x[1]) + abs(x[2]) + abs(p[0] - p[1]))
    return (top >= p[0] - p[1] + min(x[2], x[2] * g[2]) - slack) | (x[0] >= p[0] + x[2])


@inlined
def crossing(p, x, s_max):
    """Time to the next upward crossing within ``s_max``; inf if there is none."""
    y = x[0] - x[2]
    q = y - p[1]
    drive = x[2] * (p[4] * p[10] - 1.0)
    return crossing_two(p[0] - y, x[1] + drive - q, q, x[1], drive, p[8], p[9], p[10], s_max)


@inlined
def at_threshold(p, x):
    """The state at a crossing: the voltage is the threshold, whatever rounding or an observation says."""
    return p[0] + x[2], x[1], x[2]


@inlined
def climb(p, x, s):
    """The state at a crossing after ``s``: :func:`at_threshold` of the flow."""
    a = x[2] * decay(-s * p[10])
    return p[0] + a, x[1] * decay(-s * p[9]), a


@inlined
def fire(p, x):
    """State after a spike."""
    return p[2], x[1], x[2] + p[7]


@inlined
def v_dot(p, x):
    """``dV/dt``."""
    return (p[1] - x[0] + x[1]) * p[8]


@inlined
def slope(p, x):
    """``d(V - threshold)/dt``; the threshold sinks."""
    return (p[1] - x[0] + x[1]) * p[8] + x[2] * p[10]


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
    s = turning_point_one(u0, x[1], p[8], p[9], s_max)
    return s if s < s_max else -1.0


@inlined
def area(p, s, x, y):
    """``integral V dt`` over a gap from state ``x`` to ``y``."""
    return p[1] * s + p[4] * (x[0] - y[0]) + p[5] * (x[1] - y[1])


# --- adjoint ----------------------------------------------------------------------------------------------


@inlined
def flow_back(p, g, lam):
    """Transpose of :func:`flow`."""
    return lam[0] * g[0], lam[1] * g[1] + lam[0] * g[3], lam[2] * g[2]


@inlined
def hold_back(p, g, lam):
    """Transpose of :func:`hold` for the states that run on; the held voltage has no past."""
    return 0.0, lam[1] * g[1], lam[2] * g[2]


@inlined
def area_shift(p, c, lam):
    """Add ``c`` times the state dependence of :func:`area` at the start of a gap (``-c``: at its end)."""
    return lam[0] + c * p[4], lam[1] + c * p[5], lam[2]


@inlined
def current(lam, receptor):
    """``dL/dI`` of a receptor."""
    return lam[1]


@inlined
def arrival_pull(p, lam, receptor):
    """``dL/dt`` of an arrival per unit of weight."""
    return lam[1] * p[9] - lam[0] * p[8]


@inlined
def inject(lam, value):
    """``lam`` with ``value`` added to ``dL/dV``."""
    return lam[0] + value, lam[1], lam[2]


@inlined
def without_voltage(lam):
    """``lam`` with ``dL/dV`` set to zero."""
    return 0.0, lam[1], lam[2]


@inlined
def fire_pull(p, x, lam, c):
    """``dL/dt`` of a spike at state ``x`` through its own neuron, with ``c = dL/d(integral V)``."""
    return c * (x[0] - p[2]) - lam[0] * (p[1] - p[2] + x[1]) * p[8] + lam[2] * p[7] * p[10]


@inlined
def fire_back(lam, step):
    """``lam`` before a spike; ``step = (dL/dt of the spike) / slope``."""
    return -step, lam[1], lam[2] + step


@inlined
def spend_spike(p, lam, step, grad, m):
    """Parameter gradients of a spike beyond the threshold's and the reset's; ``lam`` is that after it."""
    grad[m, 7] += lam[2]


# --- gradients for the time constants -----------------------------------------------------------------------


@inlined
def companion_gap(p, s, g):
    """What a companion needs of a gap of length ``s`` with factors ``g``, beside them."""
    by_mem = kappa_by_tau_mem(s, p[8], g[0], g[1], p[11], g[3])
    by_syn = kappa_by_tau_syn(s, p[8], p[9], g[0], g[1], p[11])
    return g[0] * s * p[8] * p[8], by_mem, g[1] * s * p[9] * p[9], by_syn, g[2] * s * p[10] * p[10]


@inlined
def load_companion_gap(array, e):
    """What :func:`companion_gap` gave, from column ``e``."""
    return array[0, e], array[1, e], array[2, e], array[3, e], array[4, e]


@inlined
def store_companion_gap(array, e, h):
    """Write what :func:`companion_gap` gave into column ``e``."""
    array[0, e] = h[0]
    array[1, e] = h[1]
    array[2, e] = h[2]
    array[3, e] = h[3]
    array[4, e] = h[4]


@inlined
def companion_back(g, h, lam, k):
    """Companion over a gap with factors ``g`` and ``h``; ``lam`` is the adjoint at its end."""
    return (
        g[0] * k[0] + h[0] * lam[0],
        g[1] * k[1] + g[3] * k[0] + h[1] * lam[0],
        g[1] * k[2] + h[2] * lam[1] + h[3] * lam[0],
        g[2] * k[3] + h[4] * lam[2],
    )


@inlined
def companion_hold(g, h, lam, k):
    """Companion over a held gap."""
    return 0.0, g[1] * k[1], g[1] * k[2] + h[2] * lam[1], g[2] * k[3] + h[4] * lam[2]


@inlined
def companion_shift(c, k):
    """Direct dependence of :func:`area` on the time constants, as :func:`area_shift`."""
    return k[0] + c, k[1], k[2] + c, k[3]


@inlined
def companion_arrive(k, receptor, w, grad, m):
    """Collect what an arrival of weight ``w`` contributes."""
    grad[m, 4] += w * k[1]
    grad[m, 5] += w * k[2]


@inlined
def companion_voltage(p, k, v, grad, m):
    """Collect what a voltage set to ``v`` contributes, and forget the voltage before it."""
    grad[m, 4] += k[0] * (v - p[1])
    return 0.0, k[1], k[2], k[3]


@inlined
def companion_spike(p, k, grad, m):
    """Collect what the jump of the adaptation at a spike contributes."""
    grad[m, 6] += k[3] * p[7]


@inlined
def companion_start(p, k, x, grad, m):
    """Collect what the initial state contributes."""
    grad[m, 4] += k[0] * (x[0] - p[1]) + k[1] * x[1]
    grad[m, 5] += k[2] * x[1]
    grad[m, 6] += k[3] * x[2]


# --- tangents (forward mode) --------------------------------------------------------------------------------


@inlined
def flow_tangent(p, dp, x, dx, s, g):
    """Tangent of :func:`flow` at fixed ``s``; ``dp`` in the order of :data:`NAMES`."""
    by_mem = kappa_by_tau_mem(s, p[8], g[0], g[1], p[11], g[3])
    by_syn = kappa_by_tau_syn(s, p[8], p[9], g[0], g[1], p[11])
    return (
        dp[1] * (1.0 - g[0])
        + dx[0] * g[0]
        + dx[1] * g[3]
        + dp[4] * ((x[0] - p[1]) * g[0] * s * p[8] * p[8] + x[1] * by_mem)
        + dp[5] * x[1] * by_syn,
        dx[1] * g[1] + dp[5] * x[1] * g[1] * s * p[9] * p[9],
        dx[2] * g[2] + dp[6] * x[2] * g[2] * s * p[10] * p[10],
    )


@inlined
def hold_tangent(p, dp, x, dx, s, g):
    """Tangent of :func:`hold`."""
    return (
        dx[0],
        dx[1] * g[1] + dp[5] * x[1] * g[1] * s * p[9] * p[9],
        dx[2] * g[2] + dp[6] * x[2] * g[2] * s * p[10] * p[10],
    )


@inlined
def field(p, x):
    """``dx/dt`` in free flight."""
    return (p[1] - x[0] + x[1]) * p[8], -x[1] * p[9], -x[2] * p[10]


@inlined
def held_field(p, x):
    """``dx/dt`` while the voltage is held."""
    return 0.0, -x[1] * p[9], -x[2] * p[10]


@inlined
def level_tangent(dp, dx):
    """Tangent of ``V - a - threshold`` at fixed time."""
    return dx[0] - dx[2] - dp[0]


@inlined
def fire_tangent(p, dp, dx):
    """Tangent of :func:`fire`."""
    return dp[2], dx[1], dx[2] + dp[7]


@inlined
def area_tangent(p, dp, s, x, y, dx, dy):
    """Tangent of :func:`area` at fixed ``s``."""
    return dp[1] * s + p[4] * (dx[0] - dy[0]) + p[5] * (dx[1] - dy[1]) + dp[4] * (x[0] - y[0]) + dp[5] * (x[1] - y[1])
