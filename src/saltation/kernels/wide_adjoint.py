"""The adjoint of ``wide``: from the last event to the first, all neurons side by side.

Between events only neurons with a spike or the end of a hold there are taken by themselves; the others share the
factors of the gap.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

from saltation.kernels.backward import clear, finish, inject_voltage, retreat, start_latest, undo_spike
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
    TIME,
    UNIT,
    Cotangents,
    Events,
    Tape,
)
from saltation.kernels.views import bare

HELPERS = ("total_of", "collect_all", "pick_back", "end_of_hold", "settle_back", "glide_row", "glide_all")

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
BACKWARD_MARKS = 4


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


def collect_all(parameters, p, weights, row, receptor, adjoint, pulls, timed, grad, by_weight):
    """Gradients for the weights of an arrival at all neurons; ``dL/dt`` of the arrival."""
    n = pulls.size
    for m in range(n):
        w = weights[row + m]
        r = receptor_of(receptor, w)
        lam = load(adjoint, 0, m)
        by_weight[row + m] += current(lam, r)
        pulls[m] = w * arrival_pull(own(parameters, p, m), lam, r)
    if timed:
        for m in range(n):
            w = weights[row + m]
            companion_arrive(load_companion(adjoint, N_STATE, m), receptor_of(receptor, w), w, grad, m)
    return total_of(pulls)


def pick_back(e, lo, hi, k, begin, holds, until, tape, picked, seen):
    """Neurons with a spike or the end of a hold in the gap before event ``e``, the latest spike of which is ``k``.

    Returns ``(their number, the latest spike before the gap)``; ``seen`` is zero before and after.
    """
    found = 0
    if holds:
        for m in range(until.size):
            inside = (until[m] > lo) & (until[m] <= hi)
            seen[m] = inside
            found += inside
        if found > 0:
            found = 0
            for m in range(until.size):
                if seen[m] != 0:
                    picked[found] = m
                    found += 1
    while k >= begin and tape.ints[GAP, k] == e:
        m = tape.ints[UNIT, k]
        if seen[m] == 0:
            seen[m] = 1
            picked[found] = m
            found += 1
        k -= 1
    for j in range(found):
        seen[picked[j]] = 0
    return found, k


def end_of_hold(m, begin, latest, tape, side):
    """End of the hold behind the latest spike of neuron ``m``, or of the one from before the run."""
    return tape.floats[RELEASE, begin + latest[m]] if latest[m] >= 0 else side[FIRST_RELEASE, m]


def settle_back(m, lam, c, span, n_settled, settled, done, rest):
    """Put neuron ``m``, which has no more spikes in the gap, aside ``span`` behind its begin; the number of those."""
    store(done, 0, n_settled, lam)
    store_companion(done, N_STATE, n_settled, c)
    rest[n_settled] = span
    settled[n_settled] = m
    return n_settled + 1


def glide_row(parameters, common, picked, active, row, spans, timed, leaks):
    """Free flight of the neurons in a row, each over its own span."""
    if timed:
        for j in range(active):
            p = own(parameters, common, picked[j])
            g = gap(p, spans[j])
            h = companion_gap(p, spans[j], g)
            k = companion_back(g, h, load(row, 0, j), load_companion(row, N_STATE, j))
            store_companion(row, N_STATE, j, k)
    for j in range(active):
        p = own(parameters, common, picked[j])
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
    SIDES + BACKWARD_ROWS, neuron]`` and ``marks [BACKWARD_MARKS, neuron]`` may hold anything.
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
    p = load_parameters(parameters, 0)
    clear(side, 0.0)
    for m in range(n):
        leak[m] = 0.0
        seen[m] = 0
    for b in range(first, stop):
        at_start = 0 if start.x.shape[0] == 1 else b
        x_start = start.x[at_start]
        begin = tape_offsets[b]
        end = tape_offsets[b + 1]
        clear(adjoint, 0.0)
        start_latest(tape, begin, end, latest)
        holds = False
        for k in range(begin, end):
            by_spike[begin + index[k]] = spike_times[k]
            holds = holds or tape.floats[RELEASE, k] > tape.floats[TIME, k]
        for m in range(n):
            side[FIRST_RELEASE, m] = start.release[at_start, m]
            until[m] = end_of_hold(m, begin, latest, tape, side)
            holds = holds or side[FIRST_RELEASE, m] > 0.0
        n_events = events.offsets[b + 1] - events.offsets[b]
        hi = events.times[events.offsets[b + 1] - 1]
        k = end - 1
        for e in range(n_events, -1, -1):
            i = events.offsets[b] + e
            if e < n_events:
                row = events.ints[ROW, i]
                if row >= 0:
                    total = collect_all(
                        parameters,
                        p,
                        weights,
                        row,
                        events.ints[RECEPTOR, i],
                        adjoint,
                        pulls,
                        timed,
                        grad,
                        by_weight,
                    )
                    source_times[events.ints[CAUSE, i]] += total
                    results.delays[events.ints[DELAY, i]] += total
                elif row <= PROBE and cotangents.samples.shape[1] > 0:
                    for m in range(n):
                        value = cotangents.samples[b, PROBE - row, m]
                        inject_voltage(m, hi, value, latest[m], begin, tape, side, adjoint, grad)
            lo = 0.0 if e == 0 else events.times[i - 1]
            if hi > lo or k >= begin:
                found, k = pick_back(e, lo, hi, k, begin, holds, until, tape, picked, seen)
                active = 0
                n_settled = 0
                for j in range(found):
                    m = picked[j]
                    spike = latest[m]
                    if (
                        spike >= 0
                        and tape.ints[GAP, begin + spike] == e
                        and (until[m] > hi or until[m] == tape.floats[TIME, begin + spike])
                    ):
                        store(moving, 0, active, load(adjoint, 0, m))
                        store_companion(moving, N_STATE, active, load_companion(adjoint, N_STATE, m))
                        spans[active] = hi - tape.floats[TIME, begin + spike]
                        picked[active] = m
                        active += 1
                        continue
                    q = own(parameters, p, m)
                    retreat(q, m, hi, lo, e, begin, latest, tape, side, adjoint, timed, grad, by_spike, x_start[0, m])
                    until[m] = end_of_hold(m, begin, latest, tape, side)
                    lam = load(adjoint, 0, m)
                    c = load_companion(adjoint, N_STATE, m)
                    n_settled = settle_back(m, lam, c, 0.0, n_settled, settled, done, rest)
                while active > 0:
                    glide_row(parameters, p, picked, active, moving, spans, timed, leaks)
                    again = 0
                    for j in range(active):
                        m = picked[j]
                        q = own(parameters, p, m)
                        spike = latest[m]
                        t = tape.floats[TIME, begin + spike]
                        leak[m] += leaks[j]
                        lam = load(moving, 0, j)
                        c = load_companion(moving, N_STATE, j)
                        lam, c = undo_spike(q, m, spike, lam, c, begin, tape, side, timed, grad, by_spike)
                        spike = tape.ints[PREVIOUS, begin + spike]
                        latest[m] = spike
                        until[m] = end_of_hold(m, begin, latest, tape, side)
                        if (
                            spike >= 0
                            and tape.ints[GAP, begin + spike] == e
                            and until[m] == tape.floats[TIME, begin + spike]
                        ):
                            store(moving, 0, again, lam)
                            store_companion(moving, N_STATE, again, c)
                            spans[again] = t - until[m]
                            picked[again] = m
                            again += 1
                            continue
                        span = t - lo
                        if until[m] > lo:
                            store(adjoint, 0, m, lam)
                            store_companion(adjoint, N_STATE, m, c)
                            retreat(
                                q,
                                m,
                                t,
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
                            lam = load(adjoint, 0, m)
                            c = load_companion(adjoint, N_STATE, m)
                            span = 0.0
                        n_settled = settle_back(m, lam, c, span, n_settled, settled, done, rest)
                    active = again
                glide_row(parameters, p, settled, n_settled, done, rest, timed, leaks)
                for j in range(n_settled):
                    leak[settled[j]] += leaks[j]
                if hi > lo:
                    for j in range(n_settled):
                        # their flights have been counted
                        adjoint[0, settled[j]] = 0.0
                    glide_all(parameters, p, hi - lo, adjoint, timed, leak)
                for j in range(n_settled):
                    store(adjoint, 0, settled[j], load(done, 0, j))
                    store_companion(adjoint, N_STATE, settled[j], load_companion(done, N_STATE, j))
            hi = lo
        for m in range(n):
            finish(own(parameters, p, m), m, begin, tape, side, adjoint, timed, grad, results.v_init, x_start)
        for k in range(begin, end):
            spike_times[k] = by_spike[begin + index[k]]
    for m in range(n):
        grad[m, 1] += leak[m]
