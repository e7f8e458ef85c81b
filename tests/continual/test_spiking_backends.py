"""Gradients of each example and the ensemble's rule on a grid, on a chip and in JAX, against loops over examples."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

import saltation as sal
from reference.classifiers import spiking_module
from reference.tangent import nte_step
from saltation.bss2 import Backend, Chip, imperfect
from saltation.continual import (
    AGEM,
    EWC,
    NTE,
    SI,
    Arrays,
    Descent,
    Ensemble,
    Joint,
    LwF,
    Replay,
    SpikingModule,
    jax_classifier,
    learn,
    nte,
    per_example,
    per_example_gradients,
    split_classes,
    torch_classifier,
)
from saltation.errors import GradientError
from saltation.jax import Spikes as JaxSpikes
from saltation.jax import build
from saltation.torch import SNN, Spikes

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0.0, 1.0, (5, 4)), np.array([0, 1, 2, 0, 1])
GRIDS = {
    "surrogate": sal.Grid(0.05, surrogate=sal.SuperSpike(10.0)),
    "eventprop": sal.Grid(0.05, gradient="eventprop"),
}


def on(backend):
    """The spiking classifier of the other tests, run by another backend."""
    base = spiking_module()
    return SpikingModule(SNN(base.snn.network(), backend=backend), base.encode, base.readout, base.duration)


def taken(module, x, y):
    """Gradients of each example, and none left behind."""
    per_example_gradients(module, torch.from_numpy(x), torch.from_numpy(y))
    found = {name: p.grad_sample.numpy() for name, p in module.named_parameters()}
    for p in module.parameters():
        p.grad_sample = None
    return found


def one_by_one(module, x, y, before=lambda: None, batch=False):
    """Gradients of the loss of one example after another, by ``backward``; with ``batch`` all are run each time."""
    found = {name: [] for name, _ in module.named_parameters()}
    for k in range(len(y)):
        before()
        module.zero_grad()
        some = slice(None) if batch else slice(k, k + 1)
        logits = module(torch.from_numpy(x[some]))[k if batch else 0]
        torch.nn.functional.cross_entropy(logits, torch.tensor(y[k])).backward()
        for name, p in module.named_parameters():
            found[name].append(p.grad.numpy().copy())
    module.zero_grad()
    return {name: np.stack(each) for name, each in found.items()}


def assert_same(found, expected, rtol=1e-11):
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert np.abs(value).max() > 1e-6
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=rtol * np.abs(value).max(), err_msg=name)


def flat(parts):
    return np.concatenate([np.asarray(parts[name]).reshape(len(Y), -1) for name in sorted(parts)], axis=1)


# ------------------------------------------------------------------------------------------------- a grid
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_gradients_on_a_grid_are_those_of_one_example_after_another(grid):
    module = on(grid)
    assert_same(taken(module, X, Y), one_by_one(module, X, Y))


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_rule_on_a_grid_is_that_of_the_algorithm(grid):
    module = on(grid)
    names = sorted(name for name, _ in module.named_parameters())
    before = {name: p.detach().numpy().copy() for name, p in module.named_parameters()}
    w = np.concatenate([before[name].ravel() for name in names])
    expected, _ = nte_step(w, flat(one_by_one(module, X, Y)), lr=0.2, radius=np.abs(w).sum())
    rule = NTE(module.parameters(), lr=0.2)
    per_example_gradients(module, torch.from_numpy(X), torch.from_numpy(Y))
    rule.step()
    after = dict(module.named_parameters())
    np.testing.assert_allclose(
        np.concatenate([after[name].detach().numpy().ravel() for name in names]), expected, rtol=1e-10
    )
    assert np.abs(np.array(expected) - w).max() > 1e-3


def test_tangents_on_a_grid_need_its_events():
    rng = np.random.default_rng(1)
    classifier = torch_classifier(on(GRIDS["eventprop"]))
    w, along = classifier.parameters(), rng.normal(size=classifier.size)
    tangent = classifier.tangent(w, torch.from_numpy(X), along)
    gradients = classifier.loss_gradients(w, torch.from_numpy(X), Y)
    np.testing.assert_allclose(tangent[np.arange(5), Y], -gradients @ along, rtol=1e-10)
    classifier = torch_classifier(on(GRIDS["surrogate"]))
    with pytest.raises(GradientError, match="not defined on a grid"):
        classifier.tangent(w, torch.from_numpy(X), along)


# ------------------------------------------------------------------------------------------------- a chip
def chip_module(backend):
    """Six inputs, eight neurons and three integrators, with weights and times that suit a chip."""
    rng = np.random.default_rng(0)
    net = sal.Network()
    net.add("in", sal.Input(6))
    net.add("hid", sal.LIF(8, tau_mem=8e-3, tau_syn=6e-3, t_refrac=2e-3))
    net.add("out", sal.LI(3, tau_mem=8e-3, tau_syn=6e-3))
    net.connect("in", "hid", weight=rng.normal(0.7, 0.3, (6, 8)).clip(-1.0, 1.0))
    net.connect("hid", "out", weight=rng.normal(0.1, 0.2, (8, 3)).clip(-0.7, 0.7))
    return SpikingModule(
        SNN(net, backend=backend),
        encode=lambda x: {"in": Spikes.from_latencies(20e-3 * x)},
        readout=lambda output: output.voltage("out"),
        duration=40e-3,
    )


X_CHIP = RNG.uniform(0.05, 1.0, (5, 6))


@pytest.fixture(scope="module")
def calibration():
    return Backend(Chip(1)).calibration(chip_module(None).snn.network())


def test_gradients_on_a_chip_are_those_of_one_example_after_another(calibration):
    backend = Backend(Chip(1), calibration)
    module = chip_module(backend)
    found = taken(module, X_CHIP, Y)
    # the same run again for each example, noise and all, of which one loss is differentiated
    assert_same(found, one_by_one(module, X_CHIP, Y, lambda: backend.chip.skip_to(0), batch=True))
    assert backend.chip.runs == 1
    other = taken(module, X_CHIP, Y)
    assert any(np.abs(found[name] - other[name]).max() > 1e-9 for name in found)  # there is noise


def test_without_noise_an_example_on_a_chip_does_not_depend_on_the_others(calibration):
    variation, noise = imperfect("variation")
    module = chip_module(Backend(Chip(1, variation=variation, noise=noise), calibration))
    assert_same(taken(module, X_CHIP, Y), one_by_one(module, X_CHIP, Y))


def test_surrogate_gradients_on_a_chip_are_those_of_one_example_after_another(calibration):
    variation, noise = imperfect("variation")
    chip = Chip(1, variation=variation, noise=noise)
    module = chip_module(Backend(chip, calibration, adjoint=sal.Grid(1e-3, surrogate=sal.SuperSpike(10.0))))
    assert_same(taken(module, X_CHIP, Y), one_by_one(module, X_CHIP, Y))


METHODS = {
    "Descent": lambda m, sgd: Descent(m, sgd),
    "Ensemble": lambda m, sgd: Ensemble(m, NTE(m.parameters(), lr=0.1)),
    "sum": lambda m, sgd: Ensemble(m, NTE(m.parameters(), lr=0.1, batch="sum")),
    "EWC": lambda m, sgd: EWC(m, sgd, strength=0.1, examples=12),
    "SI": lambda m, sgd: SI(m, sgd, strength=0.01),
    "LwF": lambda m, sgd: LwF(m, sgd),
    "Replay": lambda m, sgd: Replay(m, sgd, capacity=6),
    "AGEM": lambda m, sgd: AGEM(m, sgd, capacity=6),
    "Joint": lambda m, sgd: Joint(m, sgd),
}


@pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
@pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")
def test_networks_on_a_chip_learn_by_every_method(make, calibration):
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), 12)
    times = rng.uniform(0.7, 1.0, (36, 6))
    for k in range(2):
        times[np.arange(36), 2 * y + k] = 0.1  # two early inputs tell the class
    backend = Backend(Chip(1), calibration)
    module = chip_module(backend)
    signs = [p.detach().sign() for p in module.parameters()]
    method = make(module, torch.optim.SGD(module.parameters(), lr=0.3))
    stream = split_classes(Arrays(times, y, times, y), 3)
    learned = learn(method, stream, epochs=6, batch=9)
    assert learned.losses[0, -1] < learned.losses[0, 0] - 0.02
    assert backend.chip.runs >= 6 * 4  # it was trained in the loop
    kept = all(torch.equal(a, p.detach().sign()) for a, p in zip(signs, module.parameters(), strict=True))
    assert kept or not isinstance(method, Ensemble)
    two = learn(
        make(module, torch.optim.SGD(module.parameters(), lr=0.3)),
        split_classes(Arrays(times, y, times, y), 1),
        epochs=1,
        batch=12,
    )
    np.testing.assert_array_equal(two.accuracies, 1.0)  # one label alone competes


def test_the_teacher_of_lwf_answers_on_the_same_chip(calibration):
    backend = Backend(Chip(1), calibration)
    module = chip_module(backend)
    stream = split_classes(Arrays(X_CHIP, Y, X_CHIP, Y), 1)
    with_teacher, runs = LwF(module, torch.optim.SGD(module.parameters(), lr=0.1)), []
    learn(with_teacher, stream, epochs=1, batch=5, after=lambda i, _: runs.append(backend.chip.runs))
    # tests of three tasks; an update, the count of labels, and tests; from the second task on also the teacher's run
    assert runs == [3 + 1 + 1 + 3, 8 + 1 + 1 + 1 + 3, 14 + 1 + 1 + 1 + 3]


# --------------------------------------------------------------------------------------------------- JAX
def jax_network(backend):
    net = on(None).snn.network()
    room = {} if isinstance(backend, sal.Grid) and backend.surrogate_gradients else {"capacity": {"hid": 20}}
    init, apply = build(net, duration=6.0, backend=backend, **room)

    def logits(params, x):
        return apply(params, {"in": JaxSpikes.from_latencies(x)}).voltage("out")

    def loss(params, x, y):
        return optax.softmax_cross_entropy_with_integer_labels(logits(params, x[None]), y[None])[0]

    return init(), logits, loss


@pytest.mark.parametrize("backend", [None, *GRIDS.values()], ids=["exact", *GRIDS])
def test_the_rule_in_jax_is_that_of_the_algorithm(backend):
    params, _, loss = jax_network(backend)
    x, y = jnp.asarray(X), jnp.asarray(Y)
    found = per_example(loss)(params, x, y)
    looped = [jax.grad(loss)(params, x[k], y[k]) for k in range(len(Y))]
    expected = {name: np.stack([np.asarray(each[name]) for each in looped]) for name in params}
    assert_same({name: np.asarray(value) for name, value in found.items()}, expected)
    torch_names = {name: f"snn.{name}" for name in params}
    by_torch = one_by_one(on(backend), X, Y)
    assert_same({torch_names[name]: value for name, value in expected.items()}, by_torch, 1e-9)
    w = np.concatenate([np.asarray(params[name]).ravel() for name in sorted(params)])
    after, _ = nte_step(w, flat(expected), lr=0.2, radius=np.abs(w).sum())
    rule = nte(lr=0.2)
    steps, state = rule.update(found, rule.init(params), params)
    moved = optax.apply_updates(params, steps)
    np.testing.assert_allclose(
        np.concatenate([np.asarray(moved[name]).ravel() for name in sorted(params)]), after, rtol=1e-10
    )
    assert int(state.examples) == len(Y)


def test_tangents_of_spiking_networks_in_jax_are_those_of_torch():
    params, logits, _ = jax_network(None)
    classifier, other = jax_classifier(logits, params), torch_classifier(on(None))
    parts = {f"snn.{name}": np.asarray(value) for name, value in params.items()}
    order = [name for name, _ in on(None).named_parameters()]
    w = np.concatenate([parts[name].ravel() for name in order])
    np.testing.assert_array_equal(w, other.parameters())
    # in JAX arrays are in the order of their names
    places = np.argsort(
        np.concatenate([np.full(parts[name].size, sorted(parts).index(name)) for name in order]), kind="stable"
    )
    along = np.random.default_rng(2).normal(size=other.size)
    found = classifier.tangent(classifier.parameters(), jnp.asarray(X), along[places])
    np.testing.assert_array_equal(classifier.parameters(), w[places])
    np.testing.assert_allclose(found, other.tangent(w, torch.from_numpy(X), along), rtol=1e-10, atol=1e-12)
