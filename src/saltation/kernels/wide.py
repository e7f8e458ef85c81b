"""Feed-forward populations of many neurons: from event to event, all neurons side by side.

Without recurrence a neuron's path between sorted arrivals does not depend on its neighbours.  In every gap a bound
without branches (``near``) picks the few neurons that may spike; they go through the gap in rounds, one spike each a
round, and all others at once.  What is left to single neurons is to write their spikes down: searches, exponentials
and flows run over rows of neurons, in loops that the compiler turns into vector instructions.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import numpy as np

from saltation.kernels.bits import natural
from saltation.kernels.forward import start_report
from saltation.kernels.records import (
    EVENT_LIMIT,
    HIT,
    MISSED,
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
from saltation.kernels.rows import divide
from saltation.kernels.sorting import BINS, RANKED, sort_span
from saltation.kernels.views import bare

# Rows of scratch behind the factors of gaps and three rows of states.
NOW = 0
LEFT = 1
TIMES = 2
REST = 3
HELD = 4
UNTIL = 5
FORWARD_ROWS = 6


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
    of time and unit.  ``parameters [:, neuron or 1]``; ``scratch [N_GAP + 4 N_STATE + FORWARD_ROWS + rows of
    parameters if each neuron has its own, lane]`` and
    ``marks [MARKS, lane]`` hold finite numbers and valid neurons.
    Observed spikes and watched voltages are the business of ``narrow``.
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
    x = bare(scratch[N_GAP + 3 * N_STATE : N_GAP + 4 * N_STATE])
    now = bare(scratch[N_GAP + 4 * N_STATE + NOW])
    left = bare(scratch[N_GAP + 4 * N_STATE + LEFT])
    times = bare(scratch[N_GAP + 4 * N_STATE + TIMES])
    rest = bare(scratch[N_GAP + 4 * N_STATE + REST])
    held = bare(scratch[N_GAP + 4 * N_STATE + HELD])
    release = bare(scratch[N_GAP + 4 * N_STATE + UNTIL])
    mine = bare(scratch[N_GAP + 4 * N_STATE + FORWARD_ROWS :])
    picked = bare(marks[PICKED])
    settled = bare(marks[SETTLED])
    hit = bare(marks[HIT])
    missed = bare(marks[MISSED])
    counts = np.empty(BINS + 1, np.int64)
    ranks = np.empty(RANKED + 8)
    watch = probes.watch[0]
    fill_lanes(n, x, release, marks)
    p = load_parameters(parameters, 0)
    g = gap(p, 0.0)
    for b in range(first, stop):
        begin = 0 if start.x.shape[0] == 1 else b
        holds = start_lanes(begin, start, x, release, marks)
        start_report(report, b)
        k = n_spikes
        ordered = True
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
                    m = natural(picked[j])
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
                    gather_parameters(parameters, picked, active, mine)
                    search(mine, p, moving, active, left, times, there[0])
                    climb_all(mine, p, moving, active, times, there)
                    hits = divide(times, active, hit, missed)
                    for j in range(0 if fresh else active - hits):
                        at_row = natural(missed[j])
                        m = natural(picked[at_row])
                        state = load(moving, 0, at_row)
                        n_settled = settle(m, state, now[at_row], t_next, release, n_settled, settled, done, rest, held)
                    if k + hits > k_stop:
                        k = -1
                        break
                    again, n_held, n_settled = fire_row(
                        parameters,
                        p,
                        hits,
                        hit,
                        t_next,
                        e,
                        k,
                        n_spikes,
                        b,
                        limit,
                        release,
                        there,
                        times,
                        moving,
                        now,
                        left,
                        picked,
                        n_settled,
                        settled,
                        done,
                        rest,
                        held,
                        missed,
                        marks,
                        tape,
                        report,
                    )
                    k += hits
                    holds = holds or n_held != 0
                    for j in range(max(n_held, 0)):
                        # a hold that ends within the gap, behind which there may be more
                        at_row = natural(missed[j])
                        m = natural(settled[at_row])
                        state, at, k = burst(
                            own(parameters, p, m),
                            m,
                            load(done, 0, at_row),
                            t_next - rest[at_row],
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
                        settle(m, state, at, t_next, release, at_row, settled, done, rest, held)
                    active = again
                    fresh = False
                if k < 0:
                    break
                if k > k_before:
                    sort_span(tape, k_before, k, spiked, n_spikes, counts, ranks)
                    # a spike on the cut between two gaps may belong on the other side
                    ordered = ordered and (k_before == n_spikes or spiked.times[k_before - 1] < spiked.times[k_before])
                gather_parameters(parameters, settled, n_settled, mine)
                flow_row(mine, p, n_settled, done, rest, held)
                flow_all(parameters, p, g, gaps, x, release, holds, t)
                for j in range(n_settled):
                    store(x, 0, natural(settled[j]), load(done, 0, j))
            if e == n_events:
                break
            t = t_next
            row = events.ints[ROW, i]
            if row >= 0:
                arrive_all(n, x, weights, row, events.ints[RECEPTOR, i])
            elif row <= PROBE:
                for m in range(n):
                    probes.samples[b, PROBE - row, m] = x[0, m]
        if k < 0:
            if k_stop < n_spikes + max_events:
                return b, n_spikes
            # a sample that failed keeps no spikes, and its state is that at the start
            k = n_spikes
            start_lanes(begin, start, x, release, marks)
            report.ints[OUTCOME, b] = EVENT_LIMIT
        if end_lanes(b, x, release, marks, x_end, release_end, count_end) > 0:
            report.ints[OUTCOME, b] = NOT_FINITE
        if not ordered:
            sort_span(tape, n_spikes, k, spiked, n_spikes, counts, ranks)
        n_spikes = k
        tape_offsets[b + 1] = k
    return stop, n_spikes
