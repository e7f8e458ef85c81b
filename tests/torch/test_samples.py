"""Derivatives of each sample of a run, against as many runs of one sample."""

import numpy as np
import pytest
import torch

import saltation as sal
from saltation.errors import ParameterError
from saltation.torch import SNN, Spikes, run_samples

DURATION = 6.0
TRAINABLE = ("weight", "tau_syn", "v_th")


def losses_of(out):
    first = out.first_spike("hid")
    times = torch.where(torch.isfinite(first), first, 0.0)
    voltage, integral = out.voltage("out")
    return times.sin().sum(dim=1) + voltage.square().sum(dim=1) + integral.sum(dim=1)


@pytest.fixture
def snn(network):
    return SNN(network, trainable=TRAINABLE, record={"out": (sal.MaxVoltage(), sal.VoltageIntegral())})


def one(stimulus, k):
    a, b = stimulus.offsets[k], stimulus.offsets[k + 1]
    return Spikes(stimulus.times[a:b], stimulus.units[a:b], torch.tensor([0, b - a]), stimulus.n_units)


def test_gradients_are_those_of_runs_of_one_sample(snn, stimulus):
    samples = run_samples(snn, {"in": stimulus}, DURATION)
    found = samples.gradients(losses_of(samples.output))
    for k in range(stimulus.batch):
        snn.zero_grad()
        losses_of(snn({"in": one(stimulus, k)}, DURATION)).sum().backward()
        for name, parameter in snn.named_parameters():
            np.testing.assert_allclose(found[name][k], parameter.grad, rtol=1e-12, atol=1e-12, err_msg=name)
    assert set(found) == {name for name, _ in snn.named_parameters()}
    assert any(float(value[0].sub(value[1]).abs().max()) > 1e-2 for value in found.values())


def test_tangents_are_the_products_of_the_gradients(snn, stimulus):
    samples = run_samples(snn, {"in": stimulus}, DURATION)
    gradients = samples.gradients(losses_of(samples.output))
    torch.manual_seed(1)
    moved = {name: torch.randn_like(value) for name, value in snn.named_parameters()}
    value, tangent = samples.tangent(moved, losses_of)
    expected = sum((gradients[name] * moved[name]).reshape(2, -1).sum(dim=1) for name in moved)
    np.testing.assert_allclose(tangent, expected, rtol=1e-11)
    np.testing.assert_allclose(value, losses_of(samples.output).detach(), rtol=0, atol=0)


def test_values_take_the_place_of_the_modules_own(snn, stimulus):
    weight = snn.weight_in_hid.detach() * 1.1
    there = run_samples(snn, {"in": stimulus}, DURATION, values={"weight_in_hid": weight})
    with torch.no_grad():
        snn.weight_in_hid.copy_(weight)
    here = run_samples(snn, {"in": stimulus}, DURATION)
    assert torch.equal(there.output.first_spike("hid"), here.output.first_spike("hid"))


def test_what_is_refused(snn, stimulus):
    samples = run_samples(snn, {"in": stimulus}, DURATION)
    with pytest.raises(ParameterError, match=r"losses must be \[2\]"):
        samples.gradients(losses_of(samples.output).sum())
    with pytest.raises(ParameterError, match="got a tensor without a gradient"):
        samples.gradients(losses_of(samples.output).detach())
    with pytest.raises(ParameterError, match="did you mean 'weight_in_hid'"):
        run_samples(snn, {"in": stimulus}, DURATION, values={"weight_in_hi": torch.zeros(3, 3)})
    with pytest.raises(ParameterError, match="known: 'weight_in_hid'"):
        samples.tangent({"x": torch.zeros(1)}, losses_of)
    with pytest.raises(ParameterError, match=r"must be a saltation.torch.SNN; got Linear"):
        run_samples(torch.nn.Linear(2, 2), {"in": stimulus}, DURATION)
