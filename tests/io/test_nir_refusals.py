"""What has no exact counterpart on the other side is refused, with the reason and the name of what is to blame."""

import itertools

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saltation as sal
from saltation.errors import FileFormatError, MissingDependencyError, NetworkError, ParameterError, SaltationError


# ------------------------------------------------------------------------------------------------------------- out
def small(post=None, **options):
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("n", sal.LIF(3) if post is None else post)
    net.connect("in", "n", **({"weight": np.ones((2, 3))} | options))
    return net


def stuck():
    net = small()
    net.add("m", sal.LIF(3))
    net.connect("n", "m", weight=np.eye(3))
    net.connect("m", "n", weight=np.eye(3))
    return net


def unfed():
    net = small()
    net.add("alone", sal.LIF(1, v_leak=0.5))
    return net


def two_shapes():
    net = small(sal.LIF(4), connectivity=sal.Conv2d((1, 1, 2), 4, 1, stride=2), weight=np.ones((4, 1, 1, 1)))
    net.add("m", sal.LIF(1))
    net.connect("n", "m", weight=np.ones((1, 1, 2, 2)), connectivity=sal.Conv2d((1, 2, 2), 1, 2))
    return net


def matrix_to_maps():
    net = small(sal.LIF(4), connectivity=sal.Conv2d((1, 1, 2), 4, 1, stride=2), weight=np.ones((4, 1, 1, 1)))
    net.connect("n", "n", weight=np.eye(4))
    return net


def doubled():
    return small(weight=np.ones(2), connectivity=sal.Sparse([0, 0], [1, 1], (2, 3)))


def receptor_name_taken():
    net = small(sal.LIF(3, tau_syn_exc=1e-3, tau_syn_inh=2e-3), receptor="exc")
    net.connect("in", "n", weight=np.ones((2, 3)), receptor="inh", name="n_inh")
    return net


OUT = {
    "adaptive": (lambda: small(sal.ALIF(3)), "no neuron with an adaptive threshold"),
    "refractory": (lambda: small(sal.LIF(3, t_refrac=[0, 1e-3, 0])), "no field for a refractory time"),
    "initial voltage": (lambda: small(sal.LIF(3, v_init=0.0)), "no field for v_init"),
    "budget": (lambda: small(sal.LIF(3, max_spikes=1)), "no field for max_spikes"),
    "synaptic delays": (lambda: small(delay=np.arange(6).reshape(2, 3) * 1e-3), "each synapse has a delay of its own"),
    "signs choose": (lambda: small(sal.LIF(3, tau_syn_exc=1e-3, tau_syn_inh=2e-3)), "the sign of each weight chooses"),
    "unfed receptor": (
        lambda: small(sal.LIF(3, tau_syn_exc=1e-3, tau_syn_inh=2e-3), receptor="exc"),
        "nothing projects to its receptor 'inh'",
    ),
    "unfed": (unfed, "'alone': in NIR something has to feed it"),
    "two shapes": (two_shapes, "it takes 'n' as"),
    "matrix to maps": (matrix_to_maps, "no node that gives one to a vector"),
    "several synapses": (doubled, "a pair of units has several synapses"),
    "receptor's name": (receptor_name_taken, "needs the name 'n_inh'"),
    "groups": (
        lambda: small(sal.LIF(2), connectivity=sal.Conv2d((2, 1, 1), 2, 1, groups=2), weight=np.ones((2, 1, 1, 1))),
        "nir's own check refuses",
    ),
}


@pytest.mark.parametrize(("build", "reason"), OUT.values(), ids=OUT)
def test_no_field_for_it(build, reason):
    with pytest.raises(NetworkError, match=reason):
        sal.io.to_nir(build(), time_unit="ms")


def test_no_output():
    with pytest.raises(ParameterError, match="say which are the outputs"):
        sal.io.to_nir(stuck(), time_unit="ms")
    sal.io.to_nir(stuck(), time_unit="ms", outputs=["m"])
    with pytest.raises(ParameterError, match="did you mean 'm'"):
        sal.io.to_nir(stuck(), time_unit="ms", outputs=["mm"])


def test_a_step_does_not_fit_into_shared_weights():
    links = sal.Conv2d((2, 1, 2), 1, 1)
    net = small(sal.LIF(2, tau_mem=[10e-3, 20e-3]), connectivity=sal.Conv2d((1, 1, 2), 1, 1), weight=[[[[1.0]]]])
    del links
    sal.io.to_nir(net, time_unit="ms")
    with pytest.raises(NetworkError, match="different tau_mem"):
        sal.io.to_nir(net, time_unit="ms", step=1e-4)


@pytest.mark.parametrize("unit", [None, "min", 0, -1.0, float("nan"), True, "MS"])
def test_units_that_are_none(unit):
    with pytest.raises(ParameterError, match="time_unit"):
        sal.io.to_nir(small(), time_unit=unit)


@pytest.mark.parametrize("step", [0, -1e-3, float("inf"), "ms"])
def test_steps_that_are_none(step):
    with pytest.raises(ParameterError, match="step"):
        sal.io.to_nir(small(), time_unit="ms", step=step)


@pytest.mark.parametrize("name", ["a/b", ".", ".."])
def test_names_that_a_file_cannot_hold(name, tmp_path):
    net = sal.Network()
    net.connect(net.add("in", sal.Input(1)), net.add(name, sal.LIF(1)), weight=[[1.0]])
    with pytest.raises(NetworkError, match="HDF5 takes it for a path"):
        sal.io.write_nir(tmp_path / "net.nir", net, time_unit="ms")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_network():
    with pytest.raises(ParameterError, match=r"to_nir\.network must be a Network"):
        sal.io.to_nir("net", time_unit="ms")


# -------------------------------------------------------------------------------------------------------------- in
def cuba(n=2, kind=nir.CubaLIF, **changes):
    fields = {key: np.ones(n) for key in ("tau_mem", "tau_syn", "r", "w_in")} | {"v_leak": np.zeros(n)}
    if kind is nir.CubaLIF:
        fields |= {"v_threshold": np.ones(n), "v_reset": np.zeros(n)}
    return kind(**(fields | changes))


def lif(n=2, kind=nir.LIF):
    fields = {"tau": np.ones(n), "r": np.ones(n), "v_leak": np.zeros(n)}
    return kind(**fields, **({"v_threshold": np.ones(n)} if kind is nir.LIF else {}))


def graph(*row, n_in=2, extra=(), nodes=(), **options):
    """A row of nodes behind an input, more nodes, and more edges between them, without nir's own check."""
    named = {"input": nir.Input({"input": np.atleast_1d(n_in)})}
    named |= {f"n{i}": node for i, node in enumerate(row)} | dict(nodes)
    names = ["input", *(f"n{i}" for i in range(len(row)))]
    edges = [*itertools.pairwise(names), *extra]
    return nir.NIRGraph(nodes=named, edges=edges, type_check=False, **options)


def changed(node, **fields):
    """A node with fields that its constructor would not take."""
    for key, value in fields.items():
        setattr(node, key, value)
    return node


W = nir.Linear(np.ones((2, 2)))
TWO = np.array([2, 2])
POOL = nir.SumPool2d(kernel_size=TWO, stride=TWO, padding=0 * TWO)


def conv(**changes):
    fields = {"input_shape": (4, 4), "weight": np.ones((1, 1, 2, 2)), "stride": 1, "padding": 0, "dilation": 1}
    return nir.Conv2d(**(fields | {"groups": 1, "bias": np.zeros(1)} | changes))


def nested(depth):
    inner = cuba()
    for _ in range(depth):
        ends = {"i": nir.Input({"input": np.array([2])}), "o": nir.Output({"output": np.array([2])})}
        inner = nir.NIRGraph(nodes={**ends, "n": inner}, edges=[("i", "n"), ("n", "o")], type_check=False)
    return inner


def two_doors():
    ends = {name: nir.Input({"input": np.array([2])}) for name in "ab"}
    return nir.NIRGraph(nodes={**ends, "n": cuba()}, edges=[("a", "n"), ("b", "n")], type_check=False)


LADDER = [nir.Scale(np.ones(2)) for _ in range(40)]
IN = {
    "delta synapse": (lambda: graph(W, lif()), "'n1', LIF, has no synapse"),
    "leaky integrator without synapse": (lambda: graph(W, lif(kind=nir.LI)), "'n1', LI, has no synapse"),
    "synapse behind a synapse": (lambda: graph(W, lif(kind=nir.LI), lif(kind=nir.LI), lif()), "synapse"),
    "three synapses": (
        lambda: graph(
            W,
            lif(kind=nir.LI),
            lif(),
            nodes={"a": lif(kind=nir.LI), "b": lif(kind=nir.LI)},
            extra=[("n0", "a"), ("n0", "b"), ("a", "n2"), ("b", "n2")],
        ),
        "has 3 synapses",
    ),
    "no leak": (lambda: graph(W, nir.IF(r=np.ones(2), v_threshold=np.ones(2))), "infinite time constant"),
    "integrator": (lambda: graph(W, nir.I(r=np.ones(2))), "infinite time constant"),
    "threshold": (lambda: graph(W, nir.Threshold(threshold=np.ones(2))), "a bare threshold"),
    "unknown kind": (lambda: graph(W, "neuron"), "not known"),
    "voltage as a signal": (lambda: graph(W, cuba(kind=nir.CubaLI), W, cuba()), "voltage as its output"),
    "weights in a row": (lambda: graph(W, W, cuba()), "after other weights"),
    "convolution before a matrix": (
        lambda: graph(conv(), nir.Flatten(None, 0), W, cuba(), n_in=(1, 4, 4)),
        "after other",
    ),
    "pool after weights": (lambda: graph(conv(), POOL, cuba((1, 1, 1)), n_in=(1, 4, 4)), "comes after weights"),
    "pool after a pool": (lambda: graph(POOL, POOL, cuba((1, 1, 1)), n_in=(1, 4, 4)), "another pool"),
    "pool of a vector": (lambda: graph(POOL, cuba(1), n_in=4), "channels, height, width"),
    "scale before a kernel": (
        lambda: graph(nir.Scale(np.arange(16.0).reshape(1, 4, 4)), conv(), cuba((1, 3, 3)), n_in=(1, 4, 4)),
        "do not fit into its kernel",
    ),
    "gains before a kernel": (
        lambda: graph(conv(), cuba((1, 3, 3), w_in=np.arange(9.0).reshape(1, 3, 3)), n_in=(1, 4, 4)),
        "share their weights",
    ),
    "delays after a kernel": (
        lambda: graph(conv(), nir.Delay(np.arange(9.0).reshape(1, 3, 3)), cuba((1, 3, 3)), n_in=(1, 4, 4)),
        "delays the units after a convolution",
    ),
    "uneven padding": (lambda: graph(conv(padding="same"), cuba((1, 4, 4)), n_in=(1, 4, 4)), "has a middle"),
    "channels": (lambda: graph(conv(), cuba((1, 3, 3)), n_in=(2, 4, 4)), "fed with 1 channels"),
    "declared shape": (lambda: graph(conv(input_shape=(5, 5)), cuba((1, 3, 3)), n_in=(1, 4, 4)), "input_shape"),
    "kernel too large": (
        lambda: graph(conv(dilation=4), cuba((1, 1, 1)), n_in=(1, 4, 4)),
        "NIR node 'n0'.*window fits",
    ),
    "average over padding": (
        lambda: graph(nir.AvgPool2d(kernel_size=TWO, stride=TWO, padding=TWO // 2), cuba((1, 3, 3)), n_in=(1, 4, 4)),
        "averages over padding",
    ),
    "matrix on an image": (lambda: graph(W, cuba(), n_in=(2, 1)), "a Flatten has to come first"),
    "sizes": (lambda: graph(W, cuba(3)), r"of shape \(3,\); got shape \(2,\)"),
    "batched weights": (lambda: graph(nir.Linear(np.ones((3, 2, 2))), cuba()), r"\[out, in\]"),
    "fires by itself": (lambda: graph(W, cuba(v_leak=np.full(2, 1.5))), "fires by itself"),
    "fires by its bias": (lambda: graph(nir.Affine(np.ones((2, 2)), np.array([0.0, 2.0])), cuba()), "fires by itself"),
    "reset above": (lambda: graph(W, cuba(v_reset=np.full(2, 2.0))), r"NIR node 'n1': LIF\.v_reset"),
    "time constant": (lambda: graph(W, cuba(tau_mem=np.array([1.0, -1.0]))), r"NIR node 'n1': LIF\.tau_mem"),
    "synaptic time constant": (lambda: graph(W, cuba(tau_syn=np.zeros(2))), "must be > 0"),
    "scalars": (lambda: changed(graph(cuba(())), edges=[("n0", "n0")]), "does not say how many"),
    "nan": (lambda: graph(nir.Linear(np.full((2, 2), np.nan)), cuba()), r"'n0'\.weight must be finite"),
    "text": (lambda: graph(nir.Linear(np.array([["a", "b"]])), cuba()), "real numbers"),
    "complex": (lambda: graph(nir.Linear(np.ones((2, 2)) * 1j), cuba()), "real numbers"),
    "ragged": (
        lambda: graph(changed(nir.Linear(np.ones((2, 2))), weight=[[1, 2], [3]]), cuba()),
        "an array of numbers",
    ),
    "missing": (lambda: graph(changed(cuba(), tau_syn=None)), r"tau_syn must be real numbers; got None"),
    "negative delay": (lambda: graph(nir.Delay(-np.ones(2)), W, cuba()), "delay must be >= 0"),
    "linear output": (
        lambda: graph(W, cuba(), W, nir.Output({"output": np.array([2])})),
        "an output of the graph without being a neuron",
    ),
    "dangling": (lambda: graph(W, cuba(), W), "leads to no neuron"),
    "loose": (lambda: graph(W, cuba(), nodes={"x": W}), "lies between no neurons"),
    "linear cycle": (
        lambda: graph(W, cuba(), nodes={"s": nir.Scale(np.ones(2))}, extra=[("s", "s"), ("s", "n1")]),
        "a cycle without neurons",
    ),
    "edge to nothing": (lambda: graph(W, cuba(), extra=[("n1", "nowhere")]), "'nowhere', which is no node"),
    "edge twice": (lambda: graph(W, cuba(), extra=[("n0", "n1")]), "twice"),
    "edges of another kind": (lambda: changed(graph(W, cuba()), edges=[("input", 3)]), "pairs of names"),
    "no edges": (lambda: changed(graph(W, cuba()), edges=None), "a list of pairs"),
    "no nodes": (lambda: changed(graph(W, cuba()), nodes=None), "a dict of nodes"),
    "too deep": (lambda: graph(W, nested(20)), "more than 16 deep"),
    "two doors": (lambda: graph(W, two_doors()), "has 2 inputs"),
    "name twice": (lambda: graph(W, nested(1), nodes={"n1.n": cuba()}, extra=[("n0", "n1.n")]), "there twice"),
    "without end": (
        lambda: graph(
            *LADDER,
            cuba(),
            nodes={f"m{i}": nir.Scale(np.ones(2)) for i in range(40)},
            extra=[
                e for i in range(39) for e in ((f"n{i}", f"m{i + 1}"), (f"m{i}", f"n{i + 1}"), (f"m{i}", f"m{i + 1}"))
            ],
        ),
        "more than 10000 ways",
    ),
    "input without a shape": (lambda: changed(graph(W, cuba()), nodes={"input": nir.Input(None)}, edges=[]), "a shape"),
    "note of synapses twice": (
        lambda: graph(nir.Linear(np.eye(2), metadata={"saltation_synapses": np.array([[0, 0], [0, 0]])}), cuba()),
        "different pairs of units",
    ),
    "notes that are none": (
        lambda: graph(
            nir.Linear(np.ones((2, 2)), metadata={"saltation_unnamed": np.ones(3)}), cuba(tau_mem=np.zeros(2))
        ),
        "tau_mem",
    ),
    "more units than can be counted": (lambda: graph(W, cuba(), n_in=(2**40, 2**40)), "2147483647 units at most"),
    "note of synapses": (
        lambda: graph(nir.Linear(np.ones((2, 2)), metadata={"saltation_synapses": np.array([[0, 1]])}), cuba()),
        "remove the note",
    ),
}


@pytest.mark.parametrize(("build", "reason"), IN.values(), ids=IN)
def test_not_representable(build, reason):
    with pytest.raises(NetworkError, match=reason):
        sal.io.from_nir(build(), time_unit="ms")


def test_the_unit_has_to_be_named():
    with pytest.raises(ParameterError, match="NIR has no unit"):
        sal.io.from_nir(graph(W, cuba()))


@pytest.mark.parametrize("value", ["net.nir", None, cuba()])
def test_what_is_no_graph(value):
    with pytest.raises(ParameterError, match=r"from_nir\.graph must be a nir\.NIRGraph"):
        sal.io.from_nir(value, time_unit="ms")


@pytest.mark.parametrize(
    "noted", [{"saltation_time_unit": "ms"}, {"saltation_step": -1.0}, {"saltation_time_unit": np.ones(2)}]
)
def test_notes_that_are_none(noted):
    with pytest.raises(SaltationError):
        sal.io.from_nir(graph(W, cuba(), metadata=noted), time_unit="ms")


def test_files(tmp_path):
    path = sal.io.write_nir(tmp_path / "net.nir", small(), time_unit="ms")
    content = path.read_bytes()
    with pytest.raises(FileFormatError, match=r"does not exist; its folder has net\.nir"):
        sal.io.read_nir(tmp_path / "other.nir")
    with pytest.raises(FileFormatError, match="is a folder"):
        sal.io.read_nir(tmp_path)
    for cut in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(FileFormatError, match=r"damaged|empty"):
            sal.io.read_nir(path)
    nir.write(path, cuba())
    with pytest.raises(FileFormatError, match="a single NIR node, CubaLIF"):
        sal.io.read_nir(path, time_unit="ms")
    nir.write(path, graph(W, lif()))
    with pytest.raises(NetworkError, match=r"net\.nir: NIR node 'n1'"):
        sal.io.read_nir(path, time_unit="ms")


def test_nir_is_optional(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "saltation\[io\]"'):
        sal.io.to_nir(small(), time_unit="ms")


# ------------------------------------------------------------------------------------------------------- any bytes
@given(
    cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)
)
@settings(max_examples=100, deadline=None)
def test_damaged_files_are_refused_or_valid(cut, flips, tmp_path_factory):
    path = sal.io.write_nir(tmp_path_factory.mktemp("damaged") / "net.nir", small(delay=1e-3), time_unit="ms")
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[int(place * len(content))] = value
    path.write_bytes(bytes(content[: int(cut * len(content))] if cut < 0.9 else content))
    try:
        net = sal.io.read_nir(path)
    except SaltationError:
        return
    for population in net.populations.values():
        assert population.with_parameters() == population
    for each in net.projections.values():
        assert each.with_values({"weight": each.weight, "delay": each.delay}) == each
