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


@pytest.mark.parametrize("label", [-1, 3, -4, 2**32])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_label_without_a_neuron_is_refused(name, label):
    function = partial(getattr(front, name), **ARGUMENTS[name])
    first, labels = jnp.ones((2, 3)), np.array([0, label])
    with pytest.raises(ParameterError, match=rf"{name}\.labels must be from 0 to 2.*; got {label} at index \(1,\)"):
        function(first, labels)
    with pytest.raises(ParameterError, match=r"\.labels must be from 0 to 2"):
        jax.jit(lambda first: function(first, labels))(first)  # traced are the times, and the labels known


@pytest.mark.parametrize("name", ["ttfs_cross_entropy", "max_over_time_cross_entropy"])
def test_a_traced_label_without_a_neuron_is_no_number(name):
    function = jax.jit(partial(getattr(front, name), **ARGUMENTS[name]))
    first = jnp.array([[1e-3, 2e-3, 3e-3]])
    losses = [float(function(first, jnp.array([label]))) for label in (2, -1, 3, -4)]
    assert np.isfinite(losses[0]) and np.isnan(losses[1:]).all()


def test_a_traced_label_without_a_neuron_is_wrong_and_not_silent():
    first = jnp.array([[3e-3, 2e-3, INF]])
    for label in (-1, -2, 3):
        assert float(jax.jit(front.ttfs_accuracy)(first, jnp.array([label]))) == 0.0
        assert int(jax.jit(front.ttfs_silent_labels)(first, jnp.array([label]))) == 0


def test_a_target_that_is_no_time():
    first = jnp.asarray(FIRST)
    for bad in (np.nan, -INF):
        target = np.array([1e-3, bad, INF])
        for given in (target, jnp.asarray(target), target.tolist()):
            with pytest.raises(ParameterError, match=rf"spike_time_mse\.target must be times.*{bad}"):
                front.spike_time_mse(first, given)
    traced = jax.jit(front.spike_time_mse)
    assert jnp.isnan(traced(first, jnp.array([1e-3, np.nan, INF])))
    assert jnp.isnan(traced(jnp.full((1, 1), INF), jnp.array([np.nan])))  # of a silent neuron too
    np.testing.assert_allclose(
        traced(first, jnp.array([1e-3, INF, 2e-3])), front.spike_time_mse(first, [1e-3, INF, 2e-3]), rtol=1e-14
    )


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
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=INF), "tau0 must be > 0 and finite; got inf"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=np.nan), "tau0 must be > 0"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=1.0, alpha=np.nan), "alpha must be >= 0 .* got nan"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=1.0, tau1=1.0, alpha=INF), "alpha must be >= 0"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=1.0, tau1=INF, alpha=1.0), "tau1 must be > 0"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=1.0, tau1=np.nan), "tau1 must be > 0"),
        (lambda: front.ttfs_cross_entropy(first, LABELS, tau0=1.0, alpha=1.0), "tau1 must be given"),
        (lambda: front.ttfs_cross_entropy(first[0], LABELS, tau0=1.0), r"first must be \[batch, neuron\]"),
        (lambda: front.ttfs_accuracy(first, np.eye(4)), "labels must be integers"),
        (lambda: front.max_over_time_cross_entropy(first, LABELS[:2]), "labels must be integers"),
        (lambda: front.spike_time_mse(first, np.zeros(5)), "must broadcast"),
    ]:
        with pytest.raises(ParameterError, match=message):
            call()
