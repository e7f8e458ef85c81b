"""Gradients and tangents against complex steps through the reference simulator: exact to rounding, no differences.

One direction in the space of all parameters (weights, delays, every neuron parameter, input times) is pushed through
the reference; the engine's tangent must follow it entry by entry, and its gradient must give the same inner product.
"""

import numpy as np
import pytest

import saltation as sal
from reference import simulator
from reference.networks import DURATION, MODELS, cotangents, random_network, stimulus, tangents

SHAPES = {
    "feedforward": {"per_neuron": True},
    "scalar_delay": {"delay": "scalar"},
    "pre_delay": {"delay": "pre", "per_neuron": True},
    "synapse_delay": {"delay": "synapse", "refractory": True},
    "recurrent": {"recurrent": True, "delay": "scalar", "refractory": True},
    "recurrent_instant": {"recurrent": True},
    "recurrent_pre": {"recurrent": True, "delay": "pre", "per_neuron": True},
    "recurrent_synapse": {"recurrent": True, "delay": "synapse", "per_neuron": True, "refractory": True},
    "loop": {"loop": True, "delay": "synapse", "recurrent": True, "refractory": True},
    "budget": {"max_spikes": 2, "recurrent": True, "delay": "scalar", "refractory": True},
    "sweep_budget": {"max_spikes": 1, "refractory": True},
}
TIMES = np.array([3.3e-3, 17e-3, 31e-3, DURATION])
PROBES = (sal.Voltage(TIMES), sal.MaxVoltage(), sal.VoltageIntegral())


def probed(net):
    return [name for name, p in net.populations.items() if not isinstance(p, sal.Input)]


def reference_tangent(net, stim, moved, run):
    """Tangents of all observations of a batch of one, by complex steps."""
    out = simulator.simulate(net, {"in": stim.sample(0)}, run.duration, sampled=TIMES, tangents=moved)
    times = {name: np.array([t.imag for t, _ in s]) / simulator.STEP for name, s in out.spikes.items()}
    for name, s in run.spikes.items():
        assert [u for _, u in out.spikes[name]] == s.units.tolist()
    voltage = {
        name: tuple(v[k].imag[None] / simulator.STEP for k in ("samples", "max", "integral"))
        for name, v in out.voltage.items()
    }
    return times, voltage


def inner(gradient, moved, run):
    """``<gradient, direction>`` and the sum of its terms' sizes."""
    total = size = 0.0
    for kind, by_key in moved.items():
        for key, value in by_key.items():
            terms = np.asarray(getattr(gradient, kind)[key]) * value
            total, size = total + terms.sum(), size + np.abs(terms).sum()
    return total, size


def check(net, stim, rng, duration=DURATION):
    run = sal.simulate(net, {"in": stim}, duration, record=dict.fromkeys(probed(net), PROBES))
    moved = tangents(net, {"in": stim}, rng)
    times, voltage = reference_tangent(net, stim, moved, run)
    got = run.jvp(**moved)
    for name, want in times.items():
        scale = np.abs(want).max(initial=1e-3)
        assert np.abs(got.spike_times[name] - want).max(initial=0.0) <= 1e-9 * scale, name
    for name, want in voltage.items():
        for part, expected in zip(got.voltage[name], want, strict=True):
            assert np.abs(part - expected).max() <= 1e-9 * max(np.abs(expected).max(), 1e-3), name
    spike_bars, voltage_bars = cotangents(run, rng)
    left = sum((spike_bars[n] * times[n]).sum() for n in spike_bars)
    left += sum((b * w).sum() for n in voltage_bars for b, w in zip(voltage_bars[n], voltage[n], strict=True))
    right, size = inner(run.gradient(spike_bars, voltage_bars), moved, run)
    assert abs(left - right) <= 1e-9 * size
    return abs(left - right) / size


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", MODELS)
def test_every_observation_moves_as_the_reference_does(model, shape):
    rng = np.random.default_rng([MODELS.index(model), len(shape)])
    net = random_network(20 + MODELS.index(model), model, n=3, **SHAPES[shape])
    check(net, stimulus(3, 1, rng, events=9), rng)


@pytest.mark.parametrize("kind", ["weight", "delay", "input_times", "v_th", "v_leak", "v_reset", "v_init", "t_refrac"])
@pytest.mark.parametrize("model", ["lif", "lif_two", "alif"])
def test_one_kind_at_a_time(model, kind):
    rng = np.random.default_rng(len(kind))
    net = random_network(31, model, n=3, recurrent=True, delay="synapse", per_neuron=True, refractory=True)
    stim = stimulus(3, 1, rng, events=10)
    run = sal.simulate(net, {"in": stim}, DURATION, record=dict.fromkeys(probed(net), PROBES))
    moved = {kind: tangents(net, {"in": stim}, rng)[kind]}
    times, voltage = reference_tangent(net, stim, moved, run)
    spike_bars, voltage_bars = cotangents(run, rng)
    left = sum((spike_bars[n] * times[n]).sum() for n in spike_bars)
    left += sum((b * w).sum() for n in voltage_bars for b, w in zip(voltage_bars[n], voltage[n], strict=True))
    right, size = inner(run.gradient(spike_bars, voltage_bars), moved, run)
    assert abs(left - right) <= 1e-10 * size


@pytest.mark.parametrize(
    "kinds",
    [("tau_mem",), ("tau_syn",), ("tau_syn_exc",), ("tau_syn_inh",), ("tau_adapt", "beta")],
    ids="-".join,
)
def test_one_time_constant_at_a_time(kinds):
    model = {"tau_syn_exc": "lif_two", "tau_syn_inh": "lif_two", "tau_adapt": "alif"}.get(kinds[0], "lif")
    rng = np.random.default_rng(3)
    net = random_network(32, model, n=3, recurrent=True, delay="scalar", per_neuron=True, refractory=True)
    stim = stimulus(3, 1, rng, events=10)
    run = sal.simulate(net, {"in": stim}, DURATION, record=dict.fromkeys(probed(net), PROBES))
    every = tangents(net, {"in": stim}, rng)
    moved = {kind: every[kind] for kind in kinds}
    times, voltage = reference_tangent(net, stim, moved, run)
    spike_bars, voltage_bars = cotangents(run, rng)
    left = sum((spike_bars[n] * times[n]).sum() for n in spike_bars)
    left += sum((b * w).sum() for n in voltage_bars for b, w in zip(voltage_bars[n], voltage[n], strict=True))
    right, size = inner(run.gradient(spike_bars, voltage_bars), moved, run)
    assert abs(left - right) <= 1e-10 * size
