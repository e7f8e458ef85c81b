"""Predictors of a chaotic function: against closed forms, loops and differences; costs against what was published."""

import dataclasses

import numpy as np
import pytest

import saltation as sal
from saltation.errors import ParameterError
from saltation.neurobench.tasks import Constant, Linear, Spiking, SpikingSettings, mackey_glass, window
from saltation.neurobench.tasks.closed_loop import free_run, run_points
from saltation.neurobench.tasks.simple import lagged, ridge_regression, with_constant
from saltation.neurobench.tasks.spiking import first_values, loss_and_gradient
from saltation.neurobench.tasks.spiking_network import encode, features, hidden_network, response, whole_network

SMALL = SpikingSettings(lags=(0, 3, 5), hidden=7, iterations=15, ridge=1e-8, networks=1, seed=3)


@pytest.fixture(scope="module")
def run():
    return window(mackey_glass(points=1501))


def test_linear_is_the_normal_equations_and_goes_on_by_itself(run):
    linear = Linear(lags=3, ridge=1e-3)
    linear.fit(run.known)
    inputs, targets = lagged(run.known, range(3))
    design = with_constant(inputs)
    penalty = 1e-3 * len(design) * np.diag([0.0, 1.0, 1.0, 1.0])
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ targets)
    seen = list(run.known)
    for _ in range(20):
        seen.append(weights[0] + weights[1] * seen[-1] + weights[2] * seen[-2] + weights[3] * seen[-3])
    np.testing.assert_allclose(linear.predict(20), seen[-20:], rtol=1e-9)
    assert linear.costs().effective_macs == 3.0 and linear.costs().dense == 3.0


def test_nothing_of_the_future_is_seen(run):
    """Every predictor gets the 751 known points alone; the last of them is where prediction starts."""
    linear = Linear(lags=2, ridge=0.0)
    ramp = np.arange(751.0) ** 2
    linear.fit(ramp)
    # x_k+1 = 2 x_k - x_k-1 + 2, exactly
    np.testing.assert_allclose(linear.predict(3), np.arange(751.0, 754.0) ** 2, rtol=1e-6)
    assert Constant().costs() is None


def test_the_network_reads_what_the_features_say(run):
    values = first_values(SMALL)
    points, _ = lagged(run.known, SMALL.lags)
    readout = np.random.default_rng(0).normal(size=1 + 3 + 7)
    net = whole_network(SMALL, values["weight"], values["v_leak"], readout)
    stimulus = {"in": sal.Spikes.from_latencies(encode(points, SMALL))}
    seen = sal.simulate(net, stimulus, SMALL.duration, record={"out": sal.Voltage([SMALL.duration])})
    design, _ = features(hidden_network(SMALL, values["weight"], values["v_leak"]), points, SMALL)
    np.testing.assert_allclose(seen.voltage["out"][:, 0, 0], design @ readout, rtol=0, atol=1e-13)
    # every neuron fires once or not at all
    hidden = seen.spikes["hid"]
    assert hidden.n_events > len(points)
    assert np.unique(hidden.sample_index() * 7 + hidden.units).size == hidden.n_events


def test_the_gradient_of_the_best_readout_by_differences(run):
    settings = dataclasses.replace(SMALL, ridge=1e-5)
    values = first_values(settings)
    points, targets = lagged(run.known[:200], settings.lags)
    loss, readout, gradient = loss_and_gradient(settings, values, points, targets)
    # the readout is the minimum
    design, _ = features(hidden_network(settings, values["weight"], values["v_leak"]), points, settings)
    unit = float(response(np.array(0.5 * settings.duration), settings))

    def penalised(weights):
        return np.mean((design @ weights - targets) ** 2) + settings.ridge * np.sum((unit * weights[1:]) ** 2)

    assert abs(penalised(readout) - loss) < 1e-12
    rng = np.random.default_rng(1)
    assert all(penalised(readout + 1e-3 * rng.normal(size=readout.size)) > loss for _ in range(20))
    for _ in range(4):
        direction = {name: rng.normal(size=value.shape) for name, value in values.items()}
        slope = sum(np.sum(gradient[name] * direction[name]) for name in values)

        def at(step, direction=direction):
            moved = {name: values[name] + step * direction[name] for name in values}
            return loss_and_gradient(settings, moved, points, targets)[0]

        h = 1e-6
        difference = (8.0 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12.0 * h)
        assert abs(difference - slope) < 1e-5 * abs(slope) + 1e-12


def test_training_learns_and_is_the_same_twice(run):
    first, second = (Spiking(SMALL) for _ in range(2))
    for each in (first, second):
        each.fit(run.known)
    assert first.losses == second.losses and min(first.losses) < 0.8 * first.losses[0]
    assert np.array_equal(first.predict(30), second.predict(30))


def test_the_network_kept_is_the_one_of_the_smallest_loss(run):
    spiking = Spiking(SMALL)
    spiking.fit(run.known)
    points, targets = lagged(run.known, SMALL.lags)
    readout = np.concatenate(
        [
            spiking.network.populations["out"].v_leak.reshape(1),
            spiking.network.projections["in", "out"].weight[:, 0],
            spiking.network.projections["hid", "out"].weight[:, 0],
        ]
    )
    trained = hidden_network(
        SMALL, spiking.network.projections["in", "hid"].weight, spiking.network.populations["hid"].v_leak
    )
    design, _ = features(trained, points, SMALL)
    unit = float(response(np.array(0.5 * SMALL.duration), SMALL))
    loss = np.mean((design @ readout - targets) ** 2) + SMALL.ridge * np.sum((unit * readout[1:]) ** 2)
    np.testing.assert_allclose(loss, min(spiking.losses), rtol=1e-6)


def test_free_runs_are_predictions_from_each_start(run):
    """One start after another, a point at a time."""
    spiking = Spiking(SMALL, networks=1)
    spiking.fit(run.known)
    starts = (10, 200)
    seen = np.stack([run.known[start - 5 : start + 1][::-1] for start in starts])
    found, inputs = free_run(spiking.network, SMALL, seen, 4)
    for row, start in enumerate(starts):
        points = list(run.known[: start + 1])
        for k in range(4):
            now = np.array([points[-1 - lag] for lag in SMALL.lags])
            assert np.array_equal(inputs[row, k], now)
            points.append(run_points(spiking.network, now[None], SMALL).voltage["out"][0, 0, 0])
            assert found[row, k] == points[-1]


def test_of_several_networks_the_one_that_does_best_by_itself_is_taken(run):
    one_by_one, known = [], run.known[:121]
    for which in range(3):
        weight = first_values(SMALL, which)["weight"]
        assert (which == 0) == np.array_equal(weight, first_values(SMALL)["weight"])
    several = Spiking(SMALL, networks=3, iterations=4)
    several.fit(known)
    for which in range(3):
        network, losses = several._trained(known, which)
        starts = np.unique(np.linspace(5, 120 - 60, 16).astype(int))
        errors = []
        for start in starts:
            found, _ = free_run(network, SMALL, known[start - 5 : start + 1][::-1][None], 60)
            wanted = known[start + 1 : start + 61]
            errors.append(np.mean(200.0 * np.abs(found[0] - wanted) / (np.abs(found[0]) + np.abs(wanted))))
        one_by_one.append((float(np.mean(errors)), losses))
    assert several.losses == min(one_by_one)[1]


def test_costs_of_spikes_by_a_loop(run):
    spiking = Spiking(SMALL)
    spiking.fit(run.known)
    found = spiking.predict(40)
    costs = spiking.costs()
    points = np.concatenate([run.known, found])
    operations = 0
    for k in range(40):
        now = points[[750 + k - lag for lag in SMALL.lags]]
        stimulus = {"in": sal.Spikes.from_latencies(encode(now[None], SMALL))}
        hidden = sal.simulate(spiking.network, stimulus, SMALL.duration).spikes["hid"].n_events
        operations += 3 * 7 + 3 + hidden
    assert costs.effective_acs == operations / 40 and costs.effective_macs == 0.0
    assert costs.dense == 3 * 7 + 3 + 7 and costs.samples == 40
    assert costs.static.bytes_of["points"] == 6 * 8


def test_ridge_leaves_the_constant_free():
    design = with_constant(np.zeros((10, 2)))
    np.testing.assert_allclose(ridge_regression(design, np.full(10, 3.0), 10.0), [3.0, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SpikingSettings(v_leak=(0.9, 1.5)), "above the threshold"),
        (lambda: SpikingSettings(lags=(3, 0)), "lags must rise"),
        (lambda: SpikingSettings(latest=1.0), "before the end"),
        (lambda: SpikingSettings(tau_syn=20e-3), "tau_mem must not be tau_syn"),
        (lambda: Spiking().predict(3), "call fit first"),
        (lambda: Constant().predict(3), "Constant.predict: nothing was learned yet; call fit first"),
        (lambda: Constant().predict(-1), r"Constant\.predict\.steps must be an integer >= 1; got -1"),
        (lambda: Constant().fit(["a", "b"]), r"Constant\.fit\.known must be a real number or array"),
        (lambda: Spiking(SMALL, networks=2).fit(np.zeros(10)), r"must hold 11 points or more.*2 networks.*got 10"),
        (lambda: window(np.full(1501, np.nan)), r"window\.values must be finite"),
        (lambda: Linear(lags=9).fit(np.zeros(5)), "longest lag"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(ParameterError, match=words):
        call()


class TestBaselines:
    """The two baselines of the benchmark, which are built of PyTorch."""

    torch = pytest.importorskip("torch")

    def test_the_echo_state_network_by_a_loop(self, run):
        from saltation.neurobench.tasks import EchoState

        echo = EchoState(units=12, probability=0.5, seed=5)
        echo.fit(run.known)
        module = echo._module
        into, around, out = (w.weight.detach().numpy() for w in (module.into, module.recurrent, module.readout))
        assert np.abs(into[:, 0]).max() <= 0.34 and np.abs(into[:, 1]).max() <= 0.425
        state, rows = np.zeros(12), []
        for x in run.known[:-1]:
            state = 0.42 * state + 0.58 * np.tanh(around @ state + into @ [1.0, x])
            rows.append([1.0, x, *state])
        states, targets = np.array(rows)[45:], run.known[46:]
        wanted = np.linalg.solve(states.T @ states + 1e-8 * np.eye(14), states.T @ targets)
        np.testing.assert_allclose(states @ out[0], states @ wanted, atol=1e-6)
        x, found = run.known[-1], []
        for _ in range(10):
            state = 0.42 * state + 0.58 * np.tanh(around @ state + into @ [1.0, x])
            x = float(out[0] @ [1.0, x, *state])
            found.append(x)
        np.testing.assert_allclose(echo.predict(10), found, atol=1e-9)
        assert echo.costs().effective_macs == np.count_nonzero(around) + 24 + 14

    def test_the_lstm_by_a_loop_of_cells(self, run):
        from saltation.neurobench.tasks import LSTM

        torch = self.torch
        lstm = LSTM(5, window=4, epochs=3, seed=2)
        lstm.fit(run.known)
        module = lstm._module
        cell = torch.nn.LSTMCell(4, 5, dtype=torch.float64)
        with torch.no_grad():
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(cell, name).copy_(getattr(module.lstm, f"{name}_l0"))
            points = [0.0] * 3
            h = c = torch.zeros(1, 5, dtype=torch.float64)
            for x in run.known:
                points.append(float(x))
                given = torch.tensor([points[-4:]], dtype=torch.float64)
                h, c = cell(module.norm(given), (h, c))
            found = [float(module.readout(torch.relu(h)))]
            points.append(found[0])
            for _ in range(9):
                h, c = cell(module.norm(torch.tensor([points[-4:]], dtype=torch.float64)), (h, c))
                found.append(float(module.readout(torch.relu(h))))
                points.append(found[-1])
        np.testing.assert_allclose(lstm.predict(10), found, atol=1e-12)

    def test_columns_that_were_published(self, run):
        from saltation.neurobench.tasks import LSTM, EchoState

        echo, lstm, script = EchoState(), LSTM(epochs=0), LSTM(40, epochs=0)
        for each in (echo, lstm, script):
            each.fit(run.known)
            each.predict(2)
        assert (echo.costs().footprint, echo.costs().dense) == (281_248, 35_156.0)
        assert (lstm.costs().footprint, lstm.costs().dense) == (490_008, 60_400.0)
        assert script.costs().dense == 14_560.0

    def test_seeds(self, run):
        from saltation.neurobench.tasks import LSTM

        before = self.torch.random.get_rng_state()
        a, b, c = (LSTM(3, window=3, epochs=1, seed=seed) for seed in (1, 1, 2))
        assert self.torch.equal(before, self.torch.random.get_rng_state())
        for each in (a, b, c):
            each.fit(run.known)
        assert np.array_equal(a.predict(5), b.predict(5)) and not np.array_equal(a.predict(5), c.predict(5))


def test_costs_are_those_of_a_prediction_and_known_points_are_finite(run):
    pytest.importorskip("torch")
    from saltation.neurobench.tasks import LSTM, EchoState

    predictors = [
        Linear(lags=3),
        EchoState(20, probability=0.5),
        LSTM(4, window=3, epochs=1),
        Spiking(SMALL, iterations=1),
    ]
    for predictor in predictors:
        name = type(predictor).__name__
        with pytest.raises(ParameterError, match=f"{name}.predict: nothing was learned yet"):
            predictor.predict(2)
        with pytest.raises(ParameterError, match=f"{name}.costs: nothing was predicted yet"):
            predictor.costs()
        predictor.fit(run.known)
        with pytest.raises(ParameterError, match="an integer >= 1"):
            predictor.predict(0)
        predictor.predict(2)
        assert predictor.costs().samples == 2
        predictor.fit(run.known[:400])
        with pytest.raises(ParameterError, match=f"{name}.costs: nothing was predicted yet"):
            predictor.costs()
    broken = run.known.copy()
    broken[5] = np.nan
    for predictor in (*predictors, Constant()):
        for known in (broken, broken[:1], broken[None]):
            with pytest.raises(
                ParameterError, match=r"\.fit\.known must be (finite|two points or more|an array \[any\]); got"
            ):
                predictor.fit(known)
    with pytest.raises(
        ParameterError, match=r"mackey_glass.past must be a number, or one for each series; got .*\(0,\)"
    ):
        mackey_glass(points=3, past=[])
