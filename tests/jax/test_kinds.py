"""Every kind of component, by XLA and through Python, beside the engine."""

import jax
import numpy as np
import pytest

import saltation as sal
from reference.networks import DURATION, random_network, stimulus
from reference.smooth import flat, gradient, loss
from saltation.engine.training import KINDS as ALL_KINDS
from saltation.jax import KernelWarning, Spikes, build, capacities, ffi, gate, operation

CASES = {
    "side by side": {"n": 20, "gain": 0.8},
    "side by side, each its own": {"n": 20, "gain": 0.8, "per_neuron": True, "refractory": True},
    "delays of inputs": {"delay": "pre", "refractory": True},
    "limited": {"max_spikes": 2},
    "recurrent": {"recurrent": True, "delay": "scalar"},
    "loop": {"loop": True, "delay": "pre"},
    "delays of synapses": {"delay": "synapse", "recurrent": True, "per_neuron": True},
}
SLOW = {
    "two receptors": {"model": "lif_two"},
    "two receptors, side by side": {"model": "lif_two", "n": 20, "gain": 0.7},
    "adaptive": {"model": "alif", "recurrent": True},
    "ratio two": {"model": "lif_twice", "n": 20, "gain": 0.8},
    "ratio one": {"model": "lif_one"},
    "by themselves": {"model": "leaky"},
}


def compare(net, stim, kinds, duration=DURATION):
    record = {name: sal.MaxVoltage() for name in net.populations if name == "out"}
    rooms = capacities(net, {"in": stim}, duration, margin=1.5)
    init, apply = build(net, capacity=rooms, trainable=kinds, record=record, duration=duration)
    run = sal.simulate(net, {"in": stim}, duration, record=record)
    params, given = init(), {"in": Spikes.from_numpy(stim)}
    out = jax.jit(apply)(params, given)
    for name, spikes in run.spikes.items():
        found = out.spikes[name].to_numpy()
        assert np.array_equal(found.units, spikes.units) and np.array_equal(found.offsets, spikes.offsets)
        np.testing.assert_allclose(found.times, spikes.times, rtol=1e-12, atol=1e-15)
    assert sum(spikes.n_events for name, spikes in run.spikes.items() if name != "in") > 0
    expected = flat(gradient(run))
    found = jax.jit(jax.grad(lambda p: loss(apply(p, given))))(params)
    for name, value in found.items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-11 * max(scale, 1.0), err_msg=name)
    return apply


def kinds_of(net):
    present = {"weight", "delay"}
    for population in net.populations.values():
        present.update(population.parameters())
    return tuple(kind for kind in ALL_KINDS if kind in present)


@pytest.mark.parametrize("name", [*CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_every_kind(name, way):
    options = {**CASES, **SLOW}[name]
    net = random_network(3, **options)
    kinds = kinds_of(net)
    compare(net, stimulus(3, 3, np.random.default_rng(5)), kinds)


def test_weights_alone_take_the_closed_forms(way):
    net = random_network(3, "lif_twice", n=4)
    compare(net, stimulus(3, 3, np.random.default_rng(5)), ("weight",))


def test_listed_synapses(way):
    rng = np.random.default_rng(2)
    net = sal.Network()
    net.add("in", sal.Input(6))
    net.add("hid", sal.LIF(5))
    net.add("out", sal.LI(2))
    first = sal.Sparse(rng.integers(0, 6, 12), rng.integers(0, 5, 12), (6, 5))
    second = sal.Sparse(rng.integers(0, 5, 6), rng.integers(0, 5, 6), (5, 5))
    net.connect("in", "hid", weight=rng.normal(3.0, 1.0, 12), connectivity=first)
    net.connect("hid", "hid", weight=rng.normal(0.0, 1.0, 6), delay=1e-3, connectivity=second)
    net.connect("hid", "out", weight=rng.normal(0.0, 1.0, (5, 2)))
    compare(net, stimulus(6, 3, rng), ("weight", "delay"))


def test_two_sources_and_a_projection_with_a_name(way):
    rng = np.random.default_rng(3)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("a", sal.LIF(4))
    net.add("b", sal.LIF(4))
    net.connect("in", "a", weight=rng.normal(3.0, 1.0, (3, 4)))
    net.connect("in", "b", weight=rng.normal(1.0, 1.0, (3, 4)), delay=2e-3)
    net.connect("a", "b", weight=rng.normal(1.0, 1.0, (4, 4)), name="late", delay=[1e-3, 2e-3, 0.0, 1e-3])
    net.connect("a", "b", weight=rng.normal(1.0, 1.0, (4, 4)))
    compare(net, stimulus(3, 4, rng), ("weight", "delay", "v_th"))


def test_a_capacity_that_is_just_enough_keeps_all_that_a_gradient_needs(by_xla):
    net = random_network(3, recurrent=True, delay="scalar")
    sample = stimulus(3, 1, np.random.default_rng(5))
    stim = sal.Spikes.from_lists(sample.to_lists() * 3, n_units=3)  # all samples alike: every place is taken
    run = sal.simulate(net, {"in": stim}, DURATION)
    needed = int(run.spikes["a"].per_sample().max())
    assert needed > 3 and run.spikes["a"].n_events == 3 * needed
    init, apply = build(net, capacity=needed, record={}, duration=DURATION)
    given = {"in": Spikes.from_numpy(stim)}
    found = jax.jit(jax.grad(lambda p: loss(apply(p, given))))(init())
    expected = flat(gradient(run))
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_what_would_be_kept_and_is_too_large_goes_through_python():
    net = random_network(3, delay="synapse", recurrent=True)
    _, apply = build(net, capacity=50)
    part = _parts(apply)[0]
    assert ffi.size_of_kept(part, 2, [12]) <= ffi.LARGEST < ffi.size_of_kept(part, 10**6, [12])


def test_a_run_that_keeps_too_much_is_heard_of_and_gives_the_same(monkeypatch):
    net, stim = random_network(4), stimulus(3, 2, np.random.default_rng(4))
    _, apply = build(net, capacity=60, trainable=())
    expected = sal.simulate(net, {"in": stim}, DURATION).spikes["a"]
    monkeypatch.setattr(ffi, "LARGEST", 0)
    monkeypatch.setattr(gate, "may_use_ffi", lambda: True)
    gate.say_too_large.cache_clear()
    operation.operation.cache_clear()
    with pytest.warns(KernelWarning, match="calls the kernels of '(a|out)' through Python.*smaller capacity or batch"):
        found = apply({}, {"in": Spikes.from_numpy(stim)}, DURATION).spikes["a"].to_numpy()
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-12)


def _parts(apply):
    cells = dict(zip(apply.__code__.co_freevars, (cell.cell_contents for cell in apply.__closure__), strict=True))
    return cells["chain"].parts
