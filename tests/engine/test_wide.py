"""All neurons side by side, or one after the other: the two kernels of a feed-forward population agree.

The second is tested against independent references elsewhere; here the first is tested against the second.
"""

import dataclasses

import numpy as np
import pytest

import saltation as sal
from reference.networks import DURATION, cotangents, neurons, random_network, stimulus, tangents
from saltation.engine import Status, adjoint, forward

N = 40
TIMES = [3.3e-3, 17e-3, 31e-3, DURATION]
CASES = {
    "plain": ("lif", {}),
    "each": ("lif", {"per_neuron": True, "refractory": True, "delay": "pre"}),
    "hold": ("lif_four", {"refractory": True, "delay": "scalar"}),
    "budget": ("lif_twice", {"max_spikes": 2}),
    "once": ("lif_four", {"max_spikes": 1, "refractory": True}),
    "half": ("lif_half", {}),
    "one": ("lif_one", {"delay": "scalar"}),
    "two": ("lif_twice", {"refractory": True, "delay": "pre"}),
    "two each": ("lif_twice", {"per_neuron": True}),
    "receptors": ("lif_two", {"refractory": True}),
    "adaptive": ("alif", {"refractory": True}),
    "adaptive each": ("alif", {"per_neuron": True}),
    "by itself": ("leaky", {}),
}


def both(monkeypatch, net, stim, **options):
    """The same run with either kernel."""
    runs = []
    for least in (1, 1 << 60):
        monkeypatch.setattr(forward, "WIDE", least)
        runs.append(sal.simulate(net, {"in": stim}, **{"duration": DURATION, **options}))
    used = [{r.wide for r in run._trace.runs if r is not None} for run in runs]
    assert used == [{True}, {False}]
    return runs


def all_three(monkeypatch, net, stim, **options):
    """The two, and the event queue, which delays of single synapses lead to."""
    delay = {
        key: np.broadcast_to(p.delay if p.delay.ndim == 0 else p.delay[:, None], p.weight.shape)
        for key, p in net.projections.items()
    }
    queued = sal.simulate(net.replace(delay=delay), {"in": stim}, **{"duration": DURATION, **options})
    assert all(r.packed.component.recurrent for r in queued._trace.runs if r is not None)
    return (*both(monkeypatch, net, stim, **options), queued)


def flat(gradient):
    return {
        (f.name, key): np.asarray(value)
        for f in dataclasses.fields(gradient)
        for key, value in getattr(gradient, f.name).items()
    }


def assert_same(one, other, name="a"):
    a, b = one.spikes[name], other.spikes[name]
    assert np.array_equal(a.offsets, b.offsets)
    assert np.array_equal(a.units, b.units)
    assert np.allclose(a.times, b.times, rtol=1e-13, atol=1e-15)
    for key, value in one.state.x.items():
        assert np.allclose(value, other.state.x[key], rtol=0.0, atol=1e-12)
        assert np.allclose(one.state.release[key], other.state.release[key], rtol=0.0, atol=1e-14)
        assert np.array_equal(one.state.count[key], other.state.count[key])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", CASES)
def test_runs_and_gradients_agree(monkeypatch, case, seed):
    model, options = CASES[case]
    rng = np.random.default_rng(seed)
    net = random_network(seed, model, n=N, gain=1.5, **options)
    stim = stimulus(3, 5, rng, events=15)
    record = {"a": sal.Voltage(TIMES), "out": sal.Voltage(TIMES)}
    one, other, queued = all_three(monkeypatch, net, stim, record=record)
    assert one.spikes["a"].n_events > (40 if options.get("max_spikes") else 80)
    assert_same(one, other)
    assert_same(one, queued)
    for name in record:
        assert np.allclose(one.voltage[name], other.voltage[name], rtol=0.0, atol=1e-12)
    bars = cotangents(one, rng)
    for time_constants in (True, False):
        left, right = (flat(run.gradient(*bars, time_constants=time_constants)) for run in (one, other))
        for key, value in left.items():
            size = np.abs(right[key]).max(initial=1e-9)
            assert np.abs(value - right[key]).max(initial=0.0) <= 1e-9 * size, key


@pytest.mark.parametrize("case", ["plain", "each", "once", "receptors", "adaptive"])
def test_the_gradient_is_the_transpose_of_the_tangent(monkeypatch, case):
    model, options = CASES[case]
    rng = np.random.default_rng(7)
    net = random_network(7, model, n=N, **options)
    stim = stimulus(3, 3, rng, events=12)
    monkeypatch.setattr(forward, "WIDE", 1)
    run = sal.simulate(net, {"in": stim}, DURATION, record={"out": sal.Voltage(TIMES)})
    moved = tangents(net, {"in": stim}, rng)
    spike_bars, voltage_bars = cotangents(run, rng)
    tangent = run.jvp(**moved)
    left = [spike_bars[n] * tangent.spike_times[n] for n in spike_bars]
    left += [b * tangent.voltage[n] for n, b in voltage_bars.items()]
    gradient = flat(run.gradient(spike_bars, voltage_bars))
    right = [gradient[kind, key] * value for kind, by_key in moved.items() for key, value in by_key.items()]
    size = sum(np.abs(x).sum() for x in left) + sum(np.abs(x).sum() for x in right)
    assert abs(sum(x.sum() for x in left) - sum(x.sum() for x in right)) <= 1e-11 * size


@pytest.mark.parametrize("case", ["hold", "budget", "receptors"])
def test_a_run_in_pieces(monkeypatch, case):
    model, options = CASES[case]
    net = random_network(3, model, n=N, **{**options, "delay": "none"})
    stim = stimulus(3, 3, np.random.default_rng(3), events=15)
    monkeypatch.setattr(forward, "WIDE", 1)
    whole = sal.simulate(net, {"in": stim}, DURATION)
    cut = 0.4 * DURATION
    halves = [
        sal.Spikes.from_lists([(t[a] - shift, u[a]) for t, u in samples for a in [keep(t)]], n_units=3)
        for shift, keep in ((0.0, lambda t: t < cut), (cut, lambda t: t >= cut))
        for samples in [[stim.sample(b) for b in range(3)]]
    ]
    first = sal.simulate(net, {"in": halves[0]}, cut)
    second = sal.simulate(net, {"in": halves[1]}, DURATION - cut, state=first.state)
    for b in range(3):
        times = np.concatenate([first.spikes["a"].sample(b)[0], second.spikes["a"].sample(b)[0] + cut])
        units = np.concatenate([first.spikes["a"].sample(b)[1], second.spikes["a"].sample(b)[1]])
        assert np.array_equal(units, whole.spikes["a"].sample(b)[1])
        assert np.allclose(times, whole.spikes["a"].sample(b)[0], rtol=0.0, atol=1e-13)
    assert np.allclose(second.state.x["a"], whole.state.x["a"], rtol=0.0, atol=1e-12)


def identical(n, weight, **options):
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(n, tau_mem=20e-3, tau_syn=10e-3, **options))
    net.connect("in", "a", weight=np.full((1, n), weight))
    return net


@pytest.mark.parametrize("n", [30, 400, 1500])
def test_spikes_at_one_time_come_in_the_order_of_units(n):
    run = sal.simulate(identical(n, 30.0), {"in": sal.Spikes.from_lists([([0.0, 5e-3], [0, 0])])}, 30e-3)
    times, units = run.spikes["a"].sample(0)
    per_neuron = units.size // n
    assert per_neuron >= 3
    assert np.array_equal(units, np.tile(np.arange(n), per_neuron))
    assert np.array_equal(times, np.sort(times))


def test_any_number_of_spikes_in_a_gap():
    """More spikes than the tape was made for, unevenly spread over the gap."""
    n = 300
    net = identical(n, 1.0)
    weight = np.exp(np.linspace(0.0, 9.0, n))[None, :]
    net = net.replace(weight={("in", "a"): weight})
    stim = sal.Spikes.from_lists([([0.0], [0])] * 3)
    run = sal.simulate(net, {"in": stim}, 80e-3)
    counts = run.spikes["a"].counts()
    assert counts[0].max() > 1000
    assert np.array_equal(counts[0], counts[2])
    for b in range(3):
        times, units = run.spikes["a"].sample(b)
        order = np.lexsort((units, times))
        assert np.array_equal(order, np.arange(times.size))
    few = sal.simulate(identical(1, weight[0, -1]), {"in": stim}, 80e-3)
    mine = run.spikes["a"].times[run.spikes["a"].units == n - 1]
    assert np.allclose(mine, few.spikes["a"].times, rtol=1e-12, atol=0.0)


def test_too_many_spikes_fail_their_sample_alone():
    net = identical(30, 200.0)
    stim = sal.Spikes.from_lists([([0.0], [0]), ([], [])])
    run = sal.simulate(net, {"in": stim}, 60e-3, backend=sal.Exact(max_events=50), throw=False)
    assert run.status.tolist() == [Status.EVENT_LIMIT, Status.OK]
    assert run.spikes["a"].n_events == 0


def test_thresholds_reached_exactly_are_no_spikes_side_by_side():
    """A peak that only touches: 4 theta for tau_mem = 2 tau_syn is a current whose peak is the threshold."""
    run = sal.simulate(identical(40, 4.0), {"in": sal.Spikes.from_lists([([0.0], [0])])}, 60e-3)
    assert run.spikes["a"].n_events == 0
    run = sal.simulate(
        identical(40, np.nextafter(4.0, 5.0) + 1e-12), {"in": sal.Spikes.from_lists([([0.0], [0])])}, 60e-3
    )
    assert run.spikes["a"].n_events == 40


@pytest.mark.parametrize("ratio", [0.3, 0.97, 1.0, 1.05, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("margin", [1e-2, 1e-5, 1e-8, 1e-11])
def test_grazing_peaks_side_by_side(monkeypatch, ratio, margin):
    """Peaks a little above and a little below the threshold, each sign decided as neuron by neuron."""
    tau_mem = 20e-3
    tau_syn = tau_mem / ratio
    top = np.exp(-1.0) if ratio == 1.0 else ratio ** (-ratio / (ratio - 1.0))
    signs = np.where(np.arange(N) % 2 == 0, 1.0, -1.0)
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(N, tau_mem=tau_mem, tau_syn=tau_syn))
    spread = 1.0 + 0.3 * np.arange(N) / N
    net.connect("in", "a", weight=((1.0 + signs * margin * spread) / top)[None, :])
    one, other = both(monkeypatch, net, sal.Spikes.from_lists([([0.0], [0])]), duration=0.5)
    assert one.spikes["a"].units.tolist() == other.spikes["a"].units.tolist()
    assert sorted(one.spikes["a"].units.tolist()) == list(range(0, N, 2))
    order = [np.argsort(run.spikes["a"].units) for run in (one, other)]
    times = [run.spikes["a"].times[at] for run, at in zip((one, other), order, strict=True)]
    # how well a grazing time is defined at all
    assert np.allclose(*times, rtol=1e-13 + 1e-15 / margin**0.5, atol=0.0)


def leaky(n, **options):
    """Neurons that fire by themselves at a known time, ``tau_mem ln 2``."""
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(n, tau_mem=20e-3, v_th=1.0, v_leak=2.0, v_reset=0.0, v_init=0.0, **options))
    net.connect("in", "a", weight=np.full((1, n), -1000.0))
    return net


@pytest.mark.parametrize("ratio", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("late", [1e-15, 3e-15, 8e-15, 1e-13])
def test_a_crossing_just_before_an_inhibition_is_not_missed(monkeypatch, ratio, late):
    stim = sal.Spikes.from_lists([([20e-3 * np.log(2.0) + late], [0])])
    net = leaky(20, tau_syn=20e-3 / ratio)
    for run in all_three(monkeypatch, net, stim, duration=15e-3):
        assert run.spikes["a"].n_events == 20


@pytest.mark.parametrize("ratio", [1.0, 2.0, 10.0 / 3.0])
@pytest.mark.parametrize("short", [1e-3, 1e-6, 1e-9, 1e-12])
def test_imminent_spikes_keep_their_relative_accuracy(monkeypatch, ratio, short):
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(20, tau_mem=20e-3, tau_syn=20e-3 / ratio, v_init=1.0 - short))
    net.connect("in", "a", weight=np.linspace(5.0, 9.0, 20)[None, :])
    one, other, queued = all_three(monkeypatch, net, sal.Spikes.from_lists([([0.0], [0])]), duration=1e-3)
    first = [run.spikes["a"].first()[0] for run in (one, other, queued)]
    assert np.isfinite(first[0]).all()
    assert np.allclose(first[0], first[1], rtol=1e-14, atol=0.0)
    assert np.allclose(first[2], first[1], rtol=1e-14, atol=0.0)


def test_a_neuron_does_not_see_its_neighbours():
    rng = np.random.default_rng(11)
    stim = sal.Spikes.from_lists([([0.0, 2e-3, 5e-3], [0, 1, 2])])
    own = rng.normal(4.0, 2.0, (3, 20))
    rasters = []
    for seed in range(6):
        net = sal.Network()
        net.add("in", sal.Input(3))
        net.add("a", sal.LIF(60, tau_mem=20e-3, tau_syn=6e-3))
        others = np.random.default_rng(seed).normal(4.0, 3.0, (3, 40))
        net.connect("in", "a", weight=np.concatenate([own, others], axis=1))
        spikes = sal.simulate(net, {"in": stim}, 60e-3).spikes["a"]
        rasters.append(spikes.times[spikes.units < 20])
    assert rasters[0].size > 20
    assert all(np.array_equal(rasters[0], times) for times in rasters[1:])


@pytest.mark.parametrize("n", [1, 20])
def test_currents_whose_square_overflows_still_cause_spikes(n):
    for weight in (1e150, 1e155, 1e200):
        net = identical(n, weight, max_spikes=1)
        run = sal.simulate(net, {"in": sal.Spikes.from_lists([([1e-3], [0])])}, 50e-3)
        assert np.allclose(run.spikes["a"].times, np.full(n, 1e-3), rtol=0.0, atol=1e-18)
        assert run.spikes["a"].n_events == n


def test_a_failed_sample_is_left_at_its_start(monkeypatch):
    stim = sal.Spikes.from_lists([([0.0], [0]), ([], [])])
    options = {"duration": 60e-3, "backend": sal.Exact(max_events=50), "throw": False}
    for run in all_three(monkeypatch, identical(30, 200.0), stim, **options):
        assert run.status.tolist() == [Status.EVENT_LIMIT, Status.OK]
        assert not run.state.x["a"][0].any() and not run.state.count["a"][0].any()


def test_a_population_of_leaky_integrators(monkeypatch):
    rng = np.random.default_rng(2)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add(
        "a", sal.LI(N, tau_mem=rng.uniform(5e-3, 20e-3, N), tau_syn_exc=4e-3, tau_syn_inh=rng.uniform(2e-3, 9e-3, N))
    )
    net.connect("in", "a", weight=rng.normal(size=(3, N)), delay=1e-3)
    one, other = both(monkeypatch, net, stimulus(3, 4, rng), record={"a": sal.Voltage(TIMES)})
    assert np.allclose(one.voltage["a"], other.voltage["a"], rtol=0.0, atol=1e-13)
    bars = {"a": rng.normal(size=one.voltage["a"].shape)}
    left, right = (flat(run.gradient(voltage=bars)) for run in (one, other))
    for key, value in left.items():
        assert np.allclose(value, right[key], rtol=1e-10, atol=1e-12 * np.abs(right[key]).max(initial=1e-9)), key


def test_a_model_has_the_same_neurons_in_any_number():
    """The choice of the kernel must not be seen: 15 neurons and 17 of which two are spectators."""
    rng = np.random.default_rng(4)
    weight = rng.normal(2.0, 1.5, (3, 17))
    stim = stimulus(3, 4, rng)
    rasters = []
    for n in (15, 17):
        net = sal.Network()
        net.add("in", sal.Input(3))
        net.add("a", neurons("lif_four", n, np.random.default_rng(5)))
        net.connect("in", "a", weight=weight[:, :n])
        spikes = sal.simulate(net, {"in": stim}, DURATION).spikes["a"]
        keep = spikes.units < 15
        rasters.append((spikes.times[keep], spikes.units[keep]))
    assert np.array_equal(rasters[0][1], rasters[1][1])
    assert np.allclose(rasters[0][0], rasters[1][0], rtol=1e-14, atol=1e-17)


def test_a_hold_within_a_long_gap_loses_nothing_of_the_times():
    """The second spike depends on when the first one was, to rounding of that time and not of the window's."""
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("n", sal.LIF(16, tau_mem=20e-3, tau_syn=10e-3, t_refrac=1e-3))
    net.connect("in", "n", weight=np.full((1, 16), 8.0))
    stim = sal.Spikes.from_lists([([0.0], [0])])
    short, long = (sal.simulate(net, {"in": stim}, window) for window in (0.1, 1e3))
    assert short.spikes["n"].n_events == long.spikes["n"].n_events > 16
    assert np.allclose(long.spikes["n"].times, short.spikes["n"].times, rtol=1e-15, atol=0.0)
    ones = [run.gradient({"n": np.ones(run.spikes["n"].n_events)}).weight["in", "n"] for run in (short, long)]
    assert np.allclose(*ones, rtol=1e-12, atol=0.0)


def test_neither_the_budget_nor_the_copies_change_a_gradient(monkeypatch):
    rng = np.random.default_rng(2)
    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("n", sal.LIF(N, tau_mem=20e-3, tau_syn=10e-3))
    net.connect("in", "n", weight=rng.normal(1.5, 0.8, (5, N)))
    stim = sal.Spikes.from_latencies(rng.uniform(0.0, 30e-3, (500, 5)))
    run = sal.simulate(net, {"in": stim}, 60e-3, backend=sal.Exact(threads=2))
    cuts = []
    chunks = adjoint.chunks
    monkeypatch.setattr(adjoint, "chunks", lambda *given: cuts.append(chunks(*given)) or cuts[-1])
    bars = {"n": rng.normal(size=run.spikes["n"].n_events)}
    several = run.gradient(bars)
    monkeypatch.setattr(adjoint, "GRADIENT_BUDGET", 1)
    one = run.gradient(bars)
    assert [len(cut) for cut in cuts] == [3, 1]
    for key, value in flat(several).items():
        assert np.allclose(flat(one)[key], value, rtol=1e-9, atol=1e-12), key
