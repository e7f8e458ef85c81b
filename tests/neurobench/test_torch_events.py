"""Layers of ours among those of PyTorch: counted as the run of their network is."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import saltation as sal  # noqa: E402
from saltation.errors import ParameterError  # noqa: E402
from saltation.neurobench import count_run, count_static, count_torch  # noqa: E402
from saltation.torch import LI, LIF, SNN, Spikes  # noqa: E402

DURATION = 30e-3


def network():
    rng = np.random.default_rng(5)
    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add("hid", sal.LIF(6, tau_mem=10e-3, tau_syn=5e-3))
    net.add("out", sal.LI(3))
    weight = rng.uniform(2.0, 5.0, (4, 6))
    weight[0, :3] = 0.0
    net.connect("in", "hid", weight=weight)
    net.connect("hid", "hid", weight=rng.normal(0.0, 0.2, (6, 6)), delay=2e-3)
    net.connect("hid", "out", weight=rng.normal(size=(6, 3)))
    return net


def inputs(n=5):
    return torch.rand(n, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("backend", [sal.Exact(), sal.Grid(1e-3), sal.Grid(1e-3, gradient="eventprop")])
def test_a_network_as_a_module(backend):
    net, x = network(), inputs()
    snn = SNN(net, backend=backend)

    def forward(x):
        return snn({"in": Spikes.from_latencies(20e-3 * x)}, duration=DURATION)

    costs = count_torch(snn, x.split(2), forward=forward, step=1e-3)
    spikes = {"in": Spikes.from_latencies(20e-3 * x).to_numpy()}
    want = count_run(sal.simulate(net, spikes, DURATION, backend=backend), step=1e-3)
    assert costs.samples == 5 and costs.total("effective_acs") == want.total("effective_acs") > 100
    assert (costs.dense, costs.activity.outputs, costs.activity.zeros) == (
        want.dense,
        want.activity.outputs,
        want.activity.zeros,
    )
    assert costs.neuron_updates == want.neuron_updates and costs.event_dense == want.event_dense
    assert costs.footprint == want.footprint and costs.connection_sparsity == want.connection_sparsity
    assert any("delay adds none" in rule for rule in costs.rules)


def test_layers_before_a_layer_of_pytorch():
    weight = np.random.default_rng(6).uniform(2.0, 5.0, (4, 6))
    model = nn.Sequential(
        LIF(4, 6, duration=DURATION, weight=weight),
        # positive: a voltage that only falls is largest at the begin, where it is 0 and no operation
        LI(6, 3, duration=DURATION, weight=np.full((6, 3), 0.5)),
        nn.Linear(3, 2).double(),
        nn.ReLU(),
    )
    x = inputs()

    def forward(x):
        return model(Spikes.from_latencies(20e-3 * x))

    costs = count_torch(model, [x], forward=forward)
    spikes = Spikes.from_latencies(20e-3 * x)
    hidden = model[0](spikes)
    assert [layer.effective_acs for layer in costs.layers[:2]] == [6 * spikes.n_events, 3 * hidden.n_events]
    assert costs.layers[2].effective_macs == 5 * 6 and costs.dense is None  # without a reference step
    assert costs.activation_sparsity is None and costs.activity.layers == ("0", "3")
    with_step = count_torch(model, [x], forward=forward, step=1e-3)
    assert with_step.dense == 30 * (24 + 18) + 6
    assert with_step.activity.outputs == 5 * (30 * 6 + 2)
    assert count_static(model).parameters == 24 + 18 + 8


def test_a_chip_has_other_weights_than_the_module():
    from saltation.bss2 import Backend, Chip

    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add("hid", sal.LIF(3, tau_mem=10e-3, tau_syn=10e-3))
    net.connect("in", "hid", weight=np.full((4, 3), 0.9))
    snn = SNN(net, backend=Backend(Chip(serial=2)))

    def forward(x):
        return snn({"in": Spikes.from_latencies(20e-3 * x)}, duration=DURATION)

    with pytest.raises(ParameterError, match="count_run"):
        count_torch(snn, [inputs()], forward=forward)


def driven(**more):
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("hid", sal.LIF(3))
    net.connect("in", "hid", weight=[[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]], **more)
    return net


def test_layers_that_are_not_seen_are_refused():
    layers = nn.Sequential(LIF(4, 6, duration=DURATION), LI(6, 3, duration=DURATION))
    x = inputs()

    def encode(x):
        return Spikes.from_latencies(20e-3 * x)

    def count(model, forward):
        return count_torch(model, [x], forward=lambda x: forward(encode(x)))

    assert [layer.name for layer in count(layers, layers).layers] == ["0: in -> out", "1: in -> out"]
    with pytest.raises(ParameterError, match="no module of the model"):
        count(layers, lambda spikes: layers[1](layers[0].forward(spikes)))
    with pytest.raises(ParameterError, match="no module of the model"):
        count(nn.Sequential(layers[1]), layers)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layers[0]

        def forward(self, spikes):
            return self.layer(spikes).counts()

    model = Whole()
    costs = count_torch(model, [x], forward=lambda x: model(encode(x)), activations=[Whole])
    assert costs.total("effective_acs") == 6 * encode(x).n_events and costs.activity.layers == ("(model)",)


@pytest.mark.parametrize("readout", [False, True])
def test_values_that_drive_a_grid(readout):
    net = driven()
    if readout:
        net = sal.Network()
        net.add("in", sal.Input(2))
        net.add("hid", sal.LI(3))
        net.connect("in", "hid", weight=[[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    snn = SNN(net, backend=sal.Grid(1e-3))
    values = torch.zeros(2, 11, 2, dtype=torch.float64)
    values[0, 3] = torch.tensor([0.7, 1.0])
    values[1, 10] = torch.tensor([1.0, 0.0])
    run = sal.simulate(net, {"in": values.numpy()}, 10e-3, backend=sal.Grid(1e-3))
    nothing = torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.int32), torch.zeros(3, dtype=torch.int64)
    for given in (values, Spikes(*nothing, 2, values)):
        costs = count_torch(snn, [values], forward=lambda _, given=given: snn({"in": given}, 10e-3))
        assert (costs.total("effective_macs"), costs.total("effective_acs")) == (2 + 3, 2)
        assert costs.layers[0].kind == "values" and costs.dense == count_run(run).dense
        assert any("Values that drive" in rule for rule in costs.rules)
    # a train of zeros and ones is the events, where it is theirs
    ones = (values == 1.0).double()
    events = Spikes(
        torch.tensor([3e-3, 10e-3], dtype=torch.float64), torch.tensor([1, 0]), torch.tensor([0, 1, 2]), 2, ones
    )
    costs = count_torch(snn, [values], forward=lambda _: snn({"in": events}, 10e-3))
    assert costs.total("effective_acs") == costs.total("event_dense") - 1 == 5 and not costs.total("effective_macs")


def test_failed_samples_are_refused():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("hid", sal.LIF(1, tau_mem=10e-3, tau_syn=5e-3))
    net.connect("in", "hid", weight=[[50.0]])
    snn = SNN(net, backend=sal.Exact(max_events=3))

    def forward(x):
        return snn({"in": Spikes.from_latencies(x)}, 20e-3, throw=False)

    with pytest.raises(ParameterError, match="no failed samples; got 1, the first 0"):
        count_torch(snn, [torch.zeros(1, 1, dtype=torch.float64)], forward=forward)


def test_rules_are_those_of_the_backend():
    rules = {}
    for name, backend in (("exact", sal.Exact()), ("grid", sal.Grid(1e-3))):
        layer = LIF(4, 6, duration=DURATION, backend=backend)
        costs = count_torch(layer, [inputs()], forward=lambda x, layer=layer: layer(Spikes.from_latencies(20e-3 * x)))
        rules[name] = costs.rules
        assert costs.neuron_updates == 5 * 30 * 6 or name == "exact"
        assert len(set(costs.rules)) == len(costs.rules) and costs.rules[-1] == "Learning is not counted."
    grid = [rule for rule in rules["grid"] if "Neuron_Updates" in rule]
    assert grid == ["Neuron_Updates on a grid = neurons x steps."]
    assert [rule[:36] for rule in rules["exact"] if "Neuron_Updates" in rule] == [
        "Neuron_Updates = one for each neuron"
    ]


def test_tied_layers_of_events_hold_their_weights_once():
    one, two = LIF(4, 4, duration=DURATION), LIF(4, 4, duration=DURATION)
    apart = count_static(nn.Sequential(one, two))
    two.weight = one.weight
    tied = count_static(nn.Sequential(one, two))
    assert (apart.weights, tied.weights, tied.parameters) == (32, 16, 16)
    assert apart.footprint - tied.footprint == 16 * 8
