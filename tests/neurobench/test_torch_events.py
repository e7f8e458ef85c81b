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
