"""Spikes in arrays ``[batch, capacity]``, as frameworks with static shapes want them, to and from flat ones.

A place is empty where its time is inf; then its unit is -1.  What cannot be is never dropped: the sample's status says
so, and all that is returned of it is NaN.
"""

import math

from saltation.kernels.cache import compile_kernel
from saltation.kernels.inlining import called
from saltation.kernels.records import OK

# Outcomes of a sample beside those in ``records``.
CAPACITY = 3  # more spikes than there is room for
STIMULUS = 4  # a time or a unit that cannot be, or a source that failed
PARAMETER = 5  # a parameter out of its range
UNFINISHED = 6  # the kernel did not come to its end


@called
def compact(times, units, n_units, duration, source, flat_times, flat_units, offsets, at, status):
    """Append the events of ``times``, ``units [batch, capacity]`` to the flat arrays; where they end.

    ``offsets [source, batch + 1]``: the row of this source is written.  Samples with an event that cannot be get the
    status ``STIMULUS`` and no events.
    """
    for b in range(times.shape[0]):
        offsets[source, b] = at
        begin = at
        for c in range(times.shape[1]):
            t = times[b, c]
            if t == math.inf:
                continue
            u = units[b, c]
            if not (0.0 <= t <= duration and 0 <= u < n_units):
                status[b] = STIMULUS
                break
            flat_times[at] = t
            flat_units[at] = u
            at += 1
        if status[b] == STIMULUS:
            at = begin
    offsets[source, times.shape[0]] = at
    return at


@called
def spread(first, stop, flat_times, flat_units, offsets, times, units, counts, status):
    """Lay spikes of the neurons ``first <= m < stop`` out in ``times``, ``units [batch, capacity]``, and count them.

    Samples with more than there is room for get the status ``CAPACITY``.
    """
    room = times.shape[1]
    for b in range(times.shape[0]):
        c = 0
        for k in range(offsets[b], offsets[b + 1]):
            m = flat_units[k]
            if first <= m < stop:
                if c < room:
                    times[b, c] = flat_times[k]
                    units[b, c] = m - first
                c += 1
        counts[b] = c
        if c > room and status[b] == OK:
            status[b] = CAPACITY
        for i in range(c, room):
            times[b, i] = math.inf
            units[b, i] = -1


@called
def blank(times, units, status):
    """Times of samples that failed are NaN."""
    for b in range(times.shape[0]):
        if status[b] != OK:
            for c in range(times.shape[1]):
                times[b, c] = math.nan
                units[b, c] = -1


@called
def blank_values(values, status):
    """Values ``[batch, :, neuron]`` of samples that failed are NaN."""
    for b in range(values.shape[0]):
        if status[b] != OK:
            for i in range(values.shape[1]):
                for m in range(values.shape[2]):
                    values[b, i, m] = math.nan


@called
def collect(first, stop, given, flat_units, offsets, flat):
    """The converse of `spread` for derivatives: what is ``given [batch, capacity]``, at the flat spikes."""
    for b in range(given.shape[0]):
        c = 0
        for k in range(offsets[b], offsets[b + 1]):
            if first <= flat_units[k] < stop:
                if c < given.shape[1]:
                    flat[k] = given[b, c]
                c += 1


@called
def hand_back(times, flat, offsets, source, result):
    """The converse of `compact` for derivatives: those of flat events, at the places ``[batch, capacity]``."""
    for b in range(times.shape[0]):
        k = offsets[source, b]
        for c in range(times.shape[1]):
            if times[b, c] == math.inf:
                result[b, c] = 0.0
            else:
                result[b, c] = flat[k]
                k += 1


@called
def allowed(table, ranges, weights, delays, v_init):
    """Whether all parameters are in their range; ``table [neuron or 1, primary]``.

    ``ranges [primary]``: 1 for what has to be positive, 0 for what must not be negative, -1 for any number.  The first
    and third columns are the threshold, which may be inf, and the reset.
    """
    fine = True
    for w in weights:
        fine = fine and math.isfinite(w)
    for d in delays:
        fine = fine and 0.0 <= d < math.inf
    for m in range(table.shape[0]):
        fine = fine and table[m, 2] < table[m, 0]
        for i in range(1, table.shape[1]):
            x = table[m, i]
            fine = fine and math.isfinite(x) and (ranges[i] < 0 or x > 0.0 or (ranges[i] == 0 and x == 0.0))
    for m in range(v_init.size):
        fine = fine and -math.inf < v_init[m] < table[m if table.shape[0] > 1 else 0, 0]
    return fine


compact_events = compile_kernel(compact)
spread_spikes = compile_kernel(spread)
collect_derivatives = compile_kernel(collect)
hand_back_derivatives = compile_kernel(hand_back)
are_allowed = compile_kernel(allowed)
