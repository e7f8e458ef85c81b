"""Networks and layers on a grid in torch: the gradients of the engine, along events and along spike trains."""

import numpy as np
import pytest
import torch

import saltation as sal
from reference import networks
from saltation.errors import GradientError, ParameterError
from saltation.torch import ALIF, LI, LIF, SNN, Spikes

DT = 5e-4
DURATION = 0.03
BATCH = 2
GRID = sal.Grid(DT)
RECORD = {"a": (sal.Voltage([0.004, 0.011]), sal.SpikeTrain()), "out": sal.MaxVoltage()}


def network(**options):
    return networks.random_network(3, "lif", **options)


def events(seed=5):
    return {"in": networks.stimulus(3, BATCH, np.random.default_rng(seed), duration=DURATION)}


def test_a_network_has_the_gradient_of_its_run():
    net, stimulus, rng = network(recurrent=True), events(), np.random.default_rng(0)
    kinds = ("weight", "tau_mem", "tau_syn", "v_th")
    run = sal.simulate(net, stimulus, DURATION, backend=GRID, record=RECORD)
    _, bars = networks.cotangents(run, rng)
    expected = run.gradient(voltage=bars)
    snn = SNN(net, trainable=kinds, record=RECORD, backend=GRID)
    out = snn(stimulus, DURATION)
    np.testing.assert_array_equal(out.spikes["a"].times.detach(), run.spikes["a"].times)
    terms = [(v * torch.tensor(bar)).sum() for v, bar in zip(out.voltage("a"), bars["a"], strict=True)]
    (sum(terms) + (out.voltage("out") * torch.tensor(bars["out"])).sum()).backward()
    for kind in kinds:
        for target, value in getattr(expected, kind).items():
            name = sal.engine.training.parameter_name(kind, target)
            np.testing.assert_allclose(getattr(snn, name).grad, value, rtol=1e-12, atol=1e-15)


def test_a_stack_of_layers_has_the_gradient_of_the_network():
    net, stimulus = network(), events()
    snn = SNN(net, record={"out": sal.MaxVoltage()}, backend=GRID)
    snn(stimulus, DURATION).voltage("out").square().sum().backward()
    a, out = net.populations["a"], net.populations["out"]
    common = {"duration": DURATION, "backend": GRID}
    weights = [net.projections[key].weight for key in (("in", "a"), ("a", "out"))]
    hidden = LIF(3, a.size, weight=weights[0], **common, **a.parameters())
    readout = LI(a.size, out.size, weight=weights[1], **common, **out.parameters())
    readout(hidden(stimulus["in"])).square().sum().backward()
    torch.testing.assert_close(hidden.weight.grad, snn.weight_in_a.grad)
    torch.testing.assert_close(readout.weight.grad, snn.weight_a_out.grad)
    assert hidden.weight.grad.abs().sum() > 0


def test_values_in_the_place_of_events():
    net, stimulus = network(), events()
    dense = np.zeros((BATCH, round(DURATION / DT) + 1, 3))
    np.add.at(
        dense,
        (stimulus["in"].sample_index(), np.rint(stimulus["in"].times / DT).astype(int), stimulus["in"].units),
        1.0,
    )
    values = torch.tensor(dense, requires_grad=True)
    snn = SNN(net, backend=GRID)
    by_events = snn(stimulus, DURATION).voltage("out")
    by_values = snn({"in": values}, DURATION).voltage("out")
    torch.testing.assert_close(by_values, by_events)
    by_values.sum().backward()
    run = sal.simulate(net, {"in": dense}, DURATION, backend=GRID, record={"out": sal.MaxVoltage()})
    expected = run.gradient(voltage={"out": np.ones((BATCH, 2))})
    np.testing.assert_allclose(values.grad, expected.input_values["in"], rtol=1e-12)
    np.testing.assert_allclose(snn.weight_in_a.grad, expected.weight["in", "a"], rtol=1e-12)


def test_a_spike_train_is_what_a_loss_of_spikes_needs():
    layer = ALIF(3, 4, duration=DURATION, weight=np.full((3, 4), 3.0), backend=GRID)
    spikes = layer(events()["in"])
    assert spikes.train.shape == (BATCH, 61, 4)
    torch.testing.assert_close(spikes.train.sum(dim=1).long(), spikes.counts())
    spikes.train.sum().backward()
    assert layer.weight.grad.abs().sum() > 0


def test_eventprop_at_the_spikes_of_the_grid():
    net, stimulus = network(), events()
    backend = sal.Grid(1e-6, gradient="eventprop")
    snn = SNN(net, trainable=("weight", "delay"), backend=backend)
    snn(stimulus, DURATION).voltage("out").sum().backward()
    exact = SNN(net, trainable=("weight", "delay"))
    exact(stimulus, DURATION).voltage("out").sum().backward()
    for name, parameter in exact.named_parameters():
        torch.testing.assert_close(
            getattr(snn, name).grad, parameter.grad, rtol=2e-2, atol=2e-2 * parameter.grad.abs().max()
        )


def test_compiled_calls_go_the_same_way():
    net, stimulus = network(), events()
    snn = SNN(net, record=RECORD, backend=GRID)
    given = {"in": Spikes.from_numpy(stimulus["in"])}

    def loss():
        out = snn(given, DURATION)
        return out.voltage("out").sum() + out.voltage("a")[1].sum()

    loss().backward()
    expected = snn.weight_in_a.grad.clone()
    snn.zero_grad()
    torch.compile(loss, backend="aot_eager", fullgraph=True)().backward()
    torch.testing.assert_close(snn.weight_in_a.grad, expected)


def test_what_is_refused():
    net, stimulus = network(delay="pre"), events()
    with pytest.raises(ParameterError, match="whole steps"):
        SNN(net, trainable=("weight", "delay"), backend=GRID)
    times = torch.tensor([[1e-3, 2e-3, 3e-3]], dtype=torch.float64, requires_grad=True)
    out = SNN(net, backend=GRID)({"in": Spikes.from_latencies(times)}, DURATION)
    with pytest.raises(GradientError, match=r"whole steps|surrogate"):
        out.voltage("out").sum().backward()
    out = SNN(net, backend=GRID)(stimulus, DURATION)
    with pytest.raises(GradientError, match="spike times"):
        out.spikes["a"].times.sum().backward()
    with pytest.raises(ParameterError, match="SpikeTrain"):
        SNN(net, record={"a": sal.SpikeTrain()})(stimulus, DURATION)
    with pytest.raises(ParameterError, match="event by event"):
        SNN(net)({"in": torch.zeros(2, 61, 3)}, DURATION)
    with pytest.raises(ParameterError, match="values"):
        SNN(net, backend=GRID)({"in": torch.zeros(2, 61)}, DURATION)
    alone = sal.VoltageSamples([0.0], torch.zeros(BATCH, 1, 4))
    with pytest.raises(ParameterError, match="voltages alone"):
        SNN(net, backend=GRID)(stimulus, DURATION, observed={"a": alone})


def test_spikes_and_voltages_observed_elsewhere():
    net = networks.random_network(3, "lif")
    rng = np.random.default_rng(3)
    events = networks.stimulus(3, BATCH, rng, duration=DURATION)
    spikes = networks.stimulus(4, BATCH, rng, duration=DURATION, events=5)
    voltages = sal.VoltageSamples([0.0, 0.01, 0.02], rng.normal(0.5, 0.4, (BATCH, 3, 4)))
    record, observed = {"out": sal.MaxVoltage()}, {"a": (spikes, voltages)}
    snn = SNN(net, record=record, backend=GRID)
    out = snn({"in": Spikes.from_numpy(events)}, DURATION, observed=observed)
    out.voltage("out").sum().backward()
    run = sal.simulate(net, {"in": events}, DURATION, backend=GRID, record=record, observed=observed)
    expected = run.gradient(voltage={"out": np.ones((BATCH, 2))}).weight["in", "a"]
    np.testing.assert_allclose(snn.get_parameter("weight_in_a").grad.numpy(), expected, rtol=1e-9, atol=1e-12)
    assert np.abs(expected).max() > 0.0
