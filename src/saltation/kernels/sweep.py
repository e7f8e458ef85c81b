"""Feed-forward populations, event by event: all neurons advance from arrival to arrival together.

Without recurrence a neuron's path between sorted arrivals does not depend on its neighbours.  The factors of a gap
are computed once where the population has one set of parameters, and a bound on the voltage decides which few
neurons need a search for a crossing.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.forward import (
    all_finite,
    coast,
    emit,
    next_spike,
    start_report,
    start_sample,
    start_watch,
)
from saltation.kernels.records import (
    BY_SIGN,
    COUNT,
    DUE,
    DUE_STOP,
    EVENT_LIMIT,
    LATEST,
    NOT_FINITE,
    OUTCOME,
    PROBE,
    RECEPTOR,
    ROW,
    Events,
    Probes,
    Report,
    Tape,
)
from saltation.kernels.views import bare

HELPERS = ("first_spike", "advance", "arrive_all")


def arrive_all(x, weights, row, receptor):
    """An arrival at all neurons."""
    for m in range(x.shape[1]):
        w = weights[row + m]
        r = receptor
        if receptor == BY_SIGN:
            r = 0 if w >= 0.0 else 1
        store(x, 0, m, arrive(load(x, 0, m), r, w))


def first_spike(p, m, x, release, t, t1, last, replay, observed, marks):
    """Time of the first spike of neuron ``m`` in ``[t, t1]``; inf without one.

    In replay the spikes are those observed; one at the very time of an event belongs behind it.
    """
    if not replay:
        return next_spike(p, x, release, t, t1)
    if marks[DUE, m] < marks[DUE_STOP, m]:
        due = observed[marks[DUE, m]]
        if due < t1 or (last and due <= t1):
            return max(due, t)
    return math.inf


def advance(
    p,
    m,
    spike,
    t,
    t1,
    event,
    last,
    k,
    k_stop,
    b,
    limit,
    replay,
    observed,
    x_all,
    hold_end,
    marks,
    tape,
    watch,
    report,
):
    """Move neuron ``m`` from ``t`` to ``t1``, first through ``spike``; spikes so far, or -1 if the tape is full."""
    x = load(x_all, 0, m)
    release = hold_end[m]
    latest = marks[LATEST, m]
    while spike < math.inf:
        if k >= k_stop:
            return -1
        x = coast(p, m, x, release, latest, t, spike, -1, tape.floats, watch)
        marks[COUNT, m] += 1
        marks[DUE, m] += 1
        ends = limit[m] > 0 and marks[COUNT, m] >= limit[m]
        x, release = emit(p, m, x, release, spike, event, k, latest, ends, b, tape, watch, report)
        latest = k
        k += 1
        t = spike
        spike = first_spike(p, m, x, release, t, t1, last, replay, observed, marks)
    x = coast(p, m, x, release, latest, t, t1, event, tape.floats, watch)
    store(x_all, 0, m, x)
    hold_end[m] = release
    marks[LATEST, m] = latest
    return k


def sweep(
    first,
    stop,
    parameters,
    events,
    weights,
    start,
    limit,
    observed,
    observed_at,
    replay,
    max_events,
    marks,
    n_spikes,
    tape,
    tape_offsets,
    x_end,
    release_end,
    count_end,
    probes,
    report,
):
    """Run samples ``first <= b < stop``; returns ``(next sample, spikes on the tape)``, which are not in order yet.

    Stops before a sample whose spikes do not fit on the tape.  ``parameters [neuron or 1, :]``; ``observed_at [batch
    or 1, neuron + 1]`` cuts the observed times (read only if ``replay``); ``marks [MARKS, neuron]`` is scratch.
    """
    n = x_end.shape[2]
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    limit = bare(limit)
    observed = bare(observed)
    marks = bare(marks)
    tape = Tape(bare(tape.floats), bare(tape.ints))
    probes = Probes(bare(probes.samples), bare(probes.watch))
    report = Report(bare(report.ints), bare(report.least_slope))
    x_end = bare(x_end)
    release_end = bare(release_end)
    shared = parameters.shape[0] == 1
    p = load_parameters(parameters, 0)
    g = gap(p, 0.0)
    plain = probes.watch.shape[2] == 0
    for b in range(first, stop):
        begin = 0 if start.x.shape[0] == 1 else b
        x = x_end[b]
        release = release_end[b]
        start_sample(begin, b, start, observed_at, x, release, marks)
        watch = probes.watch[0 if plain else b]
        start_watch(watch, x)
        start_report(report, b)
        k = n_spikes
        k_stop = min(tape.floats.shape[1], n_spikes + max_events)
        t = 0.0
        n_events = events.offsets[b + 1] - events.offsets[b]
        for e in range(n_events + 1):
            # the last event is the end of the window; behind it, spikes at that very time
            i = events.offsets[b] + min(e, n_events - 1)
            t_next = events.times[i]
            if t_next > t or e == n_events:
                g = gap(p, t_next - t)
                for m in range(n):
                    if not shared:
                        p = load_parameters(parameters, m)
                    state = load(x, 0, m)
                    last = e >= n_events - 1
                    spike = first_spike(p, m, state, release[m], t, t_next, last, replay, observed, marks)
                    if plain and not spike < math.inf and not release[m] > t:
                        if not shared:
                            g = gap(p, t_next - t)
                        store(x, 0, m, flow(p, state, g))
                        continue
                    k = advance(
                        p,
                        m,
                        spike,
                        t,
                        t_next,
                        e,
                        last,
                        k,
                        k_stop,
                        b,
                        limit,
                        replay,
                        observed,
                        x,
                        release,
                        marks,
                        tape,
                        watch,
                        report,
                    )
                    if k < 0:
                        break
            if k < 0 or e == n_events:
                break
            t = t_next
            row = events.ints[ROW, i]
            if row >= 0:
                arrive_all(x, weights, row, events.ints[RECEPTOR, i])
            elif row <= PROBE:
                for m in range(n):
                    probes.samples[b, PROBE - row, m] = x[0, m]
        if k < 0:
            if k_stop < n_spikes + max_events:
                return b, n_spikes
            # a sample that failed keeps no spikes
            k = n_spikes
            start_watch(watch, x)
            report.ints[OUTCOME, b] = EVENT_LIMIT
        elif not all_finite(x):
            report.ints[OUTCOME, b] = NOT_FINITE
        for m in range(n):
            count_end[b, m] = marks[COUNT, m]
        n_spikes = k
        tape_offsets[b + 1] = k
    return stop, n_spikes
