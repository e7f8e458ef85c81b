"""Recurrent networks of many neurons against the slow simulator that goes neuron by neuron."""

import numpy as np
import pytest

import saltation as sal
from reference import sparse
from reference.networks import neurons, random_network, stimulus

SECONDS = 0.1


def cuba(n, rng, **changes):
    """A population as in the CUBA network: fires by itself, two time constants, a refractory time."""
    p = {"tau_mem": 20e-3, "tau_syn_exc": 5e-3, "tau_syn_inh": 10e-3, "v_leak": -49.0, "v_th": -50.0}
    p |= {"v_reset": -60.0, "t_refrac": 5e-3, "v_init": rng.uniform(-60.0, -50.0, n)}
    return sal.LIF(n, **{**p, **changes})


def balanced(n, p, rng):
    """Weights [n, n] as in the CUBA network; 0 where there is no synapse."""
    weight = np.where(np.arange(n)[:, None] < 0.8 * n, 1.62, -9.0)
    return weight * (rng.random((n, n)) < p)


def agree(net, sample, stim, duration):
    """Compare all spikes and the state at the end; the number of spikes."""
    run = sal.simulate(net, stim, duration, backend=sal.Exact(threads=1))
    want, cells = sparse.simulate(net, sample, duration)
    n = 0
    for name in run.spikes:
        times, units = run.spikes[name].sample(0)
        assert units.tolist() == [unit for _, unit in want[name]]
        assert np.allclose(times, [t for t, _ in want[name]], rtol=0.0, atol=1e-12 * duration)
        n += times.size
    for name, population in net.populations.items():
        if population.parameters():
            end = [cells[name, unit].v for unit in range(population.size)]
            assert np.allclose(run.state.voltage(name)[0], end, rtol=1e-12, atol=1e-11)
    return n


@pytest.mark.parametrize("delay", [0.0, 0.1e-3, "axon", "synapse"])
def test_balanced_network(delay):
    rng = np.random.default_rng(1)
    net, n = sal.Network(), 40
    net.add("cells", cuba(n, rng))
    shape = {"axon": (n,), "synapse": (n, n)}.get(delay)
    delays = delay if shape is None else rng.uniform(0.1e-3, 3e-3, shape)
    net.connect("cells", "cells", weight=balanced(n, 0.3, rng), delay=delays)
    assert agree(net, {}, {}, SECONDS) > 40


@pytest.mark.parametrize("delay", ["none", "scalar", "axon", "synapse"])
def test_listed_synapses(delay):
    """The CUBA network at a fortieth of its size, its synapses in no order."""
    rng = np.random.default_rng(4)
    net, n = sal.Network(), 100
    links, weight = sal.Sparse.from_matrix(balanced(n, 0.1, rng))
    order = rng.permutation(weight.size)
    links, weight = sal.Sparse(links.pre[order], links.post[order], shape=(n, n)), weight[order]
    shape = {"scalar": (), "axon": (n,), "synapse": weight.shape}.get(delay)
    delays = 0.0 if shape is None else rng.uniform(0.1e-3, 3e-3, shape)
    net.add("cells", cuba(n, rng))
    net.connect("cells", "cells", weight=weight, connectivity=links, delay=delays)
    assert agree(net, {}, {}, SECONDS) > 100


def test_a_pair_may_have_several_synapses():
    rng = np.random.default_rng(5)
    net, n = sal.Network(), 30
    net.add("in", sal.Input(4))
    net.add("cells", cuba(n, rng, v_leak=-52.0, max_spikes=4))
    pre, post = rng.integers(0, n, (2, 400))
    weight = np.where(pre < 24, 1.62, -9.0)
    net.connect("cells", "cells", weight=weight, connectivity=sal.Sparse(pre, post, shape=(n, n)))
    links = sal.Sparse(rng.integers(0, 4, 60), rng.integers(0, n, 60), shape=(4, n))
    net.connect("in", "cells", weight=rng.uniform(1.0, 9.0, 60), delay=rng.uniform(0.0, 2e-3, 60), connectivity=links)
    stim = stimulus(4, 1, rng, events=30, duration=SECONDS)
    assert agree(net, {"in": stim.sample(0)}, {"in": stim}, SECONDS) > 20


def test_populations_that_drive_each_other():
    rng = np.random.default_rng(2)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("a", cuba(12, rng, t_refrac=rng.uniform(0.0, 4e-3, 12)))
    net.add("b", neurons("lif", 9, rng, per_neuron=True))
    net.connect("in", "b", weight=rng.normal(1.5, 1.0, (3, 9)))
    net.connect("b", "a", weight=rng.normal(0.0, 4.0, (9, 12)), delay=1e-3)
    net.connect("a", "b", weight=rng.normal(0.3, 0.5, (12, 9)), delay=rng.uniform(0.0, 2e-3, (12, 9)))
    net.connect("a", "a", weight=np.full((12, 12), -2.0), receptor="inh", name="inhibition")
    stim = stimulus(3, 1, rng, duration=SECONDS)
    assert agree(net, {"in": stim.sample(0)}, {"in": stim}, SECONDS) > 40


@pytest.mark.parametrize("model", ["lif", "lif_two", "lif_one", "lif_twice", "leaky"])
def test_random_networks_of_all_kinds_of_spiking_neurons(model):
    rng = np.random.default_rng(3)
    whole = random_network(5, model, n=5, recurrent=True, loop=True, delay="synapse", refractory=True, max_spikes=3)
    net = sal.Network()
    for name, population in whole.populations.items():
        if name != "out":
            net.add(name, population)
    for projection in whole.projections.values():
        if projection.post != "out":
            net.connect(projection.pre, projection.post, weight=projection.weight, delay=projection.delay)
    stim = stimulus(3, 1, rng)
    assert agree(net, {"in": stim.sample(0)}, {"in": stim}, 0.06) > 12
