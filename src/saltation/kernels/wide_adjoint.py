"""The adjoint of ``wide``: from the last event to the first, all neurons side by side.

Between events only neurons with a spike or the end of a hold there are taken by themselves; the others share the
factors of the gap.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.backward import clear, end_of_hold, inject_voltage, retreat
from saltation.kernels.bits import natural
from saltation.kernels.gathering import gather_parameters
from saltation.kernels.records import (
    CAUSE,
    DELAY,
    PROBE,
    RECEPTOR,
    ROW,
    SIDES,
    Cotangents,
    Events,
    Tape,
)
from saltation.kernels.views import bare
from saltation.kernels.wide_adjoint_rows import (
    collect_all,
    finish_all,
    gather_back,
    glide_all,
    glide_row,
    pick_back,
    start_back,
    undo_row,
)

# Rows of scratch behind three rows of adjoints and the watched ones.
UNTIL = 0
PULLS = 1
SPANS = 2
REST = 3
LEAKS = 4
BACKWARD_ROWS = 5
# Rows of integers.
BACK_LATEST = 0
BACK_PICKED = 1
BACK_SETTLED = 2
BACK_SEEN = 3
BACK_ASIDE = 4
BACKWARD_MARKS = 5


def wide_adjoint(
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
    marks,
    leak,
    results,
):
    """Adjoint of samples ``first <= b < stop``, added to the results given.

    ``spike_times`` holds ``dL/dt`` of own spikes in their order of time (overwritten by the total); ``index``, of
    ``Spiked``, says where they are on the tape, and ``by_spike`` is scratch as long; ``source_times`` receives that of
    the arrivals' sources.  ``timed``: gradients for the time constants too; ``scratch [3 (N_STATE + N_COMPANION) +
    SIDES + BACKWARD_ROWS + rows of parameters if each neuron has its own, lane]`` and ``marks
    [BACKWARD_MARKS, lane]`` hold finite numbers and valid neurons;
    ``leak [lane]`` receives ``dL/dv_leak`` through the flights between events, which is not in the results.
    """
    n = results.v_init.size
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    tape = Tape(bare(tape.floats), bare(tape.ints))
    cotangents = Cotangents(bare(cotangents.samples), bare(cotangents.integral), bare(cotangents.peak))
    spike_times = bare(spike_times)
    by_spike = bare(by_spike)
    index = bare(index)
    source_times = bare(source_times)
    grad = bare(results.parameters)
    by_weight = bare(results.weights)
    rows = N_STATE + N_COMPANION
    adjoint = bare(scratch[:rows])
    moving = bare(scratch[rows : 2 * rows])
    done = bare(scratch[2 * rows : 3 * rows])
    side = bare(scratch[3 * rows : 3 * rows + SIDES])
    leak = bare(leak)
    until = bare(scratch[3 * rows + SIDES + UNTIL])
    pulls = bare(scratch[3 * rows + SIDES + PULLS])
    spans = bare(scratch[3 * rows + SIDES + SPANS])
    rest = bare(scratch[3 * rows + SIDES + REST])
    leaks = bare(scratch[3 * rows + SIDES + LEAKS])
    mine = bare(scratch[3 * rows + SIDES + BACKWARD_ROWS :])
    latest = bare(marks[BACK_LATEST])
    picked = bare(marks[BACK_PICKED])
    settled = bare(marks[BACK_SETTLED])
    seen = bare(marks[BACK_SEEN])
    aside = bare(marks[BACK_ASIDE])
    p = load_parameters(parameters, 0)
    clear(side, 0.0)
    for m in range(leak.size):
        pulls[m] = 0.0
        until[m] = -math.inf
        seen[m] = 0
    for b in range(first, stop):
        at_start = 0 if start.x.shape[0] == 1 else b
        x_start = start.x[at_start]
        begin = tape_offsets[b]
        end = tape_offsets[b + 1]
        clear(adjoint, 0.0)
        holds = start_back(
            n, begin, end, tape, index, spike_times, by_spike, bare(start.release[at_start]), latest, until, side
        )
        n_events = events.offsets[b + 1] - events.offsets[b]
        hi = events.times[natural(events.offsets[b + 1] - 1)]
        k = end - 1
        for e in range(n_events, -1, -1):
            i = events.offsets[b] + e
            if e < n_events:
                at = natural(i)
                row = events.ints[ROW, at]
                if row >= 0:
                    receptor = events.ints[RECEPTOR, at]
                    total = collect_all(
                        n, parameters, p, weights, row, receptor, adjoint, pulls, timed, grad, by_weight
                    )
                    source_times[natural(events.ints[CAUSE, at])] += total
                    results.delays[natural(events.ints[DELAY, at])] += total
                elif row <= PROBE and cotangents.samples.shape[1] > 0:
                    for m in range(n):
                        value = cotangents.samples[b, PROBE - row, m]
                        inject_voltage(m, hi, value, latest[m], begin, tape, side, adjoint, grad)
            lo = 0.0 if e == 0 else events.times[natural(i - 1)]
            if hi > lo or k >= begin:
                found, k = pick_back(e, lo, hi, k, begin, holds, until, tape, picked, seen)
                active, n_held = gather_back(
                    e, hi, begin, found, latest, until, tape, adjoint, moving, spans, picked, settled, done, rest, aside
                )
                n_settled = n_held
                while True:
                    for j in range(n_held):
                        # through the hold, and what there is before it
                        place = natural(aside[j])
                        m = natural(settled[place])
                        store(adjoint, 0, m, load(done, 0, place))
                        store_companion(adjoint, N_STATE, m, load_companion(done, N_STATE, place))
                        retreat(
                            own(parameters, p, m),
                            m,
                            rest[place],
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
                        until[m] = end_of_hold(m, begin, latest, tape, side)
                        store(done, 0, place, load(adjoint, 0, m))
                        store_companion(done, N_STATE, place, load_companion(adjoint, N_STATE, m))
                        rest[place] = 0.0
                    if active == 0:
                        break
                    gather_parameters(parameters, picked, active, mine)
                    glide_row(mine, p, active, moving, spans, timed, leaks)
                    active, n_held, n_settled = undo_row(
                        parameters,
                        p,
                        e,
                        lo,
                        begin,
                        active,
                        latest,
                        until,
                        tape,
                        side,
                        moving,
                        spans,
                        picked,
                        leak,
                        leaks,
                        n_settled,
                        settled,
                        done,
                        rest,
                        aside,
                        timed,
                        grad,
                        by_spike,
                    )
                gather_parameters(parameters, settled, n_settled, mine)
                glide_row(mine, p, n_settled, done, rest, timed, leaks)
                for j in range(n_settled):
                    m = natural(settled[j])
                    leak[m] += leaks[j]
                    # their flights have been counted
                    adjoint[0, m] = 0.0
                if hi > lo:
                    glide_all(parameters, p, hi - lo, adjoint, timed, leak)
                for j in range(n_settled):
                    m = natural(settled[j])
                    store(adjoint, 0, m, load(done, 0, j))
                    store_companion(adjoint, N_STATE, m, load_companion(done, N_STATE, j))
            hi = lo
        finish_all(n, parameters, p, adjoint, timed, grad, results.v_init, x_start)
        for k in range(begin, end):
            at = natural(k)
            spike_times[at] = by_spike[natural(begin + index[at])]
