"""What a population that never spikes has in place of the helpers that deal with spikes.

A leaky integrator is a LIF neuron with these: less to compile, and nothing to search.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.backward import free_back
from saltation.kernels.forward import coast


def first_spike(p, m, x, release, t, t1, last, replay, observed, marks):
    """Never."""
    return math.inf


def advance(
    p, m, spike, t, t1, event, last, k, k_stop, b, limit, replay, observed, x_all, hold_end, marks, tape, watch, report
):
    """Move neuron ``m`` from ``t`` to ``t1``."""
    x = coast(p, m, load(x_all, 0, m), hold_end[m], -1, t, t1, event, tape.floats, watch)
    store(x_all, 0, m, x)
    return k


def retreat(p, m, hi, lo, event, begin, latest, tape, side, adjoint, timed, grad, spike_times, v_start):
    """Take neuron ``m`` from ``hi`` back to ``lo``."""
    lam = load(adjoint, 0, m)
    k = load_companion(adjoint, N_STATE, m)
    lam, k = free_back(p, m, hi, lo, lam, k, side, timed, grad)
    store(adjoint, 0, m, lam)
    store_companion(adjoint, N_STATE, m, k)


HELPERS = {"first_spike": first_spike, "advance": advance, "retreat": retreat}
