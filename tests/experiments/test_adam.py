"""Adam against torch, and bit for bit against its formula in plain NumPy."""

import numpy as np
import pytest

from saltation.experiments.adam import Adam


def test_adam_agrees_with_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    values = {"a": rng.normal(size=(5, 7))}
    parameter = torch.nn.Parameter(torch.from_numpy(values["a"].copy()))
    theirs, ours = torch.optim.Adam([parameter], lr=5e-3), Adam(values)
    for step in range(50):
        gradient = rng.normal(size=(5, 7)) * 10.0 ** rng.normal()
        theirs.param_groups[0]["lr"] = 5e-3 * 0.9**step
        parameter.grad = torch.from_numpy(gradient.copy())
        theirs.step()
        values = ours.step(values, {"a": gradient}, 5e-3 * 0.9**step)
    np.testing.assert_allclose(values["a"], parameter.detach().numpy(), rtol=0, atol=1e-14)


def test_adam_goes_on_from_its_state():
    gradients = np.random.default_rng(2).normal(size=(4, 3))
    one = other = {"w": np.zeros(3)}
    adam = Adam(one)
    for gradient in gradients[:2]:
        one = adam.step(one, {"w": gradient}, 0.1)
    again = Adam(other)
    again.restore(adam.state())
    other = one
    for gradient in gradients[2:]:
        one = adam.step(one, {"w": gradient}, 0.1)
        other = again.step(other, {"w": gradient}, 0.1)
    assert np.array_equal(one["w"], other["w"])


def plain_adam(values, gradients, rates, betas=(0.9, 0.999), eps=1e-8):
    mean, square = np.zeros_like(values), np.zeros_like(values)
    for steps, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        mean = mean + (1.0 - betas[0]) * (gradient - mean)
        square = square * betas[1] + (1.0 - betas[1]) * gradient * gradient
        size, scale = rate / (1.0 - betas[0] ** steps), (1.0 - betas[1] ** steps) ** 0.5
        values = values - size * (mean / (np.sqrt(square) / scale + eps))
    return values


@pytest.mark.parametrize("shape", [(), (7,), (784, 11), (3, 1, 5, 5)])
def test_same_bits_as_the_formula(shape):
    rng = np.random.default_rng(3)
    start = rng.normal(size=shape)
    gradients = [rng.normal(size=shape) * 10.0 ** rng.normal() for _ in range(20)]
    rates = [1e-2 * 0.9**k for k in range(20)]
    adam, values = Adam({"w": start}), {"w": start}
    for gradient, rate in zip(gradients, rates, strict=True):
        values = adam.step(values, {"w": np.asarray(gradient)}, rate)
    np.testing.assert_array_equal(values["w"], plain_adam(start, gradients, rates))


def test_any_order_in_memory_and_a_rate_for_each():
    rng = np.random.default_rng(4)
    start, gradient = rng.normal(size=(6, 4)), rng.normal(size=(4, 6)).T
    adam = Adam({"a": start, "b": start})
    moved = adam.step({"a": start, "b": start[::1]}, {"a": gradient, "b": gradient.copy()}, {"a": 0.1, "b": 0.2})
    np.testing.assert_array_equal(moved["a"], plain_adam(start, [gradient], [0.1]))
    np.testing.assert_array_equal(moved["b"], plain_adam(start, [gradient], [0.2]))
    assert not np.shares_memory(moved["a"], start)
