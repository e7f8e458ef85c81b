"""Feed-forward populations of few neurons, and all that is observed closely: neuron by neuron, from event to event.

Without recurrence a neuron's path between sorted arrivals does not depend on its neighbours.  Its state stays in
registers all the way; the factors of the gaps are computed once for all neurons where they share their parameters.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

import numpy as np

from saltation.kernels.bits import natural
from saltation.kernels.forward import (
    all_finite,
    coast,
    emit,
    next_spike,
    start_watch,
    sum_up,
    watch_piece,
)
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    EVENT_LIMIT,
    NOT_FINITE,
    OK,
    PROBE,
    RECEPTOR,
    ROW,
    Events,
    Probes,
    Report,
    Spiked,
    Tape,
)
from saltation.kernels.sorting import BINS, RANKED, sort_span
from saltation.kernels.views import bare

HELPERS = ("first_spike", "pass_gap", "measure_gaps")


def first_spike(p, x, release, t, t1, last, replay, observed, due, due_stop):
    """Time of the first spike of a neuron in ``[t, t1]``; inf without one.

    In replay the spikes are those observed; one at the very time of an event belongs behind it.
    """
    if not replay:
        return next_spike(p, x, release, t, t1)
    if due < due_stop:
        time = observed[due]
        if time < t1 or (last and time <= t1):
            return max(time, t)
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
    """Take neuron ``m`` from ``t`` to ``t1`` through its spikes and holds.

    Returns ``(state, end of its hold, latest spike, spikes of its own, next observed spike, spikes on the tape)``, the
    last of them -1 if the tape is full.
    """
    spike = first_spike(p, x, release, t, t1, last, replay, observed, due, due_stop)
    while spike < math.inf:
        if k >= k_stop:
            return x, release, latest, count, due, -1
        x = coast(p, m, x, release, latest, t, spike, -1, tape.floats, watch)
        count += 1
        due += 1
        ends = limit > 0 and count >= limit
        x, release = emit(p, m, x, release, spike, event, k, latest, base, ends, tape, watch)
        latest = k
        k += 1
        t = spike
        spike = first_spike(p, x, release, t, t1, last, replay, observed, due, due_stop)
    x = coast(p, m, x, release, latest, t, t1, event, tape.floats, watch)
    return x, release, latest, count, due, k


def measure_gaps(p, times, gaps):
    """Factors of the gaps before each event of a sample, and of the empty one behind the last."""
    n = times.size
    store_gap(gaps, 0, gap(p, times[0]))
    for e in range(1, n):
        store_gap(gaps, e, gap(p, times[e] - times[e - 1]))
    store_gap(gaps, n, gap(p, 0.0))


def narrow(
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
    scratch,
    n_spikes,
    tape,
    spiked,
    tape_offsets,
    x_end,
    release_end,
    count_end,
    probes,
    report,
):
    """Run samples ``first <= b < stop``; returns ``(next sample, spikes on the tape)``.

    Arguments as of ``wide``, but ``scratch [N_GAP, events of a sample + 1]``.  ``observed_at [batch or 1, neuron +
    1]`` cuts the observed times, which are read only if ``replay``.
    """
    n = x_end.shape[2]
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    limit = bare(limit)
    observed = bare(observed)
    tape = Tape(bare(tape.floats), bare(tape.ints))
    spiked = Spiked(bare(spiked.times), bare(spiked.units), bare(spiked.index))
    probes = Probes(bare(probes.samples), bare(probes.watch))
    report = Report(bare(report.ints), bare(report.least_slope))
    gaps = bare(scratch)
    counts = np.empty(BINS + 1, np.int64)
    ranks = np.empty(RANKED + 8)
    p = load_parameters(parameters, 0)
    g = gap(p, 0.0)
    watched = probes.watch.shape[2] > 0
    for b in range(first, stop):
        begin = 0 if start.x.shape[0] == 1 else b
        cut = b if observed_at.shape[0] > 1 else 0
        watch = probes.watch[b if watched else 0]
        start_watch(watch, start.x[begin])
        outcome = OK
        k = n_spikes
        k_stop = min(tape.floats.shape[1], n_spikes + max_events)
        n_events = events.offsets[b + 1] - events.offsets[b]
        if SHARED:
            measure_gaps(p, bare(events.times[events.offsets[b] : events.offsets[b + 1]]), gaps)
        for m in range(n):
            q = own(parameters, p, m)
            x = load(start.x[begin], 0, m)
            release = start.release[begin, m]
            count = start.count[begin, m]
            latest = -1
            due = observed_at[cut, m]
            due_stop = observed_at[cut, m + 1]
            t = 0.0
            for e in range(n_events + 1):
                # the last event is the end of the window; behind it, spikes at that very time
                i = natural(events.offsets[b] + min(e, n_events - 1))
                t_next = events.times[i]
                if t_next > t or e == n_events:
                    g = load_gap(gaps, natural(e)) if SHARED else gap(q, t_next - t)
                    if not release > t and not replay and not near(q, x, g):
                        y = flow(q, x, g)
                        if watched and t_next > t:
                            watch_piece(q, m, x, y, t, t_next - t, e, watch)
                        x = y
                    else:
                        x, release, latest, count, due, k = pass_gap(
                            q,
                            m,
                            x,
                            release,
                            latest,
                            count,
                            limit[m],
                            t,
                            t_next,
                            e,
                            e >= n_events - 1,
                            replay,
                            observed,
                            due,
                            due_stop,
                            k,
                            k_stop,
                            n_spikes,
                            tape,
                            watch,
                        )
                        if k < 0:
                            break
                    t = t_next
                if e == n_events:
                    break
                row = events.ints[ROW, i]
                if row >= 0:
                    w = weights[natural(row + m)]
                    x = arrive(x, receptor_of(events.ints[RECEPTOR, i], w), w)
                elif row <= PROBE:
                    probes.samples[b, PROBE - row, m] = x[0]
            if k < 0:
                break
            store(x_end[b], 0, m, x)
            release_end[b, m] = release
            count_end[b, m] = count
        if k < 0:
            if k_stop < n_spikes + max_events:
                return b, n_spikes
            # a sample that failed keeps no spikes, and its state is that at the start
            k = n_spikes
            for m in range(n):
                store(x_end[b], 0, m, load(start.x[begin], 0, m))
                release_end[b, m] = start.release[begin, m]
                count_end[b, m] = start.count[begin, m]
            start_watch(watch, start.x[begin])
            outcome = EVENT_LIMIT
        elif not all_finite(x_end[b]):
            outcome = NOT_FINITE
        if k > n_spikes:
            sort_span(tape, n_spikes, k, spiked, n_spikes, counts, ranks)
        sum_up(parameters, b, n_spikes, k, outcome, tape, report)
        n_spikes = k
        tape_offsets[b + 1] = k
    return stop, n_spikes
