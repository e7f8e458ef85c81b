"""Who is due first among many: each block of neurons knows its leader, and only a block that lost it is searched."""

from saltation.kernels.inlining import inlined

_BLOCK = 6  # 64 neurons
_NOBODY = -1


@inlined
def forget(leader, first, stop):
    """Any of the neurons ``first <= m < stop`` may be due at another time than before."""
    for block in range(first >> _BLOCK, ((stop - 1) >> _BLOCK) + 1):
        leader[block] = _NOBODY


@inlined
def announce(m, due, leader):
    """Neuron ``m`` is due at another time than before."""
    block = m >> _BLOCK
    best = leader[block]
    if best == m:
        leader[block] = _NOBODY
    elif best >= 0 and (due[m] < due[best] or (due[m] == due[best] and m < best)):
        leader[block] = m


@inlined
def lead(due, leader, n):
    """The neuron that is due first; the lowest of those at the same time."""
    first = 0
    for block in range(((n - 1) >> _BLOCK) + 1):
        best = leader[block]
        if best < 0:
            best = block << _BLOCK
            for m in range(best + 1, min(best + (1 << _BLOCK), n)):
                if due[m] < due[best]:
                    best = m
            leader[block] = best
        if due[best] < due[first]:
            first = best
    return first
