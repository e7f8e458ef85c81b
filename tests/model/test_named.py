"""Asking for a name that is not there, and what records look like when they are printed."""

import copy
import pickle

import numpy as np
import pytest

import saltation as sal
from saltation.errors import NetworkError, ParameterError, UnknownNameError
from saltation.model.named import Named


@pytest.fixture(scope="module")
def run():
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("hid", sal.LIF(3, tau_mem=20e-3, tau_syn=5e-3))
    net.add("out", sal.LI(2))
    net.connect("in", "hid", weight=np.full((2, 3), 9.0))
    net.connect("hid", "out", weight=np.ones((3, 2)))
    stim = sal.Spikes.from_lists([([0.0, 1e-3], [0, 1])] * 4)
    return sal.simulate(net, {"in": stim}, 20e-3, record={"out": sal.MaxVoltage()})


def test_unknown_names_are_answered_by_those_that_are_there(run):
    gradient = run.gradient(voltage={"out": np.ones((4, 2))})
    for look, has in (
        (lambda: run.spikes["hdi"], "did you mean 'hid'"),
        (lambda: run.voltage["hid"], "known: 'out'"),
        (lambda: run.peak_time["hid"], "known: 'out'"),
        (lambda: gradient.tau_mem["hidden"], "'hid'"),
        (lambda: gradient.weight["in", "out"], r"\('in', 'hid'\)"),
    ):
        with pytest.raises(UnknownNameError, match=has) as raised:
            look()
        assert isinstance(raised.value, KeyError) and isinstance(raised.value, ParameterError)
        assert not str(raised.value).startswith(("'", '"'))
    assert "hdi" not in run.spikes and run.spikes.get("hdi") is None


def test_a_named_dict_is_a_dict():
    named = Named("here", {"a": 1})
    for other in (copy.copy(named), copy.deepcopy(named), pickle.loads(pickle.dumps(named))):
        assert other == {"a": 1} and other.what == "here"
    assert Named("here", [("a", 1)]) == named and list(named) == ["a"]


def test_records_are_short_when_they_are_printed(run):
    gradient = run.gradient(voltage={"out": np.ones((4, 2))}, per_sample=True)
    for record in (run, run.state, run.report, gradient):
        assert len(repr(record)) < 1200 and "array(" not in repr(record)
    assert repr(run).startswith("Run(batch=4, duration=0.02 s, spikes={in: 8, hid: ")
    assert repr(run).endswith("voltage={out: [4, 2]}, status=OK)")
    assert "('in', 'hid'): [4, 2, 3]" in repr(gradient)


def test_a_gradient_of_nothing_is_refused(run):
    with pytest.raises(ParameterError, match="needs spike_times= or voltage="):
        run.gradient()


def test_a_misspelt_parameter_to_replace():
    net = sal.Network()
    net.add("a", sal.LIF(1))
    with pytest.raises(NetworkError, match="no parameter 'weigth' to change; did you mean 'weight'"):
        net.replace(weigth={("a", "a"): [[1.0]]})
    assert net.replace(tau_mem={"a": 0.03}, max_spikes={"a": 2}).populations["a"].max_spikes == 2
