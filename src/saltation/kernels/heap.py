"""A binary heap of ``(time, item)``: the earliest time first, then the lowest item."""

from saltation.kernels.inlining import inlined


@inlined
def _before(times, items, i, j):
    return times[i] < times[j] or (times[i] == times[j] and items[i] < items[j])


@inlined
def _swap(times, items, i, j):
    times[i], times[j] = times[j], times[i]
    items[i], items[j] = items[j], items[i]


@inlined
def heap_push(times, items, size, time, item):
    """Add an entry to a heap with room for it; its new size."""
    i = size
    times[i] = time
    items[i] = item
    while i > 0:
        parent = (i - 1) // 2
        if not _before(times, items, i, parent):
            break
        _swap(times, items, i, parent)
        i = parent
    return size + 1


@inlined
def heap_pop(times, items, size):
    """Remove the first entry of a heap; ``(its item, new size)``."""
    top = items[0]
    size -= 1
    times[0] = times[size]
    items[0] = items[size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and _before(times, items, child + 1, child):
            child += 1
        if not _before(times, items, child, i):
            break
        _swap(times, items, i, child)
        i = child
    return top, size
