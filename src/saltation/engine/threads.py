"""Work cut into chunks of samples, so that the result does not depend on how many threads do it."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from saltation.engine.memory import empty
from saltation.errors import ParameterError

T = TypeVar("T")
_LOG = logging.getLogger(__name__)

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
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="saltation")


def run_chunks(work: Callable[[int, int], T], cut: list[tuple[int, int]], threads: int) -> list[T]:
    """Results of ``work(first, stop)`` for every chunk, in their order; this thread does its share."""
    helpers = min(threads, len(cut)) - 1
    if helpers < 1:
        return [work(first, stop) for first, stop in cut]
    share = _Share(work, cut)
    helping: list[Future[None]] = []
    try:
        try:
            for _ in range(helpers):
                helping.append(_pool(threads - 1).submit(share.take))
        except RuntimeError as error:  # the interpreter is about to end, or the system has no more threads
            _LOG.warning("no helping thread could be started (%s); this one does all the work", error)
        share.take()
    finally:
        # they write to arrays that this thread is about to leave
        errors = [future.exception() for future in helping if not future.cancel()]
        # one that was cancelled stays in the queue until a worker comes by, and must hold nothing
        results = share.close()
        del helping
    for error in errors:
        if error is not None:
            raise error
    return [results[i] for i in range(len(cut))]


@final
class _Share:
    """Chunks that several threads take one after another, until one of them fails."""

    __slots__ = ("_cut", "_left", "_lock", "_results", "_work")

    def __init__(self, work: Callable[[int, int], Any], cut: list[tuple[int, int]]) -> None:
        self._work: Callable[[int, int], Any] | None = work
        self._cut = cut
        self._left = iter(range(len(cut)))
        self._lock = threading.Lock()
        self._results: dict[int, Any] = {}

    def take(self) -> None:
        work, results = self._work, self._results
        try:
            while work is not None and (i := self._next()) is not None:
                results[i] = work(*self._cut[i])
        except BaseException:
            with self._lock:
                self._left = iter(())  # what is left is not worth doing
            raise

    def close(self) -> dict[int, Any]:
        """Let go of the work and its results, and give the results."""
        results, self._work, self._results, self._left = self._results, None, {}, iter(())
        return results

    def _next(self) -> int | None:
        with self._lock:
            return next(self._left, None)


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
