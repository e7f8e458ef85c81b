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
from saltation.kernels.forward import sum_up
from saltation.kernels.gathering import gather_parameters
from saltation.kernels.records import (
    EVENT_LIMIT,
    HIT,
    MISSED,
    NOT_FINITE,
    OK,
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
from saltation.kernels.search import search
from saltation.kernels.sorting import BINS, RANKED, sort_span
from saltation.kernels.views import bare
from saltation.kernels.wide_rows import (
    arrive_all,
    burst,
    climb_all,
    end_lanes,
    fill_lanes,
    fire_row,
    flow_all,
    flow_row,
    gather_row,
    pick,
    settle,
    start_lanes,
)

# Rows of scratch behind the factors of gaps and four rows of states.
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
    of time and unit.  ``parameters [:, lane or 1]``; ``scratch [N_GAP + 4 N_STATE + FORWARD_ROWS + rows of
    parameters if each neuron has its own, lane]`` and ``marks [MARKS, lane]`` hold finite numbers and valid neurons.
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
        outcome = OK
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
                active, n_back = gather_row(
                    found, t, t_next, release, x, moving, now, left, picked, settled, done, rest, missed
                )
                n_settled = n_back
                k_before = k
                fresh = True
                while True:
                    for j in range(n_back):
                        # let go within the gap, and behind that there may be more
                        place = natural(missed[j])
                        m = natural(settled[place])
                        state, at, k = burst(
                            own(parameters, p, m),
                            m,
                            load(done, 0, place),
                            rest[place],
                            t_next,
                            e,
                            k,
                            k_stop,
                            n_spikes,
                            limit,
                            release,
                            marks,
                            tape,
                            watch,
                        )
                        if k < 0:
                            break
                        settle(m, state, at, t_next, release, place, settled, done, rest, held)
                    if active == 0 or k < 0:
                        break
                    gather_parameters(parameters, picked, active, mine)
                    search(mine, p, moving, active, left, times, there[0])
                    climb_all(mine, p, moving, active, times, there)
                    hits = divide(times, active, hit, missed)
                    if k + hits > k_stop:
                        k = -1
                        break
                    for j in range(0 if fresh else active - hits):
                        place = natural(missed[j])
                        m = natural(picked[place])
                        settle(
                            m, load(moving, 0, place), now[place], t_next, release, n_settled, settled, done, rest, held
                        )
                        n_settled += 1
                    active, n_held, n_back, n_settled = fire_row(
                        parameters,
                        p,
                        hits,
                        hit,
                        t_next,
                        e,
                        k,
                        n_spikes,
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
                        watch,
                    )
                    k += hits
                    holds = holds or n_held > 0
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
            outcome = EVENT_LIMIT
        if end_lanes(b, x, release, marks, x_end, release_end, count_end) > 0:
            outcome = NOT_FINITE
        if not ordered:
            sort_span(tape, n_spikes, k, spiked, n_spikes, counts, ranks)
        sum_up(parameters, b, n_spikes, k, outcome, tape, report)
        n_spikes = k
        tape_offsets[b + 1] = k
    return stop, n_spikes
