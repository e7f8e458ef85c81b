"""The handlers themselves: a call prepared, its kernel, its results delivered.

Only what is here is compiled for each model; all else once, to be called by its symbol (:mod:`.linked`).
"""

# ruff: noqa: F821  the physics of a model, and what is called, are bound to these names when a handler is specialised
# pyright: reportUndefinedVariable=false

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from saltation.kernels.padded import UNFINISHED
from saltation.kernels.queue import CELL, PLACES
from saltation.kernels.rows import LANES
from saltation.kernels.xla.backward import gaps_of
from saltation.kernels.xla.frame import answers_metadata, calls_within, extent, result, small_ints
from saltation.kernels.xla.layout import BY_WEIGHT, KEEP, MAX_EVENTS, STATUS, TIMED


def completed(table, n):
    """Primary and derived parameters ``[:, lane or 1]`` from the primary ones ``[neuron or 1, primary]``."""
    last = table.shape[0] - 1
    columns = 1 if last == 0 else (n + LANES - 1) // LANES * LANES
    parameters = np.empty((N_DERIVED, columns))
    for m in range(columns):
        p = derive(to_fixed_tuple(table[min(m, last)], N_PRIMARY))  # pyright: ignore[reportCallIssue]
        for i in range(N_DERIVED):
            parameters[i, m] = p[i]
    return parameters


def wide_arguments(given, work, parameters, at, used, logged, own):
    """What ``wide`` is called with: samples from ``at`` on, with all neurons side by side."""
    return (
        at,
        work.status.size,
        parameters,
        work.events,
        given.weights,
        given.start,
        given.limit,
        given.settings[MAX_EVENTS],
        work.scratch,
        work.marks,
        used,
        work.tape,
        work.spiked,
        work.offsets,
        work.x_end,
        work.release_end,
        work.count_end,
        work.probes,
        work.report,
    )


def narrow_arguments(given, work, parameters, at, used, logged, own):
    """What ``narrow`` is called with: samples from ``at`` on, neuron by neuron."""
    return (
        at,
        work.status.size,
        parameters,
        work.events,
        given.weights,
        given.start,
        given.limit,
        np.empty(0),
        np.zeros((1, given.limit.size + 1), np.int64),
        given.settings[KEEP] < 0,  # no replay; a literal would have it compiled anew
        given.settings[MAX_EVENTS],
        work.scratch,
        used,
        work.tape,
        work.spiked,
        work.offsets,
        work.x_end,
        work.release_end,
        work.count_end,
        work.probes,
        work.report,
    )


def queue_arguments(given, work, parameters, at, used, logged, own):
    """What ``queue`` is called with: samples from ``at`` on."""
    return (
        at,
        work.status.size,
        given.duration,
        parameters,
        work.events,
        given.weights,
        given.delays,
        given.wiring,
        given.synapses,
        given.start,
        given.limit,
        np.empty(0),
        np.zeros((1, given.limit.size + 1), np.int64),
        given.settings[KEEP] < 0,  # as above
        given.settings[MAX_EVENTS],
        work.marks,
        np.zeros((given.limit.size, CELL)),
        np.empty(given.limit.size),
        np.empty(work.log.times.size),
        np.empty(work.log.times.size, np.int64),
        np.zeros(PLACES, np.int64),  # a sample that did not fit begins anew
        used,
        logged,
        own,
        work.tape,
        work.offsets,
        work.log,
        work.log_offsets,
        work.own_offsets,
        work.x_end,
        work.release_end,
        work.count_end,
        work.probes,
        work.report,
    )


def wide_adjoint_arguments(given, undoing, parameters):
    """What its adjoint is called with: all samples with all neurons side by side."""
    return (
        np.int64(0),
        undoing.offsets.size - 1,
        given.settings[TIMED] != 0,
        parameters,
        undoing.events,
        given.weights,
        given.start,
        undoing.tape,
        undoing.index,
        undoing.offsets,
        undoing.watch,
        undoing.cotangents,
        undoing.spike_times,
        undoing.by_spike,
        undoing.source_times,
        undoing.scratch,
        undoing.marks,
        undoing.leak,
        undoing.results,
    )


def narrow_adjoint_arguments(given, undoing, parameters):
    """What its adjoint is called with: all samples neuron by neuron."""
    return (
        np.int64(0),
        undoing.offsets.size - 1,
        given.settings[TIMED] != 0,
        parameters,
        undoing.events,
        given.weights,
        given.start,
        undoing.tape,
        undoing.index,
        undoing.offsets,
        undoing.watch,
        undoing.cotangents,
        undoing.spike_times,
        undoing.by_spike,
        undoing.source_times,
        undoing.scratch,
        gaps_of(N_GAP + N_COMPANION_GAP + 1, undoing),
        undoing.marks[0],
        undoing.results,
    )


def queue_adjoint_arguments(given, undoing, parameters):
    """What its adjoint is called with: all samples by the log of the event queue."""
    return (
        np.int64(0),
        undoing.offsets.size - 1,
        given.settings[TIMED] != 0,
        given.duration,
        parameters,
        undoing.events,
        given.weights,
        given.synapses,
        given.start,
        undoing.tape,
        undoing.offsets,
        undoing.log,
        undoing.log_offsets,
        undoing.own_offsets,
        undoing.watch,
        undoing.cotangents,
        undoing.spike_times,
        undoing.source_times,
        undoing.scratch,
        undoing.marks[0],
        undoing.results,
    )


def run_apart(given, work, parameters, at, used, logged, own):
    """Run samples from ``at`` on, of neurons that do not hear each other; next sample, spikes, and nothing of a log."""
    at, used = compiled(*arguments(given, work, parameters, at, used, logged, own))
    return at, used, logged, own


def run_recurrent(given, work, parameters, at, used, logged, own):
    """Run samples from ``at`` on; next sample, spikes, entries of the log and arrivals of own spikes."""
    return compiled(*arguments(given, work, parameters, at, used, logged, own))


def forward(frame):
    """Run a component, for all calls that are put together."""
    if answers_metadata(frame, MAJOR, MINOR):
        return 0
    whole = result(frame, STATUS)
    calls = calls_within(whole, 1)
    batch = extent(whole, 1, 0)
    status = small_ints(whole[3], (calls * batch,))
    for i in range(status.size):
        # until its end is reached, no result is one
        status[i] = UNFINISHED
    for call in range(calls):
        given, work = prepare(frame, call, RECURRENT)
        parameters = completed(given.table, given.limit.size)
        at = np.int64(0) if given.allowed else batch
        used = np.int64(0)
        logged = np.int64(0)
        own = np.int64(0)
        while at < batch:
            at, used, logged, own = run(given, work, parameters, at, used, logged, own)
            if at < batch:
                work = with_more_room(work, used, logged, own)
        deliver(frame, call, given, work, RECURRENT)
    return 0


def backward(frame):
    """The adjoint of a component, for all calls that are put together."""
    if answers_metadata(frame, MAJOR, MINOR):
        return 0
    for call in range(calls_within(result(frame, BY_WEIGHT), 1)):
        given, undoing = prepare_back(frame, call, RECURRENT)
        if not undoing.failed:
            compiled(*arguments(given, undoing, completed(given.table, given.limit.size)))
        return_to_sources(frame, call, given, undoing)
    return 0
