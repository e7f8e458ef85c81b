"""The practical rule, in PyTorch and JAX, against the paper's algorithm written out; T14 and T17, and its guards."""

import copy
import io

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from reference.tangent import nte_step
from saltation import continual
from saltation.continual import NTE, displaced, expert_parameters, gradient_point, nte, nte_statistics, reseed, revived
from saltation.errors import GradientError, ParameterError

RNG = np.random.default_rng(5)
W = RNG.normal(scale=0.05, size=12)
GRADIENTS = RNG.normal(size=(6, 5, 12))  # steps, examples, parameters
SETTINGS = {
    "plain": {},
    "tempered": {"tempering": 0.3},
    "limited": {"max_delta": 0.12},
    "not rescaled": {"renormalise": False},
    "clamped": {"lr": 1.5},
    "all": {"lr": 0.9, "tempering": 0.5, "max_delta": 0.11},
}


def by_torch(w, gradients, **settings):
    """Two arrays of parameters, of which one is a matrix."""
    parts = [torch.nn.Parameter(torch.tensor(w[:4])), torch.nn.Parameter(torch.tensor(w[4:]).reshape(2, 4))]
    optimiser = NTE(parts, **settings)
    for g in gradients:
        parts[0].grad_sample = torch.tensor(g[:, :4])
        parts[1].grad_sample = torch.tensor(g[:, 4:]).reshape(-1, 2, 4)
        optimiser.step()
    return np.concatenate([p.detach().numpy().ravel() for p in parts]), optimiser.report().clamped


def by_jax(w, gradients, **settings):
    rule = nte(**settings)
    params = {"a": jnp.asarray(w[:4]), "b": jnp.asarray(w[4:]).reshape(2, 4)}
    state = rule.init(params)
    update = jax.jit(rule.update)
    for g in gradients:
        tree = {"a": jnp.asarray(g[:, :4]), "b": jnp.asarray(g[:, 4:]).reshape(-1, 2, 4)}
        steps, state = update(tree, state, params)
        params = optax.apply_updates(params, steps)
    return np.concatenate([np.asarray(params[k]).ravel() for k in "ab"]), int(state.clamped)


@pytest.mark.parametrize("run", [by_torch, by_jax])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_several_steps_are_those_of_the_algorithm(run, settings):
    settings = {"lr": 0.05, **settings}
    expected, raised = list(W), 0
    radius = np.abs(W).sum() if settings.get("renormalise", True) else None
    known = {k: v for k, v in settings.items() if k != "renormalise"}
    for g in GRADIENTS:
        expected, more = nte_step(expected, g, radius=radius, **known)
        raised += more
    found, clamped = run(W, GRADIENTS, **settings)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert clamped == raised and (clamped > 0) == (settings["lr"] > 0.5)
    assert np.abs(found - W).max() > 1e-3


@pytest.mark.parametrize("run", [by_torch, by_jax])
def test_t17_one_example_is_gradient_descent_with_a_rate_of_the_weights_size(run):
    for g in GRADIENTS[:, :1]:
        found, _ = run(W, [g], lr=0.05, renormalise=False)
        np.testing.assert_allclose(found, W - 0.05 * np.abs(W) * g[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("run", [by_torch, by_jax])
def test_t17_the_limit_holds_and_factors_that_are_not_positive_are_counted(run):
    steep = GRADIENTS * 100
    found, clamped = run(W, steep, lr=0.5, max_delta=0.2)
    assert np.isfinite(found).all() and np.abs(found).max() <= 0.2 and clamped > 0
    assert (np.sign(found) * np.sign(W) >= 0).all() and np.abs(found).max() == 0.2


@pytest.mark.parametrize("run", [by_torch, by_jax])
def test_t14_the_sum_over_the_batch_is_another_rule_except_for_one_example(run):
    gap = {}
    for lr in (0.1, 0.01):
        for size in (1, 5):
            g = GRADIENTS[0, :size]
            product, _ = run(W, [g], lr=lr, renormalise=False)
            total, _ = run(W, [g.sum(axis=0, keepdims=True)], lr=lr, renormalise=False)
            gap[lr, size] = np.abs(product - total).max()
    assert gap[0.1, 1] == gap[0.01, 1] == 0.0
    assert gap[0.1, 5] > 1e-4
    assert gap[0.1, 5] / gap[0.01, 5] == pytest.approx(100, rel=0.4)


def test_the_sum_over_the_batch_as_an_option():
    g = GRADIENTS[0]
    expected, _ = nte_step(W, [g.sum(axis=0)], lr=0.02, radius=np.abs(W).sum())
    p = torch.nn.Parameter(torch.tensor(W))
    optimiser = NTE([p], lr=0.02, batch="sum")

    def closure():
        (p * torch.tensor(g).sum(dim=0)).sum().backward()
        return 3.0

    assert optimiser.step(closure) == 3.0
    np.testing.assert_allclose(p.detach(), expected, rtol=1e-13)
    assert p.grad is None
    rule = nte(lr=0.02, batch="sum")
    steps, _ = rule.update(jnp.asarray(g.sum(axis=0)), rule.init(jnp.asarray(W)), jnp.asarray(W))
    np.testing.assert_allclose(W + steps, expected, rtol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("seed_point", ["origin", "initial"])
def test_several_steps_of_sums_are_those_of_the_algorithm(settings, seed_point):
    settings = {"lr": 0.05, **settings}
    p = torch.nn.Parameter(torch.tensor(W))
    optimiser = NTE([p], batch="sum", seed_point=seed_point, noise=0.01, **settings)
    origin = W if seed_point == "initial" else 0.0
    expected, raised = list(p.detach().numpy() - origin), 0
    radius = np.abs(expected).sum() if settings.get("renormalise", True) else None
    known = {k: v for k, v in settings.items() if k != "renormalise"}
    for g in GRADIENTS.sum(axis=1, keepdims=True):
        p.grad = torch.tensor(g[0])
        optimiser.step()
        assert p.grad is None
        expected, more = nte_step(expected, g, radius=radius, **known)
        raised += more
    np.testing.assert_allclose(p.detach().numpy() - origin, expected, rtol=1e-9, atol=1e-15)
    report = optimiser.report()
    assert (report.clamped, report.steps, report.examples) == (raised, 6, 6) and (raised > 0) == (settings["lr"] > 0.5)


def test_batches_may_come_in_pieces():
    whole, _ = by_torch(W, [GRADIENTS[0]], lr=0.05)
    p = torch.nn.Parameter(torch.tensor(W))
    optimiser = NTE([p], lr=0.05)
    for part in np.array_split(GRADIENTS[0], 3):
        p.grad_sample = torch.tensor(part)
        optimiser.accumulate()
        assert p.grad_sample is None
    optimiser.step()
    np.testing.assert_allclose(p.detach(), whole, rtol=1e-13)
    assert optimiser.report().examples == 5 and optimiser.report().steps == 1


def test_groups_have_their_own_rates_and_one_sum():
    a, b = torch.nn.Parameter(torch.tensor(W[:4])), torch.nn.Parameter(torch.tensor(W[4:]))
    optimiser = NTE([{"params": [a], "lr": 0.1}, {"params": [b]}], lr=0.01)
    a.grad_sample, b.grad_sample = torch.tensor(GRADIENTS[0, :, :4]), torch.tensor(GRADIENTS[0, :, 4:])
    optimiser.step()
    rates = np.repeat([0.1, 0.01], [4, 8])
    product = np.abs(W) * np.prod(1 - rates * np.sign(W) * GRADIENTS[0], axis=0)
    expected = np.sign(W) * product * np.abs(W).sum() / product.sum()
    np.testing.assert_allclose(torch.cat([a, b]).detach(), expected, rtol=1e-12)


def test_around_initial_values_the_sign_of_the_displacement_is_kept():
    torch.manual_seed(0)
    p = torch.nn.Parameter(torch.tensor(W))
    optimiser = NTE([p], lr=0.1, seed_point="initial", noise=0.01)
    delta = p.detach().numpy() - W
    assert 0 < np.abs(delta).max() < 0.05
    radius = np.abs(delta).sum()
    for g in GRADIENTS:
        p.grad_sample = torch.tensor(g)
        optimiser.step()
        delta, _ = nte_step(delta, g, lr=0.1, radius=radius)
    np.testing.assert_allclose(p.detach().numpy() - W, delta, rtol=1e-9)


def test_around_initial_values_in_jax():
    seed = jnp.asarray(W)
    params = displaced(seed, jax.random.key(0), by=0.01)
    delta, rule = np.asarray(params - seed), nte(lr=0.1, seed_point=seed)
    state, radius = rule.init(params), np.abs(delta).sum()
    for g in GRADIENTS:
        steps, state = rule.update(jnp.asarray(g), state, params)
        params = optax.apply_updates(params, steps)
        delta, _ = nte_step(delta, g, lr=0.1, radius=radius)
    np.testing.assert_allclose(params - seed, delta, rtol=1e-9)
    np.testing.assert_allclose(state.delta, delta, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_displacement_below_the_digits_of_its_seed_point_comes_back(dtype):
    directions = (1.0,) * 50 + (-1.0,) * 80
    p = torch.nn.Parameter(torch.ones(2, dtype=getattr(torch, np.dtype(dtype).name)))
    optimiser = NTE([p], lr=0.5, seed_point="initial", noise=1e-3, generator=torch.Generator().manual_seed(1))
    expected = p.detach().numpy() - 1
    signs, radius = np.sign(expected), np.abs(expected).sum(dtype=float)
    seed = jnp.ones(2, dtype)
    rule, params = nte(lr=0.5, seed_point=seed), seed + jnp.asarray(expected)
    state = rule.init(params)
    smallest = 1.0
    for direction in directions:
        g = (direction * signs * np.array([1.0, 0.0]))[None].astype(dtype)
        p.grad_sample = torch.from_numpy(g.copy())
        optimiser.step()
        steps, state = rule.update(jnp.asarray(g), state, params)
        params = optax.apply_updates(params, steps)
        expected, _ = nte_step(expected, g, lr=0.5, radius=radius)
        smallest = min(smallest, abs(expected[0]))
    assert smallest < 1e-2 * np.finfo(np.float64).eps < abs(expected[0])
    digits = 1e-4 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(p.detach().numpy() - 1, expected, rtol=digits, atol=2 * np.finfo(dtype).eps)
    np.testing.assert_allclose(params - 1, expected, rtol=digits, atol=2 * np.finfo(dtype).eps)
    np.testing.assert_allclose(state.delta, expected, rtol=digits)


def test_values_moved_by_somebody_else_count():
    p = torch.nn.Parameter(torch.tensor(W))
    optimiser = NTE([p], lr=0.1, seed_point="initial", noise=0.01, renormalise=False)
    with torch.no_grad():
        p.copy_(torch.tensor(W) + 0.02)
    p.grad_sample = torch.tensor(GRADIENTS[0])
    optimiser.step()
    expected, _ = nte_step(np.full(12, 0.02), GRADIENTS[0], lr=0.1, radius=None)
    np.testing.assert_allclose(p.detach().numpy() - W, expected, rtol=1e-12)
    rule, seed = nte(lr=0.1, seed_point=jnp.asarray(W), renormalise=False), jnp.asarray(W)
    state = rule.init(seed + 0.01)
    steps, _ = rule.update(jnp.asarray(GRADIENTS[0]), state, seed + 0.02)
    np.testing.assert_allclose(0.02 + steps, expected, rtol=1e-12)


def test_zeros_are_revived_or_stay_dead():
    w = torch.tensor([0.0, 0.0, 0.3])
    p = torch.nn.Parameter(w.clone())
    assert NTE([p], noise=1e-3, generator=torch.Generator().manual_seed(1)).report().revived == 2
    assert 0 < p[:2].abs().min() and p[0] != p[1] and p[2] == w[2]
    p = torch.nn.Parameter(w.clone())
    optimiser = NTE([p], noise=0.0)
    p.grad_sample = torch.tensor([[1.0, -1.0, 2.0]])
    optimiser.step()
    assert optimiser.report().dead == 2 and p[:2].tolist() == [0.0, 0.0]
    assert optimiser.report().effective == pytest.approx(1.0)
    params = jnp.array([0.0, 0.0, 0.3])
    alive = revived(params, jax.random.key(2), by=1e-3)
    assert 0 < float(jnp.abs(alive[:2]).min()) < 0.01 and float(alive[2]) == pytest.approx(0.3)
    rule = nte()
    steps, state = rule.update(jnp.ones((1, 3)), rule.init(params), params)
    assert steps[:2].tolist() == [0.0, 0.0] and int(nte_statistics(state, params)["dead"]) == 2


def test_the_report_tells_effective_experts_and_limits():
    p = torch.nn.Parameter(torch.tensor([0.1, -0.1, 0.1, 0.05]))
    report = NTE([p], max_delta=0.1).report()
    pi = np.array([0.1, 0.1, 0.1, 0.05]) / 0.35
    assert report.effective == pytest.approx(np.exp(-(pi * np.log(pi)).sum()), rel=1e-6)
    assert (report.limited, report.experts, report.dead, report.steps) == (3, 4, 0, 0)
    stats = nte_statistics(nte().init(jnp.asarray(p.detach().numpy())), jnp.asarray(p.detach().numpy()))
    assert float(stats["effective"]) == pytest.approx(report.effective, rel=1e-6)


def test_gradients_that_are_not_finite_leave_the_parameters_alone():
    for bad in (np.nan, -np.inf):
        p = torch.nn.Parameter(torch.tensor(np.abs(W)))
        optimiser = NTE([p])
        g = GRADIENTS[0].copy()
        g[1, 2] = bad
        p.grad_sample = torch.tensor(g)
        with pytest.raises(GradientError, match="needs gradients that are finite"):
            optimiser.step()
        np.testing.assert_array_equal(p.detach(), np.abs(W))
        p.grad_sample = torch.tensor(GRADIENTS[0])  # the bad ones are forgotten
        optimiser.step()
        expected, _ = nte_step(np.abs(W), GRADIENTS[0], lr=0.01, radius=np.abs(W).sum())
        np.testing.assert_allclose(p.detach(), expected, rtol=1e-12)
    rule = nte()
    steps, _ = rule.update(jnp.asarray(g).at[0, 0].set(jnp.nan), rule.init(jnp.asarray(W)), jnp.asarray(W))
    assert bool(jnp.isnan(steps).any())


def test_a_huge_factor_does_not_overflow():
    p = torch.nn.Parameter(torch.tensor([0.1, 0.2, 0.3]))
    optimiser = NTE([p], lr=1.0)
    p.grad_sample = torch.tensor([[-1e30, 0.0, 0.0]]).repeat(5, 1)
    optimiser.step()
    assert torch.isfinite(p).all() and float(p.detach().abs().sum()) == pytest.approx(0.6)


def test_a_saved_optimiser_goes_on():
    for seed_point in ("origin", "initial"):
        p = torch.nn.Parameter(torch.tensor(W))
        optimiser = NTE([p], lr=0.1, seed_point=seed_point, noise=0.01)
        p.grad_sample = torch.tensor(GRADIENTS[0])
        optimiser.step()
        p.grad_sample = torch.tensor(GRADIENTS[1])
        optimiser.accumulate()
        file = io.BytesIO()
        torch.save((optimiser.state_dict(), p.detach()), file)
        file.seek(0)
        saved, value = torch.load(file)
        q = torch.nn.Parameter(torch.tensor(W * 2))
        other = NTE([q], lr=0.3, seed_point=seed_point, noise=0.02)
        other.load_state_dict(saved)
        with torch.no_grad():
            q.copy_(value)
        for each, parameter in ((optimiser, p), (other, q)):
            parameter.grad_sample = torch.tensor(GRADIENTS[2])
            each.step()
        assert torch.equal(p, q) and optimiser.report() == other.report()
        assert copy.deepcopy(optimiser).report() == optimiser.report()


def test_normalisation_layers_take_no_part():
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4),
        torch.nn.LayerNorm(4),
        torch.nn.Linear(4, 4),
        torch.nn.GroupNorm(2, 4),
        torch.nn.Linear(4, 2),
    )
    module[2].bias.requires_grad_(False)
    chosen = expert_parameters(module)
    assert [id(p) for p in chosen] == [
        id(p) for m in (module[0], module[2], module[4]) for p in m.parameters() if p.requires_grad
    ]
    before = module[1].weight.clone()
    optimiser = NTE(chosen, lr=0.1)
    continual.per_example_gradients(module, torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))
    optimiser.step()
    assert torch.equal(module[1].weight, before)


def test_a_mask_keeps_arrays_as_they_are():
    params = {"scale": jnp.ones(2), "w": jnp.asarray(W)}
    rule = nte(lr=0.1, max_delta=0.2, mask={"scale": False, "w": True})
    gradients = {"scale": jnp.ones((5, 2)) * 100, "w": jnp.asarray(GRADIENTS[0])}
    steps, state = rule.update(gradients, rule.init(params), params)
    expected, _ = nte_step(W, GRADIENTS[0], lr=0.1, radius=np.abs(W).sum(), max_delta=0.2)
    assert not steps["scale"].any() and int(state.clamped) == 0
    np.testing.assert_allclose(W + steps["w"], expected, rtol=1e-12)


def test_what_is_masked_is_no_expert():
    params = {"scale": jnp.full(9, 100.0), "w": jnp.asarray(W)}
    mask = {"scale": False, "w": True}
    found = nte_statistics(nte(mask=mask).init(params), params, mask)
    alone = nte_statistics(nte().init(params["w"]), params["w"])
    assert float(found["effective"]) == pytest.approx(float(alone["effective"])) and int(found["dead"]) == 0
    counted = {"scale": jnp.arange(9), "w": jnp.asarray(W)}
    assert nte(mask=mask).init(counted).radius == nte().init(params["w"]).radius
    with pytest.raises(ParameterError, match="must be floating-point numbers; got int"):
        nte().init(counted)


def test_where_gradients_are_taken():
    p = torch.nn.Parameter(torch.tensor(W))
    optimiser = NTE([p], seed_point="initial", gradient_at="seed", noise=0.01)
    moved = p.detach().clone()
    with optimiser.at_gradient_point():
        np.testing.assert_array_equal(p.detach(), W)
    assert torch.equal(p, moved)
    optimiser.reseed()
    with optimiser.at_gradient_point():
        assert torch.equal(p, moved)
    assert torch.equal(p.detach(), moved)
    current = NTE([p])
    with current.at_gradient_point():
        assert torch.equal(p, moved)
    with pytest.raises(ParameterError, match="reseed needs gradient_at='seed'"):
        current.reseed()
    seed = jnp.asarray(W)
    state = nte(seed_point=seed, gradient_at="seed").init(seed + 0.01)
    np.testing.assert_array_equal(gradient_point(state, seed + 0.01), seed)
    np.testing.assert_array_equal(gradient_point(reseed(state, seed + 1), seed), seed + 1)
    state = nte().init(seed)
    np.testing.assert_array_equal(gradient_point(state, seed), seed)
    with pytest.raises(ParameterError, match="reseed needs"):
        reseed(state, seed)


def test_gradients_at_the_seed_point_have_to_be_taken_there():
    p = torch.nn.Parameter(torch.tensor(W))
    optimiser = NTE([p], seed_point="initial", gradient_at="seed")
    p.grad_sample = torch.tensor(GRADIENTS[0])
    with pytest.raises(ParameterError, match="inside of 'with optimiser"):
        optimiser.step()
    with optimiser.at_gradient_point():
        p.grad_sample = torch.tensor(GRADIENTS[0])
        optimiser.accumulate()
    optimiser.step()
    p.grad_sample = torch.tensor(GRADIENTS[0])
    with pytest.raises(ParameterError, match="inside of"):  # once for each step
        optimiser.step()


def test_a_silent_network_at_the_origin_is_refused():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    optimiser = NTE(module.parameters(), gradient_at="seed")
    x, y = torch.randn(4, 3), torch.tensor([0, 1, 0, 1])
    with pytest.raises(GradientError, match="no gradient at all: a network with hidden layers"):
        optimiser.step(lambda: continual.per_example_gradients(module, x, y))
    linear = torch.nn.Linear(3, 2)
    NTE(linear.parameters(), gradient_at="seed").step(lambda: continual.per_example_gradients(linear, x, y))


def test_what_is_refused():
    p = torch.nn.Parameter(torch.tensor(W))
    for name, value in (("seed_point", "zero"), ("gradient_at", "now"), ("batch", "mean")):
        with pytest.raises(ParameterError, match=f"NTE.{name} must be"):
            NTE([p], **{name: value})
        with pytest.raises(ParameterError, match=f"nte.{name} must be"):
            nte(**{name: value})
    for name, value in (("lr", 0.0), ("tempering", -1.0), ("floor", 2.0), ("max_delta", 0.0)):
        with pytest.raises(ParameterError, match=f"NTE.{name} must be"):
            NTE([p], **{name: value})
        with pytest.raises(ParameterError, match=f"nte.{name} must be"):
            nte(**{name: value})
    with pytest.raises(ParameterError, match=r"at least the largest \|delta\| in the beginning"):
        NTE([p], max_delta=1e-3)
    with pytest.raises(ParameterError, match=r"at least the largest \|delta\| in the beginning"):
        nte(max_delta=1e-3).init(jnp.asarray(W))
    with pytest.raises(ParameterError, match="without displacements there are no experts"):
        NTE([p], seed_point="initial", noise=0.0)
    with pytest.raises(ParameterError, match="a zero never moves"):
        NTE([torch.nn.Parameter(torch.zeros(2))], noise=0.0)
    with pytest.raises(ParameterError, match="a zero never moves"):
        nte().init(jnp.zeros(2))


def test_gradients_that_are_missing_or_of_another_shape():
    p, q = torch.nn.Parameter(torch.tensor(W)), torch.nn.Parameter(torch.ones(2))
    optimiser = NTE([p, q])
    with pytest.raises(ParameterError, match=r"call per_example_gradients\(module, x, y\) before"):
        optimiser.step()
    with pytest.raises(ParameterError, match="batch='sum' needs"):
        NTE([p], batch="sum").step()
    p.grad_sample = torch.ones(12)
    with pytest.raises(ParameterError, match=r"must be \[batch, 12\]; got \(12,\)"):
        optimiser.step()
    p.grad_sample, q.grad_sample = torch.ones(3, 12, dtype=torch.float64), torch.ones(4, 2)
    with pytest.raises(ParameterError, match=r"got batches of \[3, 4\] examples"):
        optimiser.step()
    rule, w = nte(), jnp.asarray(W)
    with pytest.raises(ParameterError, match="needs the parameters"):
        rule.update(jnp.ones((1, 12)), rule.init(w))
    with pytest.raises(ParameterError, match=r"got \(12,\) for \(12,\); per_example makes them"):
        rule.update(jnp.ones(12), rule.init(w), w)
    with pytest.raises(ParameterError, match="another structure"):
        rule.update({"w": jnp.ones((1, 12))}, rule.init(w), w)
