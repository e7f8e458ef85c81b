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
    DISTANCE,
    LEAK,
    LIGHT_ROWS,
    PEAK_STEP,
    RECEPTORS_FROM,
    RESET,
    TRACED_FROM,
    WATCHED,
    Found,
    Recorder,
    advance,
    begin_sample,
)
from saltation.kernels.inlining import called
from saltation.kernels.records import BY_SIGN, DELAY, PER_TARGET, PLAIN_ROWS, RECEPTOR, ROW, START, STOP
from saltation.kernels.surrogate import surrogate

Floats = NDArray[np.float64]


class Pseudo(NamedTuple):
    """The surrogate, and whether the way through the reset is left out."""

    kind: int
    height: float
    sharpness: float
    detached: bool


class Given(NamedTuple):
    """``dL/d`` spike trains ``[batch, step or 0, neuron]``, samples, integrals and maxima of what was recorded."""

    spikes: Floats
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
LAM_I = 5


@called
def _collect(lam, base, receptor, row, first, last, weights, by_weight, synapses, n):
    """An arrival's derivatives by its weights."""
    if first < 0:
        for s in range(-1 - first, last):
            place = synapses.places[natural(s)]
            to = receptor if receptor != BY_SIGN else np.int64(weights[place] < 0.0)
            by_weight[place] += lam[base + to, synapses.targets[natural(s)]]
    elif receptor == BY_SIGN:
        for m in range(first, min(last, n)):
            w = row + m - first
            by_weight[w] += lam[base + np.int64(weights[w] < 0.0), m]
    else:
        source = lam[base + receptor]
        for m in range(first, min(last, n)):
            by_weight[row + m - first] += source[m]


@called
def _along(lam, base, receptor, row, first, last, weights, synapses):
    """Derivative by a spike that arrives: ``sum over targets of w lam_I``."""
    total = 0.0
    if first < 0:
        for s in range(-1 - first, last):
            w = weights[synapses.places[natural(s)]]
            to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
            total += w * lam[base + to, synapses.targets[natural(s)]]
    elif receptor == BY_SIGN:
        for m in range(first, last):
            w = weights[row + m - first]
            total += w * lam[base + np.int64(w < 0.0), m]
    else:
        source = lam[base + receptor]
        # four sums at once, where one would wait for the sum before
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        m = first
        while m + 3 < last:
            w = row + m - first
            a += weights[w] * source[m]
            b += weights[w + 1] * source[m + 1]
            c += weights[w + 2] * source[m + 2]
            d += weights[w + 3] * source[m + 3]
            m += 4
        while m < last:
            a += weights[row + m - first] * source[m]
            m += 1
        total = (a + b) + (c + d)
    return total


@called
def _by_spike(scheme, history, k, unit, n_receptors, spiked, by_weight):
    """Derivative by a spike of a neuron at ``k`` along its projections; where it did spike, by their weights, too.

    ``history`` holds ``lam_I`` of the ``ring`` latest grid points, one after another.
    """
    total = 0.0
    n = history.shape[1]
    wiring, weights, synapses, ring, last = scheme.wiring, scheme.weights, scheme.synapses, scheme.ring, scheme.last
    for i in range(wiring.offsets[unit], wiring.offsets[unit + 1]):
        receptor = wiring.ints[RECEPTOR, i]
        row, first, stop = wiring.ints[ROW, i], wiring.ints[START, i], wiring.ints[STOP, i]
        delay = wiring.ints[DELAY, i]
        if wiring.ints[PER_TARGET, i] == 0:
            late = scheme.steps_of[delay]
            if k + late <= last and late < ring:
                base = ((k + late) % ring) * n_receptors
                total += _along(history, base, receptor, row, first, stop, weights, synapses)
                if spiked:
                    _collect(history, base, receptor, row, first, stop, weights, by_weight, synapses, n)
            continue
        for j in range(-1 - first if first < 0 else first, stop):
            place = np.int64(synapses.places[j]) if first < 0 else row + j - first
            target = np.int64(synapses.targets[j]) if first < 0 else j
            late = scheme.steps_of[delay + place - row]
            if k + late <= last and late < ring:
                w = weights[place]
                to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
                lam = history[((k + late) % ring) * n_receptors + to, target]
                total += w * lam
                if spiked:
                    by_weight[place] += lam
    return total


@called
def _of_coefficients(table, n_receptors, lam, trace, at, by_coefficient):
    """Derivatives by decays and gains of the step that leads on from a grid point."""
    before, distance, adapted = trace[BEFORE, at], trace[DISTANCE, at], trace[ADAPTED, at]
    lam_v, lam_a, leak, reset = lam[LAM_V], lam[LAM_A], table[LEAK], table[RESET]
    of_mem, of_adapt = by_coefficient[BY_ALPHA_MEM], by_coefficient[BY_ALPHA_ADAPT]
    for m in range(before.size):
        behind = reset[m] if distance[m] >= 0.0 else before[m]
        of_mem[m] += lam_v[m] * (behind - leak[m])
        of_adapt[m] += lam_a[m] * adapted[m]
    for r in range(n_receptors):
        lam_i, current = lam[LAM_I + r], trace[TRACED_FROM + r, at]
        of_decay, of_gain = by_coefficient[BY_RECEPTORS + r], by_coefficient[BY_RECEPTORS + n_receptors + r]
        for m in range(before.size):
            of_decay[m] += lam_i[m] * current[m]
            of_gain[m] += lam_v[m] * current[m]


@called
def _arrivals_back(scheme, events, event_steps, e, b, k, lam, by_weight):
    """Derivatives by the weights of all that arrived at ``k``; the event before."""
    n = lam.shape[1]
    plain = events.ints.shape[0] == PLAIN_ROWS
    while e >= events.offsets[b] and event_steps[e] >= k:
        first = 0 if plain else events.ints[START, e]
        stop = n if plain else events.ints[STOP, e]
        receptor, row = events.ints[RECEPTOR, e], events.ints[ROW, e]
        _collect(lam, LAM_I, receptor, row, first, stop, scheme.weights, by_weight, scheme.synapses, n)
        e -= 1
    return e


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
    by_coefficient,
    by_start,
):
    """Adjoint of samples ``first <= b < stop``, added to the results.

    ``kept [batch, receptor, step, neuron]`` takes ``lam_I`` of all grid points.
    """
    nothing = np.empty(0, np.int64)
    silent = Recorder(nothing, np.empty((1, 0, 0)), np.empty((1, WATCHED, 0)))
    nowhere = Found(nothing, nothing)
    n = state.shape[1]
    table, last, every, dt = scheme.table, scheme.last, scheme.every, scheme.dt
    n_receptors = (table.shape[0] - RECEPTORS_FROM) // 2
    deep = trace.shape[0] > LIGHT_ROWS
    wiring = scheme.wiring
    recurrent = wiring.ints.shape[1] > 0
    alpha, of_leak = table[ALPHA_MEM], by_coefficient[BY_LEAK]
    lam_v, dz, seed = lam[LAM_V], lam[BY_SPIKE], lam[SEED]
    for b in range(first, stop):
        lam[:, :] = 0.0
        e = events.offsets[b + 1] - 2  # behind it is the end of the window
        probe = recorder.probe_steps.size - 1
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
                if deep:
                    _of_coefficients(table, n_receptors, lam, trace, k - k0, by_coefficient)
                for m in range(n):
                    of_leak[m] += (1.0 - alpha[m]) * lam_v[m]
                for r in range(n_receptors):
                    lam_i = lam[LAM_I + r]
                    decay, gain = table[RECEPTORS_FROM + r], table[RECEPTORS_FROM + n_receptors + r]
                    for m in range(n):
                        lam_i[m] = decay[m] * lam_i[m] + gain[m] * lam_v[m]
                    if recurrent:
                        history[(k % scheme.ring) * n_receptors + r] = lam_i
                    if kept.shape[2] > 0:
                        kept[b, r, k] = lam_i
                e = _arrivals_back(scheme, events, event_steps, e, b, k, lam, by_weight)
                seed[:] = 0.0
                if probe >= 0 and recorder.probe_steps[probe] == k:
                    if given.samples.shape[1] > 0:
                        seed += given.samples[b, probe]
                    probe -= 1
                if given.integral.shape[1] > 0:
                    share = dt if 0 < k < last else 0.5 * dt
                    at_peak = recorder.watch[b, PEAK_STEP]
                    for m in range(n):
                        seed[m] += share * given.integral[b, m] + (given.peak[b, m] if at_peak[m] == k else 0.0)
                if given.spikes.shape[1] > 0:
                    dz[:] = given.spikes[b, k]
                else:
                    dz[:] = 0.0
                if recurrent:
                    distance = trace[DISTANCE, k - k0]
                    for m in range(n):
                        if distance[m] == distance[m] and wiring.offsets[m + 1] > wiring.offsets[m]:
                            dz[m] += _by_spike(scheme, history, k, m, n_receptors, distance[m] >= 0.0, by_weight)
                _step_back(table, pseudo, trace[BEFORE, k - k0], trace[DISTANCE, k - k0], lam, by_coefficient)
        by_start += lam_v + lam[LAM_HELD]


@called
def _step_back(table, pseudo, before, distance, lam, by_coefficient):
    """Over the spikes of one grid point, all neurons side by side."""
    kind, height, sharpness = pseudo.kind, pseudo.height, pseudo.sharpness
    alpha, fade, reset, beta = table[ALPHA_MEM], table[ALPHA_ADAPT], table[RESET], table[BETA]
    lam_v, lam_held, lam_a, dz, seed = lam[LAM_V], lam[LAM_HELD], lam[LAM_A], lam[BY_SPIKE], lam[SEED]
    of_threshold, of_reset, of_beta = by_coefficient[BY_THRESHOLD], by_coefficient[BY_RESET], by_coefficient[BY_BETA]
    back = 0.0 if pseudo.detached else 1.0
    for m in range(before.size):
        x = distance[m]
        held = x != x
        spiked = x >= 0.0
        on = alpha[m] * lam_v[m] + lam_held[m]
        faded = fade[m] * lam_a[m]
        by_z = dz[m] + back * ((reset[m] - before[m]) * on + beta[m] * faded)
        pull = surrogate(kind, height, sharpness, x) * by_z
        of_threshold[m] -= pull
        of_beta[m] += faded if spiked else 0.0
        of_reset[m] += on if spiked else 0.0
        total = pull + seed[m] + (0.0 if spiked else on)
        lam_v[m] = 0.0 if held else total
        lam_held[m] = total if held else 0.0
        lam_a[m] = faded - pull


grid_adjoint = compile_kernel(_grid_adjoint)


def _grid_pull(first, stop, kept, weights, synapses, wiring, steps_of, by_spike):
    """``dL/dz [batch, step, unit]`` of a source: what its spikes would do to the component, at every grid point."""
    last = kept.shape[2] - 1
    for b in range(first, stop):
        for unit in range(wiring.offsets.size - 1):
            for i in range(wiring.offsets[unit], wiring.offsets[unit + 1]):
                receptor = wiring.ints[RECEPTOR, i]
                row, begin, end = wiring.ints[ROW, i], wiring.ints[START, i], wiring.ints[STOP, i]
                delay = wiring.ints[DELAY, i]
                if wiring.ints[PER_TARGET, i] == 0:
                    late = steps_of[delay]
                    for k in range(last + 1 - late):
                        at = kept[b, :, k + late]
                        by_spike[b, k, unit] += _along(at, 0, receptor, row, begin, end, weights, synapses)
                    continue
                for j in range(-1 - begin if begin < 0 else begin, end):
                    place = np.int64(synapses.places[j]) if begin < 0 else row + j - begin
                    target = np.int64(synapses.targets[j]) if begin < 0 else j
                    late = steps_of[delay + place - row]
                    w = weights[place]
                    to = receptor if receptor != BY_SIGN else np.int64(w < 0.0)
                    for k in range(last + 1 - late):
                        by_spike[b, k, unit] += w * kept[b, to, k + late, target]


grid_pull = compile_kernel(_grid_pull)
