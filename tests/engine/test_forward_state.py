"""A run in pieces is the run: delays in flight, holds across the cut, adaptation, budgets."""

import itertools

import numpy as np
import pytest

import saltation as sal
from reference.networks import DURATION, MODELS, random_network, stimulus

CASES = {
    "feedforward": {"delay": "pre", "refractory": True},
    "synapse": {"delay": "synapse", "refractory": True, "per_neuron": True},
    "recurrent": {"recurrent": True, "delay": "synapse", "refractory": True},
    "loop": {"loop": True, "recurrent": True, "delay": "pre", "refractory": True},
    "budget": {"max_spikes": 2, "recurrent": True, "delay": "scalar"},
}


def piece(stim, begin, end, last):
    """Events of ``[begin, end)``, in the clock of the piece; the last piece has its end too."""
    samples = []
    for b in range(stim.batch):
        times, units = stim.sample(b)
        inside = (times >= begin) & ((times < end) | (last & (times <= end)))
        samples.append((times[inside] - begin, units[inside]))
    return sal.Spikes.from_lists(samples, n_units=3)


def in_pieces(net, stim, cuts, duration=DURATION):
    """Times and units of all populations by sample, and the final state."""
    edges = [0.0, *cuts, duration]
    state, parts = None, []
    for k, (begin, end) in enumerate(itertools.pairwise(edges)):
        events = piece(stim, begin, end, k == len(edges) - 2)
        run = sal.simulate(net, {"in": events}, end - begin, state=state)
        state = run.state
        parts.append((begin, run.spikes))
    joined = {}
    for name in parts[0][1]:
        joined[name] = []
        for b in range(stim.batch):
            samples = [(spikes[name].sample(b), begin) for begin, spikes in parts]
            times = np.concatenate([t + begin for (t, _), begin in samples])
            joined[name].append((times, np.concatenate([u for (_, u), _ in samples])))
    return joined, state


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
def test_pieces(model, case, seed):
    rng = np.random.default_rng([seed, 5])
    net = random_network(seed + 40, model, n=4, **CASES[case])
    stim = stimulus(3, 3, rng, events=12)
    whole = sal.simulate(net, {"in": stim}, DURATION)
    cuts = np.sort(rng.uniform(2e-3, DURATION, 1 + seed % 3))
    joined, state = in_pieces(net, stim, cuts)
    for name, samples in joined.items():
        for b, (times, units) in enumerate(samples):
            want_times, want_units = whole.spikes[name].sample(b)
            assert units.tolist() == want_units.tolist()
            assert np.allclose(times, want_times, rtol=0.0, atol=1e-12 * DURATION)
    for name in whole.state.x:
        assert np.allclose(state.x[name], whole.state.x[name], rtol=0.0, atol=1e-12)


def test_a_cut_inside_a_hold_and_while_a_spike_is_on_its_way():
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("a", sal.LIF(1, tau_mem=20e-3, tau_syn=5e-3, t_refrac=5e-3, v_reset=-0.2))
    net.add("b", sal.ALIF(1, t_refrac=3e-3, beta=0.4))
    net.connect("in", "a", weight=[[9.0], [9.0], [9.0]])
    net.connect("a", "b", weight=[[9.0]], delay=4e-3)
    stim = sal.Spikes.from_lists([([0.0, 1e-3, 15e-3], [0, 1, 2])], n_units=3)
    whole = sal.simulate(net, {"in": stim}, 40e-3)
    first = whole.spikes["a"].times[0]
    for cut in (first + 1e-3, first + 4e-3, whole.spikes["b"].times[0] + 1e-3):
        joined, _ = in_pieces(net, stim, [cut], 40e-3)
        for name in ("a", "b"):
            assert np.allclose(joined[name][0][0], whole.spikes[name].times, rtol=0.0, atol=1e-15)


def arrivals(delays, times, cut, duration):
    """End voltage of an integrator, whole and in two pieces."""
    n = len(delays)
    net = sal.Network()
    net.add("in", sal.Input(n))
    net.add("out", sal.LI(1, tau_mem=20e-3, tau_syn=5e-3))
    net.connect("in", "out", weight=np.ones((n, 1)), delay=delays)
    stim = sal.Spikes.from_lists([(times, list(range(n)))], n_units=n)
    whole = sal.simulate(net, {"in": stim}, duration).state.voltage("out")
    state = None
    for begin, end in ((0.0, cut), (cut, duration)):
        t = np.asarray(times)
        keep = (t < end) & (t >= begin)
        events = sal.Spikes.from_lists([(t[keep] - begin, np.flatnonzero(keep))], n_units=n)
        state = sal.simulate(net, {"in": events}, end - begin, state=state).state
    return whole[0, 0], state.voltage("out")[0, 0]


def test_an_arrival_exactly_at_the_cut_arrives_once():
    whole, cut = arrivals([10e-3, 20e-3], [10e-3, 10e-3], 20e-3, 50e-3)
    assert np.isclose(whole, cut, rtol=1e-12)


def test_arrivals_within_rounding_of_the_cut_arrive_once():
    rng = np.random.default_rng(0)
    for _ in range(60):
        cut = rng.uniform(10e-3, 40e-3)
        time = rng.uniform(0.1, 0.9) * cut
        delay = (cut - time) + rng.integers(-2, 3) * np.spacing(cut)
        whole, pieces = arrivals([delay, 45e-3], [time, time], cut, 50e-3)
        assert np.isclose(whole, pieces, rtol=1e-9), f"time {time!r}, delay {delay!r}, cut {cut!r}"


def test_a_spike_exactly_at_the_cut():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(1, tau_mem=20e-3, tau_syn=10e-3))
    net.add("b", sal.LI(1))
    net.connect("in", "a", weight=[[6.0]])
    net.connect("a", "b", weight=[[1.0]])
    stim = sal.Spikes.from_lists([([0.0], [0])], n_units=1)
    whole = sal.simulate(net, {"in": stim}, 30e-3)
    t = whole.spikes["a"].times[0]
    for cut in (t, np.nextafter(t, 0.0), np.nextafter(t, 1.0)):
        first = sal.simulate(net, {"in": stim}, cut)
        second = sal.simulate(net, {"in": sal.Spikes.empty(1, 1)}, 30e-3 - cut, state=first.state)
        assert first.spikes["a"].n_events + second.spikes["a"].n_events == whole.spikes["a"].n_events
        assert np.allclose(second.state.voltage("b"), whole.state.voltage("b"), rtol=1e-12)
