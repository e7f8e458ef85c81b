"""Negative controls (T12, T13), float32 (T16), and the rule in spiking networks (T20, Dale's law)."""

import numpy as np
import pytest
import torch

from reference.classifiers import mlp, spiking_module
from saltation.continual import NTE, TangentEnsemble, per_example_gradients, same_cell, spike_order, torch_classifier
from saltation.errors import ParameterError


def descended(g, order, momentum):
    """Parameters after steps along frozen gradients, from zero."""
    p = torch.nn.Parameter(torch.zeros(g.shape[1], dtype=torch.float64))
    optimiser = torch.optim.SGD([p], lr=0.1, momentum=momentum)
    for k in order:
        p.grad = torch.tensor(g[k])
        optimiser.step()
    return p.detach().numpy()


def test_t12_momentum_makes_frozen_gradients_depend_on_their_order(torch_case):
    g = torch_case.gradients()
    there, back = np.arange(50), np.arange(49, -1, -1)
    without = np.abs(descended(g, there, 0.0) - descended(g, back, 0.0)).max()
    with_it = np.abs(descended(g, there, 0.9) - descended(g, back, 0.9)).max()
    assert without < 1e-12 and with_it > 1e-3


def trained(module, x, y, order, batch=1, **settings):
    optimiser = NTE(module.parameters(), generator=torch.Generator().manual_seed(4), **settings)
    for part in np.array_split(order, len(order) // batch):
        optimiser.step(lambda part=part: per_example_gradients(module, x[part], y[part]))
    return torch.cat([p.detach().double().ravel() for p in module.parameters()]).numpy()


@pytest.mark.parametrize("batch", [1, 5])
def test_t7_the_rule_with_gradients_at_the_seed_point_does_not_depend_on_the_order(torch_case, batch):
    x, y = torch_case.x, torch.tensor(torch_case.y)
    settings = {"lr": 0.1, "seed_point": "initial", "gradient_at": "seed", "noise": 0.1}
    there = trained(mlp(), x, y, np.arange(50), batch, **settings)
    back = trained(mlp(), x, y, np.arange(49, -1, -1), batch, **settings)
    np.testing.assert_allclose(there, back, rtol=0, atol=1e-13)
    assert np.abs(there - torch_case.seed).max() > 0.1


def test_t13_with_current_gradients_the_order_matters_less_the_smaller_the_displacement(torch_case):
    x, y = torch_case.x, torch.tensor(torch_case.y)
    gaps = []
    for noise in (1e-2, 1e-3, 1e-4):
        settings = {"lr": 0.1, "seed_point": "initial", "noise": noise}
        there = trained(mlp(), x, y, np.arange(50), **settings) - torch_case.seed
        back = trained(mlp(), x, y, np.arange(49, -1, -1), **settings) - torch_case.seed
        gaps.append(np.abs(there - back).max() / np.abs(there).max())
    assert gaps[0] > 1e-5
    # proportional to the displacement
    assert gaps[0] / gaps[1] == pytest.approx(10.0, rel=0.2) and gaps[1] / gaps[2] == pytest.approx(10.0, rel=0.2)


def test_t16_float32_follows_float64():
    rng = np.random.default_rng(2)
    x, y = torch.tensor(rng.normal(size=(50, 6)), dtype=torch.float32), torch.tensor(rng.integers(0, 4, 50))
    narrow = mlp(torch.float32)
    wide = mlp(torch.float64)
    wide.load_state_dict(narrow.state_dict())
    begin = torch.cat([p.detach().double().ravel() for p in wide.parameters()]).numpy()
    a = trained(narrow, x, y, np.arange(50), lr=0.05)
    b = trained(wide, x.double(), y, np.arange(50), lr=0.05)
    assert np.abs(a - b).max() < 1e-5 * np.abs(b).max()
    assert np.abs(b - begin).max() > 1e-2 * np.abs(b).max()


# ------------------------------------------------------------------------------------------------- spikes
def test_t20_gradients_of_each_example_are_those_of_single_runs(spiking_case):
    module = spiking_module()
    y = torch.tensor(spiking_case.y)
    losses = per_example_gradients(module, spiking_case.x[:6], y[:6])
    for k in range(6):
        module.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(spiking_case.x[k : k + 1]), y[k : k + 1])
        loss.backward()
        assert losses[k].item() == pytest.approx(loss.item(), rel=1e-14)
        for p in module.parameters():
            np.testing.assert_allclose(p.grad_sample[k], p.grad, rtol=1e-11, atol=1e-13)


def test_t20_a_crossing_into_another_cell_is_detected(spiking_case):
    module, x = spiking_module(), spiking_case.x
    snn, classifier = module.snn, torch_classifier(module)
    before = snn(module.encode(x), 6.0).spikes
    within = TangentEnsemble(classifier, 1e-4 * np.sign(spiking_case.ensemble(0.9).delta))
    with torch.no_grad():
        snn.weight_in_hid += torch.tensor(within.delta[:24]).reshape(4, 6)
    assert same_cell(before, snn(module.encode(x), 6.0).spikes).all()
    assert within.classifier is classifier
    # one neuron too weak for its last spike in some samples, and for none of its spikes in the others
    with torch.no_grad():
        snn.weight_in_hid[:, 2] *= 0.75
    after = snn(module.encode(x), 6.0).spikes
    fewer = after["hid"].counts()[:, 2] < before["hid"].counts()[:, 2]
    assert fewer.any() and not same_cell(before, after)[fewer.numpy()].any()


def test_t20_a_change_of_order_alone_is_another_cell():
    import saltation as sal

    def run(*times):
        return {"a": sal.Spikes.from_lists([(sorted(times), list(np.argsort(times)))], n_units=2)}

    assert same_cell(run(1.0, 2.0), run(1.5, 2.5)).all() and not same_cell(run(1.0, 2.0), run(2.0, 1.0)).any()
    assert spike_order(run(2.0, 1.0)) == [(("a", 1), ("a", 0))]
    with pytest.raises(ParameterError, match="of the same populations"):
        same_cell(run(1.0, 2.0), {"b": run(1.0, 2.0)["a"]})
    with pytest.raises(ParameterError, match="of one batch"):
        spike_order({})


def test_dales_law_holds_while_a_spiking_network_learns(spiking_case):
    module = spiking_module()
    x, y = spiking_case.x, torch.tensor(spiking_case.y)
    signs = [p.detach().sign() for p in module.parameters()]
    assert signs[1].min() < 0 < signs[1].max()
    optimiser = NTE(module.parameters(), lr=0.02)
    losses = [float(optimiser.step(lambda: per_example_gradients(module, x, y)).mean()) for _ in range(15)]
    assert all(torch.equal(p.detach().sign(), s) for p, s in zip(module.parameters(), signs, strict=True))
    assert losses[-1] < 0.9 * losses[0]
    descent = spiking_module()
    plain = torch.optim.SGD(descent.parameters(), lr=1.0)
    for _ in range(15):
        plain.zero_grad()
        torch.nn.functional.cross_entropy(descent(x), y).backward()
        plain.step()
    assert any(not torch.equal(p.detach().sign(), s) for p, s in zip(descent.parameters(), signs, strict=True))
