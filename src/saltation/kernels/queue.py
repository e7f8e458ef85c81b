"""Recurrent components: an event queue over arrivals from outside, arrivals of own spikes, and predicted crossings.

Every neuron keeps its own clock and is moved only when something happens to it.  At equal times an arrival from
outside comes before one from inside, an arrival before a spike, a lower unit before a higher one.

Most crossings that could be predicted after an arrival are made void by the next one.  So a neuron that cannot spike
before that is only to be asked again then (``OPEN``), and its crossing is searched for if nothing has reached it by
that time: from the same state, so that the result is the same.  Where arrivals reach few neurons, the next arrival
anywhere says nothing about the next one at a neuron, and a bound on its crossing takes its place.
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
    start_observed,
    start_sample,
    start_watch,
    sum_up,
)
from saltation.kernels.heap import heap_pop, heap_push
from saltation.kernels.inlining import inlined
from saltation.kernels.leaders import announce, forget, lead
from saltation.kernels.queue_rows import FLOAT_ROWS, INT_ROWS, LEFT, ROOM
from saltation.kernels.receptors import receptor_of
from saltation.kernels.records import (
    CAUSE,
    COUNT,
    DELAY,
    DUE,
    DUE_STOP,
    EVENT_LIMIT,
    LATEST,
    LEADER,
    NOT_FINITE,
    OK,
    OPEN,
    OWN,
    PER_TARGET,
    PROBE,
    RECEPTOR,
    ROW,
    START,
    STOP,
    Events,
    Log,
    Probes,
    Report,
    Synapses,
    Tape,
    Wiring,
)
from saltation.kernels.views import bare

# A bound that moves on by less of the way behind it leaves the crossing to the search.
_WORTH_ASKING = 0.25

# Rows of the place at which a sample that did not fit was left.
RESUMED = 0
PLACES = 6

# Columns of the cells, behind a state; a cell fills a line of the cache.
CLOCK = 6
HELD = 7
CELL = 8

HELPERS = ("predict", "bring", "expect", "await_spike", "ask_again", "schedule")


def predict(p, m, x, release, t, duration, replay, observed, marks):
    """When neuron ``m``, whose state at ``t`` is ``x``, spikes next; inf if it does not."""
    if not replay:
        return next_spike(p, x, release, t, duration)
    if marks[DUE, m] < marks[DUE_STOP, m]:
        return max(observed[marks[DUE, m]], t)
    return math.inf


def bring(p, m, t, event, x, release, clock, marks, tape, watch):
    """Move neuron ``m`` to ``t`` on its own clock; its state there."""
    state = coast(p, m, load(x, 0, m), release[m], marks[LATEST, m], clock[m], t, event, tape.floats, watch)
    clock[m] = t
    return state


def expect(p, m, x, release, t, t1, g, duration, replay, observed, marks):
    """When neuron ``m`` spikes next, or, if that is not before ``t1``, that time, from which on it is open.

    ``x`` is its state at ``t``, ``g`` the factors of the gap from there to ``t1``.
    """
    marks[OPEN, m] = 0
    if not replay and release <= t and t1 > t and t1 <= duration and not near(p, x, g):
        marks[OPEN, m] = 1
        return t1
    return predict(p, m, x, release, t, duration, replay, observed, marks)


def await_spike(p, m, x, release, t, duration, replay, observed, marks):
    """When neuron ``m``, in state ``x`` at ``t``, is to be asked next: it spikes then, or is open from then on."""
    if replay or release > duration:
        marks[OPEN, m] = 0
        return predict(p, m, x, release, t, duration, replay, observed, marks)
    # while it is held, nothing that is excitatory of the current grows
    due = max(t, release) + soonest(p, x)
    marks[OPEN, m] = due < math.inf
    return due


def ask_again(p, x, release, t, due):
    """When a neuron, open since ``due`` and in state ``x`` at ``t``, is to be asked once more; 0: search it now.

    A bound from where it is by now is a better one, as long as there is some way to go.
    """
    if release > t or not due > t:
        return 0.0
    further = soonest(p, flow(p, x, gap(p, due - t)))
    return min(due + further, math.inf) if further > _WORTH_ASKING * (due - t) else 0.0


@inlined
def most_arrivals_inside(wiring):
    """Most arrivals that one spike causes inside of the component."""
    most = 0
    for unit in range(wiring.offsets.size - 1):
        arrivals = 0
        for j in range(wiring.offsets[unit], wiring.offsets[unit + 1]):
            begin = -1 - wiring.ints[START, j] if wiring.ints[START, j] < 0 else wiring.ints[START, j]
            arrivals += wiring.ints[STOP, j] - begin if wiring.ints[PER_TARGET, j] != 0 else 1
        most = max(most, arrivals)
    return most


def schedule(unit, t, k, own, duration, delays, wiring, synapses, log, heap_times, heap_items, heap_size):
    """Write the arrivals that spike ``k`` of ``unit`` causes within the window; ``(arrivals, size of the heap)``."""
    for j in range(wiring.offsets[unit], wiring.offsets[unit + 1]):
        single = wiring.ints[PER_TARGET, j] != 0
        start = wiring.ints[START, j]
        stop = wiring.ints[STOP, j]
        begin = -1 - start if start < 0 else start
        for c in range(stop - begin if single else 1):
            delay = wiring.ints[DELAY, j] + c
            row = wiring.ints[ROW, j] + c
            first = start + c
            last = start + c + 1 if single else stop
            if single and start < 0:
                place = np.int64(synapses.places[natural(begin + c)])
                delay = wiring.ints[DELAY, j] + place - wiring.ints[ROW, j]
                row = place
                first = np.int64(synapses.targets[natural(begin + c)])
                last = first + 1
            arrival = t + delays[delay]
            if arrival > duration:
                continue
            log.times[own] = arrival
            log.ints[ROW, own] = row
            log.ints[START, own] = first
            log.ints[STOP, own] = last
            log.ints[RECEPTOR, own] = wiring.ints[RECEPTOR, j]
            log.ints[CAUSE, own] = k
            log.ints[DELAY, own] = delay
            heap_size = heap_push(heap_times, heap_items, heap_size, arrival, own)
            own += 1
    return own, heap_size


def queue(
    first,
    stop,
    duration,
    parameters,
    events,
    weights,
    delays,
    wiring,
    synapses,
    start,
    limit,
    observed,
    observed_at,
    replay,
    max_events,
    marks,
    cells,
    due,
    heap_times,
    heap_items,
    place,
    n_spikes,
    n_log,
    n_own,
    tape,
    tape_offsets,
    log,
    log_offsets,
    own_offsets,
    x_end,
    release_end,
    count_end,
    probes,
    report,
):
    """Run samples ``first <= b < stop``; returns ``(next sample, spikes, log entries, own arrivals)``.

    Spikes at one time are not in order yet.  Stops within a sample that does not fit on the tape or in the log, and
    notes in ``place`` where, so that it goes on from there when called again with larger ones, and a longer heap.
    Arguments as of ``narrow``; ``delays`` flat, ``wiring`` the projections inside, ``log`` receives the order of
    processing; ``marks [MARKS, neuron]``, ``cells [neuron, CELL]``, ``due [neuron]`` and the heap, as long as the log's
    arrivals, are scratch.
    """
    n = x_end.shape[2]
    shared = parameters.shape[1] == 1
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    delays = bare(delays)
    wiring = Wiring(bare(wiring.offsets), bare(wiring.ints))
    synapses = Synapses(bare(synapses.cuts), bare(synapses.targets), bare(synapses.places), *synapses[3:])
    limit = bare(limit)
    observed = bare(observed)
    marks = bare(marks)
    # what an arrival at a neuron touches lies together
    cells = bare(cells)
    x = cells[:, :N_STATE].T
    clock = cells[:, CLOCK]
    release = cells[:, HELD]
    due = bare(due)
    leader = bare(marks[LEADER])
    tape = Tape(bare(tape.floats), bare(tape.ints))
    log = Log(bare(log.order), bare(log.times), bare(log.ints))
    probes = Probes(bare(probes.samples), bare(probes.watch))
    report = Report(bare(report.ints), bare(report.least_slope))
    x_end = bare(x_end)
    release_end = bare(release_end)
    p = load_parameters(parameters, 0)
    heap_times = bare(heap_times)
    heap_items = bare(heap_items)
    plain = probes.watch.shape[2] == 0
    few = synapses.few
    side_by_side = shared and plain and not replay and synapses.apart
    floats = np.empty((N_STATE + FLOAT_ROWS, ROOM))
    integers = np.empty((INT_ROWS, ROOM), np.int64)
    widest = most_arrivals_inside(wiring)
    for b in range(first, stop):
        begin = 0 if start.x.shape[0] == 1 else b
        watch = probes.watch[0 if plain else b]
        outcome = OK
        if place[RESUMED] != 0:
            _, e, heap_size, k, entry, own = place
            place[RESUMED] = 0
        else:
            start_sample(begin, start, x, release, marks)
            start_observed(b, observed_at, marks)
            start_watch(watch, x)
            k = n_spikes
            entry = n_log
            own = n_own
            heap_size = 0
            for m in range(n):
                if not shared:
                    p = load_parameters(parameters, m)
                clock[m] = 0.0
                marks[OPEN, m] = 0
                if few:
                    due[m] = await_spike(p, m, load(x, 0, m), release[m], 0.0, duration, replay, observed, marks)
                else:
                    due[m] = predict(p, m, load(x, 0, m), release[m], 0.0, duration, replay, observed, marks)
            forget(leader, 0, n)
            e = 0
        n_events = events.offsets[b + 1] - events.offsets[b]
        full = False
        ended = False
        while True:
            unit = lead(due, leader, n)
            t_event = events.times[events.offsets[b] + e] if e < n_events else math.inf
            t_own = heap_times[0] if heap_size > 0 else math.inf
            t = min(t_event, t_own, due[unit])
            if not t <= duration:
                break
            if entry == log.order.size or k == tape.floats.shape[1] or own + widest > log.times.size:
                full = True
                break
            if not (t_event <= t or t_own <= t):
                if marks[OPEN, unit] != 0:
                    if not shared:
                        p = load_parameters(parameters, unit)
                    state = load(x, 0, unit)
                    later = ask_again(p, state, release[unit], clock[unit], t) if few else 0.0
                    if later > 0.0:
                        due[unit] = later
                    else:
                        due[unit] = predict(
                            p, unit, state, release[unit], clock[unit], duration, replay, observed, marks
                        )
                        marks[OPEN, unit] = 0
                    announce(unit, due, leader)
                    continue
                if k - n_spikes >= max_events:
                    ended = True
                    break
                if not shared:
                    p = load_parameters(parameters, unit)
                state = bring(p, unit, t, -1, x, release, clock, marks, tape, watch)
                marks[COUNT, unit] += 1
                marks[DUE, unit] += 1
                ends = limit[unit] > 0 and marks[COUNT, unit] >= limit[unit]
                state, release[unit] = emit(
                    p,
                    unit,
                    state,
                    release[unit],
                    t,
                    entry - n_log,
                    k,
                    marks[LATEST, unit],
                    0,
                    ends,
                    tape,
                    watch,
                )
                marks[LATEST, unit] = k
                store(x, 0, unit, state)
                if few:
                    due[unit] = await_spike(p, unit, state, release[unit], t, duration, replay, observed, marks)
                else:
                    due[unit] = predict(p, unit, state, release[unit], t, duration, replay, observed, marks)
                announce(unit, due, leader)
                own, heap_size = schedule(
                    unit,
                    t,
                    k - n_spikes,
                    own,
                    duration,
                    delays,
                    wiring,
                    synapses,
                    log,
                    heap_times,
                    heap_items,
                    heap_size,
                )
                log.order[entry] = -1 - (k - n_spikes)
                entry += 1
                k += 1
                continue
            if t_event <= t:
                i = events.offsets[b] + e
                ints = events.ints
                log.order[entry] = e
                e += 1
            else:
                i, heap_size = heap_pop(heap_times, heap_items, heap_size)
                ints = log.ints
                log.order[entry] = OWN + (i - n_own)
            row = ints[ROW, i]
            if row <= PROBE:
                for m in range(n):
                    if not shared:
                        p = load_parameters(parameters, m)
                    if marks[OPEN, m] != 0:
                        # what is sampled must not change what is found
                        due[m] = predict(p, m, load(x, 0, m), release[m], clock[m], duration, replay, observed, marks)
                        marks[OPEN, m] = 0
                        announce(m, due, leader)
                    state = bring(p, m, t, entry - n_log, x, release, clock, marks, tape, watch)
                    store(x, 0, m, state)
                    probes.samples[b, PROBE - row, m] = x[0, m]
            elif row >= 0:
                receptor = ints[RECEPTOR, i]
                t1 = events.times[events.offsets[b] + e] if e < n_events else math.inf
                t1 = min(t1, heap_times[0] if heap_size > 0 else math.inf)
                ahead = gap(p, t1 - t if t1 <= duration else 0.0)
                span = 0.0
                g = gap(p, 0.0)
                some = ints[START, i] < 0
                lowest = -1 - ints[START, i] if some else ints[START, i]
                highest = ints[STOP, i]
                step = ROOM if some and side_by_side else max(highest - lowest, 1)
                for begin_of in range(lowest, highest, step):
                    end_of = min(begin_of + step, highest)
                    left = end_of - begin_of
                    if some and side_by_side:
                        left = reach_listed(
                            p,
                            t,
                            begin_of,
                            end_of,
                            receptor,
                            weights,
                            synapses,
                            x,
                            clock,
                            release,
                            due,
                            leader,
                            marks,
                            floats,
                            integers,
                        )
                    for one in range(left):
                        j = integers[LEFT, one] if some and side_by_side else begin_of + one
                        m = np.int64(synapses.targets[natural(j)]) if some else j
                        w = weights[natural(synapses.places[natural(j)] if some else row + j - lowest)]
                        r = receptor_of(receptor, w)
                        if not shared:
                            p = load_parameters(parameters, m)
                            ahead = gap(p, t1 - t if t1 <= duration else 0.0)
                        if plain and not release[m] > clock[m]:
                            # most have come as far as the others, by the same factors
                            if not shared or t - clock[m] != span:
                                span = t - clock[m]
                                g = gap(p, span)
                            state = flow(p, load(x, 0, m), g) if span > 0.0 else load(x, 0, m)
                            clock[m] = t
                        else:
                            state = bring(p, m, t, entry - n_log, x, release, clock, marks, tape, watch)
                        state = arrive(state, r, w)
                        store(x, 0, m, state)
                        if few:
                            due[m] = await_spike(p, m, state, release[m], t, duration, replay, observed, marks)
                            announce(m, due, leader)
                        else:
                            due[m] = expect(p, m, state, release[m], t, t1, ahead, duration, replay, observed, marks)
                if not few:
                    forget(leader, lowest, highest)
            entry += 1
        if full:
            place[:] = 1, e, heap_size, k, entry, own
            return b, n_spikes, n_log, n_own
        if ended:
            # a sample that failed keeps no spikes, and its state is that at the start
            k = n_spikes
            entry = n_log
            own = n_own
            start_sample(begin, start, x, release, marks)
            start_watch(watch, x)
            outcome = EVENT_LIMIT
        for m in range(0 if ended else n):
            if not shared:
                p = load_parameters(parameters, m)
            store(x, 0, m, bring(p, m, duration, entry - n_log, x, release, clock, marks, tape, watch))
        if not ended and not all_finite(x):
            outcome = NOT_FINITE
        for m in range(n):
            for i in range(N_STATE):
                x_end[b, i, m] = x[i, m]
            release_end[b, m] = release[m]
            count_end[b, m] = marks[COUNT, m]
        sum_up(parameters, b, n_spikes, k, outcome, tape, report)
        n_spikes = k
        n_log = entry
        n_own = own
        tape_offsets[b + 1] = k
        log_offsets[b + 1] = entry
        own_offsets[b + 1] = own
    return stop, n_spikes, n_log, n_own
