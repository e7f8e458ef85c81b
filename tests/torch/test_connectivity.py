"""Convolutions, pools and sparse synapses as layers and in networks, trained by the same operation."""

import numpy as np
import pytest
import torch

import saltation as sal
import saltation.torch as st
from saltation.errors import NetworkError, ParameterError


def images(batch=3, n=25, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return st.Spikes.from_latencies(0.02 * torch.rand(batch, n, generator=generator, dtype=torch.float64))


def layers(conv, pool):
    torch.manual_seed(1)
    return torch.nn.Sequential(
        st.LIF(conv.n_pre, conv.n_post, duration=0.04, connectivity=conv),
        st.LIF(
            pool.n_pre,
            4,
            duration=0.04,
            connectivity=pool,
            weight=lambda shape: torch.rand(shape, dtype=torch.float64) * 1.5,
        ),
        st.LI(4, 2, duration=0.04, connectivity=LAST, weight=[1.0, 0.5, 0.8]),
    )


CONV = sal.Conv2d((1, 5, 5), 3, 3)
LAST = sal.Sparse([0, 1, 3], [0, 1, 1], shape=(4, 2))
POOL = sal.Pooled(sal.SumPool2d(CONV.output_shape, 3), then=4)


def test_layers_are_the_network():
    model, stimulus = layers(CONV, POOL), images()
    net = sal.Network()
    for name, population in (("in", sal.Input(25)), ("a", sal.LIF(27)), ("b", sal.LIF(4)), ("out", sal.LI(2))):
        net.add(name, population)
    for (pre, post), layer, links in zip(
        (("in", "a"), ("a", "b"), ("b", "out")),
        model,
        (CONV, POOL, sal.Sparse([0, 1, 3], [0, 1, 1], shape=(4, 2))),
        strict=True,
    ):
        net.connect(pre, post, weight=layer.weight.detach().numpy(), connectivity=links)
    snn = st.SNN(net)
    value, whole = model(stimulus), snn({"in": stimulus}, 0.04)
    assert whole.spikes["b"].n_events > 0
    torch.testing.assert_close(value, whole.voltages["out"], rtol=1e-12, atol=1e-12)
    value.square().sum().backward()
    whole.voltages["out"].square().sum().backward()
    for layer, parameter in zip(model, snn.parameters(), strict=True):
        assert layer.weight.grad.abs().max() > 0
        torch.testing.assert_close(layer.weight.grad, parameter.grad, rtol=1e-10, atol=1e-12)


def test_the_gradient_is_that_of_differences():
    torch.manual_seed(2)
    model, stimulus = layers(CONV, POOL), images(seed=3)
    for layer in model:
        assert torch.autograd.gradcheck(
            lambda weight, layer=layer: torch.func.functional_call(
                model, {f"{list(model).index(layer)}.weight": weight}, (stimulus,)
            ),
            (layer.weight.detach().requires_grad_(),),
            eps=1e-7,
            atol=1e-6,
            rtol=1e-5,
        )


def test_a_state_dict_of_another_connectivity_runs_its_own():
    first = st.LIF(4, 2, duration=0.04, connectivity=sal.Sparse([0, 1], [0, 1], (4, 2)), weight=[9.0, 9.0])
    second = st.LIF(4, 2, duration=0.04, connectivity=sal.Sparse([0, 1], [1, 1], (4, 2)), weight=[9.0, 9.0])
    spikes = st.Spikes.from_latencies(torch.tensor([[1e-3, 2e-3, 3e-3, 4e-3]], dtype=torch.float64))
    counts = first(spikes).counts(), second(spikes).counts()
    assert counts[0][0, 0] > 0 and counts[1][0, 0] == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(NetworkError, match=r"connectivity must be of shape \(24, 27\)"):
        st.LIF(24, 27, duration=0.04, connectivity=CONV)
    with pytest.raises(ParameterError, match=r"LIF\.weight must be of shape \(3, 1, 3, 3\)"):
        st.LIF(25, 27, duration=0.04, connectivity=CONV, weight=np.zeros((25, 27)))


@pytest.mark.parametrize("kind", ["axon", "synapse"])
def test_learned_delays_stay_what_they_are(kind):
    """Where there are as many synapses as axons, nothing but ``delay_of`` tells them apart, also when all are equal."""
    links, late = sal.Sparse([2, 1, 0], [0, 0, 0], shape=(3, 1)), np.array([1e-3, 2e-3, 3e-3])
    options = {"weight": [2.0, 8.0, 20.0], "connectivity": links, "trainable": ("delay",), "duration": 0.03}
    layer = st.LIF(3, 1, delay=np.full(3, 1e-3), delay_of=kind, **options)
    other = st.LIF(3, 1, delay=late, delay_of=kind, **options)
    with torch.no_grad():
        layer.delay.copy_(torch.as_tensor(late))
    stimulus = st.Spikes.from_latencies(torch.tensor([[1e-3, 2e-3, 2.5e-3]], dtype=torch.float64))
    times, expected = layer(stimulus).times, other(stimulus).times
    assert times.numel() > 0
    torch.testing.assert_close(times, expected, rtol=0, atol=0)
    late = late if kind == "axon" else late[::-1].copy()
    matrix = st.LIF(3, 1, weight=[[20.0], [8.0], [2.0]], delay=late, duration=0.03)
    torch.testing.assert_close(times, matrix(stimulus).times, rtol=0, atol=1e-12)
    with pytest.raises(ParameterError, match="delay_of"):
        st.LIF(3, 1, delay=late, **options)
