"""The engine's rasters and probes against the plain reference simulator, over many random networks."""

import numpy as np
import pytest

import saltation as sal
from reference import simulator
from reference.networks import DURATION, MODELS, random_network, stimulus

SHAPES = {
    "feedforward": {},
    "scalar_delay": {"delay": "scalar"},
    "pre_delay": {"delay": "pre", "per_neuron": True},
    "synapse_delay": {"delay": "synapse"},
    "recurrent": {"recurrent": True, "delay": "scalar"},
    "recurrent_instant": {"recurrent": True},
    "recurrent_pre": {"recurrent": True, "delay": "pre", "refractory": True},
    "recurrent_synapse": {"recurrent": True, "delay": "synapse", "per_neuron": True, "refractory": True},
    "refractory": {"refractory": True, "per_neuron": True},
    "loop": {"loop": True, "delay": "synapse"},
    "loop_all": {"loop": True, "recurrent": True, "delay": "pre", "refractory": True, "per_neuron": True},
    "budget": {"max_spikes": 2, "recurrent": True, "delay": "scalar"},
}
TIMES = np.array([0.0, 4.4e-3, 17e-3, 31e-3, DURATION])
PROBES = (sal.Voltage(TIMES), sal.MaxVoltage(), sal.VoltageIntegral())


def compare(net, stim, duration=DURATION):
    """Run both; returns the number of spikes and the worst differences."""
    probed = [name for name, p in net.populations.items() if not isinstance(p, sal.Input)]
    run = sal.simulate(net, {"in": stim}, duration, record=dict.fromkeys(probed, PROBES))
    plain = sal.simulate(net, {"in": stim}, duration)
    n = 0
    for b in range(stim.batch):
        want = simulator.simulate(net, {"in": stim.sample(b)}, duration, sampled=TIMES)
        for name in run.spikes:
            for got in (run, plain):
                times, units = got.spikes[name].sample(b)
                reference = want.spikes[name]
                assert len(times) == len(reference), f"{name}: {len(times)} spikes, not {len(reference)}"
                assert units.tolist() == [u for _, u in reference]
                assert np.allclose(times, [t.real for t, _ in reference], rtol=0.0, atol=1e-12 * duration)
            n += len(times) if name != "in" else 0
        for name in probed:
            samples, top, integral = run.voltage[name]
            v = want.voltage[name]
            assert np.allclose(samples[b], v["samples"].real, rtol=0.0, atol=1e-12)
            assert np.allclose(top[b], v["max"].real, rtol=0.0, atol=1e-12)
            assert np.allclose(integral[b], v["integral"].real, rtol=0.0, atol=1e-12 * duration)
            assert np.allclose(run.state.voltage(name)[b], want.end[name].real, rtol=0.0, atol=1e-12)
    return n


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", MODELS)
def test_rasters_and_voltages(model, shape):
    rng = np.random.default_rng(7)
    net = random_network(MODELS.index(model), model, n=3, **SHAPES[shape])
    assert compare(net, stimulus(3, 1, rng, events=8)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", MODELS)
def test_rasters_and_voltages_of_many_seeds(model, shape):
    """About 20 minutes in all."""
    for seed in range(10, 13):
        rng = np.random.default_rng(seed)
        compare(random_network(seed, model, **SHAPES[shape]), stimulus(3, 2, rng, events=16))


@pytest.mark.parametrize("duration", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("model", MODELS)
def test_a_short_stimulus_in_a_long_window(model, duration):
    """The last gap is many time constants long; the spikes behind the last input come from it."""
    rng = np.random.default_rng(3)
    net = random_network(4, model, n=3, gain=2.5)
    if model == "leaky":
        duration = 0.3
    stim = sal.Spikes.from_lists([([0.0, 1e-3, 1.5e-3], [0, 1, 2])], n_units=3)
    assert compare(net, stim, duration) > 0
    del rng


def test_mixed_models_in_one_loop():
    for kinds in (("lif", "alif"), ("lif", "lif_two"), ("alif", "lif")):
        rng = np.random.default_rng(5)
        from reference.networks import neurons

        net = sal.Network()
        net.add("in", sal.Input(3))
        net.add("a", neurons(kinds[0], 3, rng, refractory=True))
        net.add("b", neurons(kinds[1], 2, rng, per_neuron=True))
        net.connect("in", "a", weight=rng.normal(2.0, 1.0, (3, 3)))
        net.connect("a", "b", weight=rng.normal(1.5, 0.6, (3, 2)), delay=1e-3)
        net.connect("b", "a", weight=rng.normal(-0.5, 1.0, (2, 3)), delay=rng.uniform(1e-3, 2e-3, (2, 3)))
        assert compare(net, stimulus(3, 2, rng, events=14)) > 3


def test_receptors_named_and_by_sign():
    rng = np.random.default_rng(6)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("a", sal.LIF(3, tau_syn_exc=4e-3, tau_syn_inh=11e-3))
    net.connect("in", "a", weight=rng.normal(2.0, 2.0, (3, 3)))
    net.connect("in", "a", weight=rng.normal(1.0, 2.0, (3, 3)), receptor="inh", name="slow", delay=1e-3)
    net.connect("in", "a", weight=rng.normal(1.0, 2.0, (3, 3)), receptor="exc", name="fast")
    net.add("out", sal.LI(2, tau_syn=20e-3, tau_mem=20e-3))
    net.connect("a", "out", weight=rng.normal(size=(3, 2)))
    net.connect("in", "out", weight=rng.normal(size=(3, 2)), delay=rng.uniform(0, 3e-3, 3))
    assert compare(net, stimulus(3, 2, rng, events=14)) > 3
