"""The adjoint of ``wide``: from the last event to the first, all neurons side by side.

Between events only neurons with a spike or the end of a hold there are taken by themselves; the others share the
factors of the gap.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.backward import clear, end_of_hold, inject_voltage, retreat
from saltation.kernels.bits import natural
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    CAUSE,
    DELAY,
    FIRST_RELEASE,
    GAP,
    PREVIOUS,
    PROBE,
    RECEPTOR,
    RELEASE,
    ROW,
    SIDES,
    SLOPE,
    STATES,
    TIME,
    UNIT,
    Cotangents,
    Events,
    Tape,
)
from saltation.kernels.rows import list_chosen, whole
from saltation.kernels.views import bare

HELPERS = (
    "total_of",
    "collect_all",
    "start_back",
    "pick_back",
    "gather_back",
    "undo_row",
    "retreat_aside",
    "glide_row",
    "glide_all",
    "finish_all",
)

# Rows of scratch behind three rows of adjoints and the watched ones.
LEAK = 0
UNTIL = 1
PULLS = 2
SPANS = 3
REST = 4
LEAKS = 5
BACKWARD_ROWS = 6
# Rows of integers.
BACK_LATEST = 0
BACK_PICKED = 1
BACK_SETTLED = 2
BACK_SEEN = 3
BACK_ASIDE = 4
BACKWARD_MARKS = 5


def total_of(values):
    """Sum of a row, in eight strands that do not wait for one another."""
    n = values.size
    a = b = c = d = e = f = g = h = 0.0
    for i in range(0, n - 7, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    for i in range(n - n % 8, n):
        a += values[i]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


def collect_all(n, parameters, p, weights, row, receptor, adjoint, pulls, timed, grad, by_weight):
    """Gradients for the weights of an arrival at all neurons; ``dL/dt`` of the arrival."""
    for m in range(n):
        w = weights[natural(row + m)]
        r = receptor_of(receptor, w)
        lam = load(adjoint, 0, m)
        by_weight[natural(row + m)] += current(lam, r)
        pulls[m] = w * arrival_pull(own(parameters, p, m), lam, r)
    if timed:
        for m in range(n):
            w = weights[natural(row + m)]
            companion_arrive(load_companion(adjoint, N_STATE, m), receptor_of(receptor, w), w, grad, m)
    return total_of(pulls)


def start_back(n, begin, end, tape, index, spike_times, by_spike, release, latest, until, side):
    """Lay out a sample's cotangents by its tape, and what each neuron did last; whether any is held at some time."""
    held = 0
    for m in range(n):
        latest[m] = -1
        side[FIRST_RELEASE, m] = release[m]
        held += release[m] > 0.0
    for k in range(begin, end):
        at = natural(k)
        latest[natural(tape.ints[UNIT, at])] = k - begin
        by_spike[natural(begin + index[at])] = spike_times[at]
        held += tape.floats[RELEASE, at] > tape.floats[TIME, at]
    for m in range(n):
        until[m] = end_of_hold(m, begin, latest, tape, side)
    return held > 0


def pick_back(e, lo, hi, k, begin, holds, until, tape, picked, seen):
    """Neurons with a spike or the end of a hold in the gap before event ``e``, the latest spike of which is ``k``.

    Returns ``(their number, the latest spike before the gap)``; ``seen`` is zero before and after.
    """
    found = 0
    if holds:
        for m in range(until.size):
            picked[m] = (until[m] > lo) & (until[m] <= hi)
        found = list_chosen(picked)
        for j in range(found):
            seen[natural(picked[j])] = 1
    while k >= begin and tape.ints[GAP, natural(k)] == e:
        m = natural(tape.ints[UNIT, natural(k)])
        fresh = seen[m] == 0
        seen[m] = 1
        picked[natural(found)] = m
        found += fresh
        k -= 1
    for j in range(found):
        seen[natural(picked[j])] = 0
    return found, k


def gather_back(e, hi, begin, found, latest, until, tape, adjoint, moving, spans, picked, aside):
    """Divide those picked: whose latest spike in the gap comes first, backwards, and who is held or let go there.

    The first go to the front of ``moving``, ``spans`` and ``picked``, the second to ``aside``; the number of the first.
    """
    active = 0
    for j in range(found):
        m = natural(picked[j])
        spike = latest[m]
        at = natural(begin + max(spike, 0))
        time = tape.floats[TIME, at]
        plain = (spike >= 0) & (tape.ints[GAP, at] == e) & ((until[m] > hi) | (until[m] == time))
        front = natural(active)
        store(moving, 0, front, load(adjoint, 0, m))
        store_companion(moving, N_STATE, front, load_companion(adjoint, N_STATE, m))
        spans[front] = hi - time
        picked[front] = m
        aside[natural(j - active)] = m
        active += plain
    return active


def undo_row(
    parameters,
    common,
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
):
    """Undo the latest spike of each neuron of a row, without branches.

    Who has another one in the gap goes to the front of ``moving``, ``spans`` and ``picked``, the others are put aside
    in ``done`` until the begin of the gap is reached.  Returns ``(number of the first, number put aside, number of
    those that are held before their spike)``; ``aside`` receives where the last are among those put aside.
    """
    again = 0
    n_held = 0
    for j in range(active):
        m = natural(picked[j])
        q = own(parameters, common, m)
        at = natural(begin + latest[m])
        t = tape.floats[TIME, at]
        leak[m] += leaks[j]
        lam = load(moving, 0, j)
        c = load_companion(moving, N_STATE, j)
        rate = tape.floats[SLOPE, at]
        pull = by_spike[at] + fire_pull(q, load(tape.floats, STATES, at), lam, 0.0)
        by_spike[at] = pull
        step = pull / rate if rate > 0.0 else 0.0
        grad[m, 0] += step
        grad[m, 2] += lam[0]
        spend_spike(q, lam, step, grad, m)
        if timed:
            c = companion_voltage(q, c, q[2], grad, m)
            companion_spike(q, c, grad, m)
        lam = fire_back(lam, step)
        spike = tape.ints[PREVIOUS, at]
        before = natural(begin + max(spike, 0))
        end = tape.floats[RELEASE, before] if spike >= 0 else side[FIRST_RELEASE, m]
        latest[m] = spike
        until[m] = end
        more = (spike >= 0) & (tape.ints[GAP, before] == e) & (end == tape.floats[TIME, before])
        front = natural(again)
        store(moving, 0, front, lam)
        store_companion(moving, N_STATE, front, c)
        spans[front] = t - end
        picked[front] = m
        again += more
        back = natural(n_settled)
        store(done, 0, back, lam)
        store_companion(done, N_STATE, back, c)
        rest[back] = t - lo
        settled[back] = m
        aside[natural(n_held)] = n_settled
        n_held += (not more) & (end > lo)
        n_settled += not more
    return again, n_settled, n_held


def retreat_aside(
    p,
    m,
    hi,
    lo,
    e,
    begin,
    latest,
    until,
    tape,
    side,
    adjoint,
    timed,
    grad,
    by_spike,
    x_start,
    place,
    settled,
    done,
    rest,
):
    """Take neuron ``m``, whose ``lam`` is in ``adjoint``, through its holds and spikes of a gap, and put it aside."""
    retreat(p, m, hi, lo, e, begin, latest, tape, side, adjoint, timed, grad, by_spike, x_start[0, m])
    until[m] = end_of_hold(m, begin, latest, tape, side)
    store(done, 0, place, load(adjoint, 0, m))
    store_companion(done, N_STATE, place, load_companion(adjoint, N_STATE, m))
    rest[place] = 0.0
    settled[place] = m


def glide_row(parameters, common, picked, active, row, spans, timed, leaks):
    """Free flight of the neurons in a row, each over its own span."""
    if timed:
        for j in range(whole(active)):
            p = own(parameters, common, natural(picked[j]))
            g = gap(p, spans[j])
            h = companion_gap(p, spans[j], g)
            k = companion_back(g, h, load(row, 0, j), load_companion(row, N_STATE, j))
            store_companion(row, N_STATE, j, k)
    for j in range(whole(active)):
        p = own(parameters, common, natural(picked[j]))
        g = gap(p, spans[j])
        lam = load(row, 0, j)
        leaks[j] = lam[0] * (1.0 - g[0])
        store(row, 0, j, flow_back(p, g, lam))


def glide_all(parameters, p, s, adjoint, timed, leak):
    """Free flight of all neurons over ``s``; where one is held, ``dL/dV`` is zero and stays so."""
    n = leak.size
    g = gap(p, s)
    if timed:
        h = companion_gap(p, s, g)
        for m in range(n):
            if not SHARED:
                q = load_parameters(parameters, m)
                g = gap(q, s)
                h = companion_gap(q, s, g)
            k = companion_back(g, h, load(adjoint, 0, m), load_companion(adjoint, N_STATE, m))
            store_companion(adjoint, N_STATE, m, k)
    if SHARED:
        for m in range(n):
            lam = load(adjoint, 0, m)
            leak[m] += lam[0] * (1.0 - g[0])
            store(adjoint, 0, m, flow_back(p, g, lam))
    else:
        for m in range(n):
            q = load_parameters(parameters, m)
            factors = gap(q, s)
            lam = load(adjoint, 0, m)
            leak[m] += lam[0] * (1.0 - factors[0])
            store(adjoint, 0, m, flow_back(q, factors, lam))


def finish_all(n, parameters, p, adjoint, timed, grad, v_init, x_start):
    """The start of the window: what is left belongs to the initial state."""
    for m in range(n):
        v_init[m] += adjoint[0, m]
    if timed:
        for m in range(n):
            q = own(parameters, p, m)
            companion_start(q, load_companion(adjoint, N_STATE, m), load(x_start, 0, m), grad, m)


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
    results,
):
    """Adjoint of samples ``first <= b < stop``, added to the results given.

    ``spike_times`` holds ``dL/dt`` of own spikes in their order of time (overwritten by the total); ``index``, of
    ``Spiked``, says where they are on the tape, and ``by_spike`` is scratch as long; ``source_times`` receives that of
    the arrivals' sources.  ``timed``: gradients for the time constants too; ``scratch [3 (N_STATE + N_COMPANION) +
    SIDES + BACKWARD_ROWS, lane]`` and ``marks [BACKWARD_MARKS, lane]`` hold finite numbers and valid neurons.
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
    leak = bare(scratch[3 * rows + SIDES + LEAK])
    until = bare(scratch[3 * rows + SIDES + UNTIL])
    pulls = bare(scratch[3 * rows + SIDES + PULLS])
    spans = bare(scratch[3 * rows + SIDES + SPANS])
    rest = bare(scratch[3 * rows + SIDES + REST])
    leaks = bare(scratch[3 * rows + SIDES + LEAKS])
    latest = bare(marks[BACK_LATEST])
    picked = bare(marks[BACK_PICKED])
    settled = bare(marks[BACK_SETTLED])
    seen = bare(marks[BACK_SEEN])
    aside = bare(marks[BACK_ASIDE])
    p = load_parameters(parameters, 0)
    clear(side, 0.0)
    for m in range(leak.size):
        leak[m] = 0.0
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
                active = gather_back(e, hi, begin, found, latest, until, tape, adjoint, moving, spans, picked, aside)
                n_settled = found - active
                for j in range(n_settled):
                    m = natural(aside[j])
                    q = own(parameters, p, m)
                    retreat_aside(
                        q,
                        m,
                        hi,
                        lo,
                        e,
                        begin,
                        latest,
                        until,
                        tape,
                        side,
                        adjoint,
                        timed,
                        grad,
                        by_spike,
                        x_start,
                        j,
                        settled,
                        done,
                        rest,
                    )
                while active > 0:
                    glide_row(parameters, p, picked, active, moving, spans, timed, leaks)
                    active, n_settled, n_held = undo_row(
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
                    for j in range(n_held):
                        place = natural(aside[j])
                        m = natural(settled[place])
                        store(adjoint, 0, m, load(done, 0, place))
                        store_companion(adjoint, N_STATE, m, load_companion(done, N_STATE, place))
                        retreat_aside(
                            own(parameters, p, m),
                            m,
                            lo + rest[place],
                            lo,
                            e,
                            begin,
                            latest,
                            until,
                            tape,
                            side,
                            adjoint,
                            timed,
                            grad,
                            by_spike,
                            x_start,
                            place,
                            settled,
                            done,
                            rest,
                        )
                glide_row(parameters, p, settled, n_settled, done, rest, timed, leaks)
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
    for m in range(n):
        grad[m, 1] += leak[m]
