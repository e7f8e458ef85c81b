"""Leaky integrate-and-fire with one exponential synaptic current.

    tau_mem dV/dt = v_leak - V + I        tau_syn dI/dt = -I
    arrival: I += w        spike at V = v_th, rising: V := v_reset, held for t_refrac while I runs on

State ``x = (V, I)``; parameters ``p`` in the order of :data:`NAMES`, then the rates derived from them.
``lam = (dL/dV, dL/dI)``.  A companion carries, backward in time, what the gradients for the time constants need
of the state that lies before it (see ``docs/derivation.md``): ``(D_mem/q, D_mem/I, D_syn/I)``.
"""

import math

from numba.extending import register_jitable

from saltation.kernels.physics.exponentials import kappa, kappa_by_tau_mem, kappa_by_tau_syn
from saltation.kernels.physics.roots import crossing_equal, crossing_half, crossing_one, turning_point_one

NAMES = ("v_th", "v_leak", "v_reset", "t_refrac", "tau_mem", "tau_syn")
N_STATE = 2
N_COMPANION = 3
ADAPTATION = -1


def derive(primary):
    """Complete the primary parameters by the rates that the functions below use."""
    v_th, v_leak, v_reset, t_refrac, tau_mem, tau_syn = primary
    rm = 1.0 / tau_mem
    rs = 1.0 / tau_syn
    return (v_th, v_leak, v_reset, t_refrac, tau_mem, tau_syn, rm, rs, rs - rm)


@register_jitable
def load_parameters(table, m):
    """Row ``m`` of the parameter table as a tuple."""
    return (
        table[m, 0],
        table[m, 1],
        table[m, 2],
        table[m, 3],
        table[m, 4],
        table[m, 5],
        table[m, 6],
        table[m, 7],
        table[m, 8],
    )


@register_jitable
def load(array, row, m):
    """State in column ``m``, from ``row`` on."""
    return array[row, m], array[row + 1, m]


@register_jitable
def store(array, row, m, x):
    """Write a state into column ``m``, from ``row`` on."""
    for i in range(2):
        array[row + i, m] = x[i]


@register_jitable
def load_companion(array, row, m):
    """Companion in column ``m``, from ``row`` on."""
    return array[row, m], array[row + 1, m], array[row + 2, m]


@register_jitable
def store_companion(array, row, m, k):
    """Write a companion into column ``m``, from ``row`` on."""
    for i in range(3):
        array[row + i, m] = k[i]


# --- forward ----------------------------------------------------------------------------------------------


@register_jitable
def gap(p, s):
    """Factors of a flow over ``s``: ``(exp(-s/tau_mem), exp(-s/tau_syn), kappa)``."""
    em = math.exp(-s * p[6])
    es = math.exp(-s * p[7])
    return em, es, kappa(s, p[6], em, es, p[8])


@register_jitable
def flow(p, x, g):
    """State after a gap with factors ``g`` and nothing arriving."""
    return p[1] + (x[0] - p[1]) * g[0] + x[1] * g[2], x[1] * g[1]


@register_jitable
def hold(p, x, g):
    """State after a gap in which the voltage is held (refractory)."""
    return x[0], x[1] * g[1]


@register_jitable
def arrive(x, receptor, w):
    """State after an arrival of weight ``w``."""
    return x[0], x[1] + w


@register_jitable
def may_cross(p, x):
    """Whether the threshold could be reached without further input: a bound that costs three operations."""
    return p[1] + max(x[1], 0.0) > p[0] or x[0] >= p[0]


@register_jitable
def crossing(p, x, s_max):
    """Time to the next upward crossing within ``s_max``; inf if there is none."""
    q = x[0] - p[1]
    return crossing_one(p[0] - x[0], x[1] - q, q, x[1], p[6], p[7], s_max)


@register_jitable
def crossing_ratio_two(p, x, s_max):
    """:func:`crossing` for ``tau_mem = 2 tau_syn``."""
    q = x[0] - p[1]
    return crossing_half(p[0] - x[0], x[1] - q, q, x[1], p[6], s_max)


@register_jitable
def crossing_ratio_one(p, x, s_max):
    """:func:`crossing` for ``tau_mem = tau_syn``."""
    q = x[0] - p[1]
    return crossing_equal(p[0] - x[0], x[1] - q, q, x[1], p[6], s_max)


@register_jitable
def at_threshold(p, x):
    """The state at a crossing: the voltage is the threshold, whatever rounding or an observation says."""
    return p[0], x[1]


@register_jitable
def fire(p, x):
    """State after a spike."""
    return p[2], x[1]


@register_jitable
def v_dot(p, x):
    """``dV/dt``."""
    return (p[1] - x[0] + x[1]) * p[6]


@register_jitable
def slope(p, x):
    """``d(V - threshold)/dt``."""
    return (p[1] - x[0] + x[1]) * p[6]


@register_jitable
def ceiling(p, x):
    """A value that the voltage does not exceed without further input."""
    return max(x[0], p[1] + max(x[1], 0.0))


@register_jitable
def peak(p, x, s_max):
    """Time of the interior maximum of the voltage within ``(0, s_max)``, or -1."""
    u0 = p[1] - x[0] + x[1]
    if not (u0 > 0.0 and x[1] > 0.0):
        return -1.0
    s = turning_point_one(u0, x[1], p[6], p[7], s_max)
    return s if s < s_max else -1.0


@register_jitable
def area(p, s, x, y):
    """``integral V dt`` over a gap from state ``x`` to ``y``."""
    return p[1] * s + p[4] * (x[0] - y[0]) + p[5] * (x[1] - y[1])


# --- adjoint ----------------------------------------------------------------------------------------------


@register_jitable
def flow_back(p, g, lam):
    """Transpose of :func:`flow`."""
    return lam[0] * g[0], lam[1] * g[1] + lam[0] * g[2]


@register_jitable
def hold_back(p, g, lam):
    """Transpose of :func:`hold` for the states that run on; the held voltage has no past."""
    return 0.0, lam[1] * g[1]


@register_jitable
def area_shift(p, c, lam):
    """Add ``c`` times the state dependence of :func:`area` at the start of a gap (``-c``: at its end)."""
    return lam[0] + c * p[4], lam[1] + c * p[5]


@register_jitable
def arrival_pull(p, lam, receptor):
    """``dL/dt`` of an arrival per unit of weight."""
    return lam[1] * p[7] - lam[0] * p[6]


@register_jitable
def inject(lam, value):
    """``lam`` with ``value`` added to ``dL/dV``."""
    return lam[0] + value, lam[1]


@register_jitable
def without_voltage(lam):
    """``lam`` with ``dL/dV`` set to zero."""
    return 0.0, lam[1]


@register_jitable
def fire_pull(p, x, lam, c):
    """``dL/dt`` of a spike at state ``x`` through its own neuron, with ``c = dL/d(integral V)``.

    The sensitivities of what runs through the spike cancel; left are the reset voltage's slope and the jump of
    the integrand.
    """
    return c * (p[0] - p[2]) - lam[0] * (p[1] - p[2] + x[1]) * p[6]


@register_jitable
def fire_back(lam, step):
    """``lam`` before a spike; ``step = (dL/dt of the spike) / slope`` is spread over the level's gradient."""
    return -step, lam[1]


@register_jitable
def spend_spike(p, lam, step, grad, m):
    """Parameter gradients of a spike beyond the threshold's and the reset's."""


# --- gradients for the time constants -----------------------------------------------------------------------


@register_jitable
def companion_back(p, s, g, lam, k):
    """Companion over a gap of length ``s``; ``lam`` is the adjoint at its end."""
    by_mem = kappa_by_tau_mem(s, p[6], g[0], g[1], p[8], g[2])
    by_syn = kappa_by_tau_syn(s, p[6], p[7], g[0], g[1], p[8])
    return (
        g[0] * k[0] + g[0] * s * p[6] * p[6] * lam[0],
        g[1] * k[1] + g[2] * k[0] + by_mem * lam[0],
        g[1] * k[2] + g[1] * s * p[7] * p[7] * lam[1] + by_syn * lam[0],
    )


@register_jitable
def companion_hold(p, s, g, lam, k):
    """Companion over a held gap."""
    return 0.0, g[1] * k[1], g[1] * k[2] + g[1] * s * p[7] * p[7] * lam[1]


@register_jitable
def companion_shift(c, k):
    """Direct dependence of :func:`area` on the time constants, as :func:`area_shift`."""
    return k[0] + c, k[1], k[2] + c


@register_jitable
def companion_arrive(k, receptor, w, grad, m):
    """Collect what an arrival of weight ``w`` contributes."""
    grad[m, 4] += w * k[1]
    grad[m, 5] += w * k[2]


@register_jitable
def companion_voltage(p, k, v, grad, m):
    """Collect what a voltage set to ``v`` contributes, and forget the voltage before it."""
    grad[m, 4] += k[0] * (v - p[1])
    return 0.0, k[1], k[2]


@register_jitable
def companion_spike(p, k, grad, m):
    """Collect what the jump of further states at a spike contributes."""


@register_jitable
def companion_start(p, k, x, grad, m):
    """Collect what the initial state contributes."""
    grad[m, 4] += k[0] * (x[0] - p[1]) + k[1] * x[1]
    grad[m, 5] += k[2] * x[1]


# --- tangents (forward mode) --------------------------------------------------------------------------------


@register_jitable
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


@register_jitable
def hold_tangent(p, dp, x, dx, s, g):
    """Tangent of :func:`hold`."""
    return dx[0], dx[1] * g[1] + dp[5] * x[1] * g[1] * s * p[7] * p[7]


@register_jitable
def field(p, x):
    """``dx/dt`` in free flight."""
    return (p[1] - x[0] + x[1]) * p[6], -x[1] * p[7]


@register_jitable
def held_field(p, x):
    """``dx/dt`` while the voltage is held."""
    return 0.0, -x[1] * p[7]


@register_jitable
def level_tangent(dp, dx):
    """Tangent of ``V - threshold`` at fixed time."""
    return dx[0] - dp[0]


@register_jitable
def fire_tangent(p, dp, dx):
    """Tangent of :func:`fire`."""
    return dp[2], dx[1]


@register_jitable
def area_tangent(p, dp, s, x, y, dx, dy):
    """Tangent of :func:`area` at fixed ``s``."""
    return dp[1] * s + p[4] * (dx[0] - dy[0]) + p[5] * (dx[1] - dy[1]) + dp[4] * (x[0] - y[0]) + dp[5] * (x[1] - y[1])
