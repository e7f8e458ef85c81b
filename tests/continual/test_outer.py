"""Outer products in the place of gradients: against the same numbers formed one by one."""

import numpy as np
import pytest
import torch
from torch.nn.utils import prune

from saltation.continual import EWC, NTE, OuterProducts, expert_parameters, per_example_gradients
from saltation.continual.methods import Batch
from saltation.errors import GradientError, ParameterError

FLOOR = 2.0**-20


def factors(rng, batch, spread, dtype=torch.float64):
    """Examples whose sizes spread over orders of magnitude."""
    left = rng.normal(size=(batch, 7)) * np.exp(spread * rng.normal(size=(batch, 1)))
    return OuterProducts(torch.tensor(left, dtype=dtype), torch.tensor(rng.normal(size=(batch, 5)), dtype=dtype))


def slowly(g, signs, lr, floor):
    """The sum of logarithms in float64, number by number, and how many were raised."""
    total, raised = np.zeros(signs.shape), 0
    for left, right in zip(g.left.double().numpy(), g.right.double().numpy(), strict=True):
        minus = -lr * signs.double().numpy() * np.outer(left, right)
        raised += int((minus < floor - 1.0).sum())
        total += np.log1p(np.maximum(minus, floor - 1.0))
    return total, raised


@pytest.mark.parametrize("lr", [1e-6, 1e-3, 0.03, 0.2, 1.0])
@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_the_series_gives_the_logarithms_of_the_product(lr, spread):
    g = factors(np.random.default_rng(1), 60, spread)
    signs = torch.tensor(np.random.default_rng(2).choice([-1.0, 1.0], size=(7, 5)))
    found, raised = g.log_factors(signs, lr, FLOOR)
    wanted, wanted_raised = slowly(g, signs, lr, FLOOR)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13 * np.abs(wanted).max())
    assert raised == wanted_raised


def test_the_cases_above_go_both_ways_and_clamp():
    g = factors(np.random.default_rng(1), 60, 2.0)
    signs = torch.ones(7, 5, dtype=torch.float64)
    bounds = g.left.abs().amax(dim=1) * g.right.abs().amax(dim=1)
    assert bool((bounds < 0.5).any()) and bool((bounds > 2.0).any())
    assert g.log_factors(signs, 1.0, FLOOR)[1] > 10


@pytest.mark.parametrize("lr", [1e-3, 0.03, 0.2])
def test_in_single_precision_the_series_is_as_good_as_one_by_one(lr):
    g = factors(np.random.default_rng(3), 128, 1.0, torch.float32)
    signs = torch.tensor(np.random.default_rng(2).choice([-1.0, 1.0], size=(7, 5)), dtype=torch.float32)
    wanted = slowly(g, signs, lr, FLOOR)[0]
    scale = np.abs(np.log1p(-np.minimum(lr * np.abs(g.dense().double().numpy()), 0.9))).sum(axis=0)
    assert (np.abs(g.log_factors(signs, lr, FLOOR)[0].double().numpy() - wanted) / scale).max() < 3e-7


def test_a_large_floor_is_kept():
    g = factors(np.random.default_rng(4), 30, 1.0)
    signs = torch.ones(7, 5, dtype=torch.float64)
    found, raised = g.log_factors(signs, 0.1, 0.95)
    wanted, wanted_raised = slowly(g, signs, 0.1, 0.95)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)
    assert raised == wanted_raised > 0


def test_a_dead_expert_stays_dead_and_leaves_the_others_alone():
    def train(dead):
        p = torch.nn.Parameter(torch.linspace(0.1, 1.0, 6, dtype=torch.float64).reshape(2, 3))
        with torch.no_grad():
            p[1, 2] = 0.0 if dead else p[1, 2]
        optimiser = NTE([p], lr=0.3, noise=0.0, renormalise=False)
        p.grad_sample = OuterProducts(torch.randn(9, 2, generator=rng, dtype=torch.float64), right)
        optimiser.step()
        return p.detach()

    right = torch.randn(9, 3, dtype=torch.float64)
    rng = torch.Generator().manual_seed(1)
    alive = train(dead=False)
    rng = torch.Generator().manual_seed(1)
    found = train(dead=True)
    assert float(found[1, 2]) == 0.0
    torch.testing.assert_close(found.flatten()[:5], alive.flatten()[:5], rtol=1e-14, atol=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(bad):
    g = factors(np.random.default_rng(4), 30, 1.0)
    g.left[3, 2] = bad
    found = g.log_factors(torch.ones(7, 5, dtype=torch.float64), 0.01, FLOOR)[0]
    assert not bool(torch.isfinite(found).any()) if bad == np.inf else bool(torch.isnan(found[2]).all())


def test_examples_without_a_gradient_change_nothing():
    g = OuterProducts(torch.zeros(4, 7), torch.rand(4, 5))
    assert not g.any()
    assert g.log_factors(torch.ones(7, 5), 0.1, FLOOR)[0].abs().max() == 0.0


def test_factors_must_be_of_the_same_examples():
    with pytest.raises(ParameterError, match=r"OuterProducts\.left and right"):
        OuterProducts(torch.ones(3, 2), torch.ones(4, 2))


# ---------------------------------------------------------------------------------------- gradients of modules
class Tied(torch.nn.Module):
    """A layer whose weight is used once more, beside its call."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x).tanh() @ self.layer.weight


class Twice(torch.nn.Module):
    """A layer that is called twice."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(self.layer(x).tanh())


class Idle(torch.nn.Module):
    """A layer that is called, but on whose output nothing depends; its weight is used."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4, bias=False)

    def forward(self, x):
        self.layer(x)
        return x @ self.layer.weight.T


class Changing(torch.nn.Module):
    """What the second layer got is changed after it."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)

    def forward(self, x):
        hidden = self.first(x)
        out = self.second(hidden)
        return out + hidden.detach().add_(1.0)


def plain():
    inner = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(inplace=True), torch.nn.Dropout(0.0))
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), inner, torch.nn.Linear(5, 4, bias=False))


def images():
    end = torch.nn.Linear(6, 4)
    return torch.nn.Sequential(torch.nn.Unflatten(1, (1, 4)), torch.nn.Conv1d(1, 2, 2), torch.nn.Flatten(), end)


def both(module):
    """Gradients as they are left by default, and as tensors."""
    module.double()
    x, y = torch.randn(9, 4, dtype=torch.float64), torch.arange(9) % 4
    found = []
    for dense in (False, True):
        losses = per_example_gradients(module, x, y, dense=dense)
        found.append((losses, {name: p.grad_sample for name, p in module.named_parameters() if p.requires_grad}))
    return found


@pytest.mark.parametrize(
    ("make", "factored"),
    [(plain, True), (Tied, False), (Twice, False), (Idle, False), (images, False)],
)
def test_gradients_are_those_that_autograd_gives_one_by_one(make, factored):
    torch.manual_seed(3)
    module = make()
    (losses, found), (wanted_losses, wanted) = both(module)
    torch.testing.assert_close(losses, wanted_losses, rtol=1e-13, atol=1e-13)
    assert any(isinstance(g, OuterProducts) for g in found.values()) == factored
    for name, g in found.items():
        formed = g.dense() if isinstance(g, OuterProducts) else g
        torch.testing.assert_close(formed, wanted[name], rtol=1e-12, atol=1e-14)
    x, y = torch.randn(1, 4, dtype=torch.float64), torch.tensor([2])
    per_example_gradients(module, x, y)
    module.zero_grad()
    torch.nn.functional.cross_entropy(module(x), y).backward()
    for p in module.parameters():
        g = p.grad_sample
        torch.testing.assert_close((g.dense() if isinstance(g, OuterProducts) else g)[0], p.grad, rtol=1e-12, atol=0)


def test_inputs_that_were_changed_since_are_left_to_autograd_which_refuses_them():
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        both(Changing())


class Branches(torch.nn.Module):
    """Layers whose outputs are added: autograd gives both the same gradient."""

    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(4, 5), torch.nn.Linear(4, 5)
        self.c, self.d = torch.nn.Linear(5, 4), torch.nn.Linear(5, 4)

    def forward(self, x):
        hidden = (self.a(input=x) + self.b(x)).tanh()
        return self.c(hidden) + self.d(hidden)


def hooked():
    module = plain()
    module[0].register_forward_hook(lambda layer, given, output: 3.0 * output)
    return module


def pruned():
    module = plain()
    prune.l1_unstructured(module[0], "weight", amount=0.4)
    return module


class Frozen(torch.nn.Module):
    """A trained layer that is called without gradients."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)

    def forward(self, x):
        with torch.no_grad():
            hidden = self.first(x)
        return self.second(hidden)


@pytest.mark.parametrize("make", [plain, Branches, hooked, pruned, Frozen])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_step_is_that_of_formed_gradients(make, backwards):
    def train(dense):
        torch.manual_seed(0)
        module = make().double()
        params = list(module.parameters())
        params = params[::-1] if backwards else params
        optimiser = NTE(params, lr=0.3, generator=torch.Generator().manual_seed(1))
        x, y = torch.randn(12, 4, dtype=torch.float64), torch.arange(12) % 4
        for part in torch.arange(12).split(4):
            per_example_gradients(module, x[part], y[part], dense=dense)
            optimiser.step()
        return params

    for a, b in zip(train(False), train(True), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=0)


def test_a_loss_with_an_expanded_gradient():
    module = torch.nn.Linear(4, 3)
    optimiser = NTE(module.parameters(), lr=0.1)
    per_example_gradients(module, torch.rand(5, 4), torch.zeros(5), lambda logits, y, reduction: logits.sum(dim=1))
    optimiser.step()
    assert all(bool(torch.isfinite(p).all()) for p in module.parameters())


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("outer", [False, True])
def test_an_infinite_gradient_is_an_error_and_not_a_factor_that_is_small(sign, outer):
    p = torch.nn.Parameter(torch.tensor([[0.1, 0.2], [0.3, 0.4]]))
    before = p.detach().clone()
    optimiser = NTE([p], lr=0.1)
    left, right = torch.tensor([[1.0, sign * np.inf]]), torch.tensor([[1.0, 0.5]])
    p.grad_sample = OuterProducts(left, right) if outer else left.unsqueeze(2) * right.unsqueeze(1)
    with pytest.raises(GradientError, match="finite"):
        optimiser.step()
    assert bool((p == before).all())


def test_powers_that_would_be_subnormal_are_left_out_and_nothing_else():
    rng = np.random.default_rng(5)
    sizes = np.exp(-40.0 * rng.random((32, 7)))
    g = OuterProducts(torch.tensor(sizes, dtype=torch.float32), torch.tensor(rng.random((32, 5)), dtype=torch.float32))
    signs = torch.ones(7, 5)
    wanted = slowly(g, signs, 0.3, FLOOR)[0]
    np.testing.assert_allclose(g.log_factors(signs, 0.3, FLOOR)[0], wanted, rtol=1e-6)


def test_frozen_parameters_take_no_part():
    module = plain()
    module[0].weight.requires_grad_(False)
    module[3].weight.requires_grad_(False)
    (_, found), (_, wanted) = both(module)
    assert isinstance(found["2.0.weight"], OuterProducts)
    torch.testing.assert_close(found["0.bias"], wanted["0.bias"])


def test_the_rule_is_the_same_with_outer_products():
    def train(dense):
        torch.manual_seed(0)
        module = plain().double()
        optimiser = NTE(expert_parameters(module), lr=0.4, generator=torch.Generator().manual_seed(1))
        x, y = torch.randn(40, 4, dtype=torch.float64), torch.arange(40) % 4
        for part in torch.arange(40).split(8):
            per_example_gradients(module, x[part], y[part], dense=dense)
            optimiser.step()
        return [p.detach().numpy() for p in module.parameters()], optimiser.report()

    (found, report), (wanted, wanted_report) = train(False), train(True)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=0)
    assert (report.clamped, report.examples) == (wanted_report.clamped, wanted_report.examples)


def test_at_the_origin_a_silent_layer_is_told():
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4))
    optimiser = NTE(module.parameters(), gradient_at="seed")
    with pytest.raises(GradientError, match="no gradient at all"):
        optimiser.step(lambda: per_example_gradients(module, torch.rand(3, 4), torch.tensor([0, 1, 2])))


def test_the_fisher_information_is_the_same():
    task = Batch(torch.randn(30, 4), torch.arange(30) % 4, None)

    def fisher(change):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(4, 6), change, torch.nn.Linear(6, 4))
        method = EWC(module, torch.optim.SGD(module.parameters(), lr=0.1), strength=1.0, seed=5)
        return [f for f in method.fisher(task) if f.shape != (1,)]  # that of _NotSeen

    for a, b in zip(fisher(torch.nn.Tanh()), fisher(_NotSeen()), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


class _NotSeen(torch.nn.Module):
    """Tanh, beside which an unused parameter keeps gradients from being factored."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x.tanh() + 0.0 * self.unused
