"""Spikes: constructors, views and round trips."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltation.errors import ParameterError
from saltation.model import Spikes

DT = 1e-3

trains = st.lists(  # samples of (time, unit), times with many ties
    st.lists(
        st.tuples(st.integers(0, 8).map(lambda k: 0.1 * k) | st.floats(0.0, 1e3), st.integers(0, 4)),
        max_size=12,
    ),
    max_size=5,
)


def spikes_of(samples, n_units=5):
    """Sort samples of (time, unit) stably by time, in plain Python."""
    ordered = [sorted(sample, key=lambda event: event[0]) for sample in samples]
    return Spikes.from_lists([([t for t, _ in s], [u for _, u in s]) for s in ordered], n_units)


def check_frozen(spikes):
    assert (spikes.times.dtype, spikes.units.dtype, spikes.offsets.dtype) == (np.float64, np.int32, np.int64)
    for array in (spikes.times, spikes.units, spikes.offsets):
        assert not array.flags.writeable


@given(trains)
@settings(max_examples=50, deadline=None)
def test_lists_round_trip(samples):
    spikes = spikes_of(samples)
    check_frozen(spikes)
    assert Spikes.from_lists(spikes.to_lists(), n_units=5) == spikes
    assert Spikes(spikes.times, spikes.units, spikes.offsets, 5) == spikes
    unsorted = [([t for t, _ in s], [u for _, u in s]) for s in samples]
    assert Spikes.from_lists(unsorted, n_units=5, sort=True) == spikes


@given(trains, st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_padded_round_trip(samples, spare):
    spikes = spikes_of(samples)
    capacity = int(spikes.per_sample().max(initial=0)) + spare
    times, units = spikes.to_padded(capacity)
    assert times.shape == units.shape == (len(samples), capacity)
    assert Spikes.from_padded(times, units, n_units=5) == spikes


@given(st.integers(0, 3), st.integers(1, 40), st.data())
@settings(max_examples=50, deadline=None)
def test_dense_round_trip(batch, steps, data):
    dense = data.draw(st.lists(st.booleans(), min_size=batch * steps * 3, max_size=batch * steps * 3))
    array = np.array(dense, dtype=bool).reshape(batch, steps, 3)
    dt = data.draw(st.floats(1e-6, 10.0))
    t0 = data.draw(st.floats(0.0, 10.0))
    spikes = Spikes.from_dense(array, dt, t0)
    back = spikes.to_dense(dt, steps * dt, t0=t0)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, array)
    assert Spikes.from_dense(back, dt, t0) == spikes


@given(st.lists(st.lists(st.floats(0, 1e3) | st.just(np.inf), min_size=4, max_size=4), max_size=5))
def test_latencies_round_trip(rows):
    times = np.array(rows, dtype=float).reshape(-1, 4)
    spikes = Spikes.from_latencies(times)
    check_frozen(spikes)
    np.testing.assert_array_equal(spikes.first(), times)
    assert Spikes(spikes.times, spikes.units, spikes.offsets, 4) == spikes
    for t, u in spikes.to_lists():
        assert list(zip(t, u, strict=True)) == sorted(zip(t, u, strict=True))


@given(trains, st.data())
@settings(max_examples=50, deadline=None)
def test_indexing(samples, data):
    spikes = spikes_of(samples)
    batch = len(samples)
    some = st.integers(-batch, batch - 1) if batch else st.nothing()
    picks = data.draw(st.lists(some, max_size=6 if batch else 0))
    cut = data.draw(st.slices(batch))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=batch, max_size=batch)), dtype=bool)
    assert spikes[cut] == spikes_of(samples[cut])
    assert spikes[picks] == spikes[np.array(picks, dtype=int)] == spikes_of([samples[i] for i in picks])
    assert spikes[mask] == spikes_of([s for s, m in zip(samples, mask, strict=True) if m])
    for i, one in enumerate(spikes):
        assert one == spikes[i] == spikes[i - batch] == spikes_of([samples[i]])
        assert Spikes.from_lists([spikes.sample(i)], n_units=5) == one


@given(trains)
@settings(max_examples=50, deadline=None)
def test_views_agree_with_loops(samples):
    spikes = spikes_of(samples)
    counts = np.zeros((len(samples), 5), dtype=np.int64)
    first = np.full((len(samples), 5), np.inf)
    for b, sample in enumerate(samples):
        for t, u in sample:
            counts[b, u] += 1
            first[b, u] = min(first[b, u], t)
    np.testing.assert_array_equal(spikes.counts(), counts)
    np.testing.assert_array_equal(spikes.first(), first)
    np.testing.assert_array_equal(spikes.per_sample(), counts.sum(axis=1))
    assert spikes.counts().dtype == spikes.first_index().dtype == np.int64
    index = spikes.first_index()
    for b, n in np.ndindex(index.shape):
        if index[b, n] < 0:
            assert counts[b, n] == 0
        else:
            event = index[b, n]
            assert (spikes.units[event], spikes.times[event]) == (n, first[b, n])
            earlier = slice(spikes.offsets[b], event)
            assert spikes.sample_index()[event] == b and n not in spikes.units[earlier]


@given(trains, trains)
@settings(max_examples=50, deadline=None)
def test_merge_and_concatenate(a, b):
    size = min(len(a), len(b))
    x, y = spikes_of(a[:size]), spikes_of(b[:size])
    ordered = [sorted(s, key=lambda e: e[0]) + sorted(t, key=lambda e: e[0]) for s, t in zip(a, b, strict=False)]
    assert Spikes.merge([x, y]) == spikes_of(ordered)
    assert Spikes.concatenate([spikes_of(a), spikes_of(b)]) == spikes_of(a + b)


@given(trains)
@settings(max_examples=50, deadline=None)
def test_shift_there_and_back(samples):
    spikes = spikes_of(samples)
    later = spikes.shift(0.5)
    np.testing.assert_array_equal(later.times, spikes.times + 0.5)
    assert later.shift(0.0) == later


@given(trains)
@settings(max_examples=50, deadline=None)
def test_copies_are_equal_and_frozen(samples):
    spikes = spikes_of(samples)
    for other in (copy.copy(spikes), copy.deepcopy(spikes), pickle.loads(pickle.dumps(spikes))):
        assert other == spikes
        check_frozen(other)


def test_arrays_are_copied_unless_trusted():
    times, units, offsets = np.array([0.1, 0.2]), np.array([0, 1], np.int32), np.array([0, 2])
    spikes = Spikes(times, units, offsets)
    times[0] = 0.15
    assert spikes.times[0] == 0.1 and times.flags.writeable
    trusted = Spikes._trusted(times, units, offsets, 2)
    assert trusted.times is times
    check_frozen(trusted)
    with pytest.raises(AttributeError):
        spikes.n_units = 3
    with pytest.raises(TypeError):
        hash(spikes)


def test_equality_is_of_content():
    spikes = Spikes.from_latencies([[0.1, 0.2]])
    assert spikes == Spikes.from_latencies([[0.1, 0.2]])
    assert spikes != Spikes.from_latencies([[0.1, 0.3]])
    assert spikes != Spikes(spikes.times, spikes.units, spikes.offsets, 3)
    assert spikes != Spikes(spikes.times, [0, 0], spikes.offsets, 2)
    assert spikes != Spikes(spikes.times, spikes.units, [0, 1, 2], 2)
    assert spikes != "spikes"


def test_grid_edges():
    # 0.3 / 0.1 is below 3 in floating point and 0.30000000000000004 is the float edge of step 3.
    spikes = Spikes.from_lists([([0.1, 0.3, 0.30000000000000004], [0, 0, 0])], n_units=1)
    assert spikes.to_dense(0.1, 0.5)[0, :, 0].tolist() == [0, 1, 1, 1, 0]
    last = Spikes.from_lists([([0.3], [0])], n_units=1)
    assert last.to_dense(0.1, 0.3)[0, :, 0].tolist() == [0, 0, 1]
    assert last.to_dense(0.2, 0.3)[0, :, 0].tolist() == [0, 1]
    assert last.to_dense(0.1, 0.2, t0=0.1)[0, :, 0].tolist() == [0, 1]


def test_several_events_in_a_cell():
    spikes = Spikes.from_lists([([0.0, 0.0001, 0.0011], [0, 0, 0])], n_units=1)
    with pytest.raises(ParameterError, match=r"to_dense\.dt .* got 2 at index \(0, 0, 0\).*multiple="):
        spikes.to_dense(DT, 2e-3)
    assert spikes.to_dense(DT, 2e-3, multiple="clip").ravel().tolist() == [1, 1]
    assert spikes.to_dense(DT, 2e-3, multiple="count").ravel().tolist() == [2, 1]
    many = Spikes.from_lists([(np.zeros(256), np.zeros(256, int))], n_units=1)
    with pytest.raises(ParameterError, match="more than 255"):
        many.to_dense(DT, DT, multiple="count")


def test_events_outside_the_grid_are_not_dropped():
    spikes = Spikes.from_lists([([0.5], [0])], n_units=1)
    with pytest.raises(ParameterError, match=r"to_dense\.duration .*0\.5 at index \(0,\)"):
        spikes.to_dense(0.1, 0.4)
    with pytest.raises(ParameterError, match=r"to_dense\.t0 .*0\.5"):
        spikes.to_dense(0.1, 0.4, t0=0.6)


def test_overflow_names_the_capacity():
    spikes = Spikes.from_latencies([[np.inf, 0.1], [0.1, 0.2]])
    with pytest.raises(ParameterError, match=r"to_padded\.capacity .*sample 1.*capacity=2"):
        spikes.to_padded(1)


def test_unknown_number_of_units():
    spikes = Spikes([0.1], [2], [0, 1])
    for method in (spikes.counts, spikes.first, spikes.first_index):
        with pytest.raises(ParameterError, match=r"n_units must be known.*pass it to Spikes or to"):
            method()
        assert method(4).shape == (1, 4)
        with pytest.raises(ParameterError, match=r"n_units must be an integer >= 3; got 2"):
            method(2)
    with pytest.raises(ParameterError, match="n_units must be known"):
        spikes.to_dense(0.1, 1.0)
    known = Spikes.empty(1, n_units=3)
    assert Spikes.concatenate([spikes, known]).n_units == Spikes.merge([known, spikes]).n_units == 3
    assert Spikes.concatenate([spikes, spikes]).n_units is None
    with pytest.raises(ParameterError, match=r"concatenate\.units must be in 0\.\.1"):
        Spikes.concatenate([spikes, Spikes.empty(1, n_units=2)])


def test_repr():
    spikes = Spikes.from_lists([([0.0, 0.031], [1, 4]), ([], [])], n_units=5)
    assert repr(spikes) == "Spikes(batch=2, events=2, units=5, t=0 s..0.031 s)"
    assert repr(Spikes.empty(1)) == "Spikes(batch=1, events=0, units=?)"


def test_empty_batches():
    none = Spikes.empty(0, 3)
    assert (len(none), none.n_events, none.counts().shape, none.first().shape) == (0, 0, (0, 3), (0, 3))
    assert none.to_dense(DT, 5e-3).shape == (0, 5, 3)
    assert none.to_padded()[0].shape == (0, 0)
    assert Spikes.from_lists([], n_units=3) == none == Spikes.from_padded(*none.to_padded(), n_units=3)
    assert Spikes.concatenate([none, Spikes.empty(2, 3)]) == Spikes.empty(2, 3) == Spikes.empty(4, 3)[[0, 1]]


def test_a_million_events():
    rng = np.random.default_rng(1)
    n, batch = 1_000_000, 100
    times = np.sort(rng.random((batch, n // batch)), axis=1).ravel()
    units = rng.integers(0, 120, n)
    spikes = Spikes(times, units, np.arange(0, n + 1, n // batch), 120)
    assert spikes.counts().sum() == n
    index = spikes.first_index()
    np.testing.assert_array_equal(spikes.first(), times[index])
    np.testing.assert_array_equal(units[index], np.broadcast_to(np.arange(120), (batch, 120)))


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1", "i8"])
def test_units_of_any_integer_dtype(kind):
    assert Spikes([0.1, 0.2], np.array([3, 0], kind), [0, 2]).units.tolist() == [3, 0]
