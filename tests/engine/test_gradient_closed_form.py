"""First spikes whose time is known in closed form: its derivative by complex steps against EventProp, and tangency."""

import numpy as np
import pytest
from scipy.special import lambertw

import saltation as sal

H = 1e-30


def closed_form(weights, times, theta, start, tau, ratio):
    """First spike of a neuron at rest potential 0; ``tau`` is the membrane's, ``tau / ratio`` the synapse's."""
    if ratio == 2:
        a = np.sum(weights * np.exp(2.0 * times / tau))
        b = np.sum(weights * np.exp(times / tau)) + start
        return tau * np.log(2.0 * a / (b + np.sqrt(b * b - 4.0 * a * theta)))
    e = np.exp(times / tau)
    a, b = np.sum(weights * e), np.sum(weights * e * times / tau) - start
    z = -theta / a * np.exp(b / a)
    w = lambertw(z.real).real
    w = w + 1j * z.imag * w / (z.real * (1.0 + w))
    return tau * (b / a - w)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("ratio", [1, 2])
def test_derivatives_of_the_closed_form(ratio, seed):
    rng = np.random.default_rng(seed)
    tau, theta, start, leak = 20e-3, 1.0, rng.uniform(-0.2, 0.2), rng.uniform(-0.1, 0.2)
    times, weights = np.sort(rng.uniform(0.0, 4e-3, 4)), rng.uniform(1.0, 3.0, 4)
    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add(
        "a",
        sal.LIF(
            1,
            tau_mem=tau,
            tau_syn=tau / ratio,
            v_th=theta + leak,
            v_leak=leak,
            v_init=start + leak,
            v_reset=-0.5,
        ),
    )
    net.connect("in", "a", weight=weights[:, None])
    run = sal.simulate(net, {"in": sal.Spikes.from_lists([(times, range(4))])}, 60e-3)
    arguments = {
        "weights": weights + 0j,
        "times": times + 0j,
        "theta": theta + 0j,
        "start": start + 0j,
        "tau": tau + 0j,
    }
    first = run.spikes["a"].times[0]
    if first <= times[-1]:
        arguments["weights"][times >= first] = 0.0
    assert np.isclose(first, closed_form(**arguments, ratio=ratio).real, rtol=1e-13)
    bars = np.zeros(run.spikes["a"].n_events)
    bars[0] = 1.0
    g = run.gradient({"a": bars})

    def derivative(name, index=None):
        moved = {k: np.array(v) for k, v in arguments.items()}
        moved[name][() if index is None else index] += 1j * H
        return closed_form(**moved, ratio=ratio).imag / H

    seen = [i for i in range(4) if arguments["weights"][i] != 0]
    want = [derivative("weights", i) for i in seen]
    assert np.allclose(g.weight["in", "a"][seen, 0], want, rtol=1e-11)
    want = [derivative("times", i) for i in seen]
    assert np.allclose(g.input_times["in"][seen], want, rtol=1e-11, atol=1e-11 * np.abs(want).max())
    assert np.isclose(g.v_th["a"], derivative("theta"), rtol=1e-11)
    assert np.isclose(g.v_init["a"], derivative("start"), rtol=1e-11)
    assert np.isclose(g.v_leak["a"], -derivative("theta") - derivative("start"), rtol=1e-11)
    assert np.isclose(g.tau_mem["a"] + g.tau_syn["a"] / ratio, derivative("tau"), rtol=1e-11)
    assert g.v_reset["a"] == 0.0


MARGINS = 10.0 ** -np.arange(1, 13)


@pytest.mark.parametrize("model", ["general", "ratio_one", "ratio_two", "lif_two", "alif"])
def test_towards_tangency_the_gradient_grows_as_the_inverse_root_of_the_margin(model):
    tau, tau_syn = 20e-3, {"ratio_one": 20e-3, "ratio_two": 10e-3}.get(model, 5e-3)
    top = np.exp(-1.0)
    if tau_syn != tau:
        at = np.log(tau / tau_syn) / (1 / tau_syn - 1 / tau)
        top = tau_syn / (tau - tau_syn) * (np.exp(-at / tau) - np.exp(-at / tau_syn))
    slopes = []
    for margin in MARGINS:
        v_th = 3.0 * top * (1.0 - margin)
        common = {"tau_mem": tau, "v_th": v_th, "v_reset": -10.0}
        if model == "lif_two":
            neuron = sal.LIF(1, tau_syn_exc=tau_syn, tau_syn_inh=9e-3, **common)
        else:
            neuron = (sal.ALIF if model == "alif" else sal.LIF)(1, tau_syn=tau_syn, **common)
        net = sal.Network()
        net.add("in", sal.Input(1))
        net.add("a", neuron)
        net.connect("in", "a", weight=[[3.0]])
        run = sal.simulate(net, {"in": sal.Spikes.from_lists([([1e-3], [0])])}, 0.2)
        assert run.spikes["a"].n_events == 1, margin
        gradient = run.gradient({"a": [1.0]})
        assert np.isfinite(gradient.weight["in", "a"]).all()
        exact = (3.0 * top - v_th) / (3.0 * top)
        slopes.append((np.log(exact), np.log(-gradient.weight["in", "a"][0, 0])))
        above = net.replace(v_th={"a": 3.0 * top * (1.0 + margin)})
        silent = sal.simulate(above, {"in": sal.Spikes.from_lists([([1e-3], [0])])}, 0.2)
        assert silent.spikes["a"].n_events == 0, margin
        assert not silent.gradient({"a": []}).weight["in", "a"].any()
    x, y = np.array(slopes).T
    # the law holds as the margin vanishes; the last decade carries the rounding of the threshold
    fitted = np.diff(y[4:]) / np.diff(x[4:])
    assert np.abs(fitted / -0.5 - 1.0).max() <= 0.01, fitted


def test_a_voltage_that_touches_the_threshold_exactly():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("a", sal.LIF(1, tau_mem=20e-3, tau_syn=10e-3))
    net.connect("in", "a", weight=[[4.0]])
    run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0], [0])])}, 0.2, record={"a": sal.MaxVoltage()})
    assert run.spikes["a"].n_events == 0
    assert np.isclose(run.voltage["a"][0, 0], 1.0, rtol=1e-15)
