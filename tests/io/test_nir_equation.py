"""A network and its NIR graph do the same: ours by events, NIR's equations by numerical integration."""

import itertools

import nir
import numpy as np
import pytest
from tests.reference import nir_equations

import saltation as sal

MS = 1e-3


def stimulus(net, n_spikes, seed, until=20e-3):
    rng = np.random.default_rng(seed)
    spikes = {}
    for name, population in net.populations.items():
        if isinstance(population, sal.Input):
            times = np.sort(rng.uniform(0, until, n_spikes))
            spikes[name] = sal.Spikes.from_lists(
                [(times, rng.integers(0, population.size, n_spikes))], n_units=population.size
            )
    return spikes


def assert_same(net, graph, unit, area=1.0, n_spikes=12, seed=1, duration=40e-3, least=4):
    """Both find the same spikes, at times that differ by less than 1e-6 of the graph's unit."""
    given = stimulus(net, n_spikes, seed)
    run = sal.simulate(net, given, duration=duration)
    inputs = {name: [(t / unit, n) for t, n in zip(*s.sample(0), strict=True)] for name, s in given.items()}
    found = nir_equations.simulate(graph, inputs, duration / unit, area)
    total = 0
    for name, events in found.items():
        times, units = run.spikes[name].sample(0)
        expected = sorted(events)
        assert [n for _, n in expected] == units.tolist()
        assert np.array([t for t, _ in expected]) == pytest.approx(times / unit, rel=0, abs=1e-6)
        total += len(expected)
    assert total >= least, "a test without spikes shows nothing"


def network(**parameters):
    rng = np.random.default_rng(7)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(4, **parameters))
    net.add("out", sal.LIF(2, tau_mem=15e-3, tau_syn=4e-3))
    net.connect("in", "hid", weight=rng.uniform(1.0, 4.0, (3, 4)), delay=[0.0, 1e-3, 2.5e-3])
    net.connect("hid", "hid", weight=rng.uniform(-1.0, 0.5, (4, 4)), delay=0.7e-3)
    net.connect("hid", "out", weight=rng.uniform(0.5, 2.0, (4, 2)))
    return net


PARAMETERS = {
    "one constant": {"tau_mem": 20e-3, "tau_syn": 5e-3},
    "ratio two": {"tau_mem": 10e-3, "tau_syn": 5e-3},
    "each its own": {
        "tau_mem": [10e-3, 15e-3, 20e-3, 12e-3],
        "tau_syn": [2e-3, 4e-3, 5e-3, 9e-3],
        "v_th": [0.9, 1.0, 1.1, 1.3],
        "v_leak": [0.1, -0.2, 0.0, 0.3],
        "v_reset": [-0.5, 0.0, 0.2, -0.1],
    },
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
@pytest.mark.parametrize("unit", ["ms", "s", 1e-4])
def test_what_is_written_is_the_same_dynamics(parameters, unit):
    net = network(**parameters)
    assert_same(net, sal.io.to_nir(net, time_unit=unit), {"ms": MS, "s": 1.0}.get(unit, unit) * 1.0)


def test_in_steps_a_spike_has_the_area_of_a_step():
    net = network(**PARAMETERS["each its own"])
    graph = sal.io.to_nir(net, time_unit="ms", step=1e-4)
    assert graph.nodes["hid"].w_in == pytest.approx(graph.nodes["hid"].tau_syn / 0.1)
    assert graph.nodes["hid"].r == pytest.approx(graph.nodes["hid"].tau_mem / 0.1)
    assert_same(net, graph, MS, area=0.1)


def test_two_receptors():
    rng = np.random.default_rng(3)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(4, tau_mem=20e-3, tau_syn_exc=5e-3, tau_syn_inh=8e-3, v_leak=0.2))
    net.connect("in", "hid", weight=rng.uniform(1.5, 4.0, (3, 4)), receptor="exc", name="drive")
    net.connect("in", "hid", weight=rng.uniform(-1.5, 0.0, (3, 4)), receptor="inh", name="brake", delay=1e-3)
    net.connect("hid", "hid", weight=rng.uniform(-1.5, 0.0, (4, 4)), receptor="inh")
    assert_same(net, sal.io.to_nir(net, time_unit="ms"), MS)
    assert_same(net, sal.io.to_nir(net, time_unit="ms", step=5e-4), MS, area=0.5)


def test_convolution_pool_and_delays():
    rng = np.random.default_rng(5)
    net = sal.Network()
    net.add("in", sal.Input(2 * 6 * 6))
    first = sal.Conv2d((2, 6, 6), 2, 3, padding=1)
    net.add("maps", sal.LIF(first.n_post, tau_mem=20e-3, tau_syn=5e-3))
    net.connect("in", "maps", weight=rng.uniform(0.5, 3.0, first.weight_shape), connectivity=first, delay=1e-3)
    pool = sal.SumPool2d((2, 6, 6), 2)
    second = sal.Pooled(pool, sal.Conv2d((2, 3, 3), 2, 2, padding=1, stride=2, dilation=1))
    net.add("pooled", sal.LIF(second.n_post, tau_mem=10e-3, tau_syn=5e-3))
    net.connect("maps", "pooled", weight=rng.uniform(0.1, 0.6, second.weight_shape), connectivity=second)
    net.add("out", sal.LIF(3, tau_mem=15e-3))
    net.connect("pooled", "out", weight=rng.uniform(0.2, 0.8, (second.n_post, 3)))
    assert_same(net, sal.io.to_nir(net, time_unit="ms"), MS, n_spikes=40, duration=30e-3)


def foreign(*nodes, edges, **kwargs):
    return nir.NIRGraph(nodes=dict(nodes), edges=edges, **kwargs)


def pairs(row):
    """Edges along a row of names."""
    return list(itertools.pairwise(row.split()))


def cuba(n, kind=nir.CubaLIF, **changes):
    one = np.ones(n)
    fields = {"tau_mem": 12 * one, "tau_syn": 4 * one, "r": one, "v_leak": 0 * one, "w_in": one}
    if kind is nir.CubaLIF:
        fields |= {"v_threshold": one, "v_reset": 0 * one}
    return kind(**(fields | {key: np.broadcast_to(value, n).astype(float) for key, value in changes.items()}))


def in_and_out(n_in, n_out):
    return ("input", nir.Input({"input": np.array([n_in])})), ("output", nir.Output({"output": np.array([n_out])}))


def test_resistance_input_weight_and_bias_of_others():
    rng = np.random.default_rng(2)
    first, last = in_and_out(3, 4)
    neurons = cuba(4, r=[0.5, 2.0, 1.0, 3.0], w_in=[5.0, 1.5, 7.0, 2.0], v_leak=[0.1, 0.0, -0.1, 0.2])
    affine = nir.Affine(weight=rng.uniform(2.0, 8.0, (4, 3)), bias=np.array([0.1, 0.05, -0.2, 0.02]))
    graph = foreign(first, ("w", affine), ("n", neurons), last, edges=pairs("input w n output"))
    net = sal.io.from_nir(graph, time_unit="ms")
    assert net.populations["n"].v_leak == pytest.approx([0.1 + 0.25, 0.15, -0.1 - 1.4, 0.2 + 0.12])
    assert_same(net, graph, MS)


def test_an_li_before_a_lif_is_its_synapse():
    rng = np.random.default_rng(4)
    one = np.ones(3)
    first, last = in_and_out(2, 3)
    graph = foreign(
        first,
        ("w", nir.Linear(weight=rng.uniform(10.0, 30.0, (3, 2)))),
        ("slow", nir.LI(tau=8 * one, r=1.5 * one, v_leak=0.05 * one)),
        ("v", nir.Affine(weight=rng.uniform(5.0, 15.0, (3, 2)), bias=np.array([0.1, 0.0, -0.1]))),
        ("fast", nir.LI(tau=3 * one, r=0.7 * one, v_leak=0 * one)),
        ("n", nir.LIF(tau=10 * one, r=0.8 * one, v_leak=0.1 * one, v_threshold=one, v_reset=-0.3 * one)),
        last,
        edges=[
            ("input", "w"),
            ("w", "slow"),
            ("input", "v"),
            ("v", "fast"),
            ("slow", "n"),
            ("fast", "n"),
            ("n", "output"),
        ],
    )
    net = sal.io.from_nir(graph, time_unit="ms")
    assert net.populations["n"].receptors == ("exc", "inh")
    assert_same(net, graph, MS)


def test_delays_on_both_sides_scales_and_a_subgraph():
    rng = np.random.default_rng(6)
    first, last = in_and_out(3, 3)
    inside = nir.NIRGraph(
        nodes={
            "input": nir.Input({"input": np.array([3])}),
            "lif": cuba(3, w_in=4.0),
            "rec": nir.Linear(weight=rng.uniform(-0.5, 0.3, (3, 3))),
            "output": nir.Output({"output": np.array([3])}),
        },
        edges=[("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")],
    )
    graph = foreign(
        first,
        ("axon", nir.Delay(delay=np.array([0.0, 0.5, 1.0]))),
        ("in_scale", nir.Scale(scale=np.array([1.0, 2.0, 0.5]))),
        ("w", nir.Linear(weight=rng.uniform(1.5, 4.0, (3, 3)))),
        ("out_scale", nir.Scale(scale=np.array([1.2, 0.8, 1.0]))),
        ("dendrite", nir.Delay(delay=np.array([0.3, 0.0, 2.0]))),
        ("block", inside),
        last,
        edges=pairs("input axon in_scale w out_scale dendrite block output"),
    )
    net = sal.io.from_nir(graph, time_unit="ms")
    assert list(net.populations) == ["input", "block.lif"]
    assert set(net.projections) == {"w", "block.rec"}
    # the reference knows no subgraphs: the same by hand
    flat = foreign(
        *((name, node) for name, node in graph.nodes.items() if name != "block"),
        ("block.lif", inside.nodes["lif"]),
        ("rec", inside.nodes["rec"]),
        edges=[*graph.edges[:5], *pairs("dendrite block.lif rec block.lif output")],
    )
    assert_same(net, flat, MS)


def test_an_input_straight_into_neurons_and_a_pool_that_averages():
    two = np.array([2, 2])
    graph = nir.NIRGraph(
        nodes={
            "input": nir.Input({"input": np.array([1, 4, 4])}),
            "copy": cuba((1, 4, 4), w_in=9.0),
            "pool": nir.AvgPool2d(kernel_size=two, stride=two, padding=0 * two),
            "scale": nir.Scale(scale=np.full((1, 2, 2), 30.0)),
            "pooled": cuba((1, 2, 2), w_in=1.0),
            "output": nir.Output({"output": np.array([1, 2, 2])}),
        },
        edges=pairs("input copy pool scale pooled output"),
    )
    net = sal.io.from_nir(graph, time_unit="ms")
    assert isinstance(net.projections["input", "copy"].connectivity, sal.Sparse)
    assert net.projections["pool"].weight == pytest.approx(30.0 / 4 / 4)
    assert_same(net, graph, MS, n_spikes=60, duration=30e-3)


def test_one_dimension():
    rng = np.random.default_rng(8)
    net = sal.Network()
    conv = sal.Conv1d((2, 9), 4, 3, stride=2, padding=1, dilation=2)
    net.add("in", sal.Input(conv.n_pre))
    net.add("hid", sal.LIF(conv.n_post, tau_mem=20e-3, tau_syn=5e-3))
    net.connect("in", "hid", weight=rng.uniform(1.0, 5.0, conv.weight_shape), connectivity=conv)
    graph = sal.io.to_nir(net, time_unit="ms")
    assert type(graph.nodes["in_to_hid"]).__name__ == "Conv1d"
    assert_same(net, graph, MS, n_spikes=30)
