import jax
import jax.numpy as jnp
import numpy as np
import pytest

import saltation as sal
from saltation.errors import ParameterError
from saltation.jax import Spikes, as_spikes

SAMPLES = [([1e-3, 4e-3, 4e-3], [1, 0, 1]), ([], []), ([2e-3], [2])]


def test_there_and_back():
    spikes = sal.Spikes.from_lists(SAMPLES, n_units=3)
    padded = Spikes.from_numpy(spikes, capacity=5)
    assert padded.capacity == 5 and padded.batch == len(padded) == 3 and padded.count.tolist() == [3, 0, 1]
    assert padded.to_numpy() == spikes
    np.testing.assert_array_equal(padded.counts(), spikes.counts())
    np.testing.assert_array_equal(padded.first(), spikes.first())
    assert padded.first(4).shape == padded.counts(4).shape == (3, 4)
    assert repr(padded) == "Spikes(batch=3, capacity=5, units=3)"


def test_no_room_at_all():
    empty = Spikes.from_numpy(sal.Spikes.empty(2, 3))
    assert empty.capacity == 0 and np.isinf(empty.first()).all() and not empty.counts().any()


def test_first_spikes_of_few_and_of_many_are_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    times = np.sort(rng.choice([1e-3, 2e-3, 3e-3, 5e-3, np.inf], (6, 8)), axis=1)
    times[2] = np.nan
    units = np.where(times < np.inf, rng.integers(0, 3, times.shape), -1).astype(np.int32)
    weights = rng.normal(size=(6, 4))

    def loss(times):
        first = Spikes(times, jnp.asarray(units), jnp.zeros(6, jnp.int32), 3).first(4)
        return jnp.where(jnp.isfinite(first), weights * first, 0.0).sum(), first

    few = jax.grad(loss, has_aux=True)(jnp.asarray(times))
    monkeypatch.setattr("saltation.jax.spikes._FEW", 0)
    many = jax.grad(loss, has_aux=True)(jnp.asarray(times))
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isnan(few[1][2]).all() and (few[1][:, 3] == np.inf).sum() == 5


def test_latencies_are_differentiable_and_go_through_jit():
    times = jnp.array([[3e-3, 1e-3, jnp.inf], [2e-3, 2e-3, 0.0]])
    spikes = jax.jit(Spikes.from_latencies)(times)
    assert spikes.to_numpy() == sal.Spikes.from_latencies(times)
    np.testing.assert_array_equal(spikes.first(), times)
    by_numpy = Spikes.from_latencies(times.tolist())
    for a, b in zip(jax.tree.leaves(by_numpy), jax.tree.leaves(spikes), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    alone = jax.jit(lambda t: Spikes.from_latencies([[t, 1e-3]]).first())(3e-3)
    np.testing.assert_array_equal(alone, [[3e-3, 1e-3]])
    weights = jnp.arange(6.0).reshape(2, 3)
    found = jax.grad(lambda t: jnp.where(jnp.isfinite(t), weights * Spikes.from_latencies(t).first(), 0.0).sum())(times)
    np.testing.assert_array_equal(found, jnp.where(jnp.isfinite(times), weights, 0.0))


def test_it_is_a_tree_of_its_arrays():
    spikes = Spikes.from_latencies([[1e-3, 2e-3]])
    assert len(jax.tree.leaves(spikes)) == 3
    doubled = jax.tree.map(lambda leaf: 2 * leaf, spikes)
    assert isinstance(doubled, Spikes) and doubled.n_units == 2
    assert "n_units=2" in repr(jax.tree.map(lambda leaf: None, spikes))


def test_what_is_no_spikes_is_refused():
    known = sal.Spikes.from_lists(SAMPLES, n_units=3)
    assert as_spikes(known).n_units == 3
    padded = as_spikes(sal.Spikes.from_lists(SAMPLES), n_units=4)
    assert padded.n_units == 4 and as_spikes(padded) is padded
    for call, message in [
        (lambda: as_spikes(3), "as_spikes.value must be"),
        (lambda: Spikes.from_numpy(3), r"Spikes\.from_numpy\.spikes must be"),
        (lambda: Spikes.from_numpy(sal.Spikes.from_lists(SAMPLES)), "n_units must be given"),
        (lambda: Spikes.from_numpy(known, capacity=2), "capacity"),
        (lambda: Spikes.from_latencies([1.0]), r"\[batch, units\]"),
        (lambda: padded.counts(3), "n_units"),
        (lambda: padded.first(2), "n_units"),
    ]:
        with pytest.raises(ParameterError, match=message):
            call()
