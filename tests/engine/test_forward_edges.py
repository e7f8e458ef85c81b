"""Edges of a run: ties, the ends of the window, budgets, buffers that grow, runaway activity, probes."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

import saltation as sal
from reference.networks import DURATION, random_network, stimulus
from saltation.errors import GradientError, SimulationError


def single(weight, times, units=None, duration=50e-3, record=None, delay=0.0, backend=None, **parameters):
    """One population driven by inputs."""
    weight = np.atleast_2d(weight)
    net = sal.Network()
    net.add("in", sal.Input(weight.shape[0]))
    net.add("a", sal.LIF(weight.shape[1], **{"tau_mem": 20e-3, "tau_syn": 5e-3, **parameters}))
    net.connect("in", "a", weight=weight, delay=delay)
    units = list(range(len(times))) if units is None else units
    stim = sal.Spikes.from_lists([(times, units)], n_units=weight.shape[0])
    return sal.simulate(net, {"in": stim}, duration, record=record, backend=backend)


def test_identical_neurons_spike_together_in_the_order_of_units():
    run = single([[9.0] * 6], [1e-3])
    assert run.spikes["a"].units.tolist() == list(range(6))
    assert len(set(run.spikes["a"].times.tolist())) == 1


@pytest.mark.parametrize("recurrent", [False, True])
def test_ties_do_not_depend_on_the_place_in_the_batch(recurrent):
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("a", sal.LIF(4, t_refrac=1e-3))
    net.connect("in", "a", weight=np.full((2, 4), 8.0))
    if recurrent:
        net.connect("a", "a", weight=np.full((4, 4), -0.5), delay=1e-3)
    other = ([1e-4, 5e-3], [1, 0])
    tied = ([2e-3, 2e-3], [0, 1])
    want = sal.simulate(net, {"in": sal.Spikes.from_lists([tied], n_units=2)}, DURATION).spikes["a"].sample(0)
    assert len(want[0]) >= 4
    for place in range(5):
        samples = [other] * 5
        samples[place] = tied
        got = sal.simulate(net, {"in": sal.Spikes.from_lists(samples, n_units=2)}, DURATION).spikes["a"].sample(place)
        assert np.array_equal(got[0], want[0])
        assert np.array_equal(got[1], want[1])
    swapped = sal.Spikes.from_lists([([2e-3, 2e-3], [1, 0])], n_units=2)
    assert np.array_equal(sal.simulate(net, {"in": swapped}, DURATION).spikes["a"].times, want[0])


@pytest.mark.parametrize("tau_syn", [5e-3, 10e-3, 20e-3, 7e-3])
@pytest.mark.parametrize("weight", [5.0, -50.0])
def test_an_input_at_the_very_time_of_a_spike(tau_syn, weight):
    """The voltage is continuous, so the spike is there or, by rounding, cut by an inhibitory input; never twice."""
    t = single([[9.0]], [1e-3], tau_syn=tau_syn).spikes["a"].times[0]
    run = single([[9.0], [weight]], [1e-3, t], tau_syn=tau_syn)
    times = run.spikes["a"].times
    if weight > 0:
        assert abs(times[0] - t) <= 4 * np.spacing(t)
        assert (np.diff(times) > 1e-5).all()
    else:
        assert len(times) <= 1


def test_the_window_is_closed_at_both_ends():
    run = single([[9.0]], [0.0], record={"a": sal.Voltage([0.0, 50e-3])})
    t = run.spikes["a"].times[0]
    assert run.voltage["a"].shape == (1, 2, 1)
    assert single([[9.0]], [0.0], duration=np.nextafter(t, 1.0)).spikes["a"].n_events == 1
    assert single([[9.0]], [0.0], duration=t * (1 - 1e-12)).spikes["a"].n_events == 0
    at_end = single([[9.0], [2.0]], [0.0, 50e-3])
    assert at_end.spikes["in"].n_events == 2
    assert np.isclose(at_end.state.x["a"][0, 1, 0], 9.0 * np.exp(-10.0) + 2.0, rtol=1e-12)
    delayed = single([[9.0], [2.0]], [0.0, 40e-3], delay=[0.0, 10e-3])
    assert np.isclose(delayed.state.x["a"][0, 1, 0], 9.0 * np.exp(-10.0) + 2.0, rtol=1e-12)
    beyond = single([[9.0], [2.0]], [0.0, 40e-3], delay=[0.0, 10e-3 + 1e-9])
    assert np.isclose(beyond.state.x["a"][0, 1, 0], 9.0 * np.exp(-10.0), rtol=1e-12)


def test_budgets():
    free = single([[60.0, 60.0, 9.0]], [0.0]).spikes["a"]
    for limit in (1, 2, [1, 3, 2]):
        run = single([[60.0, 60.0, 9.0]], [0.0], max_spikes=limit)
        for unit in range(3):
            want = free.times[free.units == unit][: np.broadcast_to(limit, 3)[unit]]
            assert np.array_equal(run.spikes["a"].times[run.spikes["a"].units == unit], want)


@pytest.mark.parametrize("recurrent", [False, True])
def test_buffers_grow(recurrent):
    """Thousands of spikes of each neuron: a leak above the threshold has a period in closed form."""
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(2, tau_mem=1e-3, v_leak=[2.0, 3.0], v_init=0.0, t_refrac=1e-4))
    net.connect("in", "a", weight=[[0.0, 0.0]])
    if recurrent:
        net.connect("a", "a", weight=np.zeros((2, 2)), delay=[[1e-3, 2e-3], [0.0, 1e-3]])
    run = sal.simulate(net, {"in": sal.Spikes.empty(3, 1)}, 3.0)
    for b in range(3):
        times, units = run.spikes["a"].sample(b)
        for unit, leak in ((0, 2.0), (1, 3.0)):
            first = 1e-3 * np.log(leak / (leak - 1.0))
            want = first + np.arange(int((3.0 - first) / (first + 1e-4)) + 1) * (first + 1e-4)
            got = times[units == unit]
            assert len(got) == len(want)
            assert np.abs(got - want).max() <= 1e-11
    assert run.spikes["a"].n_events > 15_000
    gradient = run.gradient({"a": np.ones(run.spikes["a"].n_events)})
    assert np.isfinite(gradient.v_leak["a"]).all()


@pytest.mark.parametrize("recurrent", [False, True])
def test_runaway_activity_fails_with_its_samples(recurrent):
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(2))
    net.connect("in", "a", weight=[[300.0, 200.0]] if not recurrent else [[9.0, 8.0]])
    if recurrent:
        net.connect("a", "a", weight=np.full((2, 2), 30.0), delay=1e-3)
    quiet, loud = ([], []), ([1e-3], [0])
    stim = sal.Spikes.from_lists([quiet, loud, quiet, loud], n_units=1)
    backend = sal.Exact(max_events=20)
    with pytest.raises(SimulationError) as caught:
        sal.simulate(net, {"in": stim}, DURATION, backend=backend)
    assert caught.value.samples == (1, 3)
    run = sal.simulate(net, {"in": stim}, DURATION, backend=backend, throw=False)
    assert [sal.Status(s).name for s in run.status] == ["OK", "EVENT_LIMIT", "OK", "EVENT_LIMIT"]
    assert run.spikes["a"].per_sample()[[0, 2]].tolist() == [0, 0]
    with pytest.raises(GradientError, match=r"1.*3"):
        run.gradient({"a": np.ones(run.spikes["a"].n_events)})


def test_the_event_limit_is_the_number_of_spikes_allowed():
    n = single([[60.0, 60.0]], [0.0]).spikes["a"].n_events
    assert single([[60.0, 60.0]], [0.0], backend=sal.Exact(max_events=n)).spikes["a"].n_events == n
    with pytest.raises(SimulationError):
        single([[60.0, 60.0]], [0.0], backend=sal.Exact(max_events=n - 1))


def test_overflow_is_reported():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("out", sal.LI(1))
    net.connect("in", "out", weight=[[1.5e308]])
    stim = sal.Spikes.from_lists([([1e-3, 1e-3], [0, 0]), ([], [])], n_units=1)
    with pytest.raises(SimulationError) as caught:
        sal.simulate(net, {"in": stim}, DURATION)
    assert caught.value.samples == (0,)


@pytest.mark.parametrize("model", ["lif", "lif_two", "alif"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_integral_against_quadrature(model, recurrent):
    from reference.superposition import trace

    rng = np.random.default_rng(2)
    net = random_network(15, model, n=2, recurrent=recurrent, delay="scalar", refractory=True)
    run = sal.simulate(net, {"in": stimulus(3, 1, rng, events=8)}, DURATION, record={"a": sal.VoltageIntegral()})
    spikes = {name: s.sample(0) for name, s in run.spikes.items()}
    hold = float(net.populations["a"].t_refrac)
    for n in range(2):
        fired = spikes["a"][0][spikes["a"][1] == n]
        delay = float(net.projections["in", "a"].delay)
        own = float(net.projections["a", "a"].delay) if recurrent else 0.0
        kinks = np.concatenate((spikes["in"][0] + delay, fired, fired + hold, spikes["a"][0] + own))
        edges = np.unique(np.concatenate(([0.0, DURATION], kinks[kinks < DURATION])))
        total = sum(
            quad(lambda t, n=n: trace(net, spikes, "a", n, [t])[0][0], lo, hi, epsabs=1e-14, epsrel=1e-12)[0]
            for lo, hi in itertools.pairwise(edges)
        )
        assert abs(run.voltage["a"][0, n] - total) <= 1e-12


def test_maxima_of_a_spiking_neuron():
    run = single([[9.0, 0.0, -1.0]], [1e-3], record={"a": sal.MaxVoltage()}, v_leak=0.1)
    assert run.voltage["a"][0].tolist() == [1.0, 0.1, 0.1]
    assert run.peak_time["a"][0, 0] == run.spikes["a"].times[0]
    high = single([[3.0]], [1e-3], record={"a": sal.MaxVoltage()}, v_leak=-1.0, v_init=-0.5, t_refrac=1e-3)
    assert -0.5 <= high.voltage["a"][0, 0] < 1.0


def test_probes_do_not_move_the_spikes():
    rng = np.random.default_rng(1)
    for recurrent in (False, True):
        net = random_network(3, "lif", recurrent=recurrent, delay="scalar")
        stim = stimulus(3, 2, rng)
        plain = sal.simulate(net, {"in": stim}, DURATION).spikes["a"]
        record = {"a": (sal.Voltage(np.linspace(0, DURATION, 500)), sal.MaxVoltage(), sal.VoltageIntegral())}
        probed = sal.simulate(net, {"in": stim}, DURATION, record=record).spikes["a"]
        assert np.array_equal(plain.units, probed.units)
        assert np.allclose(plain.times, probed.times, rtol=0.0, atol=1e-13 * DURATION)


@pytest.mark.parametrize("tau_syn", [5e-3, 10e-3, 19.5e-3, 20e-3, 30e-3])
@pytest.mark.parametrize("way", ["narrow", "wide", "queue"])
def test_a_silent_window_of_any_length_hides_no_spike(way, tau_syn):
    """Behind some seven hundred time constants all exponentials are at their floor, and tell nothing of one another."""
    n = {"narrow": 1, "wide": 16, "queue": 2}[way]
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("n", sal.LIF(n, tau_mem=20e-3, tau_syn=tau_syn))
    net.connect("in", "n", weight=np.full((1, n), 12.0))
    if way == "queue":
        net.connect("n", "n", weight=np.zeros((n, n)), delay=1e-3)
    short = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, 0.5).spikes["n"]
    assert short.n_events >= n
    for window in (10.0, 14.2, 20.0, 30.0, 1e3):
        stim = sal.Spikes.from_lists([([0.0, window], [0, 0])])
        spikes = sal.simulate(net, {"in": stim}, 2.0 * window).spikes["n"]
        early = spikes.times < window
        assert np.allclose(spikes.times[early], short.times, rtol=1e-12, atol=0.0)
        assert early.sum() == short.n_events and spikes.n_events == 2 * short.n_events
