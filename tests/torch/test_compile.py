"""The compiler sees one operation for each layer, and nothing of what it does."""

import pytest
import torch

import saltation as sal
from saltation.torch import LI, LIF, SNN, Spikes, max_over_time_cross_entropy, ttfs_cross_entropy

DURATION = 6.0
LABELS = torch.tensor([0, 1])


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()


def layers():
    first = LIF(3, 4, duration=DURATION, weight=sal.uniform((3, 4), 1.0, 3.0, seed=1), tau_mem=2.0, tau_syn=0.9)
    second = LIF(4, 2, duration=DURATION, weight=sal.uniform((4, 2), 0.5, 1.5, seed=2), tau_mem=2.0, tau_syn=0.9)
    return torch.nn.Sequential(first, second)


def results(function, module, stimulus):
    times = stimulus.times.detach().clone().requires_grad_()
    loss = function(module, Spikes(times, stimulus.units, stimulus.offsets, stimulus.n_units))
    return [loss, *torch.autograd.grad(loss, [*module.parameters(), times])]


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_stacked_layers_compile_as_one_graph_to_the_same_numbers(stimulus, backend):
    def loss(module, spikes):
        return ttfs_cross_entropy(module(spikes).first(), LABELS, tau0=0.5, tau1=2.0, alpha=0.1)

    module = layers()
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    plain = results(loss, module, stimulus)
    assert all(bool(value.abs().max() > 0) for value in plain)
    for a, b in zip(plain, results(compiled, module, stimulus), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)
    # Other weights, and so another number of spikes, through the same graph.
    with torch.no_grad():
        module[0].weight *= 1.4
    before, after = results(loss, module, stimulus), results(compiled, module, stimulus)
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


def test_a_whole_network_compiles_for_changing_batches_and_durations(network, stimulus):
    def loss(module, spikes, duration, observed):
        out = module({"in": spikes}, duration, observed=observed)
        late = out.first_spike("hid").nan_to_num(posinf=0.0).sum()
        return max_over_time_cross_entropy(out.voltage("out"), LABELS[: spikes.batch]) + late, out

    snn = SNN(network)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    record = stimulus.to_numpy()
    for batch, duration in ((2, 5.0), (2, 6.0), (1, 6.0)):
        spikes = Spikes.from_numpy(record[:batch])
        expected, out = loss(snn, spikes, duration, None)
        found, traced = compiled(snn, spikes, duration, None)
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)
        assert traced.spikes["hid"].to_numpy() == out.spikes["hid"].to_numpy()
        a, b = (torch.autograd.grad(value, snn.weight_in_hid)[0] for value in (expected, found))
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)
    seen = {"hid": out.spikes["hid"].detach()}
    torch.testing.assert_close(
        compiled(snn, spikes, 6.0, seen)[0], loss(snn, spikes, 6.0, seen)[0], rtol=1e-13, atol=1e-13
    )


# PyTorch's own code for scripted modules, which the inductor imports, warns that it is deprecated.
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.slow
def test_the_inductor_compiles_too(stimulus):
    def loss(module, spikes):
        return module(spikes).square().sum()

    module = torch.nn.Sequential(layers()[0], LI(4, 2, duration=DURATION))
    compiled = torch.compile(loss, fullgraph=True, backend="inductor")
    for a, b in zip(results(loss, module, stimulus), results(compiled, module, stimulus), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
