"""Backward calls: from what was kept and derivatives of what was observed to an adjoint, and its results handed out."""

import math

import numpy as np

from saltation.kernels.cache import compile_inner
from saltation.kernels.inlining import called
from saltation.kernels.padded import collect, hand_back
from saltation.kernels.records import (
    EVENT_ROWS,
    PLAIN_ROWS,
    STATES,
    TAPE_INTS,
    UNIT,
    WATCHED,
    Cotangents,
    Events,
    Log,
    Results,
    Tape,
)
from saltation.kernels.rows import LANES
from saltation.kernels.wide_adjoint import BACKWARD_MARKS
from saltation.kernels.xla.frame import argument, extent, floats, ints, item, result, small_ints
from saltation.kernels.xla.given import longest_sample, read, source_offsets
from saltation.kernels.xla.layout import (
    ARRIVAL_ROOM,
    BY_DELAY,
    BY_PARAMETER,
    BY_SOURCE,
    BY_V_INIT,
    BY_WEIGHT,
    ENTRY_ROOM,
    EVENT_INTS,
    EVENT_OFFSETS,
    EVENT_ROOM,
    EVENT_TIMES,
    INDEX,
    KEPT,
    KEPT_RECURRENT,
    LOG_INTS,
    LOG_OFFSETS,
    LOG_ORDER,
    LOG_TIMES,
    N_POPULATIONS,
    N_SOURCES,
    N_STATE,
    OWN_OFFSETS,
    SCRATCH_ROWS,
    SIDE_BY_SIDE,
    SOURCES,
    SPIKE_ROOM,
    TAPE_FLOATS,
    TAPE_INTS_AT,
    TAPE_OFFSETS,
    UNITS,
    WATCH,
    Undoing,
)


@called
def float_argument(frame, call, i, shape):
    """An array of floats among the arguments."""
    return floats(item(argument(frame, i), len(shape), result(frame, BY_WEIGHT), 1, call, 8), shape)


@called
def int_argument(frame, call, i, shape):
    """An array of integers."""
    return ints(item(argument(frame, i), len(shape), result(frame, BY_WEIGHT), 1, call, 8), shape)


@called
def float_result(frame, call, i, shape):
    """An array of floats among the results."""
    return floats(item(result(frame, i), len(shape), result(frame, BY_WEIGHT), 1, call, 8), shape)


@called
def results_of(frame, call, given, value):
    """Gradients of the parameters, all of the same value."""
    n = given.limit.size
    results = Results(
        float_result(frame, call, BY_WEIGHT, (given.weights.size,)),
        float_result(frame, call, BY_DELAY, (given.delays.size,)),
        float_result(frame, call, BY_PARAMETER, (n, given.table.shape[1])),
        float_result(frame, call, BY_V_INIT, (n,)),
    )
    for i in range(results.weights.size):
        results.weights[i] = value
    for i in range(results.delays.size):
        results.delays[i] = value
    for m in range(n):
        results.v_init[m] = value
        for i in range(given.table.shape[1]):
            results.parameters[m, i] = value
    return results


@called
def cotangents_of(frame, call, given, batch, at):
    """What reaches the component by its voltages, from argument ``at`` on."""
    n = given.limit.size
    times = given.probe_times.size
    samples = np.zeros((1, 0, 0))
    peak = np.zeros((1, 0))
    area = np.zeros((1, 0))
    if times > 0:
        samples = float_argument(frame, call, at, (batch, times, n))
    if given.settings[WATCH] != 0:
        peak = float_argument(frame, call, at + 1, (batch, n))
        area = float_argument(frame, call, at + 2, (batch, n))
    return Cotangents(samples, area, peak)


@called
def own_cotangents(frame, call, settings, batch, at, tape, index, offsets):
    """What reaches it by its spikes, in their order of time."""
    spike_times = np.zeros(offsets[batch])
    units = np.empty(offsets[batch], np.int64)
    for b in range(batch):
        for k in range(offsets[b], offsets[b + 1]):
            units[k] = tape.ints[UNIT, offsets[b] + index[k]]
    first_span = UNITS + settings[N_SOURCES]
    for j in range(settings[N_POPULATIONS]):
        shape = (batch, extent(argument(frame, at + j), 2, 1))
        given = float_argument(frame, call, at + j, shape)
        collect(settings[first_span + 2 * j], settings[first_span + 2 * j + 1], given, units, offsets, spike_times)
    return spike_times


def _prepare_back(frame, call, recurrent):
    """The arguments of one call, and all that its adjoint works on."""
    given = read(frame, 1, call)
    settings = given.settings
    n = given.limit.size
    at = SOURCES + 2 * settings[N_SOURCES]
    batch = extent(argument(frame, at), 1, 0)
    status = small_ints(item(argument(frame, at), 1, result(frame, BY_WEIGHT), 1, call, 4), (batch,))
    failed = False
    for b in range(batch):
        failed = failed or status[b] != 0
    cuts = np.zeros((settings[N_SOURCES], batch + 1), np.int64)
    source_times = np.zeros(source_offsets(frame, call, given, batch, cuts))
    # a gradient would be one of other samples than the loss is of
    results = results_of(frame, call, given, math.nan if failed else 0.0)
    watch = np.zeros((1, WATCHED, 0))
    if settings[WATCH] != 0:
        watch = float_argument(frame, call, at + 1, (batch, WATCHED, n))
    kept = at + 2
    n_events = settings[EVENT_ROOM]
    events = Events(
        float_argument(frame, call, kept + EVENT_TIMES, (n_events,)),
        int_argument(frame, call, kept + EVENT_INTS, (EVENT_ROWS if recurrent else PLAIN_ROWS, n_events)),
        int_argument(frame, call, kept + EVENT_OFFSETS, (batch + 1,)),
    )
    spikes = settings[SPIKE_ROOM]
    tape = Tape(
        float_argument(frame, call, kept + TAPE_FLOATS, (STATES + 2 * settings[N_STATE], spikes)),
        int_argument(frame, call, kept + TAPE_INTS_AT, (TAPE_INTS, spikes)),
    )
    offsets = int_argument(frame, call, kept + TAPE_OFFSETS, (batch + 1,))
    index = int_argument(frame, call, kept + INDEX, (spikes,))
    leak = np.zeros(0)
    if recurrent:
        behind = kept + KEPT_RECURRENT
        arrivals = settings[ARRIVAL_ROOM]
        log = Log(
            int_argument(frame, call, kept + LOG_ORDER, (settings[ENTRY_ROOM],)),
            float_argument(frame, call, kept + LOG_TIMES, (arrivals,)),
            int_argument(frame, call, kept + LOG_INTS, (EVENT_ROWS, arrivals)),
        )
        log_offsets = int_argument(frame, call, kept + LOG_OFFSETS, (batch + 1,))
        own_offsets = int_argument(frame, call, kept + OWN_OFFSETS, (batch + 1,))
        scratch = np.empty((settings[SCRATCH_ROWS], n))
        marks = np.empty((1, n), np.int64)
    else:
        behind = kept + KEPT
        log = Log(np.empty(0, np.int64), np.empty(0), np.empty((EVENT_ROWS, 0), np.int64))
        log_offsets = np.empty(0, np.int64)
        own_offsets = np.empty(0, np.int64)
        if settings[SIDE_BY_SIDE] != 0:
            lanes = (n + LANES - 1) // LANES * LANES
            scratch = np.zeros((settings[SCRATCH_ROWS], lanes))
            marks = np.zeros((BACKWARD_MARKS, lanes), np.int64)
            leak = np.zeros(lanes)
        else:
            scratch = np.empty((settings[SCRATCH_ROWS], n))
            marks = np.empty((1, n), np.int64)
    if failed:
        # what was kept of it may be of another length
        spike_times = np.zeros(0)
    else:
        spike_times = own_cotangents(frame, call, settings, batch, behind + 3, tape, index, offsets)
    return given, Undoing(
        events,
        tape,
        index,
        offsets,
        log,
        log_offsets,
        own_offsets,
        watch,
        cotangents_of(frame, call, given, batch, behind),
        spike_times,
        np.empty(spike_times.size),
        source_times,
        cuts,
        scratch,
        marks,
        leak,
        results,
        failed,
    )


@called
def gaps_of(rows, undoing):
    """Scratch for the gaps of a sample."""
    return np.empty((rows, longest_sample(undoing.events.offsets)))


def _return_to_sources(frame, call, given, undoing):
    """Derivatives of the times of the sources; and what the side-by-side adjoint leaves to be added."""
    batch = undoing.source_offsets.shape[1] - 1
    for j in range(given.settings[N_SOURCES]):
        shape = (batch, extent(argument(frame, SOURCES + 2 * j), 2, 1))
        bars = float_result(frame, call, BY_SOURCE + j, shape)
        if undoing.failed:
            for b in range(batch):
                for c in range(shape[1]):
                    bars[b, c] = math.nan
        else:
            times = float_argument(frame, call, SOURCES + 2 * j, shape)
            hand_back(times, undoing.source_times, undoing.source_offsets, j, bars)
    if undoing.leak.size > 0:
        for m in range(undoing.results.v_init.size):
            undoing.results.parameters[m, 1] += undoing.leak[m]


prepare_back = compile_inner(_prepare_back)
return_to_sources = compile_inner(_return_to_sources)
