"""What a population that never spikes has in place of the physics and helpers that deal with spikes.

A leaky integrator is a LIF neuron with these: less to compile, and nothing to search.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.backward import free_back
from saltation.kernels.forward import coast
from saltation.kernels.inlining import inlined


@inlined
def near(p, x, g):
    """Never."""
    return False


def soonest(p, x):
    """Never."""
    return math.inf


def first_spike(p, x, release, t, t1, last, replay, observed, due, due_stop):
    """Never."""
    return math.inf


def pass_gap(
    p,
    m,
    x,
    release,
    latest,
    count,
    limit,
    t,
    t1,
    event,
    last,
    replay,
    observed,
    due,
    due_stop,
    k,
    k_stop,
    base,
    tape,
    watch,
):
    """Take neuron ``m`` from ``t`` to ``t1``."""
    return coast(p, m, x, release, -1, t, t1, event, tape.floats, watch), release, latest, count, due, k


def burst(p, m, x, t, t1, event, k, k_stop, base, limit, release, marks, tape, watch):
    """Nothing on the way."""
    return x, t, k


def search(mine, common, x, found, left, times, still):
    """Never."""
    for j in range(found):
        times[j] = math.inf


def retreat(p, m, hi, lo, event, begin, latest, tape, side, adjoint, timed, grad, spike_times, v_start):
    """Take neuron ``m`` from ``hi`` back to ``lo``."""
    lam = load(adjoint, 0, m)
    k = load_companion(adjoint, N_STATE, m)
    lam, k = free_back(p, m, hi, lo, lam, k, side, timed, grad)
    store(adjoint, 0, m, lam)
    store_companion(adjoint, N_STATE, m, k)


HELPERS = {
    "near": near,
    "soonest": soonest,
    "first_spike": first_spike,
    "pass_gap": pass_gap,
    "burst": burst,
    "search": search,
    "retreat": retreat,
}
