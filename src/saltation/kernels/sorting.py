"""Orders that do not depend on anything but the data: by time, then by unit or by position.

What is to be sorted is dealt out to bins of time; a merge sort serves what crowds in them.  It is our own: Numba's
takes seconds to compile, in every kernel that sorts.
"""

import math

import numpy as np

from saltation.kernels.bits import count_below, natural
from saltation.kernels.cache import compile_kernel
from saltation.kernels.inlining import inlined
from saltation.kernels.records import AT_SPIKE, CAUSE, PEAK_INDEX, PEAK_KIND, PREVIOUS, TIME, UNIT

BINS = 256
RANKED = 128
_CROWD = 16
_FEW = 64


@inlined
def deal_out(times, ties, start, stop, order):
    """Order of ``[start, stop)`` by as many bins of time as half of its length; false where they crowd in a few."""
    n = stop - start
    lowest = math.inf
    highest = -math.inf
    for i in range(start, stop):
        lowest = min(lowest, times[natural(i)])
        highest = max(highest, times[natural(i)])
    if not (highest - lowest > 1e-290 and highest < math.inf):
        return False
    bins = n // 2
    scale = bins * (1.0 - 1e-12) / (highest - lowest)
    counts = np.zeros(bins + 1, np.int64)
    for i in range(start, stop):
        counts[natural(int((times[natural(i)] - lowest) * scale) + 1)] += 1
    for i in range(bins):
        if counts[i + 1] > _CROWD:
            return False
        counts[i + 1] += counts[i]
    for i in range(n):
        cell = natural(int((times[natural(start + i)] - lowest) * scale))
        order[natural(counts[cell])] = i
        counts[cell] += 1
    # almost in order, and those of equal time in that in which they came
    for k in range(1, n):
        i = order[natural(k)]
        t = times[natural(start + i)]
        at = k
        while at > 0:
            j = order[natural(at - 1)]
            before = times[natural(start + j)]
            if before < t or (before == t and ties[natural(start + j)] <= ties[natural(start + i)]):
                break
            order[natural(at)] = j
            at -= 1
        order[natural(at)] = i
    return True


@inlined
def order_by(times, ties, start, stop):
    """Stable order of ``[start, stop)`` by time, then by ``ties``; relative to ``start``."""
    n = stop - start
    order = np.empty(n, np.int64)
    if n > _FEW and deal_out(times, ties, start, stop, order):
        return order
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


@inlined
def insertion_sort(spiked, start, stop):
    """Insertion sort of ``spiked[start:stop]``: quick where it is almost in order."""
    for k in range(start + 1, stop):
        t = spiked.times[k]
        unit = spiked.units[k]
        if spiked.times[k - 1] < t:
            continue
        index = spiked.index[k]
        at = k
        while at > start:
            before = spiked.times[at - 1]
            if before < t or (before == t and spiked.units[at - 1] <= unit):
                break
            spiked.times[at] = before
            spiked.units[at] = spiked.units[at - 1]
            spiked.index[at] = spiked.index[at - 1]
            at -= 1
        spiked.times[at] = t
        spiked.units[at] = unit
        spiked.index[at] = index


@inlined
def rank_span(tape, start, stop, spiked, begin, scratch):
    """Put each spike of ``[start, stop)`` in the place that the number of earlier ones gives it; false among ties.

    ``scratch [RANKED + 8]``.
    """
    n = stop - start
    for i in range(n):
        scratch[i] = tape.floats[TIME, natural(start + i)]
    for i in range(n, n + 8):
        scratch[i] = math.inf
    total = 0
    for i in range(n):
        t = scratch[i]
        rank = 0
        for block in range(0, n, 8):
            rank += count_below(scratch, block, t)
        total += rank
        at = natural(start + rank)
        spiked.times[at] = t
        spiked.units[at] = tape.ints[UNIT, natural(start + i)]
        spiked.index[at] = start + i - begin
    return total == n * (n - 1) // 2


@inlined
def sort_span(tape, start, stop, spiked, begin, counts, scratch):
    """Bring spikes ``[start, stop)`` of the tape into order in ``spiked``; where they are counts from ``begin``.

    Few are ranked side by side.  More are dealt out to as many bins of time as there are spikes, and put in order from
    there; a merge sort is left for very many, or for those that crowd in one bin.  ``counts [BINS + 1]`` and ``scratch
    [RANKED + 8]`` may hold anything.
    """
    n = stop - start
    if n <= RANKED and rank_span(tape, start, stop, spiked, begin, scratch):
        return
    lowest = math.inf
    highest = -math.inf
    for k in range(start, stop):
        lowest = min(lowest, tape.floats[TIME, k])
        highest = max(highest, tape.floats[TIME, k])
    # a span that is next to nothing has no reciprocal
    crowded = not highest - lowest > 1e-290 or n > 4 * BINS
    bins = min(max(n, 1), BINS)
    if not crowded:
        scale = bins * (1.0 - 1e-12) / (highest - lowest)
        for i in range(bins + 1):
            counts[i] = 0
        for k in range(start, stop):
            counts[int((tape.floats[TIME, k] - lowest) * scale) + 1] += 1
        for i in range(bins):
            crowded = crowded or counts[i + 1] > _CROWD
            counts[i + 1] += counts[i]
    if not crowded:
        for k in range(start, stop):
            t = tape.floats[TIME, k]
            cell = int((t - lowest) * scale)
            at = start + counts[cell]
            counts[cell] += 1
            spiked.times[at] = t
            spiked.units[at] = tape.ints[UNIT, k]
            spiked.index[at] = k - begin
        insertion_sort(spiked, start, stop)
        return
    order = order_by(tape.floats[TIME], tape.ints[UNIT], start, stop)
    for i in range(n):
        k = start + order[i]
        spiked.times[start + i] = tape.floats[TIME, k]
        spiked.units[start + i] = tape.ints[UNIT, k]
        spiked.index[start + i] = k - begin


@inlined
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
