"""The adjoint of ``narrow``: neuron by neuron, from the last event to the first.

What moves between events stays in registers; spikes, ends of holds and maxima are left to ``retreat``.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

from saltation.kernels.backward import (
    clear,
    finish,
    retreat,
    slide,
    slide_companion,
    start_latest,
    start_side,
)
from saltation.kernels.bits import natural
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    AREA,
    AT_EVENT,
    CAUSE,
    DELAY,
    FIRST_RELEASE,
    GAP,
    INTERIOR,
    NOWHERE,
    PEAK,
    PEAK_INDEX,
    PEAK_KIND,
    PEAK_SLOPE,
    PEAK_TIME,
    PROBE,
    RECEPTOR,
    RELEASE,
    ROW,
    Cotangents,
    Events,
    Tape,
)
from saltation.kernels.views import bare

HELPERS = ("measure_gaps_back", "hand_on")


def measure_gaps_back(p, times, timed, gaps, beside):
    """Factors of the gaps before each event of a sample, and what companions need of them."""
    store_gap(gaps, 0, gap(p, times[0]))
    for e in range(1, times.size):
        store_gap(gaps, e, gap(p, times[e] - times[e - 1]))
    if timed:
        for e in range(times.size):
            s = times[e] - times[e - 1] if e > 0 else times[0]
            store_companion_gap(beside, e, companion_gap(p, s, load_gap(gaps, natural(e))))


def hand_on(events, begin, n_events, totals, source_times, by_delay):
    """Give the ``dL/dt`` of a sample's arrivals to their sources and delays."""
    delay = 0
    sum_of_delay = 0.0
    for e in range(n_events):
        i = natural(begin + e)
        if events.ints[ROW, i] < 0:
            continue
        source_times[natural(events.ints[CAUSE, i])] += totals[natural(e)]
        if events.ints[DELAY, i] != delay:
            if sum_of_delay != 0.0:
                by_delay[delay] += sum_of_delay
            delay = events.ints[DELAY, i]
            sum_of_delay = 0.0
        sum_of_delay += totals[natural(e)]
    if sum_of_delay != 0.0:
        by_delay[delay] += sum_of_delay


def narrow_adjoint(
    first,
    stop,
    timed,
    parameters,
    events,
    weights,
    start,
    tape,
    index,
    tape_offsets,
    watch,
    cotangents,
    spike_times,
    by_spike,
    source_times,
    scratch,
    gaps,
    latest,
    results,
):
    """Adjoint of samples ``first <= b < stop``, added to the results given.

    Arguments as of ``wide_adjoint``, but ``scratch [N_STATE + N_COMPANION + SIDES, neuron]`` and ``gaps [N_GAP +
    N_COMPANION_GAP + 1, events of a sample]``.
    """
    n = results.v_init.size
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    tape = Tape(bare(tape.floats), bare(tape.ints))
    watch = bare(watch)
    cotangents = Cotangents(bare(cotangents.samples), bare(cotangents.integral), bare(cotangents.peak))
    spike_times = bare(spike_times)
    by_spike = bare(by_spike)
    index = bare(index)
    source_times = bare(source_times)
    grad = bare(results.parameters)
    by_weight = bare(results.weights)
    by_delay = bare(results.delays)
    adjoint = bare(scratch[: N_STATE + N_COMPANION])
    side = bare(scratch[N_STATE + N_COMPANION :])
    gaps = bare(gaps)
    beside = bare(gaps[N_GAP : N_GAP + N_COMPANION_GAP])
    totals = bare(gaps[N_GAP + N_COMPANION_GAP])
    latest = bare(latest)
    p = load_parameters(parameters, 0)
    for b in range(first, stop):
        at_start = 0 if start.x.shape[0] == 1 else b
        x_start = start.x[at_start]
        begin = tape_offsets[b]
        end = tape_offsets[b + 1]
        clear(adjoint, 0.0)
        start_latest(tape, begin, end, latest)
        start_side(side, b, watch, cotangents, start.release[at_start], latest, grad)
        for k in range(begin, end):
            by_spike[begin + index[k]] = spike_times[k]
        first_event = events.offsets[b]
        n_events = events.offsets[b + 1] - first_event
        if SHARED:
            measure_gaps_back(p, bare(events.times[first_event : first_event + n_events]), timed, gaps, beside)
        for e in range(n_events):
            totals[natural(e)] = 0.0
        for m in range(n):
            q = own(parameters, p, m)
            lam = load(adjoint, 0, m)
            c = load_companion(adjoint, N_STATE, m)
            area_bar = side[AREA, m]
            spike = latest[m]
            spike_gap = tape.ints[GAP, begin + spike] if spike >= 0 else -1
            until = tape.floats[RELEASE, begin + spike] if spike >= 0 else side[FIRST_RELEASE, m]
            hi = events.times[first_event + n_events - 1]
            leak = 0.0
            for e in range(n_events, -1, -1):
                i = natural(first_event + e)
                if e < n_events:
                    row = events.ints[ROW, i]
                    total = 0.0
                    if row >= 0:
                        w = weights[natural(row + m)]
                        r = receptor_of(events.ints[RECEPTOR, i], w)
                        if timed:
                            companion_arrive(c, r, w, grad, m)
                        by_weight[natural(row + m)] += current(lam, r)
                        total = w * arrival_pull(q, lam, r)
                    elif row <= PROBE and cotangents.samples.shape[1] > 0:
                        value = cotangents.samples[b, PROBE - row, m]
                        if not until > hi:
                            lam = inject(lam, value)
                        elif spike >= 0:
                            # a held voltage is the reset voltage, that of a hold from before this run a constant
                            grad[m, 2] += value
                    if side[PEAK_KIND, m] == AT_EVENT and side[PEAK_INDEX, m] == e:
                        total += side[PEAK, m] * side[PEAK_SLOPE, m]
                        lam = inject(lam, side[PEAK, m])
                        side[PEAK_KIND, m] = NOWHERE
                    totals[natural(e)] += total
                lo = 0.0 if e == 0 else events.times[natural(first_event + e - 1)]
                busy = spike_gap == e or lo < until <= hi
                if side[PEAK_KIND, m] == INTERIOR and lo <= side[PEAK_TIME, m] <= hi:
                    busy = True
                if busy:
                    store(adjoint, 0, m, lam)
                    store_companion(adjoint, N_STATE, m, c)
                    retreat(
                        q,
                        m,
                        hi,
                        lo,
                        e,
                        begin,
                        latest,
                        tape,
                        side,
                        adjoint,
                        timed,
                        grad,
                        by_spike,
                        x_start[0, m],
                    )
                    lam = load(adjoint, 0, m)
                    c = load_companion(adjoint, N_STATE, m)
                    spike = latest[m]
                    spike_gap = tape.ints[GAP, begin + spike] if spike >= 0 else -1
                    until = tape.floats[RELEASE, begin + spike] if spike >= 0 else side[FIRST_RELEASE, m]
                elif hi > lo:
                    g = load_gap(gaps, natural(e)) if SHARED else gap(q, hi - lo)
                    held = until > hi
                    if timed:
                        h = load_companion_gap(beside, natural(e)) if SHARED else companion_gap(q, hi - lo, g)
                        c = companion_hold(g, h, lam, c) if held else slide_companion(q, g, h, lam, c, area_bar)
                    if not held:
                        lam, by_leak = slide(q, hi - lo, g, lam, area_bar)
                        leak += by_leak
                    else:
                        lam = hold_back(q, g, lam)
                        if spike >= 0:
                            grad[m, 2] += area_bar * (hi - lo)
                hi = lo
            grad[m, 1] += leak
            store(adjoint, 0, m, lam)
            store_companion(adjoint, N_STATE, m, c)
            finish(q, m, begin, tape, side, adjoint, timed, grad, results.v_init, x_start)
        hand_on(events, first_event, n_events, totals, source_times, by_delay)
        for k in range(begin, end):
            spike_times[k] = by_spike[begin + index[k]]
