"""Observed spikes and voltages in place of the model's own: what is kept, counted, and differentiated."""

import dataclasses

import numpy as np
import pytest

import saltation as sal
from reference.networks import DURATION, cotangents, random_network, stimulus

CASES = {
    "sweep": {"delay": "pre", "refractory": True},
    "queue": {"recurrent": True, "delay": "synapse", "refractory": True},
    "loop": {"loop": True, "delay": "scalar", "recurrent": True},
    "budget": {"max_spikes": 2, "recurrent": True, "delay": "scalar"},
}
PROBES = (sal.Voltage([5e-3, 20e-3]), sal.MaxVoltage(), sal.VoltageIntegral())


def flat(gradient):
    return {
        (f.name, key): np.asarray(value)
        for f in dataclasses.fields(gradient)
        for key, value in getattr(gradient, f.name).items()
    }


def distance(a, b):
    """Largest difference, in units of the largest entry of its kind."""
    worst = 0.0
    for key, value in a.items():
        top = max(np.abs(v).max(initial=0.0) for k, v in a.items() if k[0] == key[0])
        worst = max(worst, np.abs(b[key] - value).max(initial=0.0) / max(top, 1e-300))
    return worst


def prepared(model, case, seed=2):
    rng = np.random.default_rng(seed)
    net = random_network(seed + 30, model, n=4, **CASES[case])
    stim = stimulus(3, 2, rng, events=12)
    record = {name: PROBES for name, p in net.populations.items() if not isinstance(p, sal.Input)}
    run = sal.simulate(net, {"in": stim}, DURATION, record=record)
    return net, stim, record, run, cotangents(run, rng), rng


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", ["lif", "lif_two", "alif", "lif_twice"])
def test_the_engines_own_spikes_reproduce_everything(model, case):
    net, stim, record, run, bars, _ = prepared(model, case)
    own = {name: run.spikes[name] for name in ("a", "b") if name in run.spikes}
    again = sal.simulate(net, {"in": stim}, DURATION, record=record, observed=own)
    for name, spikes in own.items():
        assert again.spikes[name] == spikes
    assert not again.report.uncrossed.any()
    for name in record:
        for got, want in zip(again.voltage[name], run.voltage[name], strict=True):
            assert np.allclose(got, want, rtol=0.0, atol=1e-12)
    assert distance(flat(run.gradient(*bars)), flat(again.gradient(*bars))) <= 1e-12


@pytest.mark.parametrize("case", ["sweep", "queue", "loop"])
def test_the_gradient_follows_the_observed_times_smoothly(case):
    net, stim, record, run, bars, rng = prepared("lif", case)
    want = flat(run.gradient(*bars))
    shifts = {name: rng.normal(size=run.spikes[name].n_events) for name in ("a", "b") if name in run.spikes}
    changes = []
    steps = (1e-9, 1e-8, 1e-7)
    for step in steps:
        moved = {
            name: sal.Spikes(s.times + step * shifts[name], s.units, s.offsets, s.n_units)
            for name, s in run.spikes.items()
            if name in shifts
        }
        again = sal.simulate(net, {"in": stim}, DURATION, record=record, observed=moved)
        changes.append(distance(want, flat(again.gradient(*bars))))
    ratios = np.array(changes) / steps
    assert ratios.max() <= 1.5 * ratios.min()
    assert changes[0] < 1e-3


def pair(observed, **parameters):
    """``in -> a -> out`` with one neuron each, ``a`` observed."""
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(1, tau_mem=20e-3, tau_syn=5e-3, **parameters))
    net.add("out", sal.LI(1))
    net.connect("in", "a", weight=[[9.0]])
    net.connect("a", "out", weight=[[1.0]])
    stim = {"in": sal.Spikes.from_lists([([1e-3], [0])])}
    spikes = sal.Spikes.from_lists([(observed, [0] * len(observed))], n_units=1)
    run = sal.simulate(net, stim, 60e-3, observed={"a": spikes}, record={"out": sal.Voltage([55e-3])})
    assert run.spikes["a"].times.tolist() == list(observed)
    return net, stim, run


def test_spikes_that_the_model_does_not_fire_are_kept_counted_and_carry_no_sensitivity():
    _, _, run = pair([0.5e-3])  # before any input
    assert run.report.uncrossed.tolist() == [1]
    gradient = run.gradient({"a": [1.0]}, {"out": [[[1.0]]]})
    assert gradient.weight["in", "a"][0, 0] == 0.0
    assert gradient.input_times["in"][0] == 0.0
    for kind in ("tau_mem", "tau_syn", "v_th", "v_leak"):
        assert getattr(gradient, kind)["a"] == 0.0
    s = 54.5e-3
    assert np.isclose(gradient.weight["a", "out"][0, 0], (np.exp(-s / 20e-3) - np.exp(-s / 5e-3)) / 3.0, rtol=1e-12)
    moved = run.jvp(weight={("in", "a"): [[1.0]]})
    assert moved.spike_times["a"][0] == 0.0


def test_an_observed_spike_below_the_threshold_but_rising_keeps_its_sensitivity():
    _, _, run = pair([1.5e-3])
    assert run.report.uncrossed.tolist() == [0]
    gradient = run.gradient({"a": [1.0]})
    current = 9.0 * np.exp(-0.5e-3 / 5e-3)
    rise = (np.exp(-0.5e-3 / 20e-3) - np.exp(-0.5e-3 / 5e-3)) / 3.0
    # the voltage at the spike is taken to be the threshold
    assert np.isclose(gradient.weight["in", "a"][0, 0], -rise * 20e-3 / (current - 1.0), rtol=1e-12)


def test_observed_spikes_inside_a_hold():
    _, _, run = pair([2e-3, 3e-3, 9e-3], t_refrac=4e-3)
    assert run.report.uncrossed.tolist()[0] >= 1
    gradient = run.gradient({"a": [0.0, 1.0, 0.0]})
    assert gradient.weight["in", "a"][0, 0] == 0.0
    _, _, once = pair([2e-3, 3e-3], t_refrac=4e-3, v_reset=-0.5)
    assert once.report.uncrossed.tolist() == [1]
    # the hold starts anew at the second: released at 7 ms
    current = 9.0 * np.exp(-6e-3 / 5e-3)
    s = 53e-3
    want = -0.5 * np.exp(-s / 20e-3) + current * (np.exp(-s / 20e-3) - np.exp(-s / 5e-3)) / 3.0
    assert np.isclose(once.state.voltage("a")[0, 0], want, rtol=1e-12)


def test_many_observed_spikes_of_a_budgeted_neuron_are_kept():
    _, _, run = pair([2e-3, 5e-3, 9e-3], max_spikes=1)
    assert run.spikes["a"].n_events == 3
    assert run.report.uncrossed.tolist() == [2]


def measured(probe, values, times=(10e-3, 20e-3, 30e-3), given=None):
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("out", sal.LI(2, v_leak=0.1))
    net.connect("in", "out", weight=[[1.0, -1.0], [2.0, 0.5]])
    stim = {"in": sal.Spikes.from_lists([([1e-3, 12e-3], [0, 1])])}
    own = sal.simulate(net, stim, 40e-3, record={"out": sal.Voltage(times)})
    values = own.voltage["out"] if values is None else values
    run = sal.simulate(net, stim, 40e-3, record={"out": probe}, observed={"out": sal.VoltageSamples(times, values)})
    return own, run


def test_measured_voltages_equal_to_the_models_change_nothing():
    own, run = measured(sal.Voltage([10e-3, 20e-3, 30e-3]), None)
    assert np.array_equal(own.voltage["out"], run.voltage["out"])
    bar = np.random.default_rng(0).normal(size=(1, 3, 2))
    assert distance(flat(own.gradient(voltage={"out": bar})), flat(run.gradient(voltage={"out": bar}))) <= 1e-14


def test_a_maximum_of_measured_voltages_is_the_first_largest_sample():
    values = [[[0.1, 0.5], [0.9, 0.5], [0.9, 0.2]]]
    own, run = measured(sal.MaxVoltage(), values)
    assert run.voltage["out"].tolist() == [[0.9, 0.5]]
    assert run.peak_time["out"].tolist() == [[20e-3, 10e-3]]
    bar = np.zeros((1, 3, 2))
    bar[0, 1, 0], bar[0, 0, 1] = 2.0, -3.0
    want = own.gradient(voltage={"out": bar})
    assert distance(flat(want), flat(run.gradient(voltage={"out": [[2.0, -3.0]]}))) <= 1e-14


def test_an_integral_of_measured_voltages_is_the_trapezoidal_rule():
    values = np.arange(6.0).reshape(1, 3, 2)
    own, run = measured((sal.VoltageIntegral(), sal.Voltage([20e-3])), values, times=(10e-3, 20e-3, 35e-3))
    weights = np.array([5e-3, 12.5e-3, 7.5e-3])
    assert np.allclose(run.voltage["out"][0], np.einsum("k,bkn->bn", weights, values), rtol=1e-14)
    assert np.array_equal(run.voltage["out"][1], values[:, 1:2])
    bar = np.array([[2.0, -3.0]])
    want = own.gradient(voltage={"out": weights[None, :, None] * bar[:, None, :]})
    assert distance(flat(want), flat(run.gradient(voltage={"out": (bar, np.zeros((1, 1, 2)))}))) <= 1e-14
