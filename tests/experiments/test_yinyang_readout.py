"""Yin-Yang read by voltages: event by event and on a grid, in all front ends, by hand and by the command."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

import saltation as sal
from saltation.cli import cli
from saltation.errors import ParameterError
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang import RECIPES, Settings, evaluate, learner, train
from saltation.experiments.yinyang.evaluation import observe, run_network
from saltation.experiments.yinyang.output import write_figures
from saltation.experiments.yinyang.readout import make_readout
from saltation.experiments.yinyang.task import PROJECTIONS, initial_weights, labelled

SMALL = dataclasses.replace(RECIPES["voltage"], epochs=3, hidden=30, train_points=96, held_out_points=40, batch=16)
WAYS = {
    "exact": {},
    "surrogate": {"backend": "grid"},
    "eventprop on a grid": {"backend": "grid", "gradient": "eventprop"},
}
FRONT_ENDS = [(way, frontend) for way in WAYS for frontend in learner.FRONTENDS]


def settings_of(way, **changes):
    return dataclasses.replace(SMALL, **WAYS[way], **changes)


@pytest.mark.parametrize("way", WAYS)
def test_a_step_of_numpy_is_the_gradient_of_the_run(way):
    settings = settings_of(way)
    data = labelled(16, 42, settings)
    one = learner.make_learner("numpy", settings)
    before = one.weights()
    step = one.step(data.stimulus, data.labels, 1e-3)
    run = run_network(settings, before, data.stimulus)
    np.testing.assert_array_equal(step.observed, run.voltage["out"])
    p = np.exp(step.observed) / np.exp(step.observed).sum(axis=1, keepdims=True)
    assert step.loss == pytest.approx(-np.log(p[np.arange(16), data.labels]).mean())
    bar = (p - np.eye(3)[data.labels]) / 16
    gradient = run.gradient(voltage={"out": bar}).weight
    for name, key in PROJECTIONS.items():
        moved = one.weights()[name] - before[name]
        # Adam's first step goes the learning rate down the sign of the gradient
        clear = np.abs(gradient[key]) > 1e-6
        assert clear.any()
        np.testing.assert_allclose(moved[clear], -1e-3 * np.sign(gradient[key][clear]), rtol=1e-1)


@pytest.mark.parametrize(("way", "frontend"), FRONT_ENDS)
def test_front_ends_agree(way, frontend):
    pytest.importorskip("torch")
    settings = settings_of(way)
    data = labelled(48, 42, settings)
    learners = [learner.make_learner(name, settings) for name in ("numpy", frontend)]
    for at in range(0, 48, 16):
        for one in learners:
            one.step(data.stimulus[at : at + 16], data.labels[at : at + 16], 5e-3)
    ours, theirs = (one.weights() for one in learners)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=0, atol=1e-8)


@pytest.mark.parametrize("way", WAYS)
def test_training_learns_and_resumes_where_it_was(tmp_path, way):
    settings = settings_of(way, schedule="exponential", train_points=192)
    whole = train(settings)
    assert whole.history[-1]["train_loss"] < whole.history[0]["train_loss"]
    folder = ResultFolder(tmp_path / "run")
    train(dataclasses.replace(settings, epochs=2), folder)
    resumed = train(settings, folder)
    for name, values in whole.weights.items():
        np.testing.assert_array_equal(values, resumed.weights[name])


def test_scores_of_voltages():
    settings = settings_of("surrogate")
    data = labelled(40, 41, settings)
    weights = initial_weights(settings)
    scores = evaluate(settings, weights, data)
    seen = observe(settings, weights, data.points)
    assert scores.accuracy == np.mean(seen.argmax(axis=1) == data.labels)
    assert scores.silent_fraction == 0.0
    assert scores.spikes_per_sample == run_network(settings, weights, data.stimulus).spikes["hid"].n_events / 40
    probabilities = make_readout(settings).probabilities(seen)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_figures_of_voltages(tmp_path):
    pytest.importorskip("matplotlib")
    settings = settings_of("surrogate")
    folder = ResultFolder(tmp_path / "run")
    done = train(settings, folder)
    paths = write_figures(folder, settings, done.weights, done.history, labelled(20, 40, settings))
    assert {path.name for path in paths} == {"learning.png", "raster.png", "decision_map.png"}


def test_the_command_on_a_grid(tmp_path):
    out = tmp_path / "run"
    arguments = ["run", "yinyang", "--backend", "grid", "--dt", "2e-3", "--epochs", "1", "--hidden", "20"]
    arguments += ["--train-points", "32", "--no-fresh", "--no-figures", "--json", "--out", str(out)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["backend"], told["recipe"], told["readout"]) == ("grid", "voltage", "max_voltage")
    config = ResultFolder(out).read_json("config")["config"]
    assert (config["backend"], config["dt"], config["gradient"]) == ("grid", 2e-3, "surrogate")
    again = CliRunner().invoke(
        cli, [*arguments[:2], "--resume", "--json", "--no-fresh", "--no-figures", "--out", str(out)]
    )
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["test_accuracy"] == told["test_accuracy"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"readout": "loudest"}, "readout must be one of"),
        ({"backend": "chip"}, "backend must be one of"),
        ({"gradient": "none"}, "gradient must be one of"),
        ({"dt": 0.0}, "dt"),
        ({"backend": "grid", "readout": "max_voltage", "dt": 0.1}, "dt must be <= 0.06; got 0.1"),
        ({"backend": "grid"}, "eventprop"),
        ({"backend": "grid", "readout": "max_voltage", "delays": "axonal"}, "without learned delays"),
    ],
)
def test_settings_that_do_not_go_together(changes, message):
    with pytest.raises(ParameterError, match=message):
        Settings(**changes)


def test_a_step_may_be_as_long_as_the_window():
    settings = Settings(backend="grid", readout="max_voltage", dt=60e-3)
    assert settings.dt == settings.duration
    assert Settings(dt=0.1).backend == "exact"  # which has no steps


def test_the_grid_and_the_events_see_the_same_network():
    settings = dataclasses.replace(SMALL, dt=1e-5)
    data, weights = labelled(20, 41, settings), initial_weights(settings)
    exact = observe(settings, weights, data.points)
    grid = observe(dataclasses.replace(settings, backend="grid"), weights, data.points)
    np.testing.assert_allclose(grid, exact, atol=2e-2 * np.abs(exact).max())
    assert sal.Grid(1e-5).surrogate == sal.SuperSpike(10.0)
