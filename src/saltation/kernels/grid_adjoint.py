"""A component on a time grid, backward through its steps, with a surrogate for the derivative of a spike.

With ``lam`` the derivatives by what goes on from a grid point, ``x = V - v_th - a``, and ``s`` the surrogate:

    lam_I = alpha_r lam_I(next) + kappa_r lam_V(next)       by the currents after the arrivals at k
    dz    = dL/dz + sum_n w lam_I,n(k + delay) + (v_reset - V) alpha_m lam_V(next) + beta alpha_a lam_a(next)
    lam_V = (1 - z) alpha_m lam_V(next) + s(x) dz + dL/dV,      lam_a = alpha_a lam_a(next) - s(x) dz

A held voltage goes on as it is.  The steps of a segment are run again from its checkpoint, so that no more than one is
held in memory.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.kernels.bits import natural
from saltation.kernels.cache import compile_kernel
from saltation.kernels.grid import (
    ADAPTED,
    ALPHA_ADAPT,
    ALPHA_MEM,
    BEFORE,
    BETA,
    DECAY,
    DISTANCE,
    LEAK,
    LIGHT_ROWS,
    PEAK_STEP,
    RESET,
    TRACED_FROM,
    WATCHED,
    Found,
    Recorder,
    advance,
    begin_sample,
)
from saltation.kernels.inlining import called, inlined
from saltation.kernels.records import BY_SIGN, DELAY, PER_TARGET, PLAIN_ROWS, RECEPTOR, ROW, START, STOP
from saltation.kernels.surrogate import surrogates

Floats = NDArray[np.float64]


class Pseudo(NamedTuple):
    """The surrogate, and whether the way through the reset is left out."""

    kind: int
    height: float
    sharpness: float
    detached: bool


class Given(NamedTuple):
    """``dL/d`` what a component brings forth.

    ``spikes [batch, step or 0, neuron]``: by its spike trains; to which come ``following [batch, step, target]``, the
    ``lam_I`` of those that its spikes reach, times the weights ``along [target, neuron]``.  ``samples``, ``integral``,
    ``peak``: by what was recorded.
    """

    spikes: Floats
    following: Floats
    along: Floats
    samples: Floats
    integral: Floats
    peak: Floats


# Rows of the derivatives by the coefficients; those by decays, then gains, of the receptors follow.
BY_LEAK = 0
BY_THRESHOLD = 1
BY_RESET = 2
BY_BETA = 3
BY_ALPHA_MEM = 4
BY_ALPHA_ADAPT = 5
BY_RECEPTORS = 6

# Rows of scratch; derivatives by the currents follow.
LAM_V = 0
LAM_A = 1
BY_SPIKE = 2
SEED = 3
LAM_HELD = 4  # by a voltage that is held, and does not move with currents
ON = 5  # by the voltage behind the spikes of a grid point
FADED = 6  # by the adaptation behind them
PULL = 7  # by the distance from the threshold
LAM_I = 8


@inlined
def _collect(lam, base, receptor, row, first, last, weights, by_weight, places, targets):
    """An arrival's derivatives by its weights."""
    if first < 0:
        for s in range(-1 - first, last):
            place = places[natural(s)]
            to = receptor if receptor != BY_SIGN else np.int64(weights[place] < 0.0)
            by_weight[place] += lam[natural(base + to), targets[natural(s)]]
    elif receptor == BY_SIGN:
        for m in range(last - first):
            negative = weights[natural(row + m)] < 0.0
            inh, exc = lam[natural(base + 1), natural(first + m)], lam[natural(base), natural(first + m)]
            by_weight[natural(row + m)] += inh if negative else exc
    else:
        for m in range(last - first):
            by_weight[natural(row + m)] += lam[natural(base + receptor), natural(first + m)]


@inlined
def _along(lam, base, receptor, row, first, last, weights, places, targets):
    """Derivative by a spike that arrives: ``sum over targets of w lam_I``."""
    total = 0.0
    if first < 0:
        for s in range(-1 - first, last):
            w = weights[places[natural(s)]]
            to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
            total += w * lam[natural(base + to), targets[natural(s)]]
    elif receptor == BY_SIGN:
        for m in range(last - first):
            w = weights[natural(row + m)]
            total += w * lam[natural(base + np.int64(w < 0.0)), natural(first + m)]
    else:
        # four sums at once, where one would wait for the sum before
        to = natural(base + receptor)
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        rest = (last - first) % 4
        for m in range(0, last - first - rest, 4):
            i, j = natural(row + m), natural(first + m)
            a += weights[i] * lam[to, j]
            b += weights[i + 1] * lam[to, j + 1]
            c += weights[i + 2] * lam[to, j + 2]
            d += weights[i + 3] * lam[to, j + 3]
        for m in range(last - first - rest, last - first):
            a += weights[natural(row + m)] * lam[to, natural(first + m)]
        total = (a + b) + (c + d)
    return total


@called
def _by_spike(
    last, ring, k, unit, n_receptors, spiked, history, weights, places, targets, offsets, rows, steps_of, by_weight
):
    """Derivative by a spike of a neuron at ``k`` along its projections; where it did spike, by their weights, too.

    ``history`` holds ``lam_I`` of the ``ring`` latest grid points, one after another.
    """
    total = 0.0
    for i in range(offsets[unit], offsets[unit + 1]):
        receptor = rows[RECEPTOR, i]
        row, first, stop, delay = rows[ROW, i], rows[START, i], rows[STOP, i], rows[DELAY, i]
        if rows[PER_TARGET, i] == 0:
            late = steps_of[delay]
            if k + late <= last and late < ring:
                base = ((k + late) % ring) * n_receptors
                total += _along(history, base, receptor, row, first, stop, weights, places, targets)
                if spiked:
                    _collect(history, base, receptor, row, first, stop, weights, by_weight, places, targets)
            continue
        for j in range(-1 - first if first < 0 else first, stop):
            place = np.int64(places[j]) if first < 0 else row + j - first
            target = np.int64(targets[j]) if first < 0 else j
            late = steps_of[delay + place - row]
            if k + late <= last and late < ring:
                w = weights[place]
                to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
                lam = history[((k + late) % ring) * n_receptors + to, target]
                total += w * lam
                if spiked:
                    by_weight[place] += lam
    return total


@inlined
def _of_coefficients(table, n_receptors, lam, trace, at, coefficients):
    """Derivatives by decays and gains of the step that leads on from a grid point."""
    n = lam.shape[1]
    for m in range(n):
        behind = table[RESET, m] if trace[DISTANCE, at, m] >= 0.0 else trace[BEFORE, at, m]
        coefficients[BY_ALPHA_MEM, m] += lam[LAM_V, m] * (behind - table[LEAK, m])
    for m in range(n):
        coefficients[BY_ALPHA_ADAPT, m] += lam[LAM_A, m] * trace[ADAPTED, at, m]
    for r in range(n_receptors):
        of_decay, of_gain = natural(BY_RECEPTORS + r), natural(BY_RECEPTORS + n_receptors + r)
        own, current = natural(LAM_I + r), natural(TRACED_FROM + r)
        for m in range(n):
            coefficients[of_decay, m] += lam[own, m] * trace[current, at, m]
        for m in range(n):
            coefficients[of_gain, m] += lam[LAM_V, m] * trace[current, at, m]


@inlined
def _step_back(table, adaptive, holds, kind, height, sharpness, detached, trace, at, lam, coefficients):
    """Over the spikes of one grid point, all neurons side by side."""
    n = lam.shape[1]
    for m in range(n):
        lam[ON, m] = table[ALPHA_MEM, m] * lam[LAM_V, m] + lam[LAM_HELD, m]
    if not detached:
        for m in range(n):
            lam[BY_SPIKE, m] += (table[RESET, m] - trace[BEFORE, at, m]) * lam[ON, m]
    surrogates(kind, height, sharpness, trace, DISTANCE, at, lam, PULL)
    if adaptive:
        for m in range(n):
            lam[FADED, m] = table[ALPHA_ADAPT, m] * lam[LAM_A, m]
        if not detached:
            for m in range(n):
                lam[BY_SPIKE, m] += table[BETA, m] * lam[FADED, m]
        for m in range(n):
            coefficients[BY_BETA, m] += lam[FADED, m] if trace[DISTANCE, at, m] >= 0.0 else 0.0
        for m in range(n):
            lam[LAM_A, m] = lam[FADED, m] - lam[PULL, m] * lam[BY_SPIKE, m]
    for m in range(n):
        lam[PULL, m] *= lam[BY_SPIKE, m]
    for m in range(n):
        coefficients[BY_THRESHOLD, m] -= lam[PULL, m]
    for m in range(n):
        coefficients[BY_RESET, m] += lam[ON, m] if trace[DISTANCE, at, m] >= 0.0 else 0.0
    for m in range(n):
        lam[PULL, m] += lam[SEED, m] + (0.0 if trace[DISTANCE, at, m] >= 0.0 else lam[ON, m])
    if not holds:
        for m in range(n):
            lam[LAM_V, m] = lam[PULL, m]
        return
    for m in range(n):
        free = trace[DISTANCE, at, m] == trace[DISTANCE, at, m]
        lam[LAM_V, m] = lam[PULL, m] if free else 0.0
    for m in range(n):
        free = trace[DISTANCE, at, m] == trace[DISTANCE, at, m]
        lam[LAM_HELD, m] = 0.0 if free else lam[PULL, m]


@inlined
def _seed(b, k, last, dt, probe, samples, integral, peak, watch, lam):
    """``dL/dV`` of what was recorded at a grid point; the sampled time before."""
    n = lam.shape[1]
    if probe >= 0 and samples.shape[1] > 0:
        for m in range(n):
            lam[SEED, m] = samples[b, natural(probe), m]
    else:
        for m in range(n):
            lam[SEED, m] = 0.0
    if integral.shape[1] > 0:
        share = dt if 0 < k < last else 0.5 * dt
        for m in range(n):
            lam[SEED, m] += share * integral[b, m]
        for m in range(n):
            lam[SEED, m] += peak[b, m] if watch[b, PEAK_STEP, m] == k else 0.0


def _grid_adjoint(
    first,
    stop,
    scheme,
    events,
    event_steps,
    pseudo,
    recorder,
    given,
    state,
    trace,
    lam,
    history,
    kept,
    by_weight,
    coefficients,
    by_start,
):
    """Adjoint of samples ``first <= b < stop``, added to the results.

    ``kept [batch, receptor, step, neuron]`` takes ``lam_I`` of all grid points.
    """
    nothing = np.empty(0, np.int64)
    silent = Recorder(nothing, np.empty((1, 0, 0)), np.empty((1, WATCHED, 0)))
    nowhere = Found(nothing, nothing)
    n = state.shape[1]
    table, last, every, dt, ring = scheme.table, scheme.last, scheme.every, scheme.dt, scheme.ring
    weights, places, targets = scheme.weights, scheme.synapses.places, scheme.synapses.targets
    offsets, rows, steps_of, adaptive = scheme.wiring.offsets, scheme.wiring.ints, scheme.steps_of, scheme.adaptive
    kind, height, sharpness, detached = pseudo.kind, pseudo.height, pseudo.sharpness, pseudo.detached
    ints, probe_steps, watch = events.ints, recorder.probe_steps, recorder.watch
    samples, integral, peak, of_spikes = given.samples, given.integral, given.peak, given.spikes
    following, along = given.following, given.along
    spiking, holds = scheme.spiking, scheme.holds
    plain = ints.shape[0] == PLAIN_ROWS
    n_receptors = (table.shape[0] - DECAY) // 2
    deep, recurrent = trace.shape[0] > LIGHT_ROWS, rows.shape[1] > 0
    for b in range(first, stop):
        lam[:, :] = 0.0
        e = events.offsets[b + 1] - 2  # behind it is the end of the window
        probe = probe_steps.size - 1
        for segment in range(last // every, -1, -1):
            k0, k1 = segment * every, min((segment + 1) * every, last + 1)
            if scheme.checkpoints.shape[1] > 0:
                state[:, :] = scheme.checkpoints[b, segment]
            else:
                begin_sample(scheme, b, state)
            origin = events.offsets[b]
            origin += np.searchsorted(event_steps[origin : events.offsets[b + 1] - 1], k0)
            advance(scheme, events, event_steps, b, k0, k1, origin, state, trace, silent, nowhere, 0)
            for k in range(k1 - 1, k0 - 1, -1):
                at = natural(k - k0)
                if deep:
                    _of_coefficients(table, n_receptors, lam, trace, at, coefficients)
                for m in range(n):
                    coefficients[BY_LEAK, m] += (1.0 - table[ALPHA_MEM, m]) * lam[LAM_V, m]
                for r in range(n_receptors):
                    own, decay, gain = natural(LAM_I + r), natural(DECAY + r), natural(DECAY + n_receptors + r)
                    for m in range(n):
                        lam[own, m] = table[decay, m] * lam[own, m] + table[gain, m] * lam[LAM_V, m]
                    if recurrent:
                        put = natural((k % ring) * n_receptors + r)
                        for m in range(n):
                            history[put, m] = lam[own, m]
                    if kept.shape[2] > 0:
                        for m in range(n):
                            kept[b, r, k, m] = lam[own, m]
                while e >= events.offsets[b] and event_steps[e] >= k:
                    to = 0 if plain else ints[START, e]
                    end = n if plain else ints[STOP, e]
                    receptor, row = ints[RECEPTOR, e], ints[ROW, e]
                    _collect(lam, LAM_I, receptor, row, to, end, weights, by_weight, places, targets)
                    e -= 1
                sampled = probe >= 0 and probe_steps[probe] == k
                _seed(b, k, last, dt, probe if sampled else -1, samples, integral, peak, watch, lam)
                probe -= sampled
                if not spiking:
                    for m in range(n):
                        lam[LAM_V, m] = table[ALPHA_MEM, m] * lam[LAM_V, m] + lam[SEED, m]
                    continue
                if of_spikes.shape[1] > 0:
                    for m in range(n):
                        lam[BY_SPIKE, m] = of_spikes[b, k, m]
                else:
                    for m in range(n):
                        lam[BY_SPIKE, m] = 0.0
                for j in range(along.shape[0]):
                    of_target = following[b, k, j]
                    for m in range(n):
                        lam[BY_SPIKE, m] += along[j, m] * of_target
                if recurrent:
                    for m in range(n):
                        x = trace[DISTANCE, at, m]
                        if x == x and offsets[m + 1] > offsets[m]:
                            lam[BY_SPIKE, m] += _by_spike(
                                last, ring, k, m, n_receptors, x >= 0.0,
                                history, weights, places, targets, offsets, rows, steps_of, by_weight,
                            )  # fmt: skip
                _step_back(table, adaptive, holds, kind, height, sharpness, detached, trace, at, lam, coefficients)
        for m in range(n):
            by_start[m] += lam[LAM_V, m] + lam[LAM_HELD, m]


grid_adjoint = compile_kernel(_grid_adjoint)


def _grid_pull(first, stop, kept, weights, synapses, wiring, steps_of, by_spike):
    """``dL/dz [batch, step, unit]`` of a source: what its spikes would do to the component, at every grid point."""
    n_receptors, last, n = kept.shape[1], kept.shape[2] - 1, kept.shape[3]
    places, targets, offsets, rows = synapses.places, synapses.targets, wiring.offsets, wiring.ints
    for b in range(first, stop):
        lam = kept[b].reshape((n_receptors * (last + 1), n))
        for unit in range(offsets.size - 1):
            for i in range(offsets[unit], offsets[unit + 1]):
                receptor = rows[RECEPTOR, i]
                row, begin, end, delay = rows[ROW, i], rows[START, i], rows[STOP, i], rows[DELAY, i]
                for j in range(-1 - begin if begin < 0 else begin, end):
                    place = np.int64(places[j]) if begin < 0 else row + j - begin
                    target = np.int64(targets[j]) if begin < 0 else j
                    late = steps_of[delay + (place - row if rows[PER_TARGET, i] != 0 else 0)]
                    w = weights[place]
                    to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
                    for k in range(last + 1 - late):
                        by_spike[b, k, unit] += w * lam[to * (last + 1) + k + late, target]


grid_pull = compile_kernel(_grid_pull)
