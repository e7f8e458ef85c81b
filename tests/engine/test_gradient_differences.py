"""Gradients against central differences of the engine itself: entry by entry, at most 1e-7 of the largest."""

import numpy as np
import pytest

import saltation as sal
from reference import differences
from reference.networks import DURATION, MODELS, cotangents, random_network, stimulus

TIMES = [3.3e-3, 17e-3, 31e-3, DURATION]
PROBES = (sal.Voltage(TIMES), sal.MaxVoltage(), sal.VoltageIntegral())
CASES = {
    "lif": {"recurrent": True, "delay": "scalar", "refractory": True},
    "lif_two": {"recurrent": True, "delay": "synapse", "per_neuron": True},
    "alif": {"recurrent": True, "delay": "pre", "refractory": True},
    "lif_one": {"refractory": True, "delay": "scalar", "per_neuron": True},
    "lif_twice": {"recurrent": True, "refractory": True},
    "lif_half": {"loop": True, "delay": "synapse"},
    "lif_four": {"max_spikes": 2, "recurrent": True, "delay": "scalar"},
    "leaky": {"refractory": True, "delay": "pre"},
}


def check(net, stim, rng, record, share):
    """Compare a share of all entries of the gradient; returns the worst error by kind, in the max-norm."""

    def run(network, events):
        return sal.simulate(network, events, DURATION, record=record, backend=BACKEND)

    base = run(net, {"in": stim})
    spike_bars, voltage_bars = cotangents(base, rng)

    def loss(moved):
        total = sum((spike_bars[n] * moved.spikes[n].times).sum() for n in spike_bars)
        return total + sum(
            (b * v).sum() for n in voltage_bars for b, v in zip(voltage_bars[n], moved.voltage[n], strict=True)
        )

    gradient = base.gradient(spike_bars, voltage_bars)
    every = differences.entries(net, {"in": stim})
    kept = [e for e in every if rng.random() < share or e[0] not in ("weight", "delay", "input_times")]
    found = differences.gradient(net, {"in": stim}, loss, run, kept, base)
    assert found.skipped <= 0.2 * found.entries, f"{found.skipped} of {found.entries} entries change the raster"
    worst = {}
    for kind in {e[0] for e in found.value}:
        top = max(np.abs(v).max(initial=0.0) for v in getattr(gradient, kind).values())
        for (other, key, index), value in found.value.items():
            if other == kind:
                error = abs(value - differences.entry(gradient, kind, key, index)) / max(top, 1e-6)
                worst[kind] = max(worst.get(kind, 0.0), error)
    return worst


BACKEND = sal.Exact(threads=1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("model", MODELS)
def test_all_parameters(model, seed):
    rng = np.random.default_rng(seed)
    net = random_network(seed + 50, model, n=3, **CASES[model])
    record = {name: PROBES for name, p in net.populations.items() if not isinstance(p, sal.Input)}
    worst = check(net, stimulus(3, 1, rng, events=8), rng, record, share=0.35)
    assert max(worst.values()) <= 1e-7, worst


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 30))
@pytest.mark.parametrize("model", MODELS)
def test_all_parameters_of_many_seeds(model, seed):
    """About 15 minutes in all; hundreds of spikes on a loop would be beyond what differences resolve."""
    rng = np.random.default_rng(seed)
    net = random_network(seed + 50, model, n=3, **CASES[model])
    record = {name: PROBES for name, p in net.populations.items() if not isinstance(p, sal.Input)}
    worst = check(net, stimulus(3, 1, rng, events=10), rng, record, share=1.0)
    assert max(worst.values()) <= 1e-7, worst


def readout(weights, times, probe, *, delay=0.0, **parameters):
    """One integrator, driven directly."""
    net = sal.Network()
    net.add("in", sal.Input(len(weights)))
    net.add("out", sal.LI(1, **{"tau_mem": 12e-3, "tau_syn": 6e-3, **parameters}))
    net.connect("in", "out", weight=np.reshape(weights, (-1, 1)), delay=delay)
    stim = sal.Spikes.from_lists([(times, list(range(len(weights))))], n_units=len(weights))
    run = sal.simulate(net, {"in": stim}, 40e-3, record={"out": probe})
    return net, stim, run


def test_maximum_on_the_kink_of_an_arrival():
    """The maximum sits where an inhibitory input cuts the rise: it moves with that input's time by dV/dt."""
    _net, _stim, run = readout([2.0, -3.0], [2e-3, 6e-3], sal.MaxVoltage())
    s = 4e-3
    v = 2.0 * (np.exp(-s / 12e-3) - np.exp(-s / 6e-3))
    slope = 2.0 * (-np.exp(-s / 12e-3) / 12e-3 + np.exp(-s / 6e-3) / 6e-3)
    assert np.isclose(run.voltage["out"][0, 0], v, rtol=1e-14)
    assert run.peak_time["out"][0, 0] == 6e-3
    gradient = run.gradient(voltage={"out": [[1.0]]})
    assert np.allclose(gradient.input_times["in"], [-slope, slope], rtol=1e-12)
    assert np.allclose(gradient.weight["in", "out"][:, 0], [v / 2.0, 0.0], atol=1e-15)
    moved = run.jvp(input_times={"in": [0.0, 1.0]})
    assert np.isclose(moved.voltage["out"][0, 0], slope, rtol=1e-12)


@pytest.mark.parametrize("delay", [2e-3, [2e-3, 1e-3], [[2e-3], [1e-3]]], ids=["scalar", "pre", "synapse"])
def test_the_delay_of_the_arrival_on_a_kink(delay):
    _net, _stim, run = readout([2.0, -3.0], [2e-3, 6e-3], sal.MaxVoltage(), delay=delay)
    gradient = run.gradient(voltage={"out": [[1.0]]})
    by_delay = gradient.delay["in", "out"]
    assert by_delay.shape == np.shape(delay)
    assert np.isclose(by_delay.sum(), gradient.input_times["in"].sum(), rtol=1e-12, atol=1e-10)
    if by_delay.ndim:
        assert np.allclose(by_delay.reshape(-1), gradient.input_times["in"], rtol=1e-12)


def test_maximum_at_the_end_of_the_window_and_at_its_start():
    _, _, run = readout([2.0], [38e-3], sal.MaxVoltage(), v_leak=0.1, v_init=-0.2)
    s = 2e-3
    v = 0.1 - 0.3 * np.exp(-40e-3 / 12e-3) + 2.0 * (np.exp(-s / 12e-3) - np.exp(-s / 6e-3))
    slope = 2.0 * (-np.exp(-s / 12e-3) / 12e-3 + np.exp(-s / 6e-3) / 6e-3)
    assert np.isclose(run.voltage["out"][0, 0], v, rtol=1e-13)
    assert run.peak_time["out"][0, 0] == 40e-3
    gradient = run.gradient(voltage={"out": [[1.0]]})
    assert np.isclose(gradient.input_times["in"][0], -slope, rtol=1e-12)
    assert np.isclose(gradient.v_init["out"], np.exp(-40.0 / 12.0), rtol=1e-12)
    _, _, run = readout([-2.0], [3e-3], sal.MaxVoltage(), v_leak=0.1, v_init=0.5)
    assert run.voltage["out"][0, 0] == 0.5
    assert run.peak_time["out"][0, 0] == 0.0
    gradient = run.gradient(voltage={"out": [[1.0]]})
    assert gradient.v_init["out"] == 1.0
    assert gradient.weight["in", "out"][0, 0] == 0.0
    assert gradient.v_leak["out"] == 0.0


def test_maximum_of_a_flat_voltage():
    _, _, run = readout([0.0], [3e-3], sal.MaxVoltage(), v_leak=0.1)
    assert run.voltage["out"][0, 0] == 0.1
    gradient = run.gradient(voltage={"out": [[1.0]]})
    assert np.isclose(gradient.v_leak["out"], 1.0, rtol=1e-14)  # v_init is tied to it
    assert gradient.weight["in", "out"][0, 0] == 0.0
