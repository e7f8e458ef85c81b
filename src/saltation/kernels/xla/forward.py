"""Forward calls: from padded spikes to what a kernel works on, and from what it leaves to padded spikes."""

import numpy as np

from saltation.kernels.cache import compile_inner
from saltation.kernels.events import make_events
from saltation.kernels.inlining import called
from saltation.kernels.padded import PARAMETER, UNFINISHED, blank, blank_values, compact, spread
from saltation.kernels.records import (
    EVENT_ROWS,
    MARKS,
    OK,
    OUTCOME,
    PLAIN_ROWS,
    REPORTED,
    STATES,
    TAPE_INTS,
    TIME,
    UNIT,
    WATCHED,
    Events,
    Log,
    Probes,
    Report,
    Spiked,
    Tape,
)
from saltation.kernels.rows import LANES
from saltation.kernels.sorting import order_samples
from saltation.kernels.xla.frame import argument, extent, fixed, floats, ints, item, result, small_ints
from saltation.kernels.xla.given import longest_sample, read
from saltation.kernels.xla.layout import (
    ARRIVAL_ROOM,
    ENTRY_ROOM,
    EVENT_INTS,
    EVENT_OFFSETS,
    EVENT_ROOM,
    EVENT_TIMES,
    INDEX,
    KEEP,
    LOG_INTS,
    LOG_OFFSETS,
    LOG_ORDER,
    LOG_TIMES,
    N_POPULATIONS,
    N_ROWS,
    N_SOURCES,
    N_STATE,
    OWN_OFFSETS,
    SAMPLES,
    SCRATCH_ROWS,
    SIDE_BY_SIDE,
    SOURCES,
    SPIKE_ROOM,
    STATUS,
    TAPE_FLOATS,
    TAPE_INTS_AT,
    TAPE_OFFSETS,
    TRAINS,
    UNITS,
    WATCH,
    WATCHED_ROWS,
    Work,
)


# ------------------------------------------------------------------------------------------------- before
@called
def kept_floats(frame, call, settings, which, shape):
    """Floats that are kept for the gradient where it asks for them, or of this call alone."""
    if settings[KEEP] == 0:
        return np.empty(shape)
    at = TRAINS + 3 * settings[N_POPULATIONS] + which
    return floats(item(result(frame, at), len(shape), result(frame, STATUS), 1, call, 8), shape)


@called
def kept_ints(frame, call, settings, which, shape):
    """Integers of the same kind."""
    if settings[KEEP] == 0:
        return np.empty(shape, np.int64)
    at = TRAINS + 3 * settings[N_POPULATIONS] + which
    return ints(item(result(frame, at), len(shape), result(frame, STATUS), 1, call, 8), shape)


@called
def kept_cuts(frame, call, settings, which, batch):
    """Offsets of samples, of which none has anything yet."""
    cuts = kept_ints(frame, call, settings, which, (batch + 1,))
    for b in range(batch + 1):
        cuts[b] = 0
    return cuts


@called
def events_of(frame, call, given, batch, rows, status):
    """Sorted events of all samples."""
    whole = result(frame, STATUS)
    settings = given.settings
    room = 0
    for j in range(settings[N_SOURCES]):
        room += batch * extent(argument(frame, SOURCES + 2 * j), 2, 1)
    flat_times = np.empty(room)
    flat_units = np.empty(room, np.int32)
    offsets = np.zeros((settings[N_ROWS], batch + 1), np.int64)
    at = 0
    for j in range(settings[N_SOURCES]):
        buffer = argument(frame, SOURCES + 2 * j)
        shape = (batch, extent(buffer, 2, 1))
        times = floats(item(buffer, 2, whole, 1, call, 8), shape)
        units = small_ints(item(argument(frame, SOURCES + 2 * j + 1), 2, whole, 1, call, 4), shape)
        at = compact(times, units, settings[UNITS + j], given.duration, j, flat_times, flat_units, offsets, at, status)
    for j in range(settings[N_SOURCES], settings[N_ROWS]):
        for b in range(batch + 1):
            offsets[j, b] = at
    n = settings[EVENT_ROOM]
    events = Events(
        kept_floats(frame, call, settings, EVENT_TIMES, (n,)),
        kept_ints(frame, call, settings, EVENT_INTS, (rows, n)),
        kept_cuts(frame, call, settings, EVENT_OFFSETS, batch),
    )
    make_events(
        np.int64(0),
        batch,
        fixed(flat_times),
        fixed(flat_units),
        fixed(np.empty(0, np.int64)),
        fixed(np.empty(0)),
        fixed(offsets),
        given.projections,
        given.synapses,
        given.delays,
        given.duration,
        given.probe_times,
        events,
    )
    return events


@called
def probes_of(frame, call, given, batch, n):
    """What is observed, in the results."""
    whole = result(frame, STATUS)
    times = given.probe_times.size
    samples = np.zeros((1, 0, 0))
    watch = np.zeros((1, WATCHED, 0))
    if times > 0:
        samples = floats(item(result(frame, SAMPLES), 3, whole, 1, call, 8), (batch, times, n))
    if given.settings[WATCH] != 0:
        watch = floats(item(result(frame, WATCHED_ROWS), 3, whole, 1, call, 8), (batch, WATCHED, n))
    return Probes(samples, watch)


def _prepare(frame, call, recurrent):
    """The arguments of one call, and all that its kernel works on."""
    batch = extent(result(frame, STATUS), 1, 0)
    given = read(frame, 1, call)
    settings = given.settings
    n = given.limit.size
    status = np.full(batch, OK if given.allowed else PARAMETER, np.int32)
    events = events_of(frame, call, given, batch, EVENT_ROWS if recurrent else PLAIN_ROWS, status)
    spikes = settings[SPIKE_ROOM]
    tape = Tape(
        kept_floats(frame, call, settings, TAPE_FLOATS, (STATES + 2 * settings[N_STATE], spikes)),
        kept_ints(frame, call, settings, TAPE_INTS_AT, (TAPE_INTS, spikes)),
    )
    index = kept_ints(frame, call, settings, INDEX, (spikes,))
    offsets = kept_cuts(frame, call, settings, TAPE_OFFSETS, batch)
    if recurrent:
        entries = settings[ENTRY_ROOM]
        arrivals = settings[ARRIVAL_ROOM]
        log = Log(
            kept_ints(frame, call, settings, LOG_ORDER, (entries,)),
            kept_floats(frame, call, settings, LOG_TIMES, (arrivals,)),
            kept_ints(frame, call, settings, LOG_INTS, (EVENT_ROWS, arrivals)),
        )
        log_offsets = kept_cuts(frame, call, settings, LOG_OFFSETS, batch)
        own_offsets = kept_cuts(frame, call, settings, OWN_OFFSETS, batch)
        spiked = Spiked(np.empty(0), np.empty(0, np.int64), index)
        scratch = np.empty((0, 0))
        marks = np.zeros((MARKS, n), np.int64)
    else:
        log = Log(np.empty(0, np.int64), np.empty(0), np.empty((EVENT_ROWS, 0), np.int64))
        log_offsets = np.empty(0, np.int64)
        own_offsets = np.empty(0, np.int64)
        spiked = Spiked(np.empty(spikes), np.empty(spikes, np.int64), index)
        if settings[SIDE_BY_SIDE] != 0:
            lanes = (n + LANES - 1) // LANES * LANES
            scratch = np.zeros((settings[SCRATCH_ROWS], lanes))
            marks = np.zeros((MARKS, lanes), np.int64)
        else:
            scratch = np.empty((settings[SCRATCH_ROWS], longest_sample(events.offsets) + 1))
            marks = np.empty((0, 0), np.int64)
    return given, Work(
        events,
        tape,
        spiked,
        offsets,
        log,
        log_offsets,
        own_offsets,
        np.empty((batch, settings[N_STATE], n)),
        np.empty((batch, n)),
        np.empty((batch, n), np.int64),
        probes_of(frame, call, given, batch, n),
        Report(np.zeros((REPORTED, batch), np.int64), np.zeros(batch)),
        scratch,
        marks,
        status,
    )


# ------------------------------------------------------------------------------- where room is too small
def _with_more_room(work, used, logged, own):
    """The same with twice the room: the results are too small for it, but it is to be known how much they lack."""
    spikes = 2 * work.tape.floats.shape[1] + 64
    tape = Tape(
        _grown(work.tape.floats, used, np.empty((work.tape.floats.shape[0], spikes))),
        _grown(work.tape.ints, used, np.empty((work.tape.ints.shape[0], spikes), np.int64)),
    )
    spiked = Spiked(np.empty(spikes), np.empty(spikes, np.int64), np.empty(spikes, np.int64))
    for k in range(min(used, work.spiked.times.size)):
        spiked.times[k] = work.spiked.times[k]
        spiked.units[k] = work.spiked.units[k]
    order = np.empty(2 * work.log.order.size + 64, np.int64)
    for k in range(logged):
        order[k] = work.log.order[k]
    arrivals = 2 * work.log.times.size + 64
    times = np.empty(arrivals)
    for k in range(own):
        times[k] = work.log.times[k]
    log = Log(order, times, _grown(work.log.ints, own, np.empty((EVENT_ROWS, arrivals), np.int64)))
    return Work(
        work.events,
        tape,
        spiked,
        work.offsets,
        log,
        work.log_offsets,
        work.own_offsets,
        work.x_end,
        work.release_end,
        work.count_end,
        work.probes,
        work.report,
        work.scratch,
        work.marks,
        work.status,
    )


@called
def _grown(array, used, larger):
    for i in range(array.shape[0]):
        for k in range(used):
            larger[i, k] = array[i, k]
    return larger


# -------------------------------------------------------------------------------------------------- after
@called
def refuse_what_was_not_kept(settings, work):
    """All samples, if there was too little room although none has too many spikes: a gradient would lack its record."""
    grown = work.tape.floats.shape[1] != settings[SPIKE_ROOM] or work.log.times.size > settings[ARRIVAL_ROOM]
    grown = grown or work.log.order.size > settings[ENTRY_ROOM]
    for b in range(work.status.size):
        grown = grown and work.status[b] == OK
    for b in range(work.status.size if grown else 0):
        work.status[b] = UNFINISHED


def _deliver(frame, call, given, work, recurrent):
    """Hand out the spikes of each population, and the status of each sample; what failed is NaN."""
    whole = result(frame, STATUS)
    batch = work.status.size
    settings = given.settings
    if recurrent:
        order_samples(
            np.int64(0),
            batch,
            work.tape,
            work.offsets,
            work.probes.watch,
            work.log,
            work.log_offsets,
            work.own_offsets,
        )
        times = work.tape.floats[TIME]
        units = work.tape.ints[UNIT]
        for b in range(batch):
            for k in range(work.offsets[b], min(work.offsets[b + 1], work.spiked.index.size)):
                work.spiked.index[k] = k - work.offsets[b]
    else:
        times = work.spiked.times
        units = work.spiked.units
    for b in range(batch):
        if work.status[b] == OK:
            work.status[b] = work.report.ints[OUTCOME, b]
    first_span = UNITS + settings[N_SOURCES]
    for j in range(settings[N_POPULATIONS]):
        buffer = result(frame, TRAINS + 3 * j)
        shape = (batch, extent(buffer, 2, 1))
        padded = floats(item(buffer, 2, whole, 1, call, 8), shape)
        padded_units = small_ints(item(result(frame, TRAINS + 3 * j + 1), 2, whole, 1, call, 4), shape)
        counts = small_ints(item(result(frame, TRAINS + 3 * j + 2), 1, whole, 1, call, 4), (batch,))
        first = settings[first_span + 2 * j]
        stop = settings[first_span + 2 * j + 1]
        spread(first, stop, times, units, work.offsets, padded, padded_units, counts, work.status)
    # all populations are counted before anything is blanked
    if settings[KEEP] != 0:
        refuse_what_was_not_kept(settings, work)
    for j in range(settings[N_POPULATIONS]):
        buffer = result(frame, TRAINS + 3 * j)
        shape = (batch, extent(buffer, 2, 1))
        padded = floats(item(buffer, 2, whole, 1, call, 8), shape)
        padded_units = small_ints(item(result(frame, TRAINS + 3 * j + 1), 2, whole, 1, call, 4), shape)
        blank(padded, padded_units, work.status)
    if given.probe_times.size > 0:
        blank_values(work.probes.samples, work.status)
    if settings[WATCH] != 0:
        blank_values(work.probes.watch, work.status)
    status = small_ints(item(whole, 1, whole, 1, call, 4), (batch,))
    for b in range(batch):
        status[b] = work.status[b]


prepare = compile_inner(_prepare)
deliver = compile_inner(_deliver)
with_more_room = compile_inner(_with_more_room)
