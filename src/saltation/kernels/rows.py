"""Rows of neurons that are worked on side by side: how long they are, and who is in them.

A loop that the compiler turns into vector instructions does its rest one by one, at the price of whole vectors.  Rows
of whole vectors have no rest; what lies in the idle lanes does no harm.
"""

import math

from saltation.kernels.bits import lowest_bit, natural, set_among
from saltation.kernels.inlining import inlined

# What the compiler takes at once at most: four vectors of eight.
LANES = 32
_VECTOR = 8


def lanes(neurons: int) -> int:
    """Length of rows that hold ``neurons``."""
    return -(-neurons // LANES) * LANES


@inlined
def whole(count):
    """``count`` entries of a row, rounded up to whole vectors."""
    return (count + _VECTOR - 1) // _VECTOR * _VECTOR


@inlined
def list_chosen(picked):
    """Put the places of what is not zero to the front, in their order; their number."""
    found = 0
    for block in range(0, picked.size, 32):
        word = set_among(picked, block) | set_among(picked, block + 8) << 8
        word |= set_among(picked, block + 16) << 16 | set_among(picked, block + 24) << 24
        while word != 0:
            picked[natural(found)] = block + lowest_bit(word)
            found += 1
            word &= word - 1
    return found


@inlined
def divide(times, active, hit, missed):
    """Which of the searches found a crossing, and which did not; the number of those that did."""
    hits = 0
    for j in range(active):
        found = times[j] < math.inf
        hit[natural(hits)] = j
        missed[natural(j - hits)] = j
        hits += found
    return hits
