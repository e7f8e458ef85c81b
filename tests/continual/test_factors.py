"""Products of factors in JAX, against sums of logarithms in double precision, and their guards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from saltation.continual import nte
from saltation.continual.factors import log_product
from saltation.errors import ParameterError

FLOOR = 2.0**-20


def reference(minus, floor=FLOOR):
    """Of each column, in float64; and how many factors were raised."""
    exact = np.asarray(minus, np.float64)
    return np.log1p(np.maximum(exact, floor - 1)).sum(axis=0), int((exact < floor - 1).sum())


def factors(batch, scale, seed=0):
    return np.random.default_rng(seed).normal(scale=scale, size=(batch, 40))


@pytest.mark.parametrize("batch", [1, 7, 8, 9, 16, 37, 128])
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 0.06, 0.5, 3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_sum_of_logarithms(batch, scale, dtype):
    minus = factors(batch, scale).astype(dtype)
    found, raised = jax.jit(log_product, static_argnums=1)(jnp.asarray(minus), FLOOR)
    expected, count = reference(minus)
    assert found.dtype == dtype and int(raised) == count
    assert scale < 1 or batch == 1 or count > 0
    # relative to what is added up, so that cancellation costs no more than it has to
    size = np.abs(np.log1p(np.maximum(np.asarray(minus, np.float64), FLOOR - 1))).sum(axis=0)
    eps = np.finfo(dtype).eps
    worst = np.abs(np.asarray(found, np.float64) - expected) / (size + (batch if scale > 0.02 else 0.0))
    assert worst.max() < 8 * eps
    if scale == 1e-9:
        assert np.abs(found).min() > 0  # each alone would be lost beside 1 in float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neither_small_nor_large_products_leave_the_range(dtype):
    huge = float(np.finfo(dtype).max) / 4
    minus = np.array([[FLOOR - 1, huge, -0.999, 1e6]] * 64, dtype)
    found, raised = log_product(jnp.asarray(minus), FLOOR)
    np.testing.assert_allclose(found, reference(minus)[0], rtol=20 * np.finfo(dtype).eps)
    assert int(raised) == 0 and np.abs(found).min() > 400


def test_small_factors_after_large_ones_keep_their_digits():
    minus = np.array([[1e-6 - 1.0], [1e6 - 1.0]] * 4 + [[1e-7]] * 8, np.float32)
    found, _ = log_product(jnp.asarray(minus), FLOOR)
    assert float(found[0]) == pytest.approx(reference(minus)[0][0], abs=2e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 5, 8])
def test_what_is_not_finite_is_nan(bad, row):
    minus = factors(9, 1e-3).astype(np.float32)
    minus[row, 3] = bad
    found = np.asarray(log_product(jnp.asarray(minus), FLOOR)[0])
    assert np.isnan(found[3]) and np.isfinite(np.delete(found, 3)).all()


@pytest.mark.parametrize("batch", ["product", "sum"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_makes_all_updates_nan(batch, bad):
    rule, w = nte(batch=batch), jnp.array([0.5, -0.5, 0.25])
    gradients = jnp.array([0.1, bad, 0.1])
    steps, _ = rule.update(gradients if batch == "sum" else gradients[None], rule.init(w), w)
    assert bool(jnp.isnan(steps).all())


def test_floors_that_are_lost_beside_one_are_refused():
    with pytest.raises(ParameterError, match=r"at least 1.19e-07 for parameters of float32; got 1e-08"):
        log_product(jnp.zeros((2, 3), jnp.float32), 1e-8)
    assert log_product(jnp.zeros((2, 3), jnp.float64), 1e-8)[0].tolist() == [0.0, 0.0, 0.0]
    w = jnp.ones(2, jnp.float32)
    for batch in ("product", "sum"):
        rule = nte(floor=1e-9, batch=batch)
        with pytest.raises(ParameterError, match="its parameter would never move again"):
            rule.update(w if batch == "sum" else w[None], rule.init(w), w)


def test_parameters_of_few_digits_are_computed_in_more():
    w = jnp.array([0.5, -0.5, 0.25], jnp.bfloat16)
    gradients = jnp.asarray(factors(16, 1.0)[:, :3], jnp.bfloat16)
    rule = nte(lr=0.05)
    steps, state = rule.update(gradients, rule.init(w), w)
    exact = np.asarray(w, np.float64)
    moved = exact * np.exp(reference(-0.05 * np.sign(exact) * np.asarray(gradients, np.float64))[0])
    moved *= np.abs(exact).sum() / np.abs(moved).sum()
    assert steps.dtype == jnp.bfloat16 == state.delta.dtype
    np.testing.assert_allclose(np.asarray(state.delta, np.float64), moved, rtol=2.0**-8)


def test_gradients_are_not_stored_beside_the_product():
    """One hidden layer of 64 x 64 in a batch of 128: 2 MB of gradients."""
    from saltation.continual import per_example

    def loss(w, x, y):
        return jnp.square(jnp.tanh(x @ w) @ y)

    rule, w = nte(), jnp.full((64, 64), 0.1, jnp.float32)
    x, y = jnp.ones((128, 64), jnp.float32), jnp.ones((128, 64), jnp.float32)
    step = jax.jit(lambda w, state, x, y: rule.update(per_example(loss)(w, x, y), state, w))
    kept = step.lower(w, rule.init(w), x, y).compile().memory_analysis().temp_size_in_bytes
    assert kept < 0.8 * 128 * w.nbytes
