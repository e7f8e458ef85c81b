"""Large recurrent components whose synapses are listed and whose neurons share their parameters.

As in ``queue``, arrivals and spikes follow one another in exact order; but an arrival is a few additions.  The state
of a neuron is kept as amplitudes of exponentials at one time for all (``modes``), which is renewed before they grow
large.  What is known of its next spike is a time before which it cannot spike; an inhibitory arrival does not touch
that, an excitatory one moves it forward where it has to.  Time goes on in short windows: only neurons whose time lies
in the present one are searched, to the end of the window, and only those that will spike in it are put in order.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

import numpy as np

from saltation.kernels.bits import natural
from saltation.kernels.forward import all_finite, emit, start_sample, sum_up
from saltation.kernels.heap import heap_pop, heap_push
from saltation.kernels.queue import RESUMED, most_arrivals_inside, schedule
from saltation.kernels.records import (
    BY_SIGN,
    COUNT,
    EVENT_LIMIT,
    LATEST,
    NOT_FINITE,
    OK,
    OPEN,
    OWN,
    PICKED,
    RECEPTOR,
    ROW,
    START,
    STATES,
    STOP,
    Events,
    Log,
    Report,
    Synapses,
    Tape,
    Wiring,
)
from saltation.kernels.views import bare

HELPERS = ("lead_time", "earlier", "settle", "first_due", "swept", "renew")

# What a neuron is due for, in row OPEN of the marks.
ASKED = 0  # to be asked again: no spike before
SPIKES = 1  # nothing has arrived since it was found
RELEASED = 2  # the end of its hold

# Columns of the cells: amplitudes, of which there are at most three.
CELL = 4

# What is kept of the window in which a sample that did not fit was left, beside the place.
EPOCH = 0
UNTIL = 1
READY = 2
WINDOWS = 3

_WINDOW = 0.04  # in units of the fastest time constant
_EPOCH = 20.0


def lead_time(p, x):
    """How long a neuron in state ``x`` takes at least to its threshold if nothing excitatory arrives.

    With the current held at what is excitatory of it now, the voltage relaxes to ``top``, and crosses after
    ``tau_mem log(1 + z)``, ``z = (v_th - v) / (top - v_th)``; ``log(1 + z) >= 2 z / (2 + z)``.
    """
    above = ceiling(p, x) - p[0]
    below = p[0] - x[0]
    if below <= 0.0:
        return 0.0
    if not above > 0.0:
        return math.inf
    return p[4] * (1.0 - 1e-12) * (2.0 * below / (2.0 * above + below))


def earlier(p, x, left):
    """Whether :func:`lead_time` is less than ``left``, without a division."""
    above = ceiling(p, x) - p[0]
    below = p[0] - x[0]
    return (above > 0.0) & (left * (2.0 * above + below) > 2.0 * (1.0 - 1e-12) * p[4] * below)


def settle(p, m, state, t, until, edge, marks):
    """When neuron ``m``, in ``state`` at ``t``, is due: it spikes then, if that is in the window, or is asked again."""
    marks[OPEN, natural(m)] = ASKED
    due = t + lead_time(p, state)
    if not due < until:
        return due
    if near(p, state, gap(p, edge - t)):
        s = crossing(p, state, edge - t)
        if s < math.inf:
            due = min(t + s, edge)
            if due < until:
                marks[OPEN, natural(m)] = SPIKES
                return due
    return until


def first_due(due):
    """The earliest time at which a neuron is due."""
    least = math.inf
    for m in range(due.size):
        least = min(least, due[m])
    return least


def swept(due, marks, times, items, size):
    """Throw the void entries out of the heap of those who are ready; its size."""
    kept = 0
    for i in range(size):
        item = items[i]
        m = item + due.size if item < 0 else item
        if due[m] == times[i] and marks[OPEN, m] != ASKED and marks[PICKED, m] == 0:
            marks[PICKED, m] = 1
            # the entries kept lie before this one
            kept = heap_push(times, items, kept, times[i], item)
    for i in range(kept):
        marks[PICKED, items[i] + due.size if items[i] < 0 else items[i]] = 0
    return kept


def renew(p, cells, n, s):
    """Bring all amplitudes to a common time that is later by ``s``."""
    fade = fading(p, s)
    for m in range(n):
        put(cells, m, scaled(take(cells, m), fade))


def crowd(
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
    max_events,
    marks,
    cells,
    due,
    held_at,
    ready_times,
    ready_units,
    window,
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

    Arguments and what is left behind as of ``queue``.  ``cells [neuron, CELL]``, ``due [neuron]``, ``held_at
    [neuron]``, the voltages of holds, and a heap with room for all neurons and as many void entries are scratch, as is
    the heap of arrivals.  Where a buffer is full it stops in the middle of a sample and goes on from there when called
    again with larger ones: ``place`` and ``window`` say where, and all scratch has to be as it was.
    """
    n = x_end.shape[2]
    parameters = bare(parameters)
    events = Events(bare(events.times), bare(events.ints), bare(events.offsets))
    weights = bare(weights)
    delays = bare(delays)
    wiring = Wiring(bare(wiring.offsets), bare(wiring.ints))
    targets = bare(synapses.targets)
    places = bare(synapses.places)
    synapses = Synapses(bare(synapses.cuts), targets, places, *synapses[3:])
    limit = bare(limit)
    marks = bare(marks)
    cells = bare(cells)
    due = bare(due)
    held_at = bare(held_at)
    tape = Tape(bare(tape.floats), bare(tape.ints))
    log = Log(bare(log.order), bare(log.times), bare(log.ints))
    watch = bare(probes.watch)[0]
    report = Report(bare(report.ints), bare(report.least_slope))
    x_end = bare(x_end)
    release_end = bare(release_end)
    heap_times = bare(heap_times)
    heap_items = bare(heap_items)
    ready_times = bare(ready_times)
    ready_units = bare(ready_units)
    p = load_parameters(parameters, 0)
    fastest = p[4]
    for i in range(1, N_STATE):
        fastest = min(fastest, p[4 + i])
    # the next number: the window holds its end
    last = duration + max(duration * 2.3e-16, 5e-324)
    widest = most_arrivals_inside(wiring)
    for b in range(first, stop):
        begin = 0 if start.x.shape[0] == 1 else b
        x = x_end[b]
        release = release_end[b]
        n_events = events.offsets[b + 1] - events.offsets[b]
        outcome = OK
        if place[RESUMED] != 0:
            resumed = True
            e = place[1]
            heap_size = place[2]
            k = place[3]
            entry = place[4]
            own = place[5]
            epoch = window[EPOCH]
            until = window[UNTIL]
            ready = int(window[READY])
            place[RESUMED] = 0
        else:
            resumed = False
            start_sample(begin, start, x, release, marks)
            e = 0
            heap_size = 0
            k = n_spikes
            entry = n_log
            own = n_own
            ready = 0
            epoch = 0.0
            until = 0.0
            for m in range(n):
                state = load(x, 0, m)
                held_at[m] = state[0]
                put(cells, m, amplitudes(p, state))
                marks[OPEN, m] = ASKED
                due[m] = 0.0
                if release[m] > 0.0:
                    marks[OPEN, m] = RELEASED
                    due[m] = release[m]
        full = False
        ended = False
        while True:
            if not resumed:
                t = until
                if not t <= duration:
                    break
                if t - epoch > _EPOCH * fastest:
                    renew(p, cells, n, t - epoch)
                    epoch = t
                until = t + _WINDOW * fastest
                until = last if until > duration else until
                edge = min(until, duration)
                fade = fading(p, t - epoch)
                ready = 0
                quiet = True
                for m in range(n):
                    if due[m] < until:
                        quiet = False
                        if marks[OPEN, m] != RELEASED:
                            due[m] = settle(p, m, state_of(p, scaled(take(cells, m), fade)), t, until, edge, marks)
                            if not due[m] < until:
                                continue
                        item = m - n if marks[OPEN, m] == RELEASED else m
                        ready = heap_push(ready_times, ready_units, ready, due[m], item)
                if quiet:
                    # on to the next thing to happen
                    t_next = events.times[events.offsets[b] + e] if e < n_events else math.inf
                    t_next = min(t_next, heap_times[0] if heap_size > 0 else math.inf)
                    if not t_next < until:
                        until = max(until, min(t_next, first_due(due)))
                        continue
            resumed = False
            edge = min(until, duration)
            while True:
                t_event = events.times[events.offsets[b] + e] if e < n_events else math.inf
                t_own = heap_times[0] if heap_size > 0 else math.inf
                t_arrival = min(t_event, t_own)
                t_ready = ready_times[0] if ready > 0 else math.inf
                t = min(t_arrival, t_ready)
                if not t < until:
                    break
                if entry == log.order.size or k == tape.floats.shape[1] or own + widest > log.times.size:
                    full = True
                    break
                # a release comes before all else at its time
                if t_arrival <= t and not (t_ready <= t and ready_units[0] < 0):
                    if t_event <= t:
                        i = events.offsets[b] + e
                        ints = events.ints
                        log.order[entry] = e
                        e += 1
                    else:
                        i, heap_size = heap_pop(heap_times, heap_items, heap_size)
                        ints = log.ints
                        log.order[entry] = OWN + (i - n_own)
                    entry += 1
                    row = ints[ROW, i]
                    if row < 0:
                        continue
                    fade = fading(p, t - epoch)
                    receptor = ints[RECEPTOR, i]
                    up = inverse(fade)
                    exc = push_of(p, 0 if receptor == BY_SIGN else receptor, up)
                    inh = push_of(p, 1 if receptor == BY_SIGN else receptor, up)
                    some = ints[START, i] < 0
                    lowest = -1 - ints[START, i] if some else ints[START, i]
                    for j in range(lowest, ints[STOP, i]):
                        m = natural(targets[natural(j)] if some else j)
                        w = weights[natural(places[natural(j)] if some else row + j - lowest)]
                        y = pushed(take(cells, m), w, exc if w >= 0.0 else inh)
                        put(cells, m, y)
                        found = due[m] < until
                        if w > 0.0 or found:
                            state = state_of(p, scaled(y, fade))
                            # what was found does not hold any more
                            again = (found and marks[OPEN, m] == SPIKES) or earlier(p, state, due[m] - t)
                            if again and marks[OPEN, m] != RELEASED:
                                due[m] = settle(p, m, state, t, until, edge, marks)
                                if due[m] < until:
                                    if ready == ready_times.size:
                                        ready = swept(due, marks, ready_times, ready_units, ready)
                                    ready = heap_push(ready_times, ready_units, ready, due[m], np.int64(m))
                    continue
                item, ready = heap_pop(ready_times, ready_units, ready)
                m = item + n if item < 0 else item
                if due[m] != t or marks[OPEN, m] == ASKED:
                    continue
                fade = fading(p, t - epoch)
                state = state_of(p, scaled(take(cells, m), fade))
                if marks[OPEN, m] == RELEASED:
                    store(x, 0, m, state)
                    x[0, m] = held_at[m]
                    state = load(x, 0, m)
                    if marks[LATEST, m] >= 0:
                        store(tape.floats, STATES + N_STATE, natural(marks[LATEST, m]), state)
                else:
                    if k - n_spikes >= max_events:
                        ended = True
                        break
                    marks[COUNT, m] += 1
                    ends = limit[m] > 0 and marks[COUNT, m] >= limit[m]
                    state, release[m] = emit(
                        p, m, state, release[m], t, entry - n_log, k, marks[LATEST, m], 0, ends, tape, watch
                    )
                    marks[LATEST, m] = k
                    held_at[m] = state[0]
                    own, heap_size = schedule(
                        m,
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
                put(cells, m, scaled(amplitudes(p, state), inverse(fade)))
                if release[m] > t:
                    marks[OPEN, m] = RELEASED
                    due[m] = release[m]
                    item = m - n
                else:
                    due[m] = settle(p, m, state, t, until, edge, marks)
                    item = m
                if due[m] < until:
                    if ready == ready_times.size:
                        ready = swept(due, marks, ready_times, ready_units, ready)
                    ready = heap_push(ready_times, ready_units, ready, due[m], item)
            if full or ended:
                break
        if full:
            place[RESUMED] = 1
            place[1] = e
            place[2] = heap_size
            place[3] = k
            place[4] = entry
            place[5] = own
            window[EPOCH] = epoch
            window[UNTIL] = until
            window[READY] = ready
            return b, n_spikes, n_log, n_own
        if ended:
            # a sample that failed keeps no spikes, and its state is that at the start
            k = n_spikes
            entry = n_log
            own = n_own
            start_sample(begin, start, x, release, marks)
            outcome = EVENT_LIMIT
        else:
            fade = fading(p, duration - epoch)
            for m in range(n):
                store(x, 0, m, state_of(p, scaled(take(cells, m), fade)))
                if release[m] > duration:
                    x[0, m] = held_at[m]
            if not all_finite(x):
                outcome = NOT_FINITE
        for m in range(n):
            count_end[b, m] = marks[COUNT, m]
        sum_up(parameters, b, n_spikes, k, outcome, tape, report)
        n_spikes = k
        n_log = entry
        n_own = own
        tape_offsets[b + 1] = k
        log_offsets[b + 1] = entry
        own_offsets[b + 1] = own
    return stop, n_spikes, n_log, n_own
