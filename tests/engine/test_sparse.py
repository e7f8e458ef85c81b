"""Listed synapses against the same network with matrices: spikes, voltages, gradients, tangents, runs in pieces."""

import numpy as np
import pytest

import saltation as sal
from reference.dense import dense_twin, gathered
from reference.networks import DURATION, cotangents, neurons, stimulus, tangents

DELAYS = ("scalar", "pre", "weight")
PROBES = (sal.Voltage([5e-3, 20e-3]), sal.MaxVoltage(), sal.VoltageIntegral())


def delays(kind, n_pre, shape, rng):
    return rng.uniform(0.5e-3, 4e-3, {"scalar": (), "pre": (n_pre,), "weight": shape}[kind])


def sparse_network(seed, model, delay, *, recurrent=True, per_neuron=False):
    """``in -> a -> a -> out``, half of the pairs connected."""
    rng = np.random.default_rng(seed)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("a", neurons(model, 7, rng, per_neuron=per_neuron, refractory=True))
    net.add("out", sal.LI(2))
    for pre, post, mean, std in (
        (("in", "a", 2.5, 1.0), ("a", "a", 0.1, 0.6)) if recurrent else (("in", "a", 2.5, 1.0),)
    ):
        shape = (net.populations[pre].size, net.populations[post].size)
        links = sal.Sparse.random(shape, 0.5, rng)
        # out of order: an engine has to find its own
        order = rng.permutation(links.n_synapses)
        links = sal.Sparse(links.pre[order], links.post[order], shape)
        weight = rng.normal(mean, std, links.n_synapses)
        net.connect(pre, post, weight=weight, delay=delays(delay, shape[0], weight.shape, rng), connectivity=links)
    net.connect("a", "out", weight=rng.normal(size=(7, 2)))
    return net


def image_network(seed, delay):
    """``in -> conv -> pool and dense``, all by weights that synapses share."""
    rng = np.random.default_rng(seed)
    conv = sal.Conv2d((1, 5, 5), 2, 3, padding=1)
    pool = sal.Pooled(sal.SumPool2d(conv.output_shape, 2), then=3)
    net = sal.Network()
    net.add("in", sal.Input(25))
    net.add("a", sal.LIF(conv.n_post, tau_mem=15e-3))
    net.add("out", sal.LIF(3))
    weight = rng.normal(2.0, 1.0, conv.weight_shape)
    net.connect("in", "a", weight=weight, delay=delays(delay, 25, weight.shape, rng), connectivity=conv)
    net.connect("a", "out", weight=rng.normal(0.4, 0.3, pool.weight_shape), connectivity=pool)
    return net


def compare(net, stim, rng, record):
    """Everything that a run gives, against the network with matrices."""
    twin = dense_twin(net)
    run, other = (sal.simulate(each, {"in": stim}, DURATION, record=record) for each in (net, twin))
    for name, spikes in run.spikes.items():
        np.testing.assert_array_equal(spikes.units, other.spikes[name].units)
        np.testing.assert_allclose(spikes.times, other.spikes[name].times, rtol=0, atol=1e-14)
    for name in record:
        for one, two in zip(run.voltage[name], other.voltage[name], strict=True):
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-12)
    bars = cotangents(run, rng)
    gradient, expected = run.gradient(*bars), other.gradient(*bars)
    for key, projection in net.projections.items():
        for kind in ("weight", "delay"):
            value, dense = getattr(gradient, kind)[key], getattr(expected, kind)[key]
            listed = projection.connectivity is not None and (kind == "weight" or projection.delay_per_weight)
            reference = gathered(projection, dense) if listed else dense
            np.testing.assert_allclose(value, reference, rtol=0, atol=1e-10 * np.abs(reference).max(initial=1e-12))
    for kind in ("tau_mem", "v_th", "v_leak"):
        for name, value in getattr(gradient, kind).items():
            np.testing.assert_allclose(value, getattr(expected, kind)[name], rtol=1e-9)
    np.testing.assert_allclose(
        gradient.input_times["in"],
        expected.input_times["in"],
        rtol=0,
        atol=1e-10 * np.abs(expected.input_times["in"]).max(),
    )
    return run, bars, gradient


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("model", ["lif", "lif_two", "alif", "leaky"])
def test_listed_synapses_are_those_of_a_matrix(model, recurrent, delay):
    rng = np.random.default_rng(3)
    net = sparse_network(11, model, delay, recurrent=recurrent, per_neuron=delay == "pre")
    run, _, _ = compare(net, stimulus(3, 4, rng, events=14), rng, {"a": PROBES, "out": PROBES})
    assert run.spikes["a"].n_events > 20


@pytest.mark.parametrize("delay", ["scalar", "weight"])
def test_shared_weights_are_those_of_a_matrix(delay):
    rng = np.random.default_rng(5)
    net = image_network(2, delay)
    run, _, _ = compare(net, stimulus(25, 3, rng, events=40), rng, {"a": PROBES})
    assert run.spikes["a"].n_events > 20 and run.spikes["out"].n_events > 3


@pytest.mark.parametrize("delay", DELAYS)
def test_the_gradient_is_the_transpose_of_the_tangent(delay):
    rng = np.random.default_rng(7)
    net = sparse_network(12, "lif", delay)
    stim = stimulus(3, 2, rng)
    run = sal.simulate(net, {"in": stim}, DURATION, record={"a": PROBES, "out": PROBES})
    moved, (spike_bars, voltage_bars) = tangents(net, {"in": stim}, rng), cotangents(run, rng)
    tangent, gradient = run.jvp(**moved), run.gradient(spike_bars, voltage_bars)
    left = [(spike_bars[name] * tangent.spike_times[name]).sum() for name in spike_bars]
    left += [(b * v).sum() for n in voltage_bars for b, v in zip(voltage_bars[n], tangent.voltage[n], strict=True)]
    right = [
        (getattr(gradient, kind)[key] * value).sum() for kind, each in moved.items() for key, value in each.items()
    ]
    assert abs(sum(left) - sum(right)) <= 1e-11 * (np.abs(left).sum() + np.abs(right).sum())


def test_two_synapses_of_one_pair_act_as_their_sum():
    rng = np.random.default_rng(9)
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("a", sal.LI(2))
    links = sal.Sparse([0, 0, 1, 0], [1, 1, 0, 1], shape=(2, 2))
    net.connect("in", "a", weight=[0.7, 0.4, 1.0, -2.4], connectivity=links)
    # a maximum at an arrival: the current turns negative there
    stim = sal.Spikes.from_lists([([1e-3, 2e-3, 9e-3], [1, 0, 0])], n_units=2)
    compare(net, stim, rng, {"a": PROBES})


def test_observed_spikes_replay():
    rng = np.random.default_rng(13)
    net, stim = sparse_network(14, "lif", "scalar"), stimulus(3, 3, rng)
    run = sal.simulate(net, {"in": stim}, DURATION)
    again = sal.simulate(net, {"in": stim}, DURATION, observed={"a": run.spikes["a"]})
    bars = {"a": rng.normal(size=run.spikes["a"].n_events)}
    key = ("a", "a")
    np.testing.assert_allclose(again.gradient(bars).weight[key], run.gradient(bars).weight[key], rtol=1e-10)


def cut(spikes, first, stop):
    """Events in ``[first, stop)``, in a clock that starts at ``first``."""
    samples = [(t[(t >= first) & (t < stop)] - first, u[(t >= first) & (t < stop)]) for t, u in spikes.to_lists()]
    return sal.Spikes.from_lists(samples, n_units=spikes.n_units)


@pytest.mark.parametrize("delay", DELAYS)
def test_runs_in_pieces_are_one_run(delay):
    rng = np.random.default_rng(15)
    net, stim = sparse_network(16, "lif", delay), stimulus(3, 3, rng)
    run = sal.simulate(net, {"in": stim}, DURATION)
    early = sal.simulate(net, {"in": cut(stim, 0.0, 0.02)}, 0.02)
    late = sal.simulate(net, {"in": cut(stim, 0.02, DURATION)}, DURATION - 0.02, state=early.state)
    n = early.spikes["a"].n_events + late.spikes["a"].n_events
    assert n == run.spikes["a"].n_events
    np.testing.assert_allclose(
        np.sort(np.concatenate((early.spikes["a"].times, late.spikes["a"].times + 0.02))),
        np.sort(run.spikes["a"].times),
        atol=1e-12,
    )


def test_many_neurons_find_who_is_first():
    """More neurons than a block of the search for the next to spike holds."""
    rng = np.random.default_rng(17)
    n = 200
    links = sal.Sparse.random((n, n), 0.1, rng)
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(n, v_leak=rng.uniform(0.9, 1.6, n), v_init=rng.uniform(0, 1, n), t_refrac=2e-3))
    net.connect("a", "a", weight=rng.normal(0.0, 0.4, links.n_synapses), delay=1e-3, connectivity=links)
    stim = sal.Spikes.empty(1, n_units=1)
    run, other = (sal.simulate(each, {"in": stim}, 0.1) for each in (net, dense_twin(net)))
    assert run.spikes["a"].n_events > 300
    np.testing.assert_array_equal(run.spikes["a"].units, other.spikes["a"].units)
    np.testing.assert_allclose(run.spikes["a"].times, other.spikes["a"].times, atol=1e-11)
