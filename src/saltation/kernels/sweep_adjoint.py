"""The adjoint of the feed-forward sweep: from the last event to the first, all neurons together.

Between events only neurons with a spike or a hold of their own there are scalar work; the others share the factors
of the gap.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

from saltation.kernels.backward import (
    clear,
    collect_arrival,
    finish,
    glide,
    inject_voltage,
    is_held,
    retreat,
    start_latest,
    start_side,
)
from saltation.kernels.records import (
    AREA,
    AT_EVENT,
    CAUSE,
    DELAY,
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
    ROW,
    SIDES,
    Cotangents,
    Events,
    Tape,
)
from saltation.kernels.views import bare


def sweep_adjoint(
    first,
    stop,
    timed,
    parameters,
    events,
    weights,
    start,
    tape,
    tape_offsets,
    watch,
    cotangents,
    spike_times,
    source_times,
    scratch,
    latest,
    results,
):
    """Adjoint of samples ``first <= b < stop``, added to the results given.

    ``spike_times`` holds ``dL/dt`` of own spikes (flat over the tape; overwritten by the total), ``source_times``
    receives that of the arrivals' sources.  ``timed``: gradients for the time constants too; ``scratch [., neuron]``
    and ``latest [neuron]`` may hold anything.
    """
    n = results.v_init.size
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    tape = Tape(bare(tape.floats), bare(tape.ints))
    watch = bare(watch)
    cotangents = Cotangents(bare(cotangents.samples), bare(cotangents.integral), bare(cotangents.peak))
    spike_times = bare(spike_times)
    source_times = bare(source_times)
    grad = bare(results.parameters)
    adjoint = bare(scratch[: N_STATE + N_COMPANION])
    side = bare(scratch[N_STATE + N_COMPANION : N_STATE + N_COMPANION + SIDES])
    latest = bare(latest)
    shared = parameters.shape[0] == 1
    p = load_parameters(parameters, 0)
    g = gap(p, 0.0)
    for b in range(first, stop):
        x_start = start.x[0 if start.x.shape[0] == 1 else b]
        begin = tape_offsets[b]
        spiked = tape_offsets[b + 1] > begin
        clear(adjoint, 0.0)
        start_latest(tape, begin, tape_offsets[b + 1], latest)
        start_side(side, b, watch, cotangents, start.release[0 if start.x.shape[0] == 1 else b], latest, grad)
        n_events = events.offsets[b + 1] - events.offsets[b]
        hi = events.times[events.offsets[b + 1] - 1]
        for e in range(n_events, -1, -1):
            i = events.offsets[b] + e
            if e < n_events:
                row = events.ints[ROW, i]
                total = 0.0
                if row >= 0:
                    receptor = events.ints[RECEPTOR, i]
                    for m in range(n):
                        if not shared:
                            p = load_parameters(parameters, m)
                        by_weight, by_time = collect_arrival(p, m, weights[row + m], receptor, adjoint, timed, grad)
                        results.weights[row + m] += by_weight
                        total += by_time
                elif row <= PROBE and cotangents.samples.shape[1] > 0:
                    for m in range(n):
                        value = cotangents.samples[b, PROBE - row, m]
                        inject_voltage(m, hi, value, latest[m], begin, tape, side, adjoint, grad)
                for m in range(n):
                    if side[PEAK_KIND, m] == AT_EVENT and side[PEAK_INDEX, m] == e:
                        total += side[PEAK, m] * side[PEAK_SLOPE, m]
                        adjoint[0, m] += side[PEAK, m]
                        side[PEAK_KIND, m] = NOWHERE
                if row >= 0:
                    source_times[events.ints[CAUSE, i]] += total
                    results.delays[events.ints[DELAY, i]] += total
            lo = 0.0 if e == 0 else events.times[i - 1]
            if hi > lo or spiked:
                g = gap(p, hi - lo)
                for m in range(n):
                    if not shared:
                        p = load_parameters(parameters, m)
                    k = latest[m]
                    busy = is_held(m, lo, k, begin, tape, side) or (k >= 0 and tape.ints[GAP, begin + k] == e)
                    if side[PEAK_KIND, m] == INTERIOR and lo <= side[PEAK_TIME, m] <= hi:
                        busy = True
                    if busy:
                        retreat(
                            p,
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
                            spike_times,
                            x_start[0, m],
                        )
                    elif hi > lo:
                        if not shared:
                            g = gap(p, hi - lo)
                        lam = load(adjoint, 0, m)
                        c = load_companion(adjoint, N_STATE, m)
                        lam, c = glide(p, m, hi - lo, g, lam, c, side[AREA, m], timed, grad)
                        store(adjoint, 0, m, lam)
                        if timed:
                            store_companion(adjoint, N_STATE, m, c)
            hi = lo
        for m in range(n):
            if not shared:
                p = load_parameters(parameters, m)
            finish(p, m, begin, tape, side, adjoint, timed, grad, results.v_init, x_start)
