"""Arrays on memory that is used again.

A run and its gradient need some megabytes for a few milliseconds.  Taken from the system and given back every time,
each page costs as much as the arithmetic on it: the kernel clears it on first touch.  So the memory of arrays from
here goes to a small reserve when the last array on it is gone, and the next array of the size takes it from there.
"""

import math
import os
import threading
from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Smaller arrays are as well off with the allocator of the system; more than this is not kept.
_LEAST = 1 << 15
_MOST_KEPT = 1 << 27

# Reentrant: the collector may end a lease anywhere, also inside of here.
_lock = threading.RLock()
_RESERVE: dict[int, list[NDArray[np.uint8]]] = {}
_kept = 0


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    # another thread may have held it, which the child does not have
    os.register_at_fork(after_in_child=_renew_lock)


def empty(shape: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """``numpy.empty`` on memory that may have been used before."""
    kind = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    if count * kind.itemsize < _LEAST:
        return np.empty(shape, kind)
    lease = _Lease(_take(_size(count * kind.itemsize)))
    return np.asarray(lease)[: count * kind.itemsize].view(kind).reshape(shape)


def zeros(shape: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """``numpy.zeros`` on memory that may have been used before."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


@final
class _Lease:
    """What owns a block while arrays are on it: the base of the first of them, which the others have as theirs."""

    __slots__ = ("__array_interface__", "_block")

    def __init__(self, block: NDArray[np.uint8]) -> None:
        self._block = block
        self.__array_interface__ = block.__array_interface__

    def __del__(self) -> None:
        _give(self._block)


def _size(wanted: int) -> int:
    """The next of eight sizes in an octave, so that arrays of about the same size share memory."""
    step = 1 << max(wanted.bit_length() - 4, 0)
    return -(-wanted // step) * step


def _take(size: int) -> NDArray[np.uint8]:
    global _kept
    with _lock:
        stack = _RESERVE.get(size)
        if stack:
            _kept -= size
            return stack.pop()
    return np.empty(size, np.uint8)


def _give(block: NDArray[np.uint8]) -> None:
    global _kept
    if block.size > _MOST_KEPT:
        return
    with _lock:
        while _kept + block.size > _MOST_KEPT:
            # sizes that nobody has given back for longest make room: programs go on to other ones
            oldest = next(iter(_RESERVE))
            if _RESERVE[oldest]:
                _kept -= _RESERVE[oldest].pop().size
            else:
                del _RESERVE[oldest]
        stack = _RESERVE.pop(block.size, [])
        stack.append(block)
        _RESERVE[block.size] = stack
        _kept += block.size
