"""Network: building, replacing, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import saltation as sal
from saltation.errors import NetworkError, ParameterError
from saltation.model import ALIF, LI, LIF, Input, Network, Projection

W = np.full((5, 4), 0.1)


@pytest.fixture
def net():
    net = Network()
    net.add("in", Input(5))
    net.add("hid", LIF(4))
    net.add("out", LI(3, tau_syn_exc=1e-3, tau_syn_inh=2e-3))
    net.connect("in", "hid", weight=W)
    net.connect("hid", "out", weight=np.ones((4, 3), np.float32), delay=1e-3)
    return net


def test_order_and_keys(net):
    assert list(net.populations) == ["in", "hid", "out"]
    assert net.connect("hid", "hid", weight=np.eye(4), name="rec") == "rec"
    assert list(net.projections) == [("in", "hid"), ("hid", "out"), "rec"]
    assert net.projections["rec"].key == "rec"
    assert net.projections["hid", "out"].weight.dtype == np.float32
    with pytest.raises(TypeError):
        net.populations["hid"] = LIF(4)


def test_names(net):
    with pytest.raises(NetworkError, match=r"Network\.add\.name .*'hid'; taken: 'in', 'hid', 'out'"):
        net.add("hid", LIF(4))
    with pytest.raises(NetworkError, match=r"connect\.name .*name='slow'"):
        net.connect("in", "hid", weight=W)
    net.connect("in", "hid", weight=W, name="slow")
    for taken in ("slow", "hid"):
        with pytest.raises(NetworkError, match=r"connect\.name must be a name not yet taken"):
            net.connect("in", "hid", weight=W, name=taken)
    with pytest.raises(NetworkError, match=r"add\.name must be a name not yet taken"):
        net.add("slow", LIF(4))
    with pytest.raises(ParameterError, match=r"add\.name must be a string that is not empty"):
        net.add("", LIF(4))
    with pytest.raises(NetworkError, match=r"connect\.post .*did you mean 'hid'\? known: 'in', 'hid', 'out'"):
        net.connect("in", "hidd", weight=W)
    with pytest.raises(NetworkError, match=r"connect\.pre must be the name of a population"):
        net.connect(0, "hid", weight=W)
    with pytest.raises(NetworkError, match=r"add\.population .*pass an instance"):
        net.add("more", LIF)


def test_what_does_not_fit(net):
    with pytest.raises(NetworkError, match=r"connect\.weight .*transposed"):
        net.connect("in", "hid", weight=W.T, name="x")
    with pytest.raises(NetworkError, match=r"connect\.weight must be of shape \(5, 4\)"):
        net.connect("in", "hid", weight=W[:3], name="x")
    with pytest.raises(NetworkError, match=r"connect\.pre .*LI neurons emit no spikes"):
        net.connect("out", "hid", weight=np.ones((3, 4)))
    with pytest.raises(NetworkError, match=r"connect\.post .*'in'"):
        net.connect("hid", "in", weight=W.T)
    with pytest.raises(NetworkError, match=r"connect\.receptor must be left out"):
        net.connect("in", "hid", weight=W, name="x", receptor="exc")
    net.connect("hid", "out", weight=np.ones((4, 3)), name="x", receptor="inh")
    assert list(net.projections) == [("in", "hid"), ("hid", "out"), "x"]


def test_replace_leaves_the_old_network(net):
    key = ("in", "hid")
    new = net.replace(weight={key: 2 * W}, delay={key: 2e-3}, tau_mem={"hid": 0.01, "out": 0.03}, v_th={"hid": 2})
    assert new.projections[key] == Projection("in", "hid", 2 * W, 2e-3)
    assert new.populations["hid"] == LIF(4, tau_mem=0.01, v_th=2.0)
    assert net.projections[key] == Projection("in", "hid", W) and net.populations["hid"] == LIF(4)
    assert new.projections["hid", "out"] is net.projections["hid", "out"]
    assert new.populations["in"] is net.populations["in"]
    new.add("more", Input(1))
    assert "more" not in net.populations


def test_replace_refuses(net):
    with pytest.raises(NetworkError, match=r"replace\.weight key .*\('in', 'hid'\)"):
        net.replace(weight={"in": W})
    with pytest.raises(NetworkError, match=r"replace\.tau_mem key .*did you mean 'hid'"):
        net.replace(tau_mem={"hidd": 0.01})
    with pytest.raises(ParameterError, match=r"LIF\.with_parameters\.tau_men .*'tau_mem'"):
        net.replace(tau_men={"hid": 0.01})
    with pytest.raises(ParameterError, match=r"LIF\.tau_mem must be > 0"):
        net.replace(tau_mem={"hid": -1})
    with pytest.raises(NetworkError, match=r"replace\.tau_mem must be a dict"):
        net.replace(tau_mem=0.01)
    with pytest.raises(NetworkError, match=r"replace\.weight must be of shape"):
        net.replace(weight={("in", "hid"): W[:, :2]})
    with pytest.raises(NetworkError, match=r"replace of 'hid' must be of receptors \('syn',\)"):
        net.replace(tau_syn={"hid": None}, tau_syn_exc={"hid": 1e-3}, tau_syn_inh={"hid": 1e-3})


def test_compiled_structure_is_kept_while_shapes_are(net):
    marker = net._structure = {}
    key = ("in", "hid")
    kept = [
        net.replace(),
        net.replace(weight={key: 2 * W}, delay={key: 1e-3}),
        net.replace(tau_mem={"hid": 0.01}),
    ]
    dropped = [
        net.replace(delay={key: np.zeros(5)}),
        net.replace(weight={key: W.astype(np.float32)}),
        net.replace(tau_mem={"hid": np.full(4, 0.01)}),
        net.replace(v_init={"hid": 0.1}),
        net.replace(max_spikes={"hid": 1}),
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
    ]
    assert all(new._structure is marker for new in kept)
    assert all(new._structure is not marker for new in dropped)
    assert dict(dropped[-1].projections) == dict(net.projections)
    assert dict(dropped[-1].populations) == dict(net.populations)
    net.connect("hid", "hid", weight=np.eye(4))
    assert net._structure is not marker
    net._structure = marker
    net.add("more", Input(1))
    assert net._structure is not marker


def test_n_parameters(net):
    assert net.n_parameters() == 20 + 12
    assert net.n_parameters(("weight", "delay", "tau_mem", "tau_syn_exc")) == 32 + 2 + 2 + 1
    assert net.n_parameters("delay") == 2
    with pytest.raises(NetworkError, match=r"n_parameters\.trainable .*did you mean 'weight'"):
        net.n_parameters(["weights"])


def test_summary_and_repr(net):
    net.connect("hid", "hid", weight=np.eye(4), delay=np.linspace(0, 1e-3, 4), name="rec")
    lines = net.summary().splitlines()
    assert lines[0].split() == ["population", "kind", "size", "receptors", "parameters"]
    assert lines[3].split() == ["out", "li", "3", "exc,", "inh", "4"]
    assert lines[-1].startswith("rec: hid -> hid")
    assert repr(net) == ("Network(in: Input(5), hid: LIF(4), out: LI(3); in -> hid, hid -> out, rec: hid -> hid)")
    assert repr(Network()) == "Network()" and Network().summary().startswith("population")


def test_projection_delays():
    for delay in (0.0, np.zeros(5), np.zeros((5, 4))):
        assert Projection("a", "b", W, delay).delay.shape == np.shape(delay)
    with pytest.raises(ParameterError, match=r"Projection\.delay must be a scalar or an array \[5\] or"):
        Projection("a", "b", W, np.zeros(4))


def test_alif_joins_networks():
    net = Network()
    net.connect(net.add("in", Input(5)), net.add("hid", ALIF(4)), weight=W)
    assert net.replace(beta={"hid": 0.3}).populations["hid"].beta == 0.3


CHAIN = sal.Sparse([2, 1, 0], [0, 0, 0], shape=(3, 1))
LATE = [1e-3, 2e-3, 3e-3]


def chain(delay, delay_of=None, links=CHAIN):
    net = Network()
    net.add("in", Input(3))
    net.add("out", LIF(links.n_post))
    net.connect("in", "out", weight=[1.0, 10.0, 100.0], delay=delay, connectivity=links, delay_of=delay_of)
    return net


def test_delays_of_as_many_synapses_as_axons_are_told_apart():
    with pytest.raises(ParameterError, match=r"Projection\.delay must be told apart by delay_of .* 3; .*'synapse'"):
        chain(LATE)
    for kind, per_weight in (("axon", False), ("synapse", True)):
        projection = chain(LATE, kind).projections["in", "out"]
        assert (projection.delay_of, projection.delay_per_weight) == (kind, per_weight)
    # what is the same either way needs no word: equal delays, and synapses in the order of the units that they leave
    assert chain([1e-3] * 3).projections["in", "out"].delay_of == "axon"
    in_order = sal.Sparse([0, 1, 2], [0, 0, 1], shape=(3, 2))
    assert chain(LATE, links=in_order).projections["in", "out"].delay_of == "axon"
    assert chain(1e-3).projections["in", "out"].delay_of is None
    # nor does what the shape says
    assert Projection("a", "b", W, np.zeros(5)) == Projection("a", "b", W, np.zeros(5), delay_of="axon")
    assert Projection("a", "b", W, np.zeros((5, 4))).delay_of == "synapse"


@pytest.mark.parametrize(
    ("delay", "delay_of", "message"),
    [
        (1e-3, "axon", r"delay with delay_of='axon' must be an array \[5\]; got a scalar"),
        (np.zeros((5, 4)), "axon", r"delay with delay_of='axon' must be an array \[5\]"),
        (np.zeros(5), "synapse", r"delay with delay_of='synapse' must be an array \[5, 4\]"),
        (np.zeros(5), "pre", r"delay_of must be None, 'axon' or 'synapse'; got 'pre'"),
        (np.zeros(5), [], r"delay_of must be None, 'axon' or 'synapse'"),
    ],
)
def test_delay_of_must_fit(delay, delay_of, message):
    with pytest.raises(ParameterError, match=message):
        Projection("a", "b", W, delay, delay_of=delay_of)


@pytest.mark.parametrize("kind", ["axon", "synapse"])
def test_replaced_delays_are_of_what_the_old_ones_were(kind):
    net = chain(LATE, kind)
    for delay in ([1e-3] * 3, LATE[::-1], LATE):
        net = net.replace(delay={("in", "out"): delay}, weight={("in", "out"): np.ones(3)})
        assert net.projections["in", "out"].delay_of == kind
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert again.projections["in", "out"] == net.projections["in", "out"]
    assert net.projections["in", "out"] != chain(LATE, "synapse" if kind == "axon" else "axon").projections["in", "out"]
    # one delay for all says nothing of what several would be
    with pytest.raises(ParameterError, match="delay_of"):
        net.replace(delay={("in", "out"): 1e-3}).replace(delay={("in", "out"): LATE})


@pytest.mark.parametrize("backend", [sal.Exact(), sal.Grid(1e-5, gradient="eventprop")], ids=["exact", "grid"])
@pytest.mark.parametrize("kind", ["axon", "synapse"])
def test_each_delay_acts_where_it_belongs(kind, backend):
    """Against a matrix, of which it is clear: also after delays that happen to be equal."""
    net = chain([1e-3] * 3, kind).replace(delay={("in", "out"): LATE})
    twin = Network()
    twin.add("in", Input(3))
    twin.add("out", LIF(1))
    weight = np.array([[100.0], [10.0], [1.0]])
    twin.connect("in", "out", weight=weight, delay=LATE if kind == "axon" else LATE[::-1])
    stimulus = {"in": sal.Spikes.from_lists([([0.0, 1e-4, 2e-4], [0, 1, 2])])}
    one, two = (sal.simulate(each, stimulus, 10e-3, backend=backend) for each in (net, twin))
    assert one.spikes["out"].n_events > 0
    np.testing.assert_allclose(one.spikes["out"].times, two.spikes["out"].times, rtol=1e-12)
    bars = {"out": np.ones(one.spikes["out"].n_events)}
    found, expected = (run.gradient(spike_times=bars).delay["in", "out"] for run in (one, two))
    np.testing.assert_allclose(found, expected if kind == "axon" else expected[::-1], rtol=1e-10)
