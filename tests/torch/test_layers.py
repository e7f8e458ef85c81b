import numpy as np
import pytest
import torch

import saltation as sal
from saltation.errors import ParameterError
from saltation.torch import ALIF, LI, LIF, SNN

DURATION = 6.0
HIDDEN = {"tau_mem": 2.0, "tau_syn": [0.9, 0.8, 0.7], "v_th": [1.0, 0.9, 1.1], "t_refrac": 0.1}
KINDS = ("weight", "tau_mem", "tau_syn", "delay")


def test_stacked_layers_equal_the_fused_network(network, stimulus):
    fused = SNN(network, trainable=KINDS)
    weights = [network.projections[key].weight for key in (("in", "hid"), ("hid", "out"))]
    delay = [0.1, 0.2, 0.15]
    hidden = LIF(3, 3, duration=DURATION, weight=weights[0], delay=delay, trainable=KINDS, **HIDDEN)
    readout = LI(3, 2, duration=DURATION, weight=weights[1], delay=0.05, trainable=KINDS, tau_mem=2.0, tau_syn=0.9)
    stacked = torch.nn.Sequential(hidden, readout)
    times = [stimulus.times.clone().requires_grad_() for _ in range(2)]
    given = [type(stimulus)(t, stimulus.units, stimulus.offsets, 3) for t in times]
    a, b = fused({"in": given[0]}, DURATION).voltage("out"), stacked(given[1])
    torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)
    a.square().sum().backward()
    b.square().sum().backward()
    names = {"weight": "weight_in_hid", "delay": "delay_in_hid", "tau_mem": "tau_mem_hid", "tau_syn": "tau_syn_hid"}
    pairs = [(getattr(hidden, own).grad, getattr(fused, name).grad) for own, name in names.items()]
    pairs += [(readout.weight.grad, fused.weight_hid_out.grad), (times[1].grad, times[0].grad)]
    for own, other in pairs:
        assert bool((own != 0).any())
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)


def test_recurrent_and_adaptive_layers_equal_their_networks(stimulus):
    weight, recurrent = np.array([[3.0, 2.1], [2.2, 2.6], [1.5, 1.0]]), np.array([[0.1, 0.4], [-0.3, 0.2]])
    for kind, parameters in ((LIF, {"tau_mem": 2.0}), (ALIF, {"tau_mem": 2.0, "tau_adapt": 3.0, "beta": 0.2})):
        layer = kind(
            3,
            2,
            duration=DURATION,
            weight=lambda shape: weight.reshape(shape),
            recurrent=torch.from_numpy(recurrent),
            recurrent_delay=[0.1, 0.2],
            trainable=("weight", "delay"),
            tau_syn=0.9,
            **parameters,
        )
        names = [name for name, _ in layer.named_parameters()]
        assert names == ["weight", "delay", "recurrent_weight", "recurrent_delay"]
        run = sal.simulate(layer.network(), {"in": stimulus.to_numpy()}, DURATION)
        out = layer(stimulus)
        assert out.to_numpy() == run.spikes["out"]
        out.times.sum().backward()
        gradient = run.gradient({"out": np.ones(out.n_events)})
        np.testing.assert_allclose(layer.recurrent_weight.grad, gradient.weight["out", "out"], rtol=1e-13, atol=1e-13)


def test_readouts(stimulus):
    probes = [
        (sal.MaxVoltage(), (2, 4)),
        (sal.VoltageIntegral(), (2, 4)),
        (sal.Voltage([1.0, 2.0, 3.0]), (2, 3, 4)),
    ]
    for probe, shape in probes:
        assert LI(3, 4, duration=DURATION, readout=probe)(stimulus).shape == shape
    assert LI(3, 4, duration=DURATION)(stimulus.to_numpy()).shape == (2, 4)


def test_observations_of_a_layer(stimulus):
    layer = LIF(3, 2, duration=DURATION, weight=[[3.0, 2.1], [2.2, 2.6], [1.5, 1.0]], tau_mem=2.0, tau_syn=0.9)
    seen = layer(stimulus).to_numpy().shift(0.01)
    out = layer(stimulus, observed=seen)
    assert out.to_numpy() == seen
    out.times.sum().backward()
    assert bool((layer.weight.grad != 0).any())
    readout = LI(3, 2, duration=DURATION, readout=sal.Voltage([1.0]))
    measured = sal.VoltageSamples([1.0], np.ones((2, 1, 2)))
    assert bool((readout(stimulus, observed=measured) == 1.0).all())


def test_initial_weights_follow_the_seed_of_torch():
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append([kind(100, 50, duration=1.0).weight.detach() for kind in (LIF, ALIF, LI)])
    for a, b in zip(*drawn, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    lif, _, li = drawn[0]
    assert abs(float(lif.sum(0).mean()) - 6.0) < 1.5 and abs(float(lif.sum(0).std()) - 3.0) < 1.0
    assert abs(float(li.std()) - 0.1) < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_in": 0}, r"LIF\.n_in"),
        ({"n_out": 2.5}, r"LIF\.n_out"),
        ({"weight": np.zeros((2, 3))}, r"LIF\.weight"),
        ({"recurrent": np.zeros((3, 2))}, r"LIF\.recurrent"),
        ({"taumem": 1.0}, r"LIF\.taumem.*did you mean 'tau_mem'"),
        ({"tau_mem": -1.0}, r"LIF\.tau_mem"),
        ({"duration": 0.0}, r"LIF\.duration"),
        ({"duration": "long"}, r"LIF\.duration"),
        ({"trainable": ("beta",)}, "trainable"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    good = {"n_in": 3, "n_out": 2, "duration": 1.0}
    LIF(**good)
    with pytest.raises(ParameterError, match=message):
        LIF(**(good | arguments))


def test_the_spikes_have_to_fit(stimulus):
    with pytest.raises(ParameterError, match="n_units"):
        LIF(4, 2, duration=DURATION)(stimulus)
