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
    THRESHOLD,
    TRACED_FROM,
    WATCHED,
    Found,
    Recorder,
    _copy,
    _scale,
    advance,
    begin_sample,
)
from saltation.kernels.inlining import called, inlined
from saltation.kernels.records import BY_SIGN, DELAY, PER_TARGET, PLAIN_ROWS, RECEPTOR, ROW, START, STOP
from saltation.kernels.surrogate import pull_by_spike

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
def _add_product(a, b, total):
    for m in range(total.size):
        total[m] += a[m] * b[m]


@inlined
def _of_alpha(reset, leak, lam_v, before, distance, of_alpha):
    """Derivative by the decay of the voltage behind the spikes of a grid point."""
    for m in range(lam_v.size):
        behind = reset[m] if distance[m] >= 0.0 else before[m]
        of_alpha[m] += lam_v[m] * (behind - leak[m])


@inlined
def _currents_back(decay, gain, lam_v, lam_i):
    for m in range(lam_v.size):
        lam_i[m] = decay[m] * lam_i[m] + gain[m] * lam_v[m]


@inlined
def _seed(k, share, bar, integral, peak, at_peak, watched, seed):
    """``dL/dV`` of what was recorded at a grid point; ``bar`` of a sample there, or empty."""
    for m in range(seed.size):
        seed[m] = 0.0
    for m in range(bar.size):
        seed[m] += bar[m]
    if watched:
        for m in range(seed.size):
            seed[m] += share * integral[m]
        for m in range(seed.size):
            seed[m] += peak[m] if at_peak[m] == k else 0.0


@inlined
def _spikes_back(
    pseudo, alpha, reset, threshold, distance, seeded, seed, dz, pull, lam_v, of_threshold, of_reset
):  # fmt: skip
    """Over the spikes of one grid point, all neurons side by side: without holds and adaptation."""
    n = lam_v.size
    if not pseudo.detached:
        for m in range(n):
            dz[m] += (reset[m] - threshold[m] - distance[m]) * (alpha[m] * lam_v[m])
    pull_by_spike(pseudo.kind, pseudo.height, pseudo.sharpness, False, distance, dz, pull)
    for m in range(n):
        of_threshold[m] -= pull[m]
    for m in range(n):
        of_reset[m] += alpha[m] * lam_v[m] if distance[m] >= 0.0 else 0.0
    for m in range(n):
        lam_v[m] = pull[m] + (0.0 if distance[m] >= 0.0 else alpha[m] * lam_v[m])
    if seeded:
        for m in range(n):
            lam_v[m] += seed[m]


@inlined
def _spikes_back_held(
    pseudo, adaptive, alpha, fade, reset, beta, before, distance, seed, dz, on, faded, pull, lam_v, lam_a, lam_held,
    of_threshold, of_reset, of_beta,
):  # fmt: skip
    """The same with holds and adaptation."""
    n = lam_v.size
    for m in range(n):
        on[m] = alpha[m] * lam_v[m] + lam_held[m]
    if not pseudo.detached:
        for m in range(n):
            dz[m] += (reset[m] - before[m]) * on[m]
    if adaptive:
        for m in range(n):
            faded[m] = fade[m] * lam_a[m]
        if not pseudo.detached:
            for m in range(n):
                dz[m] += beta[m] * faded[m]
    pull_by_spike(pseudo.kind, pseudo.height, pseudo.sharpness, True, distance, dz, pull)
    if adaptive:
        for m in range(n):
            of_beta[m] += faded[m] if distance[m] >= 0.0 else 0.0
        for m in range(n):
            lam_a[m] = faded[m] - pull[m]
    for m in range(n):
        of_threshold[m] -= pull[m]
    for m in range(n):
        of_reset[m] += on[m] if distance[m] >= 0.0 else 0.0
    for m in range(n):
        pull[m] += seed[m] + (0.0 if distance[m] >= 0.0 else on[m])
    for m in range(n):
        lam_v[m] = pull[m] if distance[m] == distance[m] else 0.0
    for m in range(n):
        lam_held[m] = 0.0 if distance[m] == distance[m] else pull[m]


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
    no_bar = np.empty(0)
    silent = Recorder(nothing, np.empty((1, 0, 0)), np.empty((1, WATCHED, 0)), np.empty((1, 0, 0)))
    nowhere = Found(nothing, nothing)
    n = state.shape[1]
    table, last, every, dt, ring = scheme.table, scheme.last, scheme.every, scheme.dt, scheme.ring
    weights, places, targets = scheme.weights, scheme.synapses.places, scheme.synapses.targets
    offsets, rows, steps_of, adaptive = scheme.wiring.offsets, scheme.wiring.ints, scheme.steps_of, scheme.adaptive
    spiking, distances = scheme.spiking, recorder.distances
    simple = not (scheme.holds or adaptive)
    ints, probe_steps, watch = events.ints, recorder.probe_steps, recorder.watch
    samples, integral, peak, of_spikes = given.samples, given.integral, given.peak, given.spikes
    following, along = given.following, given.along
    plain, two = ints.shape[0] == PLAIN_ROWS, table.shape[0] > DECAY + 2
    n_receptors = 1 + two
    threshold, known = table[THRESHOLD], distances.shape[1] > 0 and trace.shape[0] <= LIGHT_ROWS
    deep, recurrent, watched = trace.shape[0] > LIGHT_ROWS, rows.shape[1] > 0, integral.shape[1] > 0
    leak, alpha, reset, fade, beta = table[LEAK], table[ALPHA_MEM], table[RESET], table[ALPHA_ADAPT], table[BETA]
    decay_exc, decay_inh, gain_exc, gain_inh = table[DECAY], table[DECAY + two], table[DECAY + n_receptors], table[-1]
    lam_v, lam_a, dz, seed, lam_held = lam[LAM_V], lam[LAM_A], lam[BY_SPIKE], lam[SEED], lam[LAM_HELD]
    on, faded, pull, lam_exc, lam_inh = lam[ON], lam[FADED], lam[PULL], lam[LAM_I], lam[LAM_I + two]
    of_leak, of_threshold, of_reset = coefficients[BY_LEAK], coefficients[BY_THRESHOLD], coefficients[BY_RESET]
    of_beta, of_alpha, of_fade = coefficients[BY_BETA], coefficients[BY_ALPHA_MEM], coefficients[BY_ALPHA_ADAPT]
    of_decay_exc, of_decay_inh = coefficients[BY_RECEPTORS], coefficients[BY_RECEPTORS + two]
    of_gain_exc, of_gain_inh = coefficients[BY_RECEPTORS + n_receptors], coefficients[-1]
    for b in range(first, stop):
        lam[:, :] = 0.0
        e = events.offsets[b + 1] - 2  # behind it is the end of the window
        probe = probe_steps.size - 1
        own = b if watched else 0
        of_area, of_peak, at_peak = integral[own], peak[own], watch[own, PEAK_STEP]
        for segment in range(last // every, -1, -1):
            k0, k1 = segment * every, min((segment + 1) * every, last + 1)
            if not known:
                if scheme.checkpoints.shape[1] > 0:
                    state[:, :] = scheme.checkpoints[b, segment]
                else:
                    begin_sample(scheme, b, state)
                origin = events.offsets[b]
                origin += np.searchsorted(event_steps[origin : events.offsets[b + 1] - 1], k0)
                advance(scheme, events, event_steps, b, k0, k1, origin, state, trace, silent, nowhere, 0)
            for k in range(k1 - 1, k0 - 1, -1):
                at = 0 if known else k - k0
                before = trace[BEFORE, at]
                distance = distances[b, k] if known else trace[DISTANCE, at]
                if deep:
                    _of_alpha(reset, leak, lam_v, before, distance, of_alpha)
                    _add_product(lam_a, trace[ADAPTED, at], of_fade)
                    current = trace[TRACED_FROM, at]
                    _add_product(lam_exc, current, of_decay_exc)
                    _add_product(lam_v, current, of_gain_exc)
                    if two:
                        current = trace[TRACED_FROM + 1, at]
                        _add_product(lam_inh, current, of_decay_inh)
                        _add_product(lam_v, current, of_gain_inh)
                for m in range(n):
                    of_leak[m] += (1.0 - alpha[m]) * lam_v[m]
                _currents_back(decay_exc, gain_exc, lam_v, lam_exc)
                if two:
                    _currents_back(decay_inh, gain_inh, lam_v, lam_inh)
                if recurrent:
                    for r in range(n_receptors):
                        for m in range(n):
                            history[natural((k % ring) * n_receptors + r), m] = lam[natural(LAM_I + r), m]
                if kept.shape[2] > 0:
                    for r in range(n_receptors):
                        for m in range(n):
                            kept[b, r, k, m] = lam[natural(LAM_I + r), m]
                while e >= events.offsets[b] and event_steps[e] >= k:
                    receptor, row = ints[RECEPTOR, e], ints[ROW, e]
                    if plain and receptor == 0:
                        for m in range(n):
                            by_weight[natural(row + m)] += lam_exc[m]
                    elif plain:
                        _collect(lam, LAM_I, receptor, row, 0, n, weights, by_weight, places, targets)
                    else:
                        to, end = ints[START, e], ints[STOP, e]
                        _collect(lam, LAM_I, receptor, row, to, end, weights, by_weight, places, targets)
                    e -= 1
                probed = probe >= 0 and probe_steps[probe] == k
                barred = probed and samples.shape[1] > 0
                seeded = barred or watched
                if seeded:
                    bar = samples[b, probe] if barred else no_bar
                    _seed(k, dt if 0 < k < last else 0.5 * dt, bar, of_area, of_peak, at_peak, watched, seed)
                elif not simple:
                    for m in range(n):
                        seed[m] = 0.0
                probe -= probed
                if not spiking:
                    _scale(alpha, lam_v)
                    if seeded:
                        for m in range(n):
                            lam_v[m] += seed[m]
                    continue
                if of_spikes.shape[1] > 0:
                    _copy(of_spikes[b, k], dz)
                elif along.shape[0] > 0:
                    of_target, weights_of = following[b, k, 0], along[0]
                    for m in range(n):
                        dz[m] = weights_of[m] * of_target
                else:
                    for m in range(n):
                        dz[m] = 0.0
                for j in range(0 if of_spikes.shape[1] > 0 else 1, along.shape[0]):
                    of_target, weights_of = following[b, k, j], along[j]
                    for m in range(n):
                        dz[m] += weights_of[m] * of_target
                if recurrent:
                    for m in range(n):
                        x = distance[m]
                        if x == x and offsets[m + 1] > offsets[m]:
                            dz[m] += _by_spike(
                                last, ring, k, m, n_receptors, x >= 0.0,
                                history, weights, places, targets, offsets, rows, steps_of, by_weight,
                            )  # fmt: skip
                if simple:
                    _spikes_back(
                        pseudo, alpha, reset, threshold, distance, seeded, seed, dz, pull, lam_v, of_threshold, of_reset
                    )
                else:
                    _spikes_back_held(
                        pseudo, adaptive, alpha, fade, reset, beta, before, distance, seed, dz, on, faded, pull,
                        lam_v, lam_a, lam_held, of_threshold, of_reset, of_beta,
                    )  # fmt: skip
        for m in range(n):
            by_start[m] += lam_v[m] + lam_held[m]


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
