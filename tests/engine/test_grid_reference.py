"""The grid backend against a dense loop in PyTorch that autograd differentiates: spikes, voltages, every gradient."""

import numpy as np
import pytest
import torch

import saltation as sal
from reference import grid as reference
from reference import networks

DT = 5e-4
DURATION = 0.03
LAST = round(DURATION / DT)
BATCH = 2

CASES = {
    "feed-forward": {},
    "recurrent": {"recurrent": True},
    "recurrent, delays": {"recurrent": True, "delay": "scalar"},
    "delays of axons": {"recurrent": True, "delay": "pre"},
    "delays of synapses": {"recurrent": True, "delay": "synapse"},
    "a loop": {"loop": True, "delay": "pre"},
    "held": {"recurrent": True, "refractory": True, "delay": "scalar"},
    "each its own": {"per_neuron": True, "refractory": True, "recurrent": True},
    "few spikes": {"recurrent": True, "max_spikes": 1},
}
RECORD = {
    "a": (sal.Voltage([0.004, 0.011, 0.011, 0.02]), sal.VoltageIntegral(), sal.SpikeTrain()),
    "out": (sal.MaxVoltage(), sal.VoltageIntegral()),
}


def trains_of(stimulus, dt=DT, last=LAST):
    """Events as counts at the nearest grid points."""
    dense = np.zeros((stimulus.batch, last + 1, stimulus.n_units))
    np.add.at(dense, (stimulus.sample_index(), np.rint(stimulus.times / dt).astype(int), stimulus.units), 1.0)
    return dense


def compare(net, stimulus, backend, record, seed=0, observed=None):
    """Run, draw cotangents, and compare everything with the reference; which sends on what was observed and ignored."""
    rng = np.random.default_rng(seed)
    run = sal.simulate(net, stimulus, DURATION, backend=backend, record=record, observed=observed)
    seen = [{name: seen_of(value, b) for name, value in (observed or {}).items()} for b in range(BATCH)]
    _, voltage = networks.cotangents(run, rng)
    gradient = run.gradient(voltage=voltage)
    values = reference.parameters(net)
    loss = torch.zeros((), dtype=torch.float64)
    inputs = {}
    for name, events in stimulus.items():
        dense = trains_of(events) if isinstance(events, sal.Spikes) else events
        inputs[name] = torch.tensor(dense, requires_grad=True)
    n_spikes = 0
    for b in range(BATCH):
        one = {name: dense[b] for name, dense in inputs.items()}
        options = (backend.surrogate, backend.detach_reset)
        trains, voltages = reference.simulate(net, one, LAST, DT, values, *options, seen=seen[b])
        for name, train in trains.items():
            own = run.spikes[name][b : b + 1]
            expected = np.argwhere(train.detach().numpy() > 0)
            n_spikes += own.n_events
            if observed is not None:
                assert own.n_events - len(expected) == run.report.uncrossed[b]
                continue
            np.testing.assert_array_equal(np.rint(own.times / DT).astype(int), expected[:, 0])
            np.testing.assert_array_equal(own.units, expected[:, 1])
        for name, probes in record.items():
            for probe, got, bar in zip(probes, run.voltage[name], voltage[name], strict=True):
                v = voltages[name]
                if isinstance(probe, sal.Voltage):
                    value = v[np.rint(probe.times / DT).astype(int)]
                elif isinstance(probe, sal.MaxVoltage):
                    value = v.max(dim=0).values
                    # one of them, where several are equal to rounding
                    at = np.rint(run.peak_time[name][b] / DT).astype(int)
                    peak = v.detach().numpy()[at, np.arange(at.size)]
                    np.testing.assert_allclose(peak, value.detach(), rtol=1e-9, atol=1e-12)
                elif isinstance(probe, sal.SpikeTrain):
                    value = trains[name]
                else:
                    value = torch.trapezoid(v, dx=DT, dim=0)
                np.testing.assert_allclose(got[b], value.detach(), rtol=1e-9, atol=1e-12)
                loss = loss + (value * torch.tensor(bar[b])).sum()
    loss.backward()
    for (kind, target), tensor in values.items():
        if kind == "t_refrac":
            continue
        expected = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        got = getattr(gradient, kind)[target]
        scale = max(np.abs(expected).max(initial=0.0), 1e-6)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9 * scale, err_msg=f"{kind} {target}")
    # without time constants the way back is another one
    plain = run.gradient(voltage=voltage, time_constants=False)
    for kind in ("weight", "v_th", "v_reset", "v_leak", "v_init", "beta"):
        for target, value in getattr(plain, kind).items():
            full = getattr(gradient, kind)[target]
            np.testing.assert_allclose(value, full, rtol=1e-8, atol=1e-10 * max(np.abs(full).max(), 1e-6))
    assert not any(value.any() for value in plain.tau_mem.values())
    return run, gradient, inputs, n_spikes


def seen_of(value, b):
    """What was observed in one sample: trains and voltages at the grid points, or None."""
    train = voltage = None
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, sal.Spikes):
            train = trains_of(each)[b]
        else:
            grid = np.arange(LAST + 1) * DT
            voltage = np.stack([np.interp(grid, each.times, v) for v in each.values[b].T], axis=1)
    return train, voltage


@pytest.mark.parametrize("voltages", [False, True])
@pytest.mark.parametrize("model", ["lif", "lif_two", "alif", "lif_one"])
@pytest.mark.parametrize("case", ["feed-forward", "recurrent, delays", "held", "each its own", "few spikes"])
def test_what_was_observed_elsewhere(model, case, voltages):
    net = networks.random_network(3, model, **CASES[case])
    rng = np.random.default_rng(7)
    stimulus = {"in": networks.stimulus(3, BATCH, rng, duration=DURATION)}
    size = net.populations["a"].size
    lists = []
    for _ in range(BATCH):  # at most one spike of a neuron at a grid point, some of them within a hold
        at = np.sort(rng.choice(LAST * size, 9, replace=False))
        lists.append(((at // size + rng.uniform(-0.4, 0.4, 9)).clip(0.0) * DT, at % size))
    spikes = sal.Spikes.from_lists(lists, n_units=size)
    observed = {"a": spikes}
    if voltages:
        times = np.sort(np.append(rng.uniform(0.0, DURATION, 15), [0.0, DURATION]))
        observed["a"] = spikes, sal.VoltageSamples(times, rng.normal(0.5, 0.5, (BATCH, 17, size)))
        observed["out"] = sal.VoltageSamples(times, rng.normal(0.0, 1.0, (BATCH, 17, net.populations["out"].size)))
    record = dict(RECORD)
    if voltages:  # samples are asked for where there are some
        record["a"] = (sal.Voltage(times[[2, 5, 9]]), sal.VoltageIntegral(), sal.SpikeTrain())
    run, gradient, *_ = compare(net, stimulus, sal.Grid(DT, threads=1), record, observed=observed)
    assert run.spikes["a"].n_events == 18 and np.abs(gradient.weight["in", "a"]).max() > 0.0


@pytest.mark.parametrize("model", ["lif", "lif_two", "alif", "lif_one", "leaky"])
@pytest.mark.parametrize("case", CASES)
def test_everything_is_that_of_the_dense_loop(model, case):
    net = networks.random_network(3, model, **CASES[case])
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION)}
    *_, n_spikes = compare(net, stimulus, sal.Grid(DT, threads=1), RECORD)
    assert n_spikes > 3


@pytest.mark.parametrize(
    "surrogate",
    [
        sal.Sigmoid(3.0),
        sal.Triangle(0.7, 0.3),
        sal.ATan(1.5),
        sal.Boxcar(0.8),
        sal.Gaussian(0.4),
        sal.SuperSpike(100.0),
    ],
    ids=lambda surrogate: type(surrogate).__name__,
)
def test_surrogates_and_detached_resets(surrogate):
    net = networks.random_network(4, "alif", recurrent=True)
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(6), duration=DURATION)}
    compare(net, stimulus, sal.Grid(DT, surrogate=surrogate), RECORD)
    compare(net, stimulus, sal.Grid(DT, surrogate=surrogate, detach_reset=True), RECORD)


@pytest.mark.parametrize("checkpoint", [1, 7, 60, 1000])
def test_checkpoints_change_nothing(checkpoint):
    net = networks.random_network(3, "lif_two", recurrent=True, delay="pre", refractory=True)
    stimulus = {"in": networks.stimulus(3, BATCH, np.random.default_rng(5), duration=DURATION)}
    compare(net, stimulus, sal.Grid(DT, checkpoint=checkpoint), RECORD)


@pytest.mark.parametrize("per_weight", [False, True])
@pytest.mark.parametrize("two", [False, True])
def test_listed_synapses(per_weight, two):
    rng = np.random.default_rng(8)
    times = {"tau_syn_exc": 4e-3, "tau_syn_inh": 7e-3} if two else {"tau_syn": 5e-3}
    net = sal.Network()
    net.add("in", sal.Input(6))
    net.add("a", sal.LIF(4, tau_mem=10e-3, **times))
    net.add("out", sal.LI(2, tau_mem=10e-3, tau_syn=5e-3))
    pre, post = rng.integers(0, 6, 14), rng.integers(0, 4, 14)
    sparse = sal.Sparse(pre, post, (6, 4))
    weight = rng.normal(2.0, 1.5, sparse.weight_shape)
    delay = rng.uniform(0, 3e-3, weight.shape) if per_weight else rng.uniform(0, 3e-3, 6)
    net.connect("in", "a", weight=weight, delay=delay, connectivity=sparse)
    ring = sal.Sparse([0, 1, 2, 3], [1, 2, 3, 0], (4, 4))
    net.connect("a", "a", weight=rng.normal(0.0, 1.0, 4), delay=rng.uniform(0, 3e-3, 4), connectivity=ring)
    chain = sal.Conv1d((1, 4), 1, 3)
    assert chain.n_post == 2
    net.connect("a", "out", weight=rng.normal(0.0, 1.0, chain.weight_shape), connectivity=chain)
    stimulus = {"in": networks.stimulus(6, BATCH, rng, duration=DURATION, events=20)}
    *_, n_spikes = compare(net, stimulus, sal.Grid(DT), RECORD)
    assert n_spikes > 3


@pytest.mark.parametrize("delay", ["none", "pre"])
@pytest.mark.parametrize("model", ["lif", "lif_two"])
def test_inputs_given_as_values(model, delay):
    net = networks.random_network(3, model, delay=delay, recurrent=True)
    values = np.random.default_rng(2).normal(0.05, 0.2, (BATCH, LAST + 1, 3))
    _, gradient, inputs, n_spikes = compare(net, {"in": values}, sal.Grid(DT), RECORD)
    assert n_spikes > 1
    np.testing.assert_allclose(gradient.input_values["in"], inputs["in"].grad, rtol=1e-7, atol=1e-9)
