"""The adjoint of a recurrent component: its log read backwards, every neuron on its own clock."""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import numpy as np

from saltation.kernels.backward import (
    clear,
    collect_arrival,
    end_of_hold,
    finish,
    inject_voltage,
    retreat,
    slide,
    start_latest,
    start_side,
    undo_spike,
)
from saltation.kernels.bits import natural
from saltation.kernels.records import (
    AT_EVENT,
    CAUSE,
    DELAY,
    NOWHERE,
    OWN,
    PEAK,
    PEAK_INDEX,
    PEAK_KIND,
    PEAK_SLOPE,
    PREVIOUS,
    PROBE,
    RECEPTOR,
    ROW,
    SIDES,
    START,
    STOP,
    TIME,
    UNIT,
    Cotangents,
    Events,
    Log,
    Synapses,
    Tape,
)
from saltation.kernels.views import bare

_NO_EVENT = -1


def queue_adjoint(
    first,
    stop,
    timed,
    duration,
    parameters,
    events,
    weights,
    synapses,
    start,
    tape,
    tape_offsets,
    log,
    log_offsets,
    own_offsets,
    watch,
    cotangents,
    spike_times,
    source_times,
    scratch,
    latest,
    results,
):
    """Adjoint of samples ``first <= b < stop``, added to the results given; arguments as of ``wide_adjoint``."""
    n = results.v_init.size
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    synapses = Synapses(bare(synapses.cuts), bare(synapses.targets), bare(synapses.places), *synapses[3:])
    tape = Tape(bare(tape.floats), bare(tape.ints))
    watch = bare(watch)
    cotangents = Cotangents(bare(cotangents.samples), bare(cotangents.integral), bare(cotangents.peak))
    spike_times = bare(spike_times)
    source_times = bare(source_times)
    grad = bare(results.parameters)
    adjoint = bare(scratch[: N_STATE + N_COMPANION])
    side = bare(scratch[N_STATE + N_COMPANION : N_STATE + N_COMPANION + SIDES])
    latest = bare(latest)
    clock = bare(scratch[N_STATE + N_COMPANION + SIDES])
    log = Log(bare(log.order), bare(log.times), bare(log.ints))
    shared = parameters.shape[1] == 1
    plain = cotangents.integral.shape[1] == 0 and cotangents.peak.shape[1] == 0
    p = load_parameters(parameters, 0)
    g = gap(p, 0.0)
    h = companion_gap(p, 0.0, g)
    for b in range(first, stop):
        x_start = start.x[0 if start.x.shape[0] == 1 else b]
        begin = tape_offsets[b]
        clear(adjoint, 0.0)
        for m in range(n):
            clock[m] = duration
        start_latest(tape, begin, tape_offsets[b + 1], latest)
        start_side(side, b, watch, cotangents, start.release[0 if start.x.shape[0] == 1 else b], latest, grad)
        n_log = log_offsets[b + 1] - log_offsets[b]
        for m in range(n):
            if side[PEAK_KIND, m] == AT_EVENT and side[PEAK_INDEX, m] == n_log:
                adjoint[0, m] += side[PEAK, m]
        for at in range(n_log - 1, -1, -1):
            what = log.order[log_offsets[b] + at]
            external = 0 <= what < OWN
            if what < 0:
                i = begin - 1 - what
                t = tape.floats[TIME, i]
                row = _NO_EVENT
                lowest = tape.ints[UNIT, i]
                highest = lowest + 1
                receptor = 0
            else:
                i = events.offsets[b] + what if external else own_offsets[b] + (what - OWN)
                t = events.times[i] if external else log.times[i]
                ints = events.ints if external else log.ints
                row = ints[ROW, i]
                lowest = ints[START, i]
                highest = ints[STOP, i]
                receptor = ints[RECEPTOR, i]
                if row <= PROBE:
                    lowest = 0
                    highest = n
            total = 0.0
            span = 0.0
            some = lowest < 0
            if some:
                lowest = -1 - lowest
            for j in range(lowest, highest):
                m = np.int64(synapses.targets[natural(j)]) if some else j
                if not shared:
                    p = load_parameters(parameters, m)
                if clock[m] > t and plain and not end_of_hold(m, begin, latest, tape, side) > t:
                    # most have come as far as the others, by the same factors
                    if not shared or clock[m] - t != span:
                        span = clock[m] - t
                        g = gap(p, span)
                        if timed:
                            h = companion_gap(p, span, g)
                    lam = load(adjoint, 0, m)
                    if timed:
                        k = companion_back(g, h, lam, load_companion(adjoint, N_STATE, m))
                        store_companion(adjoint, N_STATE, m, k)
                    lam, leak = slide(p, span, g, lam, 0.0)
                    grad[m, 1] += leak
                    store(adjoint, 0, m, lam)
                    clock[m] = t
                elif clock[m] > t:
                    retreat(
                        p,
                        m,
                        clock[m],
                        t,
                        _NO_EVENT,
                        begin,
                        latest,
                        tape,
                        side,
                        adjoint,
                        timed,
                        grad,
                        spike_times,
                        x_start[0, m],
                    )
                    clock[m] = t
                if what < 0:
                    lam = load(adjoint, 0, m)
                    k = load_companion(adjoint, N_STATE, m)
                    lam, k = undo_spike(p, m, i - begin, lam, k, begin, tape, side, timed, grad, spike_times)
                    latest[m] = tape.ints[PREVIOUS, i]
                    store(adjoint, 0, m, lam)
                    store_companion(adjoint, N_STATE, m, k)
                    continue
                if row >= 0:
                    place = np.int64(synapses.places[natural(j)]) if some else row + j - lowest
                    w = weights[natural(place)]
                    by_weight, by_time = collect_arrival(p, m, w, receptor, adjoint, timed, grad)
                    results.weights[natural(place)] += by_weight
                    total += by_time
                elif cotangents.samples.shape[1] > 0:
                    value = cotangents.samples[b, PROBE - row, m]
                    inject_voltage(m, t, value, latest[m], begin, tape, side, adjoint, grad)
            # behind all arrivals, of which several may be at one neuron
            for j in range(lowest, highest if what >= 0 and not plain else lowest):
                m = np.int64(synapses.targets[natural(j)]) if some else j
                if side[PEAK_KIND, m] == AT_EVENT and side[PEAK_INDEX, m] == at:
                    total += side[PEAK, m] * side[PEAK_SLOPE, m]
                    adjoint[0, m] += side[PEAK, m]
                    side[PEAK_KIND, m] = NOWHERE
            if row >= 0 and external:
                source_times[events.ints[CAUSE, i]] += total
                results.delays[events.ints[DELAY, i]] += total
            elif row >= 0:
                spike_times[begin + log.ints[CAUSE, i]] += total
                results.delays[log.ints[DELAY, i]] += total
        for m in range(n):
            if not shared:
                p = load_parameters(parameters, m)
            if clock[m] > 0.0:
                retreat(
                    p,
                    m,
                    clock[m],
                    0.0,
                    _NO_EVENT,
                    begin,
                    latest,
                    tape,
                    side,
                    adjoint,
                    timed,
                    grad,
                    spike_times,
                    x_start[0, m],
                )
            finish(p, m, begin, tape, side, adjoint, timed, grad, results.v_init, x_start)
