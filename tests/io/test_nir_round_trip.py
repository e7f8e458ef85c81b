"""What goes out to NIR comes back the same, in memory and through files, and other readers can open it."""

import dataclasses

import nir
import numpy as np
import pytest

import saltation as sal

RNG = np.random.default_rng(11)


def dense():
    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("hid", sal.LIF(4, tau_mem=RNG.uniform(5e-3, 30e-3, 4), tau_syn=4.7e-3, v_leak=-0.1))
    net.add("out", sal.LI(3, tau_mem=17e-3, tau_syn=[2e-3, 3e-3, 4e-3]))
    net.connect("in", "hid", weight=RNG.normal(size=(5, 4)))
    net.connect("hid", "out", weight=RNG.normal(size=(4, 3)).astype(np.float32))
    return net


def recurrent_with_delays():
    net = dense()
    net.connect("hid", "hid", weight=RNG.normal(size=(4, 4)), delay=1.3e-3)
    net.connect("in", "hid", weight=RNG.normal(size=(5, 4)), delay=RNG.uniform(0, 1e-3, 5), name="axons")
    net.connect("in", "hid", weight=RNG.normal(size=(5, 4)), delay=np.full(5, 2e-3), name="equal axons")
    late = np.broadcast_to(RNG.uniform(0, 1e-3, 4), (5, 4))
    net.connect("in", "hid", weight=RNG.normal(size=(5, 4)), delay=late, name="dendrites")
    net.connect("in", "out", weight=RNG.normal(size=(5, 3)), delay=np.full((5, 3), 0.5e-3), name="equal")
    by_axon = np.broadcast_to(RNG.uniform(0, 1e-3, (5, 1)), (5, 3))
    net.connect("in", "out", weight=RNG.normal(size=(5, 3)), delay=by_axon, name="axons, by synapse")
    return net


def two_receptors():
    net = sal.Network()
    net.add("exc", sal.Input(3))
    net.add("inh", sal.Input(2))
    net.add("n", sal.LIF(3, tau_syn_exc=3e-3, tau_syn_inh=[5e-3, 6e-3, 7e-3]))
    net.add("out", sal.LI(1, tau_syn_exc=3e-3, tau_syn_inh=4e-3, v_leak=0.2))
    net.connect("inh", "n", weight=-RNG.uniform(size=(2, 3)), receptor="inh")
    net.connect("exc", "n", weight=RNG.uniform(size=(3, 3)), receptor="exc", delay=1e-3)
    net.connect("n", "out", weight=RNG.uniform(size=(3, 1)), receptor="exc")
    net.connect("inh", "out", weight=RNG.normal(size=(2, 1)), receptor="inh")
    return net


def shared_or_not():
    """Equal values for each neuron are not one value for all, which training would keep equal."""
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(2, tau_mem=[20e-3, 20e-3], v_th=1.1, v_reset=[0.0, 0.0], v_leak=np.float32(0.1)))
    net.add("b", sal.LIF(1, tau_mem=[20e-3], tau_syn=5e-3))
    net.add("c", sal.LIF(2, tau_mem=np.array([10e-3, 30e-3], np.float32), t_refrac=[0.0, 0.0]))
    for name in "abc":
        net.connect("in", name, weight=np.ones((1, net.populations[name].size)))
    return net


def convolutions():
    net = sal.Network()
    first = sal.Conv2d((2, 8, 8), 4, 3, stride=2, padding=1)
    pool = sal.SumPool2d(first.output_shape, 2)
    second = sal.Pooled(pool, sal.Conv2d(pool.output_shape, 3, 2, padding=1))
    third = sal.Pooled(sal.SumPool2d(second.then.output_shape, 2, stride=1), then=5)
    net.add("z last in the alphabet", sal.Input(first.n_pre))
    for name, links in (("maps", first), ("pooled", pool), ("more", second)):
        net.add(name, sal.LIF(links.n_post, tau_mem=RNG.uniform(5e-3, 30e-3, links.n_post)))
    net.add("dense", sal.LIF(5))
    net.add("out", sal.LI(2))
    net.connect("z last in the alphabet", "maps", weight=RNG.normal(size=first.weight_shape), connectivity=first)
    net.connect("maps", "pooled", weight=0.3, connectivity=pool, delay=RNG.uniform(0, 1e-3, pool.n_pre))
    net.connect("maps", "more", weight=RNG.normal(size=second.weight_shape), connectivity=second)
    net.connect("more", "dense", weight=RNG.normal(size=third.weight_shape), connectivity=third)
    net.connect("maps", "out", weight=RNG.normal(size=(first.n_post, 2)))
    net.connect("pooled", "out", weight=RNG.normal(size=(pool.n_post, 2)), delay=1e-3)
    net.connect("maps", "pooled", weight=np.float32(1.0), connectivity=pool, name="again")
    net.connect("maps", "pooled", weight=1.0, connectivity=pool, name="and again")
    return net


def one_dimension():
    net = sal.Network()
    conv = sal.Conv1d((3, 20), 2, 5, stride=2, padding=2, dilation=2)
    net.add("in", sal.Input(conv.n_pre))
    net.add("out", sal.LIF(conv.n_post))
    net.connect("in", "out", weight=RNG.normal(size=conv.weight_shape).astype(np.float32), connectivity=conv)
    return net


def sparse():
    net = sal.Network()
    net.add("in", sal.Input(6))
    net.add("out", sal.LIF(4))
    links = sal.Sparse([5, 0, 3, 0], [1, 0, 3, 2], (6, 4))
    net.connect("in", "out", weight=[0.5, 0.0, -0.2, 1.0], connectivity=links)
    like = sal.Sparse(range(4), range(4), (4, 4))
    net.connect("out", "out", weight=RNG.normal(size=4), connectivity=like)
    net.connect("out", "out", weight=np.ones(4, np.float32), connectivity=like, name="self", delay=1e-3)
    return net


def as_many_synapses_as_axons():
    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add("out", sal.LIF(4))
    crossed, like = sal.Sparse([3, 1, 0, 1], [0, 0, 1, 2], (4, 4)), sal.Sparse(range(4), range(4), (4, 4))
    late, equal = RNG.uniform(0, 1e-3, 4), np.full(4, 1e-3)
    net.connect("in", "out", weight=np.ones(4), connectivity=crossed, delay=late, delay_of="axon")
    net.connect("in", "out", weight=np.ones(4), connectivity=crossed, delay=equal, delay_of="axon", name="equal")
    for name, delay in (("like", late), ("equal like", equal)):
        for kind in ("axon", "synapse"):
            options = {"connectivity": like, "delay": delay, "delay_of": kind}
            net.connect("out", "out", weight=RNG.normal(size=4), name=f"{name}, {kind}", **options)
    return net


def names():
    net = sal.Network()
    net.add("in_to_hid", sal.Input(2))
    net.add("in", sal.Input(2))
    net.add("hid", sal.LIF(2))
    net.add("output", sal.LI(1))
    net.connect("in", "hid", weight=np.eye(2))
    net.connect("in_to_hid", "hid", weight=np.eye(2), name="in_to_hid_")
    net.connect("in_to_hid", "hid", weight=np.eye(2), name="Gewicht ü")
    net.connect("hid", "output", weight=np.ones((2, 1)), name="hid_to_output", delay=1e-3)
    net.connect("hid", "output", weight=np.ones((2, 1)), name="hid_to_output_delay")
    return net


BUILDERS = [
    dense,
    recurrent_with_delays,
    two_receptors,
    shared_or_not,
    convolutions,
    one_dimension,
    sparse,
    as_many_synapses_as_axons,
    names,
]


def assert_equal(net, back, exact=True):
    assert list(net.populations) == list(back.populations)
    assert list(net.projections) == list(back.projections)
    for one, other in zip(
        [*net.populations.values(), *net.projections.values()],
        [*back.populations.values(), *back.projections.values()],
        strict=True,
    ):
        if exact:
            assert one == other
            continue
        for field in dataclasses.fields(one):
            mine, its = getattr(one, field.name), getattr(other, field.name)
            if isinstance(mine, np.ndarray):
                assert (mine.dtype, mine.shape) == (its.dtype, its.shape)
                assert its == pytest.approx(mine, rel=4 * float(np.finfo(mine.dtype).eps))
            else:
                assert mine == its


@pytest.mark.parametrize("build", BUILDERS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("through", ["memory", "file"])
@pytest.mark.parametrize(("unit", "step"), [("s", None), ("ms", None), (3e-5, None), ("s", 1e-4), ("ms", 7e-4)])
def test_a_network_comes_back(build, through, unit, step, tmp_path):
    net = build()
    if build is convolutions and step is not None:  # weights that neurons of different tau_mem share cannot hold a step
        net = net.replace(tau_mem={name: 20e-3 for name in ("maps", "pooled", "more")})
    if through == "memory":
        back = sal.io.from_nir(sal.io.to_nir(net, time_unit=unit, step=step))
    else:
        back = sal.io.read_nir(sal.io.write_nir(tmp_path / "net.nir", net, time_unit=unit, step=step))
    assert_equal(net, back, exact=unit == "s" and step is None)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda each: each.__name__)
def test_other_readers_open_the_file(build, tmp_path):
    """nir reads it with its own check of types, and finds the numbers in the fields where they belong."""
    net = build()
    graph = nir.read(sal.io.write_nir(tmp_path / "net.nir", net, time_unit="ms"))
    assert set(net.populations) <= set(graph.nodes)
    for name, population in net.populations.items():
        if not isinstance(population, sal.Input):
            node = graph.nodes[name]
            tau = node.tau_mem if population.tau_syn is not None else node.tau
            assert np.ravel(tau) == pytest.approx(np.broadcast_to(population.tau_mem * 1e3, population.size))


@pytest.mark.parametrize("build", BUILDERS, ids=lambda each: each.__name__)
def test_it_means_the_same_without_our_notes(build, tmp_path):
    """Other programs may drop metadata: what is left are the same values, if not in the same form."""
    net = build()
    graph = sal.io.to_nir(net, time_unit="s")
    graph.metadata = {}
    for node in graph.nodes.values():
        node.metadata = {}
    back = sal.io.from_nir(graph, time_unit="s")
    assert set(back.populations) == set(net.populations)
    for name, population in net.populations.items():
        for key, value in population.parameters().items():
            if key != "t_refrac":
                assert np.all(back.populations[name].parameters()[key] == value)
    ours, theirs = (sorted(matrix(p) for p in each.projections.values()) for each in (net, back))
    assert ours == theirs


def matrix(projection):
    """What a projection does, with no word of how: source, target, and each synapse with weight and delay."""
    n_pre, n_post = projection.shape
    if projection.connectivity is None:
        pre, post = (index.ravel() for index in np.indices((n_pre, n_post)))
        place = np.arange(n_pre * n_post)
    else:
        pre, post, place = projection.connectivity.synapses()
    weight = projection.weight.reshape(-1)[place]
    delay = projection.delay
    if projection.delay_per_weight:
        delay = delay.reshape(-1)[place]
    elif delay.ndim:
        delay = delay[pre]
    rows = zip(pre.tolist(), post.tolist(), weight.tolist(), np.broadcast_to(delay, len(pre)).tolist(), strict=True)
    return projection.pre, projection.post, sorted(row for row in rows if row[2] != 0)


def test_delays_behind_as_many_synapses_as_axons_are_those_of_synapses():
    """A delay before the weights and one behind them add up, synapse by synapse."""
    weight = np.zeros((3, 3))
    pairs = np.array([[2, 0], [1, 2], [0, 2]])
    weight[pairs[:, 0], pairs[:, 1]] = 1.0
    one = np.ones(3)
    graph = nir.NIRGraph(
        nodes={
            "in": nir.Input({"input": np.array([3])}),
            "before": nir.Delay(np.array([1.0, 2.0, 3.0])),
            "w": nir.Linear(weight.T, metadata={"saltation_synapses": pairs}),
            "behind": nir.Delay(np.array([10.0, 20.0, 30.0])),
            "lif": nir.CubaLIF(tau_mem=one, tau_syn=one, r=one, v_leak=0 * one, v_threshold=one),
        },
        edges=[("in", "before"), ("before", "w"), ("w", "behind"), ("behind", "lif")],
    )
    projection = sal.io.from_nir(graph, time_unit="s").projections["w"]
    assert projection.delay_of == "synapse"
    np.testing.assert_array_equal(projection.delay, [13.0, 32.0, 31.0])


def test_nodes_of_another_graph_keep_their_names():
    one = np.ones(2)
    graph = nir.NIRGraph(
        nodes={
            "stim": nir.Input({"input": np.array([3])}),
            "fc1": nir.Linear(np.ones((2, 3))),
            "lif1": nir.CubaLIF(tau_mem=one, tau_syn=one, r=one, v_leak=0 * one, v_threshold=one),
            "w_rec": nir.Linear(np.ones((2, 2))),
            "end": nir.Output({"output": np.array([2])}),
        },
        edges=[("stim", "fc1"), ("fc1", "lif1"), ("lif1", "w_rec"), ("w_rec", "lif1"), ("lif1", "end")],
    )
    net = sal.io.from_nir(graph, time_unit="ms")
    assert list(net.populations) == ["stim", "lif1"]
    assert list(net.projections) == ["fc1", "w_rec"]
    again = sal.io.to_nir(net, time_unit="ms")
    assert set(again.nodes) == {"stim", "fc1", "lif1", "w_rec", "output"}


def test_scalars_and_a_batch_of_one():
    """As Norse writes: one number for all neurons, and the shape of a traced batch of one sample at the input."""
    scalar = {key: np.array(0.5) for key in ("tau_mem", "tau_syn", "r", "w_in", "v_threshold")} | {
        "v_leak": np.array(0.0)
    }
    graph = nir.NIRGraph(
        nodes={
            "input": nir.Input({"input": np.array([1, 3])}),
            "fc": nir.Affine(np.ones((4, 3)), np.zeros(4)),
            "lif": nir.CubaLIF(**scalar),
            "rec": nir.Linear(np.ones((4, 4))),
            "output": nir.Output({"output": np.array([1, 4])}),
        },
        edges=[("input", "fc"), ("fc", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")],
        type_check=False,
    )
    net = sal.io.from_nir(graph, time_unit="s")
    assert (net.populations["input"].size, net.populations["lif"].size) == (3, 4)
    assert net.populations["lif"].tau_mem.shape == () and net.projections["fc"].weight == pytest.approx(0.5)


def test_the_noted_unit_guards_against_another(tmp_path):
    path = sal.io.write_nir(tmp_path / "net.nir", dense(), time_unit="ms", step=1e-4)
    assert sal.io.read_nir(path, time_unit="ms", step=1e-4).populations["out"].tau_mem == pytest.approx(17e-3)
    with pytest.raises(sal.errors.ParameterError, match=r"noted in the graph, 0\.001 s"):
        sal.io.read_nir(path, time_unit="s")
    with pytest.raises(sal.errors.ParameterError, match=r"noted in the graph, 0\.0001"):
        sal.io.read_nir(path, step=1e-3)


def test_outputs():
    net = dense()
    graph = sal.io.to_nir(net, time_unit="ms", outputs=["hid"])
    assert {"output_hid", "output_out"} <= set(graph.nodes)
    assert ("hid", "output_hid") in graph.edges
    assert_equal(net, sal.io.from_nir(graph), exact=False)


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = sal.io.write_nir(tmp_path / "net.nir", dense(), time_unit="s")
    before = path.read_bytes()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(nir, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sal.io.write_nir(path, two_receptors(), time_unit="s")
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["net.nir"]
