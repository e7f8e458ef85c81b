"""Feed-forward populations of many neurons: from event to event, all neurons side by side.

Without recurrence a neuron's path between sorted arrivals does not depend on its neighbours.  In every gap a bound
without branches (``near``) picks the few neurons that may spike; they go through the gap in rounds, one spike each a
round, and all others at once.  What is left to single neurons is to write their spikes down: searches, exponentials
and flows run over rows of neurons, in loops that the compiler turns into vector instructions.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

import numpy as np

from saltation.kernels.forward import all_finite, coast, emit, start_report, start_sample
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    COUNT,
    EVENT_LIMIT,
    LATEST,
    NOT_FINITE,
    OUTCOME,
    PICKED,
    PROBE,
    RECEPTOR,
    ROW,
    SETTLED,
    Events,
    Probes,
    Report,
    Spiked,
    Tape,
)
from saltation.kernels.sorting import BINS, is_ordered, sort_span
from saltation.kernels.views import bare

HELPERS = ("arrive_all", "pick", "burst", "settle", "climb_all", "flow_row", "flow_all")

# Rows of scratch behind the factors of gaps and three rows of states.
NOW = 0
LEFT = 1
TIMES = 2
REST = 3
HELD = 4
FORWARD_ROWS = 5


def arrive_all(x, weights, row, receptor):
    """An arrival at all neurons."""
    for m in range(x.shape[1]):
        w = weights[row + m]
        store(x, 0, m, arrive(load(x, 0, m), receptor_of(receptor, w), w))


def pick(parameters, p, g, gaps, x, release, holds, t, t1, picked):
    """Neurons that need a look of their own between ``t`` and ``t1``; their number.

    Where parameters differ, the factors of the gap are written to ``gaps``.
    """
    n = x.shape[1]
    found = 0
    if SHARED:
        for m in range(n):
            may = near(p, load(x, 0, m), g)
            picked[m] = may
            found += may
    else:
        for m in range(n):
            q = load_parameters(parameters, m)
            factors = gap(q, t1 - t)
            store_gap(gaps, m, factors)
            may = near(q, load(x, 0, m), factors)
            picked[m] = may
            found += may
    if holds:
        found = 0
        for m in range(n):
            may = (release[m] <= t) & (picked[m] != 0) | (release[m] > t) & (release[m] <= t1)
            picked[m] = may
            found += may
    if found == 0:
        return 0
    found = 0
    for m in range(n):
        if picked[m] != 0:
            picked[found] = m
            found += 1
    return found


def burst(p, m, x, t, t1, event, k, k_stop, base, b, limit, release, marks, tape, watch, report):
    """Take neuron ``m``, held at ``t``, through its holds and spikes before ``t1``.

    Returns ``(state, its time, spikes so far)``: after the last of them, or at ``t1`` if it is held then; -1 spikes
    if the tape is full.
    """
    latest = marks[LATEST, m]
    until = release[m]
    while True:
        if until > t:
            end = min(until, t1)
            x = coast(p, m, x, until, latest, t, end, -1, tape.floats, watch)
            t = end
            if until > t1:
                break
        s = crossing(p, x, t1 - t) if may_cross(p, x) else math.inf
        if not s < math.inf:
            break
        if k >= k_stop:
            return x, t, -1
        t = min(t + s, t1)
        marks[COUNT, m] += 1
        ends = limit[m] > 0 and marks[COUNT, m] >= limit[m]
        x, until = emit(p, m, climb(p, x, s), -math.inf, t, event, k, latest, base, ends, b, tape, watch, report)
        latest = k
        k += 1
    release[m] = until
    marks[LATEST, m] = latest
    return x, t, k


def settle(m, state, t, t1, release, n_settled, settled, done, rest, held):
    """Put neuron ``m``, which does not spike again before ``t1``, aside in its state at ``t``; the number of those."""
    store(done, 0, n_settled, state)
    rest[n_settled] = t1 - t
    held[n_settled] = 1.0 if release[m] > t else 0.0
    settled[n_settled] = m
    return n_settled + 1


def climb_all(parameters, common, picked, x, active, times, there):
    """States at the crossings."""
    for j in range(active):
        p = own(parameters, common, picked[j])
        store(there, 0, j, climb(p, load(x, 0, j), times[j]))


def flow_row(parameters, common, picked, settled, x, rest, held):
    """Flow of the neurons that spiked over what is left of the gap; ``held``: with the voltage held."""
    for j in range(settled):
        p = own(parameters, common, picked[j])
        v = x[0, j]
        store(x, 0, j, flow(p, load(x, 0, j), gap(p, rest[j])))
        x[0, j] = v if held[j] > 0.0 else x[0, j]


def flow_all(parameters, p, g, gaps, x, release, holds, t):
    """Flow of all neurons over a gap; those that are held at its start are held to its end."""
    n = x.shape[1]
    if not SHARED:
        for m in range(n):
            held = release[m] > t
            v = x[0, m]
            store(x, 0, m, flow(load_parameters(parameters, m), load(x, 0, m), load_gap(gaps, m)))
            x[0, m] = v if held else x[0, m]
    elif holds:
        for m in range(n):
            held = release[m] > t
            v = x[0, m]
            store(x, 0, m, flow(p, load(x, 0, m), g))
            x[0, m] = v if held else x[0, m]
    else:
        for m in range(n):
            store(x, 0, m, flow(p, load(x, 0, m), g))


def wide(
    first,
    stop,
    parameters,
    events,
    weights,
    start,
    limit,
    max_events,
    scratch,
    marks,
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

    Stops before a sample whose spikes do not fit on the tape.  The tape keeps the order of processing, ``spiked`` that
    of time and unit.  ``parameters [:, neuron or 1]``; ``scratch [N_GAP + 3 N_STATE + FORWARD_ROWS, neuron]`` and
    ``marks [MARKS, neuron]`` may hold anything.  Observed spikes and watched voltages are the business of ``narrow``.
    """
    n = x_end.shape[2]
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    limit = bare(limit)
    marks = bare(marks)
    tape = Tape(bare(tape.floats), bare(tape.ints))
    spiked = Spiked(bare(spiked.times), bare(spiked.units), bare(spiked.index))
    probes = Probes(bare(probes.samples), bare(probes.watch))
    report = Report(bare(report.ints), bare(report.least_slope))
    x_end = bare(x_end)
    release_end = bare(release_end)
    gaps = bare(scratch[:N_GAP])
    moving = bare(scratch[N_GAP : N_GAP + N_STATE])
    there = bare(scratch[N_GAP + N_STATE : N_GAP + 2 * N_STATE])
    done = bare(scratch[N_GAP + 2 * N_STATE : N_GAP + 3 * N_STATE])
    now = bare(scratch[N_GAP + 3 * N_STATE + NOW])
    left = bare(scratch[N_GAP + 3 * N_STATE + LEFT])
    times = bare(scratch[N_GAP + 3 * N_STATE + TIMES])
    rest = bare(scratch[N_GAP + 3 * N_STATE + REST])
    held = bare(scratch[N_GAP + 3 * N_STATE + HELD])
    picked = bare(marks[PICKED])
    settled = bare(marks[SETTLED])
    counts = np.empty(BINS + 1, np.int64)
    watch = probes.watch[0]
    p = load_parameters(parameters, 0)
    g = gap(p, 0.0)
    for b in range(first, stop):
        begin = 0 if start.x.shape[0] == 1 else b
        x = bare(x_end[b])
        release = bare(release_end[b])
        start_sample(begin, start, x, release, marks)
        start_report(report, b)
        holds = False
        for m in range(n):
            holds = holds or release[m] > 0.0
        k = n_spikes
        k_stop = min(tape.floats.shape[1], n_spikes + max_events)
        t = 0.0
        n_events = events.offsets[b + 1] - events.offsets[b]
        for e in range(n_events + 1):
            # the last event is the end of the window; behind it, spikes at that very time
            i = events.offsets[b] + min(e, n_events - 1)
            t_next = events.times[i]
            if t_next > t or e == n_events:
                if SHARED:
                    g = gap(p, t_next - t)
                found = pick(parameters, p, g, gaps, x, release, holds, t, t_next, picked)
                active = 0
                n_settled = 0
                k_before = k
                for j in range(found):
                    m = picked[j]
                    if not release[m] > t:
                        store(moving, 0, active, load(x, 0, m))
                        now[active] = t
                        left[active] = t_next - t
                        picked[active] = m
                        active += 1
                        continue
                    state, at, k = burst(
                        own(parameters, p, m),
                        m,
                        load(x, 0, m),
                        t,
                        t_next,
                        e,
                        k,
                        k_stop,
                        n_spikes,
                        b,
                        limit,
                        release,
                        marks,
                        tape,
                        watch,
                        report,
                    )
                    if k < 0:
                        break
                    n_settled = settle(m, state, at, t_next, release, n_settled, settled, done, rest, held)
                fresh = True
                while active > 0 and k >= 0:
                    search(parameters, p, picked, moving, active, left, times, there[0])
                    climb_all(parameters, p, picked, moving, active, times, there)
                    again = 0
                    for j in range(active):
                        m = picked[j]
                        if not times[j] < math.inf:
                            if not fresh:
                                state = load(moving, 0, j)
                                n_settled = settle(
                                    m, state, now[j], t_next, release, n_settled, settled, done, rest, held
                                )
                            continue
                        if k >= k_stop:
                            k = -1
                            break
                        q = own(parameters, p, m)
                        at = min(now[j] + times[j], t_next)
                        marks[COUNT, m] += 1
                        ends = limit[m] > 0 and marks[COUNT, m] >= limit[m]
                        state, until = emit(
                            q,
                            m,
                            load(there, 0, j),
                            -math.inf,
                            at,
                            e,
                            k,
                            marks[LATEST, m],
                            n_spikes,
                            ends,
                            b,
                            tape,
                            watch,
                            report,
                        )
                        release[m] = until
                        marks[LATEST, m] = k
                        k += 1
                        if not until > at and may_cross(q, state):
                            store(moving, 0, again, state)
                            now[again] = at
                            left[again] = t_next - at
                            picked[again] = m
                            again += 1
                            continue
                        holds = holds or until > at
                        if until > at and until <= t_next:
                            state, at, k = burst(
                                q,
                                m,
                                state,
                                at,
                                t_next,
                                e,
                                k,
                                k_stop,
                                n_spikes,
                                b,
                                limit,
                                release,
                                marks,
                                tape,
                                watch,
                                report,
                            )
                            if k < 0:
                                break
                        n_settled = settle(m, state, at, t_next, release, n_settled, settled, done, rest, held)
                    active = again
                    fresh = False
                if k < 0:
                    break
                if k > k_before:
                    sort_span(tape, k_before, k, spiked, n_spikes, counts)
                flow_row(parameters, p, settled, n_settled, done, rest, held)
                flow_all(parameters, p, g, gaps, x, release, holds, t)
                for j in range(n_settled):
                    store(x, 0, settled[j], load(done, 0, j))
            if e == n_events:
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
            # a sample that failed keeps no spikes, and its state is that at the start
            k = n_spikes
            start_sample(begin, start, x, release, marks)
            report.ints[OUTCOME, b] = EVENT_LIMIT
        elif not all_finite(x):
            report.ints[OUTCOME, b] = NOT_FINITE
        if not is_ordered(spiked, n_spikes, k):
            sort_span(tape, n_spikes, k, spiked, n_spikes, counts)
        for m in range(n):
            count_end[b, m] = marks[COUNT, m]
        n_spikes = k
        tape_offsets[b + 1] = k
    return stop, n_spikes
