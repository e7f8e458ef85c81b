"""Three exact identities of the gradient, from shifting time, scaling voltages and scaling time; no step, no cost."""

import numpy as np
import pytest

import saltation as sal
from reference.networks import DURATION, MODELS, random_network, stimulus

CASES = {
    "feedforward": {"delay": "pre", "per_neuron": True},
    "recurrent": {"recurrent": True, "delay": "synapse", "refractory": True},
    "loop": {"loop": True, "delay": "scalar", "refractory": True, "recurrent": True},
    "budget": {"max_spikes": 2, "recurrent": True, "delay": "scalar", "refractory": True},
}
VOLTS = ("v_th", "v_leak", "v_reset", "v_init", "beta")
SECONDS = ("tau_mem", "tau_syn", "tau_syn_exc", "tau_syn_inh", "tau_adapt", "t_refrac")
TOLERANCE = 1e-12


def prepared(model, case, seed, *, at_rest=False):
    rng = np.random.default_rng(seed)
    net = random_network(seed + 80, model, n=4, **CASES[case])
    if at_rest:
        net = net.replace(v_init={name: None for name in net.populations if name in ("a", "b")})
    stim = stimulus(3, 2, rng, events=12)
    run = sal.simulate(net, {"in": stim}, DURATION)
    bars = {name: rng.normal(size=s.n_events) for name, s in run.spikes.items() if name != "in"}
    return net, stim, run, bars, run.gradient(bars)


def terms(net, gradient, kinds):
    """All ``value * dL/dvalue`` of parameters of neurons."""
    found = [np.zeros(0)]
    for name, population in net.populations.items():
        for kind, value in population.parameters().items():
            if kind in kinds:
                found.append(np.ravel(value * getattr(gradient, kind)[name]))
    return np.concatenate(found)


def balanced(parts, right=()):
    parts, right = (
        np.concatenate([np.ravel(p) for p in parts]),
        np.concatenate([np.zeros(0), *map(np.ravel, right)]),
    )
    size = np.abs(parts).sum() + np.abs(right).sum()
    return abs(parts.sum() - right.sum()) / size


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", [m for m in MODELS if m != "leaky"])
def test_shift_of_time(model, case, seed):
    """From rest, all spikes follow a shift of the input: ``sum dL/dt_in = sum dl/dt``."""
    _, _, _, bars, gradient = prepared(model, case, seed, at_rest=True)
    assert balanced([gradient.input_times["in"]], bars.values()) <= TOLERANCE


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
def test_scale_of_voltage(model, case, seed):
    """Scaling weights and voltages together moves no spike."""
    net, _, _, _, gradient = prepared(model, case, seed)
    weights = [p.weight * gradient.weight[key] for key, p in net.projections.items()]
    assert balanced([*weights, terms(net, gradient, VOLTS)]) <= TOLERANCE


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
def test_scale_of_time(model, case, seed):
    """Scaling all times together scales the spikes: ``sum tau dL/dtau + ... = sum t dl/dt``."""
    net, stim, run, bars, gradient = prepared(model, case, seed)
    delays = [p.delay * gradient.delay[key] for key, p in net.projections.items()]
    inputs = stim.times * gradient.input_times["in"]
    right = [bars[name] * run.spikes[name].times for name in bars]
    assert balanced([*delays, inputs, terms(net, gradient, SECONDS)], right) <= TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_scale_of_voltage_for_recorded_voltages(model):
    """Recorded voltages scale with the voltages: ``sum w dL/dw + ... = sum v dl/dv``."""
    rng = np.random.default_rng(4)
    net = random_network(90, model, recurrent=True, delay="scalar", refractory=True)
    probes = (sal.Voltage([10e-3, 30e-3]), sal.MaxVoltage(), sal.VoltageIntegral())
    record = {"a": probes, "out": probes}
    run = sal.simulate(net, {"in": stimulus(3, 2, rng)}, DURATION, record=record)
    bars = {name: tuple(rng.normal(size=v.shape) for v in run.voltage[name]) for name in record}
    gradient = run.gradient(voltage=bars)
    right = [b * v for name in bars for b, v in zip(bars[name], run.voltage[name], strict=True)]
    weights = [p.weight * gradient.weight[key] for key, p in net.projections.items()]
    assert balanced([*weights, terms(net, gradient, VOLTS)], right) <= TOLERANCE
