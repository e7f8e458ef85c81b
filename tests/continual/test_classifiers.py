"""Classifiers against each other and against differences; what they refuse."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from saltation.continual import SpikingModule, jax_classifier, torch_classifier
from saltation.errors import MissingDependencyError, ParameterError
from saltation.torch import SNN


def test_torch_and_jax_give_the_same(torch_case, jax_case):
    rng = np.random.default_rng(0)
    w, along = rng.normal(size=(2, torch_case.classifier.size))
    x, y = torch_case.x, torch_case.y
    np.testing.assert_allclose(torch_case.seed, jax_case.seed, rtol=0, atol=0)
    for method, more in (("log_probabilities", ()), ("loss_gradients", (y,)), ("tangent", (along,))):
        a = getattr(torch_case.classifier, method)(w, x, *more)
        b = getattr(jax_case.classifier, method)(w, jnp.asarray(x.numpy()), *more)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=method)


def test_gradients_and_tangents_are_those_of_differences(case):
    """With T20: within a spike cell, EventProp's gradient of each example is that of differences, to 1e-8."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=case.classifier.size)
    h = 1e-5
    there, back = (case.classifier.log_probabilities(case.seed + s * h * direction, case.x) for s in (1, -1))
    slope = (there - back) / (2 * h)
    scale = np.abs(slope).max()
    tangent = case.classifier.tangent(case.seed, case.x, direction)
    gradient = case.classifier.loss_gradients(case.seed, case.x, case.y) @ direction
    np.testing.assert_allclose(tangent / scale, slope / scale, rtol=0, atol=1e-8)
    np.testing.assert_allclose(-gradient / scale, slope[np.arange(50), case.y] / scale, rtol=0, atol=1e-8)


def test_a_batch_is_its_examples(case):
    alone = [case.classifier.loss_gradients(case.seed, case.x[k : k + 1], case.y[k : k + 1]) for k in range(5)]
    together = case.classifier.loss_gradients(case.seed, case.x[:5], case.y[:5])
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12, atol=1e-14)


def test_the_module_is_left_alone_and_may_be_in_float32():
    module = torch.nn.Linear(3, 2)
    before = [p.clone() for p in module.parameters()]
    classifier = torch_classifier(module)
    gradients = classifier.loss_gradients(classifier.parameters() + 1, torch.ones(4, 3), np.zeros(4, int))
    assert gradients.dtype == np.float64
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert all(p.grad is None for p in module.parameters())


def test_frozen_parameters_take_no_part():
    module = torch.nn.Linear(3, 2)
    module.bias.requires_grad_(False)
    assert torch_classifier(module).size == 6


def test_what_is_refused():
    batch_norm = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    with pytest.raises(ParameterError, match=r"BatchNorm1d '1', which mixes"):
        torch_classifier(batch_norm)
    assert torch_classifier(batch_norm.eval()).size == 10
    with pytest.raises(ParameterError, match="got str"):
        torch_classifier("module")
    with pytest.raises(ParameterError, match="require a gradient; got none"):
        torch_classifier(torch.nn.Tanh())
    with pytest.raises(ParameterError, match="empty pytree"):
        jax_classifier(lambda w, x: x, {})
    with pytest.raises(ParameterError, match="must be a function"):
        jax_classifier(3, jnp.ones(2))


def test_spiking_networks_have_to_be_in_a_spiking_module(spiking_case):
    snn = spiking_case.classifier._module.snn
    assert isinstance(snn, SNN)
    with pytest.raises(ParameterError, match="SpikingModule"):
        torch_classifier(torch.nn.Sequential(snn))
    with pytest.raises(ParameterError, match="readout must be a function without parameters; got Linear"):
        SpikingModule(snn, lambda x: x, torch.nn.Linear(2, 2), 1.0)
    with pytest.raises(ParameterError, match="snn must be"):
        SpikingModule(torch.nn.Linear(2, 2), lambda x: x, lambda x: x, 1.0)


@pytest.mark.parametrize("name, missing", [("torch_classifier", "torch"), ("jax_classifier", "jax")])
def test_without_a_front_end_the_message_says_how_to_install_it(monkeypatch, name, missing):
    import saltation.continual as continual

    monkeypatch.delitem(vars(continual), name, raising=False)
    for module in [m for m in sys.modules if m.startswith("saltation.continual.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDependencyError, match=rf'pip install "saltation\[{missing}\]"'):
        getattr(continual, name)


def test_without_avalanche_too(monkeypatch):
    import saltation.continual as continual

    monkeypatch.setitem(sys.modules, "avalanche", None)
    arrays = continual.Arrays(np.eye(4), np.arange(4), np.eye(4), np.arange(4))
    stream = continual.split_classes(arrays, 2)
    for call in (lambda: continual.to_avalanche(stream), lambda: continual.task_masked(torch.nn.Linear(4, 4), stream)):
        with pytest.raises(MissingDependencyError, match="pip install avalanche-lib"):
            call()


def test_all_public_names_exist():
    import saltation.continual as continual

    assert all(hasattr(continual, name) for name in continual.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(continual, "nothing")  # noqa: B009  an attribute alone is no statement


def test_active_dropout_is_refused():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 2))
    with pytest.raises(ParameterError, match=r"dropout '1' in training"):
        torch_classifier(module)
    assert torch_classifier(module.eval()).size == 26
