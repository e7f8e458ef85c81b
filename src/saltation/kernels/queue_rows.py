"""An arrival at listed neurons, side by side: state gathered, moved in one loop of vector instructions, put back."""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

import numpy as np

from saltation.kernels.bits import natural
from saltation.kernels.leaders import announce
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import OPEN
from saltation.kernels.rows import whole

HELPERS = ("soonest", "reach_listed")

# How many are gathered at once.
ROOM = 128

# Rows behind those of the states.
SPAN = 0
WEIGHT = 1
WAIT = 2
FLOAT_ROWS = 3

# Rows of integers.
WHO = 0
LEFT = 1
INT_ROWS = 2


def soonest(p, x):
    """How long a neuron in state ``x`` takes at least to its threshold if nothing arrives; inf if it cannot reach it.

    With the current held at what is excitatory of it now, the voltage relaxes to ``top``, and crosses after
    ``tau_mem log(1 + z)``, ``z = (v_th - v) / (top - v_th)``; ``log(1 + z) >= 2 z / (2 + z)``.
    """
    above = ceiling(p, x) - p[0]
    below = max(p[0] - x[0], 0.0)
    wait = p[4] * (1.0 - 1e-12) * (2.0 * below / (2.0 * max(above, 1e-300) + below))
    return wait if (above > 0.0) & may_cross(p, x) else math.inf


def reach_listed(
    p, t, first, stop, receptor, weights, synapses, x, clock, release, due, leader, marks, floats, integers
):
    """Let synapses ``first <= j < stop``, at most ``ROOM``, act at ``t``; how many were left out.

    Those are of neurons that are held, or were when they last moved, and stand in row ``LEFT`` of the integers.  No
    neuron may be reached twice.
    """
    found = 0
    left = 0
    for j in range(first, stop):
        m = np.int64(synapses.targets[natural(j)])
        if release[m] > clock[m]:
            integers[LEFT, left] = j
            left += 1
            continue
        integers[WHO, found] = m
        for i in range(N_STATE):
            floats[i, found] = x[i, m]
        floats[N_STATE + SPAN, found] = t - clock[m]
        floats[N_STATE + WEIGHT, found] = weights[natural(synapses.places[natural(j)])]
        found += 1
    for j in range(whole(found)):
        w = floats[N_STATE + WEIGHT, j]
        state = flow(p, load(floats, 0, j), gap(p, floats[N_STATE + SPAN, j]))
        state = arrive(state, receptor_of(receptor, w), w)
        store(floats, 0, j, state)
        floats[N_STATE + WAIT, j] = soonest(p, state)
    for j in range(found):
        m = integers[WHO, j]
        for i in range(N_STATE):
            x[i, m] = floats[i, j]
        clock[m] = t
        due[m] = t + floats[N_STATE + WAIT, j]
        marks[OPEN, m] = 1
        announce(m, due, leader)
    return left
