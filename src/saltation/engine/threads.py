"""Work cut into chunks of samples, so that the result does not depend on how many threads do it."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from saltation.engine.memory import empty
from saltation.errors import ParameterError

T = TypeVar("T")

_MOST_CHUNKS = 64
# Updates of a neuron by an event that are worth a chunk of their own: some tens of microseconds.
_LEAST_WORK = 40_000
# What is worth a thread to copy.
_LEAST_BYTES = 1 << 20
ENVIRONMENT = "SALTATION_NUM_THREADS"


def default_threads() -> int:
    """Number of threads where none is given: ``SALTATION_NUM_THREADS``, or the processors this process may use."""
    chosen = os.environ.get(ENVIRONMENT)
    if chosen is not None:
        if not chosen.isdigit() or int(chosen) < 1:
            raise ParameterError(f"{ENVIRONMENT} must be a whole number of at least 1; got {chosen!r}")
        return int(chosen)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def chunks(batch: int, work: int, most: int = _MOST_CHUNKS) -> list[tuple[int, int]]:
    """Cut a batch, in which neurons are updated ``work`` times, into at most ``most`` chunks of even size.

    Depends on nothing but its arguments, so that sums over chunks do not depend on the number of threads.
    """
    count = max(1, min(batch, work // _LEAST_WORK, most))
    return [(batch * i // count, batch * (i + 1) // count) for i in range(count)]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="saltation")


def run_chunks(work: Callable[[int, int], T], cut: list[tuple[int, int]], threads: int) -> list[T]:
    """Results of ``work(first, stop)`` for every chunk, in their order; this thread does its share."""
    helpers = min(threads, len(cut)) - 1
    if helpers < 1:
        return [work(first, stop) for first, stop in cut]
    results: dict[int, T] = {}
    left = iter(range(len(cut)))  # one step of it belongs to one thread

    def take() -> None:
        try:
            for i in left:
                results[i] = work(*cut[i])
        except BaseException:
            for _ in left:  # what is left is not worth doing
                pass
            raise

    helping = [_pool(threads - 1).submit(take) for _ in range(helpers)]
    try:
        take()
    finally:
        # they write to arrays that this thread is about to leave
        for future in helping:
            if not future.cancel():
                future.exception()
    for future in helping:
        if not future.cancelled():
            future.result()
    return [results[i] for i in range(len(cut))]


def joined(parts: list[NDArray[Any]], threads: int) -> NDArray[Any]:
    """``numpy.concatenate`` along the last axis; the result is contiguous, for kernels are compiled for what is."""
    if len(parts) == 1 and parts[0].flags.c_contiguous:
        return parts[0]
    ends = np.cumsum([part.shape[-1] for part in parts])
    whole = empty((*parts[0].shape[:-1], int(ends[-1])), parts[0].dtype)

    def copy(first: int, stop: int) -> None:
        for i in range(first, stop):
            whole[..., ends[i] - parts[i].shape[-1] : ends[i]] = parts[i]

    # a copy is bound by memory, of which two cores have more than one
    run_chunks(copy, [(i, i + 1) for i in range(len(parts))], threads if whole.nbytes > _LEAST_BYTES else 1)
    return whole


if hasattr(os, "register_at_fork"):
    # a forked child has the pool but not its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
