"""Graphs for hxtorch and jaxsnn: read here as their readers do, and integrated as their neurons are.

What follows is written anew from electronicvisions/hxtorch at 3bfc7aa (``spiking/utils/from_nir.py``,
``functional/step_integration_code_factory.py``) and electronicvisions/jaxsnn at 5e9bb86 (``event/utils/from_nir.py``,
``event/functional/lif``); `tests/io/test_nir_peers.py` runs jaxsnn itself where it is installed.
"""

import warnings

import numpy as np
import pytest

import saltation as sal
from saltation.errors import ExchangeWarning, NetworkError, ParameterError

nir = pytest.importorskip("nir")

DURATION = 60e-3


def network(readout=sal.LI, **parameters):
    rng = np.random.default_rng(1)
    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("hid", sal.LIF(12, **{"tau_mem": 20e-3, "tau_syn": 5e-3, "v_th": 0.8, "v_reset": -0.1, **parameters}))
    net.add("out", readout(3, tau_mem=10e-3, tau_syn=4e-3))
    net.connect("in", "hid", weight=rng.normal(1.4, 0.7, (5, 12)))
    net.connect("hid", "out", weight=rng.normal(0.3, 0.2, (12, 3)))
    return net


def stimulus(seed=0):
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0.0, 40e-3, 20)), rng.integers(0, 5, 20)


# ------------------------------------------------------------------------------------------------------- hxtorch
def hxtorch(graph, times, units, duration, dt):
    """Spikes ``[step, neuron]`` of neurons and voltages of the readout, on a grid, as hxtorch in software has them."""
    steps = round(duration / dt)
    (source,) = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    (sink,) = [name for name, node in graph.nodes.items() if isinstance(node, nir.Output)]
    grid = np.zeros((steps, graph.nodes[source].input_type["input"][0]))
    np.add.at(grid, ((times / dt).astype(int), units), 1.0)
    outputs, voltages = {}, {}
    for before, after in graph.edges:
        if before == source:
            outputs[before] = grid
        if after == sink:
            continue
        given, node = outputs[before], graph.nodes[after]
        if isinstance(node, nir.Linear):
            outputs[after] = given @ node.weight.T
        else:
            outputs[after], voltages[after] = hx_neurons(node, given, dt)
    return outputs, voltages


def hx_neurons(node, given, dt):
    fires = isinstance(node, nir.CubaLIF)
    assert fires or isinstance(node, nir.CubaLI)
    for name in ("tau_mem", "tau_syn", "v_leak", *(("v_reset", "v_threshold", "r") if fires else ())):
        assert np.all(getattr(node, name) == getattr(node, name)[0])
    tau_mem, tau_syn, leak = node.tau_mem[0] * 1e-3, node.tau_syn[0] * 1e-3, node.v_leak[0]
    c = tau_mem / node.r[0] if fires else 10e-6
    g = c / tau_mem
    v, i = np.full(given.shape[1], leak), np.zeros(given.shape[1])
    spikes, voltages = np.zeros_like(given), np.zeros_like(given)
    for step, into in enumerate(given):
        dv = dt / c * (i + g * (leak - v))
        i = i * (1 - dt / tau_syn) + into
        v = v + dv
        if fires:
            spikes[step] = v > node.v_threshold[0]
            v = np.where(spikes[step] > 0, node.v_reset[0], v)
        voltages[step] = v
    return spikes, voltages


def test_hxtorch_has_our_spikes_as_its_steps_become_small(tmp_path):
    net, (times, units) = network(), stimulus()
    with pytest.warns(ExchangeWarning, match=r"1000 times as large"):
        path = sal.io.write_nir(tmp_path / "net.nir", net, time_unit="ms", reader="hxtorch")
    graph = nir.read(path)
    at = np.arange(1, 60) * 1e-3
    given = {"in": sal.Spikes.from_lists([(times, units)], n_units=5)}
    run = sal.simulate(net, given, DURATION, record={"out": sal.Voltage(at)})
    ours, who = run.spikes["hid"].sample(0)
    distances = []
    for dt in (1e-5, 2.5e-6):
        outputs, voltages = hxtorch(graph, times, units, DURATION, dt)
        step, neuron = np.nonzero(outputs["hid"])
        assert len(step) == len(ours) > 30
        order, mine = np.lexsort((step, neuron)), np.lexsort((ours, who))
        np.testing.assert_array_equal(neuron[order], who[mine])
        distances.append(np.abs(step[order] * dt - ours[mine]).max())
        theirs = voltages["out"][(at / dt).astype(int) - 1] / 1000.0  # as the warning says: tau_mem / 10 us
        worst = np.abs(theirs - run.voltage["out"][0]).max()
    assert distances[1] < 0.4 * distances[0] and distances[1] < 10 * dt
    assert worst < 2e-3 * np.abs(run.voltage["out"]).max()


def test_hxtorch_in_the_time_of_the_chip():
    net, (times, units) = network(), stimulus()
    with pytest.warns(ExchangeWarning, match=r"'hid' for 1e-06 s after a spike, 0\.05 of its tau_mem of 2e-05 s"):
        fast = sal.io.to_nir(net, time_unit="s", reader="hxtorch")
    # a second of the graph is a millisecond for them: all is a thousand times as fast, voltages are the same, and the
    # readout of 10 us is the one that is read as it is meant
    steps, voltages = hxtorch(fast, times / 1000.0, units, DURATION / 1000.0, 1e-8)
    given = {"in": sal.Spikes.from_lists([(times, units)], n_units=5)}
    run = sal.simulate(net, given, DURATION, record={"out": sal.MaxVoltage()})
    np.testing.assert_array_equal(steps["hid"].sum(axis=0), run.spikes["hid"].counts()[0])
    np.testing.assert_allclose(voltages["out"].max(axis=0), run.voltage["out"][0], rtol=5e-3)


def test_edges_for_hxtorch_lead_from_the_input_on():
    net = sal.Network()
    net.add("c", sal.LIF(2)), net.add("b", sal.LIF(2)), net.add("a", sal.Input(2))
    net.connect("b", "c", weight=np.eye(2)), net.connect("a", "b", weight=np.eye(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph = sal.io.to_nir(net, time_unit="ms", reader="hxtorch")
    known = {"a"}
    for before, after in graph.edges:
        assert before in known
        known.add(after)
    assert known == set(graph.nodes)


# -------------------------------------------------------------------------------------------------------- jaxsnn
def jaxsnn(graph, times, units, duration):
    """Spikes of each population, event by event, as jaxsnn has them."""
    spikes = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input):
            spikes[name] = list(zip(times, units, strict=True))
    left = [name for name, node in graph.nodes.items() if isinstance(node, nir.CubaLIF)]
    while left:
        name = left.pop(0)
        sources = []
        for before, after in graph.edges:
            if after == name:
                (pre,) = [first for first, second in graph.edges if second == before]
                sources.append((pre, graph.nodes[before].weight.T))
        if any(pre not in spikes and pre != name for pre, _ in sources):
            left.append(name)
            continue
        own = [(pre, weight) for pre, weight in sources if pre == name]
        events = sorted((t, weight[unit]) for pre, weight in sources if pre != name for t, unit in spikes[pre])
        spikes[name] = jx_neurons(graph.nodes[name], events, duration, own[0][1] if own else None)
    return spikes


def jx_neurons(node, events, duration, recurrent):
    tau_mem, tau_syn = node.tau_mem[0] * 1e-3, node.tau_syn[0] * 1e-3
    leak, reset, threshold = node.v_leak[0], node.v_reset[0], node.v_threshold[0]
    rates, modes = np.linalg.eig(np.array([[-1 / tau_mem, 1 / tau_mem], [0, -1 / tau_syn]]))
    rest = np.array([[leak], [0.0]])

    def flow(state, time):
        """States ``[time, 2, neuron]``."""
        decays = np.exp(np.reshape(time, (-1, 1, 1)) * rates[:, None])
        return modes @ (decays * np.linalg.solve(modes, state - rest)) + rest

    state, now, found = np.zeros((2, np.size(node.tau_mem))), 0.0, []
    queue = [(time, into) for time, into in events if time < duration] + [(duration, 0.0)]
    while queue:
        until, into = queue[0]
        low, high, crossed = 0.0, until - now, True
        for _ in range(5):  # the first crossing before the next event, between points that come closer and closer
            times = np.linspace(low, high, 100)
            above = (flow(state, times)[1:, 0] > threshold).any(axis=1)
            crossed = above.any()
            if not crossed:
                break
            low, high = times[np.argmax(above)], times[np.argmax(above) + 1]
        state, now = flow(state, high)[0], now + high
        if crossed:
            unit = int(np.argmax(state[0]))
            found.append((now, unit))
            state[0, unit] = reset
            if recurrent is not None:
                state[1] += recurrent[unit]
        else:
            state[1] += into
            queue.pop(0)
    return found


@pytest.mark.parametrize("recurrent", [False, True])
def test_jaxsnn_has_our_spikes(recurrent):
    net, (times, units) = network(readout=sal.LIF), stimulus(3)
    if recurrent:
        net.connect("hid", "hid", weight=np.random.default_rng(2).normal(-0.1, 0.1, (12, 12)))
    graph = sal.io.to_nir(net, time_unit="ms", reader="jaxsnn")
    theirs = jaxsnn(graph, times, units, DURATION)
    run = sal.simulate(net, {"in": sal.Spikes.from_lists([(times, units)], n_units=5)}, DURATION)
    for name in ("hid", "out"):
        ours, who = run.spikes[name].sample(0)
        assert len(ours) == len(theirs[name]) > 3
        mine = np.lexsort((ours, who))
        expected = np.array(sorted((unit, time) for time, unit in theirs[name]))
        np.testing.assert_array_equal(who[mine], expected[:, 0])
        np.testing.assert_allclose(ours[mine], expected[:, 1], atol=1e-11)


@pytest.mark.parametrize("reader", ["hxtorch", "jaxsnn"])
def test_it_is_the_same_network_when_it_comes_back(reader):
    net = network(readout=sal.LIF)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExchangeWarning)  # of what is not in the graph
        graph = sal.io.to_nir(net, time_unit="s", reader=reader)
    assert sal.io.from_nir(graph).projections == net.projections
    assert {type(node).__name__ for node in graph.nodes.values()} == {"Input", "Output", "Linear", "CubaLIF"}
    pairs = sal.Network()
    pairs.add("a", sal.Input(3)), pairs.add("b", sal.LIF(3))
    pairs.connect("a", "b", weight=[1.0, 2.0, 3.0], connectivity=sal.Sparse([0, 1, 2], [0, 1, 2], (3, 3)))
    graph = sal.io.to_nir(pairs, time_unit="ms", reader=reader)
    np.testing.assert_array_equal(graph.nodes["a_to_b"].weight, np.diag([1.0, 2.0, 3.0]))


# ------------------------------------------------------------------------------------------------ what is refused
def changed(how):
    net = network(readout=sal.LIF)
    if how == "differ":
        return network(readout=sal.LIF, tau_mem=np.linspace(10e-3, 20e-3, 12))
    if how == "receptors":
        return network(readout=sal.LIF, tau_syn=None, tau_syn_exc=5e-3, tau_syn_inh=4e-3)
    if how == "delay":
        net.connect("in", "out", weight=np.ones((5, 3)), delay=1e-3)
    if how == "several":
        net.connect("in", "out", weight=np.ones((5, 3)))
    if how == "loop":
        net = sal.Network()
        net.add("in", sal.Input(1)), net.add("a", sal.LIF(1)), net.add("b", sal.LIF(1)), net.add("out", sal.LIF(1))
        net.connect("a", "b", weight=[[1.0]]), net.connect("b", "a", weight=[[1.0]])
        net.connect("in", "out", weight=[[1.0]])
    if how == "inputs":
        net.add("more", sal.Input(2))
        net.connect("more", net.add("end", sal.LIF(2)), weight=np.eye(2))
    if how == "outputs":
        net.connect("hid", net.add("end", sal.LIF(2)), weight=np.ones((12, 2)))
    if how == "dot":
        net.connect("out", net.add("last.one", sal.LIF(2)), weight=np.ones((3, 2)))
    if how == "conv":
        net.connect("out", net.add("end", sal.LIF(1)), weight=np.ones((1, 1, 3)), connectivity=sal.Conv1d((1, 3), 1, 3))
    if how == "leak":
        return network(readout=sal.LIF, v_leak=0.1)
    if how == "readout":
        return network()
    if how == "twice":
        net.connect("in", "hid", weight=np.ones((5, 12)), name="again")
    return net


@pytest.mark.parametrize(
    ("reader", "how", "message"),
    [
        ("both", "differ", r"'hid' for \w+: its tau_mem differs between neurons"),
        ("both", "receptors", r"'hid' for \w+: it reads one synaptic time constant"),
        ("both", "delay", r"for \w+: it has a delay, and no Delay node is read"),
        ("both", "conv", r"Conv1d is not read, a Linear is"),
        ("hxtorch", "several", r"'out' for hxtorch: 2 projections end there"),
        ("hxtorch", "loop", r"'a' for hxtorch: it is part of a loop"),
        ("hxtorch", "inputs", r"2 inputs for hxtorch: it reads exactly one"),
        ("hxtorch", "outputs", r"2 outputs, 'out', 'end' for hxtorch: it reads exactly one"),
        ("hxtorch", "dot", r"'last\.one' for hxtorch: PyTorch's modules have no dot"),
        ("jaxsnn", "leak", r"'hid' for jaxsnn: it starts at 0 and not at v_leak"),
        ("jaxsnn", "readout", r"'out' for jaxsnn: it reads CubaLIF alone"),
        ("jaxsnn", "twice", r"several projections 'in' to 'hid' for jaxsnn"),
    ],
)
def test_what_a_reader_would_get_wrong_is_refused(reader, how, message):
    for each in ("hxtorch", "jaxsnn") if reader == "both" else (reader,):
        with pytest.raises(NetworkError, match=message):
            sal.io.to_nir(changed(how), time_unit="ms", reader=each)


def test_arguments_for_readers():
    with pytest.raises(
        ParameterError, match=r"to_nir\.reader must be one that is known; got 'jaxnn'.*did you mean 'jaxsnn'"
    ):
        sal.io.to_nir(network(), time_unit="ms", reader="jaxnn")
    with pytest.raises(ParameterError, match=r"to_nir\.step must be left out for hxtorch; got 0\.001 s"):
        sal.io.to_nir(network(), time_unit="ms", reader="hxtorch", step=1e-3)
