"""Chunks of work: their order, whose turn it is, and what becomes of an error."""

import gc
import threading
import time
import weakref

import pytest

from saltation.engine.threads import chunks, run_chunks


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_results_come_in_the_order_of_the_chunks(threads: int) -> None:
    cut = chunks(23, 10**9, 7)
    assert run_chunks(lambda first, stop: (first, stop), cut, threads) == cut


def test_no_chunks_no_results() -> None:
    assert run_chunks(lambda first, stop: first, [], 2) == []


def test_two_threads_are_at_work_at_once_and_one_is_the_caller() -> None:
    both = threading.Barrier(2, timeout=10.0)

    def work(first: int, stop: int) -> int:
        both.wait()  # broken, were they to come one after the other
        return threading.get_ident()

    seen = run_chunks(work, [(0, 1), (1, 2)], 2)
    assert len(set(seen)) == 2 and threading.get_ident() in seen


@pytest.mark.parametrize("culprit", ["caller", "helper"])
def test_an_error_reaches_the_caller_when_nobody_works_any_more(culprit: str) -> None:
    caller = threading.get_ident()
    both = threading.Barrier(2, timeout=10.0)
    running: set[int] = set()
    begun: list[int] = []

    def work(first: int, stop: int) -> None:
        me = threading.get_ident()
        begun.append(first)
        running.add(me)
        if first < 2:
            both.wait()
        if (me == caller) == (culprit == "caller"):
            running.discard(me)
            raise ValueError(culprit)
        time.sleep(0.05)
        running.discard(me)

    with pytest.raises(ValueError, match=culprit):
        run_chunks(work, [(i, i + 1) for i in range(100)], 2)
    assert not running
    assert len(begun) < 10  # of 100: what was left was not worth doing
    assert run_chunks(lambda first, stop: first, [(0, 1), (1, 2)], 2) == [0, 1]  # the pool is as it was


def test_a_helper_that_never_came_holds_nothing() -> None:
    busy, free = threading.Event(), threading.Event()

    def block(first: int, stop: int) -> None:
        busy.set()
        free.wait(10.0)

    other = threading.Thread(target=run_chunks, args=(block, [(0, 1), (1, 2)], 2))
    other.start()  # its helper is the only one there is
    try:
        assert busy.wait(10.0)
        time.sleep(0.1)

        def work(first: int, stop: int) -> _Thing:
            return _Thing()

        results = run_chunks(work, [(0, 1), (1, 2)], 2)
        seen = [weakref.ref(thing) for thing in [*results, work]]
        del results, work
        gc.collect()
        assert [ref() for ref in seen] == [None] * 3
    finally:
        free.set()
        other.join()


class _Thing:
    pass
