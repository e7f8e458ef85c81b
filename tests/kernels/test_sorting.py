"""Spikes brought into order by ranks, bins or merging: every kind of span, in plain Python, where bad indices raise."""

import numpy as np
import pytest

from saltation.kernels.records import TAPE_INTS, TIME, UNIT, Spiked, Tape
from saltation.kernels.sorting import BINS, RANKED, order_by, sort_span

RNG = np.random.default_rng(0)
TIMES = {
    "even": RNG.uniform(0.0, 1.0, 60),
    "few": np.array([0.3, 0.1, 0.2]),
    "one": np.array([0.4]),
    "equal": np.full(40, 0.2),
    "ties": RNG.integers(0, 6, 50) / 8.0,
    "crowded": np.concatenate([RNG.uniform(0.0, 1e-9, 2 * RANKED), [1.0]]),
    "last to be ranked": RNG.uniform(0.0, 1.0, RANKED),
    "first to be dealt out": RNG.uniform(0.0, 1.0, RANKED + 1),
    "many ties": RNG.integers(0, 60, 2 * RANKED) / 64.0,
    "many equal": np.full(2 * RANKED, 0.2),
    "more than bins": RNG.uniform(0.0, 1.0, 2 * BINS),
    "very many": RNG.uniform(0.0, 1.0, 5 * BINS),
    "no reciprocal": np.array([3.0, 1.0, 2.0]) * 1e-318,
    "at the limit": np.array([3.0, 1.0, 2.0]) * 1e-290,
    "huge": np.array([1.7e308, 1e300, 0.0]),
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_order_is_by_time_then_unit(times):
    before, n = 3, times.size
    tape = Tape(np.zeros((1, before + n)), np.zeros((TAPE_INTS, before + n), np.int64))
    tape.floats[TIME, before:] = times
    tape.ints[UNIT, before:] = RNG.permutation(n)
    spiked = Spiked(np.full(before + n, -7.0), np.zeros(before + n, np.int64), np.zeros(before + n, np.int64))
    counts = np.empty(BINS + 1, np.int64)
    sort_span(tape, before, before + n, spiked, 1, counts, np.empty(RANKED + 8))
    order = np.lexsort((tape.ints[UNIT, before:], times))
    assert np.array_equal(spiked.times[before:], times[order])
    assert np.array_equal(spiked.units[before:], tape.ints[UNIT, before:][order])
    assert np.array_equal(spiked.index[before:], before + order - 1)
    assert (spiked.times[:before] == -7.0).all()


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_events_are_ordered_by_time_then_cause(times):
    before, n = 3, times.size
    all_times = np.concatenate([np.full(before, -1.0), times, [-2.0]])
    ties = np.concatenate([np.zeros(before), RNG.integers(0, 4, n), [0]]).astype(np.int64)
    order = order_by(all_times, ties, before, before + n)
    # stable: equal times and ties keep the order in which they came
    expected = np.lexsort((np.arange(n), ties[before : before + n], times))
    assert np.array_equal(order, expected)
