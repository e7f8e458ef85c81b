"""Every bad argument of simulate, gradient and jvp raises the right error, and the message names it."""

import numpy as np
import pytest

import saltation as sal
from saltation.errors import GradientError, NetworkError, ParameterError

NAN, INF = float("nan"), float("inf")


def network():
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("a", sal.LIF(3))
    net.add("b", sal.LIF(1))
    net.add("out", sal.LI(2))
    net.connect("in", "a", weight=np.full((2, 3), 9.0))
    net.connect("a", "b", weight=np.full((3, 1), 9.0), delay=1e-3)
    net.connect("b", "a", weight=np.full((1, 3), 1.0), delay=1e-3)
    net.connect("a", "out", weight=np.ones((3, 2)))
    return net


EVENTS = sal.Spikes.from_lists([([1e-3], [0]), ([2e-3], [1])], n_units=2)
STIMULUS = {"in": EVENTS}


def spikes(n_units, batch=2, times=()):
    return sal.Spikes.from_lists([(list(times), [0] * len(times))] * batch, n_units=n_units)


SIMULATE = {
    "duration zero": ("duration", {"duration": 0.0}),
    "duration negative": ("duration", {"duration": -1.0}),
    "duration nan": ("duration", {"duration": NAN}),
    "duration inf": ("duration", {"duration": INF}),
    "duration text": ("duration", {"duration": "long"}),
    "duration none": ("duration", {"duration": None}),
    "duration bool": ("duration", {"duration": True}),
    "duration array": ("duration", {"duration": [0.1, 0.2]}),
    "stimulus is spikes": ("stimulus", {"stimulus": EVENTS}),
    "stimulus is none": ("stimulus", {"stimulus": None}),
    "stimulus missing": ("stimulus.*in", {"stimulus": {}}),
    "stimulus unknown": ("stimulus.*'ni'", {"stimulus": {"in": EVENTS, "ni": EVENTS}}),
    "stimulus of a neuron": ("stimulus.*'a'", {"stimulus": {"in": EVENTS, "a": spikes(3)}}),
    "stimulus of arrays": ("stimulus.*Spikes", {"stimulus": {"in": np.zeros(3)}}),
    "stimulus after the end": ("stimulus.*window", {"stimulus": {"in": spikes(2, times=[0.2])}}),
    "stimulus of no sample": ("stimulus", {"stimulus": {"in": sal.Spikes.empty(0, 2)}}),
    "stimulus of wrong size": ("stimulus.*n_units", {"stimulus": {"in": spikes(5)}}),
    "record unknown": ("record.*'x'", {"record": {"x": sal.MaxVoltage()}}),
    "record of an input": ("record.*'in'", {"record": {"in": sal.MaxVoltage()}}),
    "record is a probe": ("record", {"record": sal.MaxVoltage()}),
    "record is a class": ("record", {"record": {"a": sal.MaxVoltage}}),
    "record is empty": ("record", {"record": {"a": ()}}),
    "record text": ("record", {"record": {"a": "max"}}),
    "record after the end": ("record.*window", {"record": {"a": sal.Voltage([0.2])}}),
    "observed unknown": ("observed.*'x'", {"observed": {"x": spikes(3)}}),
    "observed input": ("observed.*'in'", {"observed": {"in": spikes(2)}}),
    "observed integrator": ("observed.*'out'", {"observed": {"out": spikes(2)}}),
    "observed part of a loop": ("observed.*loop", {"observed": {"a": spikes(3)}}),
    "observed batch": ("observed.*batch", {"observed": {"a": spikes(3, 1), "b": spikes(1, 1)}}),
    "observed late": ("observed.*window", {"observed": {"a": spikes(3, times=[0.2]), "b": spikes(1)}}),
    "observed size": ("observed.*n_units", {"observed": {"a": spikes(2), "b": spikes(1)}}),
    "observed arrays": ("observed", {"observed": {"a": np.zeros(3), "b": np.zeros(3)}}),
    "observed list": ("observed", {"observed": [spikes(3)]}),
    "samples not recorded": (
        "observed.*out",
        {"observed": {"out": sal.VoltageSamples([0.01], np.zeros((2, 1, 2)))}},
    ),
    "samples of wrong shape": (
        "observed.*values",
        {
            "observed": {"out": sal.VoltageSamples([0.01], np.zeros((1, 1, 2)))},
            "record": {"out": sal.MaxVoltage()},
        },
    ),
    "samples at other times": (
        "record.*times",
        {
            "observed": {"out": sal.VoltageSamples([0.01], np.zeros((2, 1, 2)))},
            "record": {"out": sal.Voltage([0.02])},
        },
    ),
    "samples after the end": (
        "observed.*window",
        {
            "observed": {"out": sal.VoltageSamples([0.2], np.zeros((2, 1, 2)))},
            "record": {"out": sal.MaxVoltage()},
        },
    ),
    "state is a run": ("state", {"state": "state"}),
}


@pytest.mark.parametrize("what", SIMULATE)
def test_simulate(what):
    match, changes = SIMULATE[what]
    arguments = {"stimulus": STIMULUS, "duration": 0.1, **changes}
    with pytest.raises(ParameterError, match=rf"(?s){match}"):
        sal.simulate(network(), **arguments)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("backend", "exact"), ("backend", sal.Exact), ("network", None), ("network", {"in": 1})],
)
def test_simulate_network_and_backend(argument, value):
    arguments = {"network": network(), "stimulus": STIMULUS, "duration": 0.1, argument: value}
    with pytest.raises(sal.errors.SaltationError, match=argument):
        sal.simulate(**arguments)


def test_batches_must_agree():
    net = network()
    net.add("more", sal.Input(1))
    net.connect("more", "a", weight=np.ones((1, 3)))
    with pytest.raises(ParameterError, match=r"batch.*in.*2.*more.*3"):
        sal.simulate(net, {"in": EVENTS, "more": spikes(1, 3)}, 0.1)
    state = sal.simulate(network(), STIMULUS, 0.1).state
    with pytest.raises(ParameterError, match="state"):
        sal.simulate(network(), {"in": spikes(2, 3)}, 0.1, state=state)


def test_states_of_other_networks():
    run = sal.simulate(network(), STIMULUS, 0.1)
    other = sal.Network()
    other.add("in", sal.Input(2))
    other.add("a", sal.LIF(4))
    other.connect("in", "a", weight=np.ones((2, 4)))
    with pytest.raises(NetworkError, match=r"state.*'a'"):
        sal.simulate(other, STIMULUS, 0.1, state=run.state)
    other = sal.Network()
    other.add("in", sal.Input(2))
    other.add("c", sal.LIF(3))
    other.connect("in", "c", weight=np.ones((2, 3)))
    with pytest.raises(NetworkError, match=r"state.*'c'"):
        sal.simulate(other, STIMULUS, 0.1, state=run.state)


def test_networks_that_cannot_be_run():
    with pytest.raises(NetworkError, match="population"):
        sal.simulate(sal.Network(), {}, 0.1)
    net = sal.Network()
    net.add("a", sal.ALIF(1))
    net.add("b", sal.LIF(1, tau_syn_exc=5e-3, tau_syn_inh=5e-3))
    net.connect("a", "b", weight=[[1.0]])
    net.connect("b", "a", weight=[[1.0]])
    with pytest.raises(NetworkError, match=r"a.*b.*loop"):
        sal.simulate(net, {}, 0.1)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2", NAN])
@pytest.mark.parametrize("name", ["threads", "max_events"])
def test_exact(name, value):
    with pytest.raises(ParameterError, match=f"Exact.{name}"):
        sal.Exact(**{name: value})


@pytest.fixture(scope="module")
def run():
    record = {"out": (sal.MaxVoltage(), sal.Voltage([0.01])), "a": sal.MaxVoltage()}
    found = sal.simulate(network(), STIMULUS, 0.1, record=record)
    assert found.spikes["a"].n_events > 0
    return found


GRADIENT = {
    "unknown spikes": (ParameterError, "spike_times.*'x'", {"spike_times": {"x": [1.0]}}),
    "spikes of an integrator": (ParameterError, "spike_times.*'out'", {"spike_times": {"out": [1.0]}}),
    "wrong length": (ParameterError, "spike_times.*'a'.*shape", {"spike_times": {"a": [1.0]}}),
    "unknown voltage": (ParameterError, "voltage.*'x'", {"voltage": {"x": [1.0]}}),
    "voltage not recorded": (ParameterError, "voltage.*'b'", {"voltage": {"b": np.ones((2, 1))}}),
    "voltage of wrong shape": (ParameterError, "voltage.*'a'.*shape", {"voltage": {"a": np.ones((2, 4))}}),
    "voltage not a tuple": (ParameterError, "voltage.*'out'.*tuple", {"voltage": {"out": np.ones((2, 2))}}),
    "voltage of one probe": (
        ParameterError,
        "voltage.*'out'.*tuple",
        {"voltage": {"out": (np.ones((2, 2)),)}},
    ),
    "nan": (GradientError, "voltage.*finite", {"voltage": {"a": np.full((2, 3), NAN)}}),
    "inf": (GradientError, "voltage.*finite", {"voltage": {"a": np.full((2, 3), INF)}}),
    "text": (ParameterError, "voltage", {"voltage": {"a": "one"}}),
    "text for spikes": (ParameterError, "spike_times", {"spike_times": {"a": "one"}}),
    "not a dict": (ParameterError, "spike_times", {"spike_times": [1.0]}),
    "voltage not a dict": (ParameterError, "voltage", {"voltage": np.ones((2, 3))}),
}


@pytest.mark.parametrize("what", GRADIENT)
def test_gradient(run, what):
    error, match, arguments = GRADIENT[what]
    with pytest.raises(error, match=rf"(?s){match}"):
        run.gradient(**arguments)


JVP = {
    "unknown kind": ("weights", {"weights": {}}),
    "unknown projection": ("weight", {"weight": {("a", "in"): [[1.0]]}}),
    "unknown population": ("tau_mem", {"tau_mem": {"x": 1.0}}),
    "parameter the model lacks": ("beta", {"beta": {"a": 1.0}}),
    "shape": ("weight.*shape", {"weight": {("in", "a"): [[1.0]]}}),
    "nan": ("weight.*finite", {"weight": {("in", "a"): np.full((2, 3), NAN)}}),
    "input of wrong length": ("input_times", {"input_times": {"in": [1.0]}}),
    "times of a neuron": ("input_times", {"input_times": {"a": [1.0]}}),
    "text": ("tau_mem", {"tau_mem": {"a": "one"}}),
    "not a dict": ("tau_mem", {"tau_mem": 1.0}),
}


@pytest.mark.parametrize("what", JVP)
def test_jvp(run, what):
    match, arguments = JVP[what]
    with pytest.raises(ParameterError, match=rf"(?s){match}"):
        run.jvp(**arguments)


def test_state_voltage_of_an_unknown_population(run):
    with pytest.raises(ParameterError, match=r"State.voltage.*'in'"):
        run.state.voltage("in")
