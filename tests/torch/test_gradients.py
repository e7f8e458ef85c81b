"""Central differences against the gradients that reach the parameters through autograd."""

import pytest
import torch
from torch.func import functional_call

import saltation as sal
from saltation.torch import ALIF, LIF, SNN, Spikes

DURATION = 6.0


def check(snn, stimulus, observe, name="in"):
    names = [parameter for parameter, _ in snn.named_parameters()]

    def function(times, *values):
        spikes = Spikes(times, stimulus.units, stimulus.offsets, stimulus.n_units)
        return observe(functional_call(snn, dict(zip(names, values, strict=True)), ({name: spikes}, DURATION)))

    values = [p.detach().clone().requires_grad_() for p in snn.parameters()]
    times = stimulus.times.clone().requires_grad_()
    assert torch.autograd.gradcheck(function, (times, *values), eps=1e-6, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("trainable", ["weight", "delay", "tau_mem", "tau_syn", "v_th", "t_refrac", "v_reset"])
def test_spike_times_and_voltages(network, stimulus, trainable):
    probes = (sal.MaxVoltage(), sal.Voltage([1.3, 4.0]), sal.VoltageIntegral())
    snn = SNN(network, trainable=(trainable,), record={"out": probes})
    check(snn, stimulus, lambda out: (out.spikes["hid"].times, *out.voltage("out")))


def test_leak_and_initial_voltage(network, stimulus):
    net = network.replace(v_init={"hid": 0.1, "out": -0.2}, v_leak={"hid": 0.05})
    snn = SNN(net, trainable=("v_leak", "v_init"), record={"out": sal.Voltage([0.5, 1.5])})
    check(snn, stimulus, lambda out: (out.spikes["hid"].times, out.voltage("out")))


def test_two_receptors_and_recurrence(stimulus):
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(2, tau_mem=2.0, tau_syn_exc=0.9, tau_syn_inh=1.3))
    net.connect("in", "hid", weight=[[3.0, 2.1], [2.2, 2.6], [1.5, -0.5]], delay=0.1)
    net.connect("hid", "hid", weight=[[0.1, 0.4], [-0.3, 0.2]], delay=[0.2, 0.3])
    kinds = ("weight", "delay", "tau_mem", "tau_syn_exc", "tau_syn_inh", "v_th")
    check(SNN(net, trainable=kinds), stimulus, lambda out: out.spikes["hid"].times)


def test_adaptation(stimulus):
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.ALIF(2, tau_mem=2.0, tau_syn=0.9, tau_adapt=3.0, beta=0.2))
    net.connect("in", "hid", weight=[[3.0, 2.1], [2.2, 2.6], [1.5, 1.0]])
    kinds = ("weight", "tau_mem", "tau_syn", "tau_adapt", "beta", "v_th", "v_leak")
    check(SNN(net, trainable=kinds), stimulus, lambda out: out.spikes["hid"].times)


def test_time_constants_cost_only_where_they_are_wanted(network, stimulus, loss_of, monkeypatch):
    asked = []
    gradient = sal.Run.gradient

    def spy(run, *args, **kwargs):
        asked.append(kwargs["time_constants"])
        return gradient(run, *args, **kwargs)

    monkeypatch.setattr(sal.Run, "gradient", spy)
    with_times = SNN(network, trainable=("weight", "v_th", "t_refrac", "tau_mem"))
    loss_of(with_times({"in": stimulus}, DURATION)).backward()
    without = SNN(network, trainable=("weight", "v_th", "t_refrac"))
    loss_of(without({"in": stimulus}, DURATION)).backward()
    with_times.tau_mem_hid.requires_grad_(False), with_times.tau_mem_out.requires_grad_(False)
    loss_of(with_times({"in": stimulus}, DURATION)).backward()
    assert asked == [True, False, False]
    for name, parameter in without.named_parameters():
        torch.testing.assert_close(2 * parameter.grad, with_times.get_parameter(name).grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [LIF, ALIF])
def test_a_silent_neuron_has_the_gradient_zero(kind, stimulus):
    weight = [[3.0, 0.1]] * 3
    layer = kind(3, 2, duration=DURATION, weight=weight, tau_mem=2.0, tau_syn=0.9, trainable=("weight", "tau_mem"))
    first = layer(stimulus).first()
    assert first[:, 1].isinf().all() and first[:, 0].isfinite().all()
    torch.exp(-first).sum().backward()
    assert bool((layer.weight.grad[:, 1] == 0.0).all()) and bool((layer.weight.grad[:, 0] != 0.0).any())


def test_float32_parameters_have_float32_gradients(network, stimulus, loss_of):
    exact, single = SNN(network, trainable=("weight", "tau_mem")), SNN(network, trainable=("weight", "tau_mem")).float()
    out = single({"in": stimulus}, DURATION)
    assert out.spikes["hid"].times.dtype == torch.float64 and out.voltage("out").dtype == torch.float64
    loss_of(out).backward()
    loss_of(exact({"in": stimulus}, DURATION)).backward()
    for name, parameter in single.named_parameters():
        assert parameter.grad.dtype == torch.float32
        torch.testing.assert_close(parameter.grad.double(), exact.get_parameter(name).grad, rtol=1e-4, atol=1e-4)
