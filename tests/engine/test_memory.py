"""Memory that is used again: never while an array is still on it."""

import gc
import threading

import numpy as np
import pytest

import saltation as sal
from reference.networks import DURATION, cotangents, random_network, stimulus
from saltation.engine import memory
from saltation.engine.threads import joined


def address(array):
    return array.__array_interface__["data"][0]


MADE_OF = {
    "slice": lambda array: array[3:5, 10:20][1:],
    "transpose": lambda array: array.T[5:6],
    "reshape": lambda array: array.reshape(-1)[-3:],
    "view": lambda array: array.view(np.int64)[0, :3],
    "memoryview": lambda array: memoryview(array)[2:3],
}


@pytest.mark.parametrize("make", MADE_OF.values(), ids=MADE_OF)
def test_what_is_made_of_an_array_keeps_its_memory(make):
    array = memory.empty((10, 10_001))
    array.fill(7.0)
    at = address(array)
    kept = make(array)
    before = bytes(np.asarray(kept).tobytes())
    del array
    gc.collect()
    others = [memory.empty((10, 10_001)) for _ in range(3)]
    for other in others:
        other.fill(-1.0)
    assert at not in {address(other) for other in others}
    assert np.asarray(kept).tobytes() == before
    del kept
    gc.collect()
    assert address(memory.empty((10, 10_001))) == at


def test_shapes_and_kinds_are_those_of_numpy():
    for shape in (0, 5, (3, 0), (2, 3), 70_000, (7, 9_999)):
        for kind in (np.float64, np.int64, np.int32, bool):
            array = memory.zeros(shape, kind)
            assert array.dtype == kind and array.shape == np.empty(shape).shape
            assert array.flags.c_contiguous and array.flags.writeable
            assert not array.any()
    parts = [np.arange(12.0).reshape(3, 4), np.ones((3, 20_000))]
    assert np.array_equal(joined(parts, 2), np.concatenate(parts, axis=1))


def test_no_more_than_a_limit_is_kept(monkeypatch):
    monkeypatch.setattr(memory, "_RESERVE", {})
    monkeypatch.setattr(memory, "_kept", 0)
    monkeypatch.setattr(memory, "_MOST_KEPT", 1 << 20)
    arrays = [memory.empty(40_000) for _ in range(10)]
    del arrays
    gc.collect()
    assert 0 < memory._kept <= 1 << 20
    assert memory._kept == sum(block.size for stack in memory._RESERVE.values() for block in stack)


def test_sizes_that_are_not_used_any_more_make_room(monkeypatch):
    monkeypatch.setattr(memory, "_RESERVE", {})
    monkeypatch.setattr(memory, "_kept", 0)
    monkeypatch.setattr(memory, "_MOST_KEPT", 1 << 20)
    old = [memory.empty(20_000) for _ in range(6)]
    del old
    new = memory.empty(100_000)
    at = address(new)
    del new
    gc.collect()
    assert memory._kept == sum(block.size for stack in memory._RESERVE.values() for block in stack) <= 1 << 20
    assert address(memory.empty(100_000)) == at


def test_runs_that_are_kept_are_not_written_over():
    """Many runs and gradients, some of them kept, in several threads at once."""
    net = random_network(1, "lif_four", n=40)
    rng = np.random.default_rng(0)
    stims = [stimulus(3, 60, rng, events=15) for _ in range(4)]

    def observed(stim):
        run = sal.simulate(net, {"in": stim}, DURATION, backend=sal.Exact(threads=1))
        spikes, _ = cotangents(run, np.random.default_rng(1))
        gradient = run.gradient(spikes)
        return run, gradient.weight["in", "a"].copy(), run.spikes["a"].times.copy()

    first = [observed(stim) for stim in stims]
    failures = []

    def work(at):
        for _ in range(5):
            run, gradient, times = observed(stims[at])
            same = np.array_equal(gradient, first[at][1]) and np.array_equal(times, first[at][2])
            if not same or not np.array_equal(run.spikes["a"].times, times):
                failures.append(at)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for run, gradient, times in first:
        assert np.array_equal(run.spikes["a"].times, times)
        spikes, _ = cotangents(run, np.random.default_rng(1))
        assert np.array_equal(run.gradient(spikes).weight["in", "a"], gradient)
