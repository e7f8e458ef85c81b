import copy
import io
import pickle

import numpy as np
import pytest
import torch

import saltation as sal
from saltation.errors import ParameterError
from saltation.torch import SNN, Spikes

DURATION = 6.0


def test_the_module_returns_what_the_engine_does(network, stimulus):
    probes = {"out": (sal.MaxVoltage(), sal.Voltage([1.0, 2.0])), "hid": sal.VoltageIntegral()}
    out = SNN(network, record=probes)({"in": stimulus}, DURATION)
    run = sal.simulate(network, {"in": stimulus.to_numpy()}, DURATION, record=probes)
    assert out.spikes["hid"].to_numpy() == run.spikes["hid"] and out.spikes["in"] is stimulus
    for a, b in zip((*out.voltage("out"), out.voltage("hid")), (*run.voltage["out"], run.voltage["hid"]), strict=True):
        np.testing.assert_array_equal(a.detach(), b)
    np.testing.assert_array_equal(out.first_spike("hid").detach(), run.spikes["hid"].first())
    np.testing.assert_array_equal(out.counts("hid"), run.spikes["hid"].counts())
    assert out.status.tolist() == [0, 0]


def test_by_default_the_maximum_of_each_integrator_is_recorded(network, stimulus):
    out = SNN(network)({"in": stimulus}, DURATION)
    assert out.voltage("out").shape == (2, 2) and list(out.voltages) == ["out"]


def test_gradients_equal_those_of_the_engine(network, stimulus, loss_of):
    snn = SNN(network, trainable=("weight", "tau_syn"))
    loss_of(snn({"in": stimulus}, DURATION)).backward()
    run = sal.simulate(network, {"in": stimulus.to_numpy()}, DURATION, record={"out": sal.MaxVoltage()})
    times = run.spikes["hid"].times
    gradient = run.gradient({"hid": np.cos(times) * np.arange(1.0, times.size + 1)}, {"out": 2 * run.voltage["out"]})
    np.testing.assert_allclose(snn.weight_in_hid.grad, gradient.weight["in", "hid"], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(snn.tau_syn_hid.grad, gradient.tau_syn["hid"], rtol=1e-13, atol=1e-13)


def test_names_shapes_and_what_is_trained(network):
    snn = SNN(network, trainable=("weight", "tau_mem", "v_th"))
    shapes = {name: tuple(p.shape) for name, p in snn.named_parameters()}
    assert shapes == {
        "weight_in_hid": (3, 3),
        "weight_hid_out": (3, 2),
        "tau_mem_hid": (),
        "tau_mem_out": (),
        "v_th_hid": (3,),
    }
    assert [name for name, _ in snn.named_buffers()] == ["delay_in_hid", "tau_syn_hid"]
    assert "trainable=('weight', 'tau_mem', 'v_th')" in repr(snn)


def test_projections_with_names_and_names_that_are_no_identifiers():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("layer.1", sal.LIF(1))
    net.connect("in", "layer.1", weight=[[1.0]])
    net.connect("in", "layer.1", weight=[[1.0]], delay=1e-3, name="slow")
    assert [name for name, _ in SNN(net).named_parameters()] == ["weight_in_layer_1", "weight_slow"]
    net.add("layer_1", sal.LIF(1))
    net.connect("in", "layer_1", weight=[[1.0]])
    with pytest.raises(ParameterError, match="weight_in_layer_1"):
        SNN(net)


def test_state_dict_round_trip(network, stimulus, loss_of):
    snn = SNN(network, trainable=("weight", "tau_mem"))
    torch.optim.SGD(snn.parameters(), lr=1e-3).zero_grad()
    loss_of(snn({"in": stimulus}, DURATION)).backward()
    torch.optim.SGD(snn.parameters(), lr=1e-3).step()
    file = io.BytesIO()
    torch.save(snn.state_dict(), file)
    file.seek(0)
    other = SNN(network.replace(weight={("in", "hid"): np.zeros((3, 3))}), trainable=("weight", "tau_mem"))
    other.load_state_dict(torch.load(file))
    a, b = (module({"in": stimulus}, DURATION) for module in (snn, other))
    torch.testing.assert_close(a.voltage("out"), b.voltage("out"), rtol=0, atol=0)


def test_the_network_has_the_trained_values(network, stimulus):
    snn = SNN(network, trainable=("weight", "tau_mem", "delay"))
    with torch.no_grad():
        snn.weight_in_hid *= 1.1
        snn.tau_mem_hid += 0.1
        snn.delay_hid_out += 0.1
    trained = snn.network()
    expected = network.replace(
        weight={("in", "hid"): network.projections["in", "hid"].weight * 1.1},
        tau_mem={"hid": 2.1},
        delay={("hid", "out"): 0.05 + 0.1},
    )
    assert dict(trained.populations) == dict(expected.populations)
    assert dict(trained.projections) == dict(expected.projections)
    run = sal.simulate(trained, {"in": stimulus.to_numpy()}, DURATION)
    assert snn({"in": stimulus}, DURATION).spikes["hid"].to_numpy() == run.spikes["hid"]


def test_copies_and_pickles_run(network, stimulus, monkeypatch):
    snn = SNN(network)
    data = pickle.dumps(snn)
    monkeypatch.setattr("saltation.torch.specification._REGISTRY", {})  # as in another process
    expected = sal.simulate(network, {"in": stimulus.to_numpy()}, DURATION).spikes["hid"]
    for other in (pickle.loads(data), copy.deepcopy(snn)):
        assert other({"in": stimulus}, DURATION).spikes["hid"].to_numpy() == expected


def test_parametrisations_keep_a_time_constant_positive(network, stimulus, loss_of):
    class Exponential(torch.nn.Module):
        def forward(self, x):
            return x.exp()

        def right_inverse(self, y):
            return y.log()

    snn = SNN(network, trainable=("weight", "tau_mem"))
    torch.nn.utils.parametrize.register_parametrization(snn, "tau_mem_hid", Exponential())
    out = snn({"in": stimulus}, DURATION)
    loss_of(out).backward()
    plain = SNN(network, trainable=("weight", "tau_mem"))
    loss_of(plain({"in": stimulus}, DURATION)).backward()
    found = snn.parametrizations["tau_mem_hid"].original.grad
    torch.testing.assert_close(found, plain.tau_mem_hid.grad * 2.0, rtol=1e-9, atol=1e-9)


def test_a_value_out_of_range_names_itself(network, stimulus):
    snn = SNN(network, trainable=("tau_mem",))
    with torch.no_grad():
        snn.tau_mem_hid.fill_(-1.0)
    with pytest.raises(ParameterError, match=r"LIF\.tau_mem"):
        snn({"in": stimulus}, DURATION)


# ------------------------------------------------------------------------------------------- observations
def test_replaying_its_own_spikes_changes_nothing(network, stimulus, loss_of):
    snn = SNN(network, trainable=("weight", "tau_mem"))
    out = snn({"in": stimulus}, DURATION)
    again = snn({"in": stimulus}, DURATION, observed={"hid": out.spikes["hid"]})
    torch.testing.assert_close(again.spikes["hid"].times, out.spikes["hid"].times, rtol=0, atol=0)
    torch.testing.assert_close(again.voltage("out"), out.voltage("out"), rtol=1e-13, atol=1e-13)
    parameters = list(snn.parameters())
    pairs = zip(
        torch.autograd.grad(loss_of(out), parameters), torch.autograd.grad(loss_of(again), parameters), strict=True
    )
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("forget", [False, True])
def test_observed_spikes_and_voltages_take_the_place_of_the_result(network, stimulus, forget):
    probes = {"out": sal.Voltage([1.0, 2.0])}
    own = sal.simulate(network, {"in": stimulus.to_numpy()}, DURATION, record=probes)
    seen = own.spikes["hid"].shift(0.01)
    measured = sal.VoltageSamples([1.0, 2.0], own.voltage["out"] + 0.1)
    observed = {"hid": seen, "out": measured}
    run = sal.simulate(network, {"in": stimulus.to_numpy()}, DURATION, record=probes, observed=observed)
    snn = SNN(network, record=probes)
    out = snn({"in": stimulus}, DURATION, observed=observed)
    assert out.spikes["hid"].to_numpy() == seen
    np.testing.assert_array_equal(out.voltage("out").detach(), measured.values)
    if forget:
        from saltation.torch.ops import recent_runs

        recent_runs.clear()
    (out.voltage("out").square().sum() + out.first_spike("hid").nan_to_num(posinf=0.0).sum()).backward()
    first = own.spikes["hid"].first_index()
    bar = np.zeros(seen.n_events)
    bar[first[first >= 0]] = 1.0
    gradient = run.gradient({"hid": bar}, {"out": 2 * measured.values})
    np.testing.assert_allclose(snn.weight_in_hid.grad, gradient.weight["in", "hid"], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(snn.weight_hid_out.grad, gradient.weight["hid", "out"], rtol=1e-12, atol=1e-13)


# ----------------------------------------------------------------------------------------------- mistakes
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trainable": ("wieght",)}, "trainable.*did you mean 'weight'"),
        ({"trainable": ("beta",)}, "trainable.*has no 'beta'"),
        ({"record": {"hidden": sal.MaxVoltage()}}, "record.*did you mean 'hid'"),
        ({"record": {"in": sal.MaxVoltage()}}, "record.*population with a voltage"),
        ({"record": {"out": ()}}, "record"),
        ({"record": {"out": "max"}}, "record"),
        ({"record": {"out": 3}}, "record"),
    ],
)
def test_bad_arguments_of_the_module_are_named(network, arguments, message):
    with pytest.raises(ParameterError, match=message):
        SNN(network, **arguments)


def test_the_network_has_to_be_one():
    with pytest.raises(ParameterError, match=r"SNN\.network"):
        SNN({"in": 3})


def test_bad_arguments_of_a_call_are_named(network, stimulus):
    snn = SNN(network)
    wide = Spikes(stimulus.times, stimulus.units, stimulus.offsets, 4)
    for given, message in [
        (stimulus, "stimulus must be a dict"),
        ({}, "stimulus must have events.*'in'"),
        ({"in": stimulus, "hid": stimulus}, "stimulus.*'hid'"),
        ({"in": np.zeros((2, 3))}, r"stimulus\['in'\] must be saltation"),
        ({"in": wide}, r"stimulus\['in'\]\.n_units"),
    ]:
        with pytest.raises(ParameterError, match=message):
            snn(given, DURATION)
    for observed, message in [
        ({"hidden": stimulus}, "observed.*did you mean 'hid'"),
        ({"in": stimulus}, "observed"),
        ({"hid": wide}, r"observed\['hid'\]\.n_units"),
        ({"hid": 3}, r"observed\['hid'\]"),
        ({"hidden": sal.VoltageSamples([1.0], np.zeros((2, 1, 2)))}, "observed"),
    ]:
        with pytest.raises(ParameterError, match=message):
            snn({"in": stimulus}, DURATION, observed=observed)
    with pytest.raises(ParameterError, match="duration"):
        snn({"in": stimulus}, -1.0)
    with pytest.raises(ParameterError, match="float64 or float32"):
        snn.half()({"in": stimulus}, DURATION)


def test_unknown_names_of_an_output_are_refused(network, stimulus):
    out = SNN(network)({"in": stimulus}, DURATION)
    for method in (out.voltage, out.first_spike, out.counts):
        with pytest.raises(ParameterError, match=r"Output\.\w+\.name"):
            method("nobody")


def test_groups_and_projection_keep_seconds_in_their_range():
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("hid", sal.ALIF(3, tau_mem=20e-3, tau_syn=5e-3, beta=0.01, t_refrac=1e-3))
    net.add("out", sal.LI(2))
    net.connect("in", "hid", weight=np.full((2, 3), 9.0))
    net.connect("hid", "out", weight=np.ones((3, 2)), delay=1e-3)
    kinds = ("weight", "delay", "tau_mem", "beta", "t_refrac")
    snn = SNN(net, trainable=kinds)
    groups = snn.parameter_groups(lr=0.5, times=0.05)
    assert [group["lr"] for group in groups] == [0.5, 0.05]
    assert sum(len(group["params"]) for group in groups) == len(list(snn.parameters()))
    stimulus = {"in": sal.Spikes.from_lists([([0.0, 1e-3], [0, 1])])}
    optimiser = torch.optim.SGD(groups)
    for parameter in snn.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    with pytest.raises(ParameterError, match=r"carried it out of its range.*project_\(\)"):
        snn(stimulus, duration=20e-3)
    moved = snn.project_(shortest=1e-3)
    assert moved == sum(p.numel() for name, p in snn.named_parameters() if not name.startswith("weight"))
    assert all((p >= 0.0).all() for name, p in snn.named_parameters() if not name.startswith("weight"))
    assert snn.tau_mem_hid.item() == 1e-3
    assert snn.project_() == 0
    snn(stimulus, duration=20e-3)
    for wrong in ({"lr": 0.0, "times": 1.0}, {"lr": 1.0, "times": -1.0}):
        with pytest.raises(ParameterError):
            snn.parameter_groups(**wrong)
    assert [len(group["params"]) for group in SNN(net).parameter_groups(lr=1.0, times=1.0)] == [2]
