"""The matrix mode under JAX: against the operations on arrays, and derivatives against plain products."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from saltation.bss2 import mac as arrays  # noqa: E402
from saltation.bss2 import perceptron_jax as hx  # noqa: E402
from saltation.bss2.mac import Ideal, MockParameter, hardware, set_mock_parameter  # noqa: E402
from saltation.errors import ParameterError, RangeError, SimulationError  # noqa: E402

jnp = jax.numpy
GAIN = 2.0**-8  # products are exact in float32
UNIT = Ideal(MockParameter(noise_std=0.0, gain=GAIN))


@pytest.fixture(autouse=True)
def connected():
    set_mock_parameter(MockParameter(noise_std=0.0, gain=GAIN))
    with hardware(UNIT):
        yield
    set_mock_parameter(MockParameter())


def drawn(low, high, *shape, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


@pytest.mark.parametrize("mock", [True, False])
@pytest.mark.parametrize("jit", [True, False])
def test_products_and_their_derivatives(mock, jit):
    x, w = drawn(0, 31, 4, 200), drawn(-63, 63, 200, 3)
    weighting = drawn(-1, 1, 4, 3, seed=1)

    def loss(x, w):
        return (hx.matmul(x, w, num_sends=2, mock=mock) * weighting).sum(), hx.mac(x[0], w, num_sends=2, mock=mock)

    function = jax.value_and_grad(loss, (0, 1), has_aux=True)
    (value, row), (by_x, by_w) = (jax.jit(function) if jit else function)(x, w)
    expected = arrays.mac(x, w, num_sends=2, unit=UNIT)
    assert float(value) == pytest.approx((expected * weighting).sum(), rel=1e-5)
    np.testing.assert_array_equal(row, expected[0])
    np.testing.assert_allclose(by_x, 2 * GAIN * weighting @ w.T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_w, 2 * GAIN * x.T @ weighting, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mock", [True, False])
def test_vmap_and_jvp(mock):
    x, w = drawn(0, 31, 3, 4, 20), drawn(-63, 63, 3, 20, 5)

    def product(x, w):
        return hx.mac(x, w, mock=mock)

    each = np.stack([arrays.mac(a, b, unit=UNIT) for a, b in zip(x, w, strict=True)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(product))(x, w), each)
    shared = np.stack([arrays.mac(a, w[0], unit=UNIT) for a in x])
    np.testing.assert_array_equal(jax.vmap(product, in_axes=(0, None))(x, w[0]), shared)
    value, tangent = jax.jvp(product, (x[0], w[0]), (0.1 * x[1], w[1]))
    np.testing.assert_array_equal(value, each[0])
    np.testing.assert_allclose(tangent, GAIN * (0.1 * x[1] @ w[0] + x[0] @ w[1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mock", [True, False])
def test_convolutions(mock):
    x, w, bias = drawn(0, 31, 2, 3, 17), drawn(-63, 63, 4, 3, 5), drawn(-5, 5, 4)
    np.testing.assert_allclose(hx.conv1d(x, w, bias, 2, mock=mock), arrays.conv1d(x, w, bias, 2, unit=UNIT), rtol=1e-6)
    expanded = hx.expanded_conv1d(x, w, bias, 2, 3, mock=mock)
    np.testing.assert_allclose(expanded, arrays.conv1d(x, w, bias, 2, unit=UNIT), rtol=1e-6)
    x, w = drawn(0, 31, 2, 3, 9, 11), drawn(-63, 63, 4, 3, 2, 4)
    found = hx.conv2d(x, w, stride=(2, 3), num_sends=2, mock=mock)
    np.testing.assert_array_equal(found, arrays.conv2d(x, w, stride=(2, 3), num_sends=2, unit=UNIT))


def test_the_derivative_of_a_convolution_is_that_of_a_plain_one():
    x, w = drawn(0, 31, 2, 3, 9, 11), drawn(-63, 63, 4, 3, 2, 4)
    weighting = drawn(-1, 1, 2, 4, 4, 3)

    def plain(x, w):
        found = jax.lax.conv_general_dilated(x, w, (2, 3), "VALID", precision="highest")
        return (GAIN * found * weighting).sum()

    ours = jax.grad(lambda x, w: (hx.conv2d(x, w, stride=(2, 3), mock=True) * weighting).sum(), (0, 1))(x, w)
    for a, b in zip(ours, jax.grad(plain, (0, 1))(x, w), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mock", [True, False])
def test_digital_operations(mock):
    x, other = drawn(-250, 250, 5, 6), drawn(-100, 100, 6, seed=1)
    np.testing.assert_array_equal(hx.relu(x, mock), arrays.relu(x))
    np.testing.assert_array_equal(hx.converting_relu(x, 1, mock), arrays.converting_relu(x, 1))
    np.testing.assert_array_equal(hx.add(x, other, 0.5, mock), arrays.add(x, other, 0.5))
    np.testing.assert_array_equal(hx.argmax(x, 1, True, mock), arrays.argmax(x, 1, True))
    assert hx.argmax(x, mock=mock) == arrays.argmax(x)
    weighting = drawn(-1, 1, 5, 6, seed=2)
    by_x = jax.grad(lambda x: (hx.converting_relu(x, 3, mock) * weighting).sum())(x)
    np.testing.assert_allclose(by_x, weighting * (x > 0) / 8)
    by_x = jax.grad(lambda x: (hx.relu(x, mock) * weighting).sum())(x)
    np.testing.assert_allclose(by_x, weighting * (x > 0))
    by_both = jax.grad(lambda x, y: (hx.add(x, y, 2.0, mock) * weighting).sum(), (0, 1))(x, other)
    np.testing.assert_allclose(by_both[0], weighting)
    np.testing.assert_allclose(by_both[1], 2 * weighting.sum(0), rtol=1e-5)


def test_noise_comes_from_the_key():
    set_mock_parameter(MockParameter(noise_std=2.0, gain=GAIN))
    x, w = np.full((300, 256), 10.0), np.full((256, 40), 10.0)
    with pytest.raises(ParameterError, match=r"mac\.key must be given"):
        hx.mac(x, w, mock=True)
    first, again, other = (hx.mac(x, w, mock=True, key=jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert float(first.std()) == pytest.approx(np.sqrt(2 * (4 + 1 / 12)), rel=0.03)  # of two blocks


class Counting:
    def __init__(self):
        self.calls = 0

    def multiply(self, tiles, activations, *, num_sends=1, wait_between_events=5):
        self.calls += 1
        return UNIT.multiply(tiles, activations, num_sends=num_sends)


def test_a_chip_runs_once_for_each_call():
    unit, x, w = Counting(), drawn(0, 31, 4, 20), drawn(-63, 63, 20, 3)
    with hardware(unit):
        run = jax.jit(jax.value_and_grad(lambda w: hx.mac(x, w).sum() + hx.mac(x, w).sum()))
        for n in (1, 2):
            jax.block_until_ready(run(w))
            assert unit.calls == 2 * n


@pytest.mark.parametrize("mock", [True, False])
def test_what_is_out_of_range(mock, caplog):
    x, w = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    for a, b in [(-x, w), (32 * x, w), (x, 64 * w)]:
        with pytest.raises(RangeError, match="after rounding"):
            hx.mac(a, b, mock=mock)
        assert np.isnan(jax.jit(lambda a, b: hx.mac(a, b, mock=mock))(a, b)).all()
    assert np.isnan(jax.jit(lambda a: hx.mac(a, w, mock=mock))(np.nan * x)).all()
    assert mock or "all it gives is NaN" in caplog.text
    # and what comes after is as before
    np.testing.assert_array_equal(jax.jit(lambda a: hx.mac(31 * a, w, mock=mock))(x), np.zeros((2, 4)))


def test_what_is_refused():
    x, w = np.ones((2, 3)), np.ones((3, 4))
    for call in [
        lambda: hx.mac(x, w[:2], mock=True),
        lambda: hx.mac(x[None], w, mock=True),
        lambda: hx.mac(x, w, num_sends=0, mock=True),
        lambda: hx.matmul(x, w[None], mock=True),
        lambda: hx.conv1d(x, w, mock=True),
        lambda: hx.add(x, np.ones(4), mock=True),
        lambda: hx.converting_relu(x, -1, mock=True),
    ]:
        with pytest.raises(ParameterError):
            call()
    arrays.release_hardware()
    for call in (lambda: hx.mac(x, w), lambda: hx.relu(x), lambda: hx.argmax(x), lambda: hx.add(x, x)):
        with pytest.raises(SimulationError, match="no unit is connected"):
            call()


def test_digital_operations_refuse_nan_where_they_can():
    x, wrong = np.ones(2, np.float32), np.array([1.0, np.nan], np.float32)
    for call in (hx.relu, hx.converting_relu, hx.argmax, lambda y: hx.add(y, x), lambda y: hx.add(x, y)):
        with pytest.raises(ParameterError, match="must be numbers; got NaN"):
            call(wrong)
    assert np.isnan(jax.jit(hx.relu)(wrong)[1])
