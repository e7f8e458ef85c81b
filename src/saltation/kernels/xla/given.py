"""The arguments that all handlers read, out of a call frame."""

import math

import numpy as np

from saltation.kernels.inlining import called
from saltation.kernels.padded import allowed
from saltation.kernels.records import EVENT_ROWS, Start, Synapses, Wiring
from saltation.kernels.xla.frame import argument, extent, fixed, floats, ints, item, result, small_ints
from saltation.kernels.xla.layout import (
    APART,
    CUTS,
    DELAYS,
    DURATION,
    FEW,
    LIMIT,
    N_SOURCES,
    N_STATE,
    PLACES,
    PROBE_TIMES,
    PROJECTIONS,
    RANGES,
    SETTINGS,
    SOURCES,
    TABLE,
    TARGETS,
    V_INIT,
    WEIGHTS,
    WIRING,
    WIRING_OFFSETS,
    Given,
)


@called
def read(frame, rank, call):
    """The arguments of one call; the first result, of as many axes as ``rank``, says how many there are."""
    whole = result(frame, 0)
    buffer = argument(frame, SETTINGS)
    settings = ints(buffer[3], (extent(buffer, 1, 0),))
    weights = row(frame, whole, rank, call, WEIGHTS)
    delays = row(frame, whole, rank, call, DELAYS)
    buffer = argument(frame, TABLE)
    shape = (extent(buffer, 2, 0), extent(buffer, 2, 1))
    table = floats(item(buffer, 2, whole, rank, call, 8), shape)
    v_init = row(frame, whole, rank, call, V_INIT)
    duration = floats(item(argument(frame, DURATION), 0, whole, rank, call, 8), (1,))[0]
    n = v_init.size
    x = np.zeros((1, settings[N_STATE], n))
    for m in range(n):
        x[0, 0, m] = v_init[m]
    start = Start(x, np.full((1, n), -math.inf), np.zeros((1, n), np.int64))
    ranges = constant(frame, RANGES)
    fine = 0.0 < duration < math.inf and allowed(table, ranges, weights, delays, v_init)
    projections = argument(frame, PROJECTIONS)
    wires = argument(frame, WIRING)
    return Given(
        settings,
        fixed(weights),
        fixed(delays),
        table,
        start,
        constant(frame, LIMIT),
        ints(projections[3], (extent(projections, 2, 0), extent(projections, 2, 1))),
        Synapses(
            fixed(constant(frame, CUTS)),
            listed(frame, TARGETS),
            listed(frame, PLACES),
            settings[APART] != 0,
            settings[FEW] != 0,
        ),
        Wiring(constant(frame, WIRING_OFFSETS), ints(wires[3], (EVENT_ROWS, extent(wires, 2, 1)))),
        row(frame, whole, rank, call, PROBE_TIMES),
        duration,
        fine,
    )


@called
def row(frame, whole, rank, call, i):
    """A row of floats among the arguments."""
    buffer = argument(frame, i)
    return floats(item(buffer, 1, whole, rank, call, 8), (extent(buffer, 1, 0),))


@called
def constant(frame, i):
    """A row of integers that is the same in all calls."""
    buffer = argument(frame, i)
    return ints(buffer[3], (extent(buffer, 1, 0),))


@called
def listed(frame, i):
    """A row of small integers that is the same in all calls, typed as one that is not written to."""
    buffer = argument(frame, i)
    return fixed(small_ints(buffer[3], (extent(buffer, 1, 0),)))


@called
def source_offsets(frame, call, given, batch, offsets):
    """Where the events of each source and sample lie among all, ``offsets [source, batch + 1]``; their number."""
    whole = result(frame, 0)
    at = 0
    for j in range(given.settings[N_SOURCES]):
        buffer = argument(frame, SOURCES + 2 * j)
        times = floats(item(buffer, 2, whole, 1, call, 8), (batch, extent(buffer, 2, 1)))
        for b in range(batch):
            offsets[j, b] = at
            for t in times[b]:
                at += t != math.inf
        offsets[j, batch] = at
    return at


@called
def longest_sample(offsets):
    """Largest number of events in a sample."""
    longest = 0
    for b in range(offsets.size - 1):
        longest = max(longest, offsets[b + 1] - offsets[b])
    return longest
