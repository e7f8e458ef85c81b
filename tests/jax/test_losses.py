from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from saltation import jax as front
from saltation.errors import ParameterError

INF = np.inf
FIRST = np.array([[2e-3, 1e-3, INF], [1e-3, 1e-3, 4e-3], [INF, INF, INF], [INF, 3e-3, 5e-3]])
LABELS = np.array([1, 0, 0, 0])
ARGUMENTS = {
    "ttfs_cross_entropy": {"tau0": 1e-3, "tau1": 5e-3, "alpha": 0.1},
    "max_over_time_cross_entropy": {},
    "ttfs_accuracy": {},
    "ttfs_silent_labels": {},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_values_and_gradients_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    from saltation import torch as other

    values = np.where(np.isinf(FIRST), -1.0, FIRST) if name.startswith("max") else FIRST
    function, options = getattr(front, name), ARGUMENTS[name]
    tensor = torch.tensor(values, requires_grad=True)
    expected = getattr(other, name)(tensor, torch.from_numpy(LABELS), **options)
    found = function(jnp.asarray(values), jnp.asarray(LABELS), **options)
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-14)
    if expected.requires_grad:
        expected.backward()
        gradient = jax.grad(lambda v: function(v, jnp.asarray(LABELS), **options))(jnp.asarray(values))
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-13)


@pytest.mark.parametrize("silent_time", [None, 0.02])
def test_squared_distance_is_that_of_torch(silent_time):
    torch = pytest.importorskip("torch")
    from saltation import torch as other

    target = np.array([[1e-3, INF, 2e-3]])
    tensor = torch.tensor(FIRST, requires_grad=True)
    expected = other.spike_time_mse(tensor, torch.from_numpy(target), silent_time=silent_time)
    expected.backward()
    function = partial(front.spike_time_mse, target=target, silent_time=silent_time)
    value, gradient = jax.value_and_grad(function)(jnp.asarray(FIRST))
    np.testing.assert_allclose(value, expected.detach(), rtol=1e-14)
    np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-13)


def test_a_label_without_a_neuron_is_no_number():
    first = jnp.array([[1e-3, 2e-3, 3e-3]] * 4)
    losses = [float(front.ttfs_cross_entropy(first[:1], jnp.array([label]), tau0=1e-3)) for label in (-1, 2, 3, -4)]
    assert losses[0] == losses[1] and np.isnan(losses[2:]).all()


def test_what_has_failed_is_not_taken_for_silence():
    first = jnp.asarray(np.where(FIRST == 2e-3, np.nan, FIRST)).at[0].set(jnp.nan)
    assert jnp.isnan(front.ttfs_cross_entropy(first, LABELS, tau0=1e-3))
    assert jnp.isnan(front.spike_time_mse(first, 1e-3))
    assert float(front.ttfs_accuracy(first, LABELS)) == 0.25  # the second sample alone is right
    assert int(front.ttfs_silent_labels(first, LABELS)) == 2


def test_bad_arguments_are_named():
    first = jnp.asarray(FIRST)
    for call, message in [
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=0.0), "tau0 must be > 0"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=1.0, alpha=-1.0), "alpha must be >= 0"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=1.0, alpha=1.0), "tau1 must be given"),
        (lambda: front.ttfs_cross_entropy(first[0], LABELS, tau0=1.0), r"first must be \[batch, neuron\]"),
        (lambda: front.ttfs_accuracy(first, np.eye(4)), "labels must be integers"),
        (lambda: front.max_over_time_cross_entropy(first, LABELS[:2]), "labels must be integers"),
        (lambda: front.spike_time_mse(first, np.zeros(5)), "must broadcast"),
    ]:
        with pytest.raises(ParameterError, match=message):
            call()
