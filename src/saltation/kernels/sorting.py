"""Orders that do not depend on anything but the data: by time, then by unit or by position.

The merge sort is our own: Numba's takes seconds to compile, in every kernel that sorts.
"""

import numpy as np
from numba.extending import register_jitable

from saltation.kernels.cache import compile_kernel
from saltation.kernels.records import AT_SPIKE, CAUSE, PEAK_INDEX, PEAK_KIND, PREVIOUS, TIME, UNIT


@register_jitable
def is_sorted(times, start, stop):
    """Whether ``times[start:stop]`` does not decrease."""
    for i in range(start + 1, stop):
        if times[i] < times[i - 1]:
            return False
    return True


@register_jitable
def order_by(times, ties, start, stop):
    """Stable order of ``[start, stop)`` by time, then by ``ties``; relative to ``start``."""
    n = stop - start
    order = np.empty(n, np.int64)
    other = np.empty(n, np.int64)
    for i in range(n):
        order[i] = i
    width = 1
    while width < n:
        for left in range(0, n, 2 * width):
            middle = min(left + width, n)
            end = min(left + 2 * width, n)
            i = left
            j = middle
            for k in range(left, end):
                take_left = j >= end
                if i < middle and j < end:
                    a = start + order[i]
                    b = start + order[j]
                    take_left = times[a] < times[b] or (times[a] == times[b] and ties[a] <= ties[b])
                if take_left:
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
        order, other = other, order
        width *= 2
    return order


@register_jitable
def permute(array, row, order, start, scratch):
    """Reorder ``array[row, start:]`` in place."""
    for i in range(order.size):
        scratch[i] = array[row, start + order[i]]
    for i in range(order.size):
        array[row, start + i] = scratch[i]


def _order_samples(first, stop, tape, tape_offsets, watch, log, log_offsets, own_offsets):
    """Put the spikes of each sample into order by time and unit.

    What refers to a spike follows: the neuron's next one, a maximum that sits on it, the log.  All of them count from
    the sample's first spike afterwards.
    """
    for b in range(first, stop):
        start = tape_offsets[b]
        end = tape_offsets[b + 1]
        if end == start:
            continue
        order = order_by(tape.floats[TIME], tape.ints[UNIT], start, end)
        place = np.empty(end - start, np.int64)
        for i in range(end - start):
            place[order[i]] = i
        floats = np.empty(end - start)
        ints = np.empty(end - start, np.int64)
        for row in range(tape.floats.shape[0]):
            permute(tape.floats, row, order, start, floats)
        for row in range(tape.ints.shape[0]):
            permute(tape.ints, row, order, start, ints)
        for i in range(start, end):
            if tape.ints[PREVIOUS, i] >= 0:
                tape.ints[PREVIOUS, i] = place[tape.ints[PREVIOUS, i] - start]
        for m in range(watch.shape[2]):
            if watch[b, PEAK_KIND, m] == AT_SPIKE:
                watch[b, PEAK_INDEX, m] = place[int(watch[b, PEAK_INDEX, m]) - start]
        for i in range(log_offsets[b], log_offsets[b + 1]):
            if log.order[i] < 0:
                log.order[i] = -1 - place[-1 - log.order[i]]
        for i in range(own_offsets[b], own_offsets[b + 1]):
            log.ints[CAUSE, i] = place[log.ints[CAUSE, i]]


order_samples = compile_kernel(_order_samples)
