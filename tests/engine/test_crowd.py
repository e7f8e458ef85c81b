"""The kernel for crowds of neurons against the event queue: spikes, end states, gradients, pieces, full buffers."""

import numpy as np
import pytest

import saltation as sal
from reference.networks import cotangents, stimulus
from saltation.engine import forward
from saltation.errors import SimulationError
from saltation.kernels import crowd

DURATION = 0.08
MODELS = {
    "lif_two_apart": {"tau_mem": 20e-3, "tau_syn_exc": 5e-3, "tau_syn_inh": 10e-3},
    "lif_apart": {"tau_mem": 20e-3, "tau_syn": 5e-3},
    "lif_ratio_two": {"tau_mem": 20e-3, "tau_syn": 10e-3},
}
DELAYS = ("none", "scalar", "axon", "synapse")


def network(model, delay, seed=0, n=30, **changes):
    """Recurrent, with an input; fires by itself unless ``v_leak`` says otherwise."""
    rng = np.random.default_rng(seed)
    p = {"v_leak": 1.1, "v_th": 1.0, "v_reset": 0.0, "t_refrac": 3e-3, "v_init": rng.uniform(0.0, 1.0, n)}
    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add("cells", sal.LIF(n, **{**MODELS[model], **p, **changes}))
    links = sal.Sparse.random((n, n), 0.2, rng)
    weight = np.where(links.pre < 0.8 * n, 0.16, -0.9) * rng.uniform(0.5, 1.5, links.n_synapses)
    shape = {"scalar": (), "axon": (n,), "synapse": weight.shape}.get(delay)
    delays = 0.0 if shape is None else rng.uniform(0.1e-3, 3e-3, shape)
    net.connect("cells", "cells", weight=weight, connectivity=links, delay=delays)
    links = sal.Sparse.random((4, n), 0.5, rng)
    net.connect("in", "cells", weight=rng.normal(0.8, 0.4, links.n_synapses), connectivity=links)
    return net, stimulus(4, 3, rng, events=20, duration=DURATION)


def both(net, stim, duration=DURATION, **options):
    """The run by the kernel, and by the queue, which everything that is recorded goes through."""
    run = sal.simulate(net, {"in": stim}, duration, **options)
    assert run.plan.packed([part.populations for part in run.plan.components].index(("cells",))).crowded
    return run, sal.simulate(net, {"in": stim}, duration, record={"cells": sal.MaxVoltage()}, **options)


def same(run, other, duration=DURATION):
    ours, theirs = run.spikes["cells"], other.spikes["cells"]
    assert np.array_equal(ours.offsets, theirs.offsets) and np.array_equal(ours.units, theirs.units)
    assert np.allclose(ours.times, theirs.times, rtol=0.0, atol=1e-12 * duration)
    assert np.allclose(run.state.x["cells"], other.state.x["cells"], rtol=0.0, atol=1e-11)
    assert np.allclose(run.state.release["cells"], other.state.release["cells"], rtol=0.0, atol=1e-12)
    assert np.array_equal(run.state.count["cells"], other.state.count["cells"])
    return ours.n_events


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("model", MODELS)
def test_spikes_and_gradients_are_those_of_the_queue(model, delay):
    net, stim = network(model, delay)
    run, other = both(net, stim)
    assert same(run, other) > 150
    times, _ = cotangents(run, np.random.default_rng(1))
    ours, theirs = (each.gradient(times) for each in (run, other))
    for kind in ("weight", "delay", "tau_mem", "v_th", "v_leak", "v_reset", "t_refrac", "v_init", "input_times"):
        for name, value in getattr(ours, kind).items():
            wanted = getattr(theirs, kind)[name]
            assert np.allclose(value, wanted, rtol=0.0, atol=1e-8 * max(np.abs(wanted).max(), 1e-30)), kind


@pytest.mark.parametrize(
    "changes",
    [
        {"t_refrac": 0.0},
        {"t_refrac": 0.2},  # longer than the run, and than many time constants
        {"max_spikes": 2},
        {"max_spikes": 3, "t_refrac": 0.0},
        {"v_leak": 0.4},  # silent without input
        {"v_leak": 3.0, "t_refrac": 0.1e-3},  # fast
    ],
)
def test_all_kinds_of_neurons(changes):
    net, stim = network("lif_two_apart", "scalar", 2, **changes)
    run, other = both(net, stim)
    assert same(run, other) > 0


def test_neurons_released_at_the_time_of_an_arrival():
    """The delay is the refractory time: what a neuron sends itself arrives as it is released."""
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("cells", sal.LIF(2, tau_mem=20e-3, tau_syn_exc=5e-3, tau_syn_inh=10e-3, t_refrac=4e-3))
    net.connect("in", "cells", weight=[[9.0, 0.0]])
    net.connect("cells", "cells", weight=[8.0, 8.0], delay=4e-3, connectivity=sal.Sparse([0, 0], [0, 1], shape=(2, 2)))
    stim = sal.Spikes.from_lists([([1e-3], [0])], n_units=1)
    run, other = both(net, stim)
    assert same(run, other) > 5
    times = {"cells": np.linspace(-1.0, 1.0, run.spikes["cells"].n_events)}
    ours, theirs = (each.gradient(times).weight["cells", "cells"] for each in (run, other))
    assert np.allclose(ours, theirs, rtol=1e-10)


def test_runs_in_pieces():
    net, stim = network("lif_two_apart", "synapse", 3)
    whole = sal.simulate(net, {"in": stim}, DURATION)
    state, pieces, shift = None, [], 0.0
    for length in (0.7e-3, 20e-3, 1e-9, DURATION - 20.7e-3 - 1e-9):
        part = sal.Spikes.from_lists(
            [
                (times[inside] - shift, units[inside])
                for times, units in (stim.sample(b) for b in range(stim.batch))
                for inside in [(times > shift) & (times <= shift + length)]
            ],
            n_units=4,
        )
        run = sal.simulate(net, {"in": part}, length, state=state)
        pieces.append((shift, run.spikes["cells"]))
        state, shift = run.state, shift + length
    for b in range(stim.batch):
        times, units = whole.spikes["cells"].sample(b)
        assert np.array_equal(units, np.concatenate([spikes.sample(b)[1] for _, spikes in pieces]))
        assert np.allclose(times, np.concatenate([at + spikes.sample(b)[0] for at, spikes in pieces]), atol=1e-13)
    assert np.allclose(state.voltage("cells"), whole.state.voltage("cells"), rtol=0, atol=1e-11)


def test_full_buffers_do_not_show(monkeypatch):
    net, stim = network("lif_two_apart", "scalar", 4)
    whole = sal.simulate(net, {"in": stim}, DURATION)
    monkeypatch.setattr(forward, "capacity", lambda *_: 1)
    grown = sal.simulate(net, {"in": stim}, DURATION)
    assert np.array_equal(whole.spikes["cells"].times, grown.spikes["cells"].times)
    assert np.array_equal(whole.state.voltage("cells"), grown.state.voltage("cells"))
    times, _ = cotangents(whole, np.random.default_rng(1))
    ours, theirs = (each.gradient(times).weight["cells", "cells"] for each in (whole, grown))
    assert np.array_equal(ours, theirs)


def test_a_heap_without_room_does_not_show(monkeypatch):
    net, stim = network("lif_two_apart", "none", 5, t_refrac=0.1e-3, v_leak=4.0)
    whole = sal.simulate(net, {"in": stim}, DURATION)
    real = forward.crowd_scratch

    def tight(n):
        marks, cells, due, held, times, items, window = real(n)
        return marks, cells, due, held, times[: n + 1].copy(), items[: n + 1].copy(), window

    monkeypatch.setattr(forward, "crowd_scratch", tight)
    swept = sal.simulate(net, {"in": stim}, DURATION)
    assert np.array_equal(whole.spikes["cells"].times, swept.spikes["cells"].times)


def test_void_entries_are_swept():
    due, marks = np.array([1.0, 2.0, 3.0]), np.zeros((16, 3), np.int64)
    marks[crowd.OPEN] = crowd.SPIKES, crowd.ASKED, crowd.RELEASED
    # late, the one of neuron 2 as a release, void, asked, twice the same
    times = np.array([0.5, 1.0, 1.0, 2.0, 3.0])
    items = np.array([0, 0, 0, 1, -1])
    assert crowd.swept(due, marks, times, items, 5) == 2
    assert times[:2].tolist() == [1.0, 3.0] and items[:2].tolist() == [0, -1]
    assert not marks[crowd.PICKED].any()


def test_long_silence_costs_nothing():
    net, _ = network("lif_two_apart", "scalar", 6, v_leak=0.95, v_init=0.2)
    stim = sal.Spikes.from_lists([([0.0, 1e-3, 2000.0, 2000.001], [0, 1, 2, 3])], n_units=4)
    run, other = both(net, stim, 4000.0)
    ours, theirs = run.spikes["cells"], other.spikes["cells"]
    assert ours.n_events > 4 and np.array_equal(ours.units, theirs.units)
    assert np.allclose(ours.times, theirs.times, rtol=0.0, atol=1e-9)


def test_an_arrival_at_the_very_end_counts():
    net, _ = network("lif_two_apart", "none", 7, v_leak=0.4, v_init=0.2)
    run, other = both(net, sal.Spikes.from_lists([([0.0, DURATION], [0, 1])], n_units=4))
    assert same(run, other) == 0
    before, _ = both(net, sal.Spikes.from_lists([([0.0], [0])], n_units=4))
    assert not np.allclose(run.state.x["cells"], before.state.x["cells"], atol=1e-3)


def test_a_spike_by_the_very_end_counts():
    net, stim = network("lif_two_apart", "none", 7)
    times, units = stim.sample(0)
    spikes = sal.simulate(net, {"in": stim}, DURATION).spikes["cells"].sample(0)[0]
    for k in (3, spikes.size // 2):
        # up to rounding: the time of a spike depends on where the search for it ends
        for end, n in ((spikes[k] - 1e-14, k), (spikes[k] + 1e-14, k + 1)):
            part = sal.Spikes.from_lists([(times[times <= end], units[times <= end])], n_units=4)
            assert sal.simulate(net, {"in": part}, end).spikes["cells"].n_events == n


def test_runaway_activity_fails():
    net, stim = network("lif_two_apart", "none", 8)
    with pytest.raises(SimulationError, match="EVENT_LIMIT"):
        sal.simulate(net, {"in": stim}, DURATION, backend=sal.Exact(max_events=20))
    run = sal.simulate(net, {"in": stim}, DURATION, backend=sal.Exact(max_events=20), throw=False)
    assert run.status.all() and run.spikes["cells"].n_events == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(threads):
    net, stim = network("lif_two_apart", "axon", 9)
    one = sal.simulate(net, {"in": stim}, DURATION, backend=sal.Exact(threads=1))
    other = sal.simulate(net, {"in": stim}, DURATION, backend=sal.Exact(threads=threads))
    assert np.array_equal(one.spikes["cells"].times, other.spikes["cells"].times)
