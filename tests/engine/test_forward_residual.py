"""Every spike lies on the threshold, and below it between spikes: the voltage summed anew from all spikes."""

import numpy as np
import pytest

import saltation as sal
from reference.networks import DURATION, MODELS, random_network, stimulus
from reference.superposition import own, trace


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("recurrent", [False, True], ids=["sweep", "queue"])
def test_residual_and_dense_samples(model, recurrent):
    rng = np.random.default_rng(1)
    net = random_network(3, model, recurrent=recurrent, delay="scalar", refractory=recurrent, per_neuron=True)
    run = sal.simulate(net, {"in": stimulus(3, 1, rng, events=14)}, DURATION)
    spikes = {name: s.sample(0) for name, s in run.spikes.items()}
    times, units = spikes["a"]
    assert len(times) > 3
    for n in range(net.populations["a"].size):
        fired = times[units == n]
        scale = 1.0 + np.abs(net.projections["in", "a"].weight[:, n]).sum()
        at, threshold, held = trace(net, spikes, "a", n, fired)
        assert not held.any()
        assert (np.abs(at - threshold) <= 1e-13 * scale).all()
        later, limit, _ = trace(net, spikes, "a", n, fired + 1e-9)  # the reset has happened
        reset = own(net.populations["a"], "v_reset", n)
        assert np.allclose(later, reset, atol=1e-4)
        assert (later < limit).all()
        earlier, limit, _ = trace(net, spikes, "a", n, fired - 1e-7)
        assert (earlier < limit).all()
        grid = np.linspace(0.0, DURATION, 250)
        v, limit, held = trace(net, spikes, "a", n, grid)
        assert (v[~held] < limit[~held] + 1e-13 * scale).all()


def test_report_of_the_least_slope():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(1, tau_mem=20e-3, tau_syn=10e-3))
    net.connect("in", "a", weight=[[5.0]])
    run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, 50e-3)
    t = run.spikes["a"].times[0]
    x = np.exp(-t / 20e-3)
    assert np.isclose(run.report.least_slope[0], x * np.sqrt(5.0 * (5.0 - 4.0)) / 20e-3, rtol=1e-12)
    assert run.report.uncrossed[0] == 0
    assert run.report.grazing[0] == 0
    near = net.replace(weight={("in", "a"): [[4.0 + 1e-13]]})
    run = sal.simulate(near, {"in": sal.Spikes.from_lists([([0.0], [0])])}, 50e-3)
    assert run.spikes["a"].n_events == 1
    assert run.report.grazing[0] == 1
