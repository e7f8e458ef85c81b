"""Yin-Yang with delays that are learned: their gradient, their constraint, both front ends, and resumption."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli
from saltation.errors import ParameterError
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang import Settings, evaluate, learner, train
from saltation.experiments.yinyang.evaluation import run_network
from saltation.experiments.yinyang.loss import ttfs_cross_entropy
from saltation.experiments.yinyang.task import DELAYS, PROJECTIONS, initial_weights, labelled

SMALL = Settings(epochs=4, hidden=20, train_points=48, held_out_points=20, batch=16, out_sum=20.0, delay_init=3e-3)
KINDS = ("axonal", "synaptic")


def learning(kind, **changes):
    return dataclasses.replace(SMALL, delays=kind, **changes)


def with_torch():
    return pytest.importorskip("torch")


def loss_and_run(settings, values, data):
    run = run_network(settings, values, data.stimulus)
    first = run.spikes["out"].first()
    loss = {name: getattr(settings, name) for name in ("tau0", "tau1", "alpha")}
    return *ttfs_cross_entropy(first, data.labels, **loss), run


def test_shapes_of_the_delays():
    shapes = {kind: {name: initial_weights(learning(kind))[name].shape for name in DELAYS} for kind in KINDS}
    assert shapes["axonal"] == {"delay_in_hid": (5,), "delay_hid_out": (20,)}
    assert shapes["synaptic"] == {"delay_in_hid": (5, 20), "delay_hid_out": (20, 3)}
    assert not set(DELAYS) & set(initial_weights(SMALL))
    with pytest.raises(ParameterError, match="delays must be one of none, axonal, synaptic; got 'dendritic'"):
        Settings(delays="dendritic")


@pytest.mark.parametrize("kind", KINDS)
def test_delays_leave_the_initial_weights_alone(kind):
    plain, delayed = initial_weights(SMALL), initial_weights(learning(kind))
    for name in PROJECTIONS:
        assert np.array_equal(plain[name], delayed[name])
    for name in DELAYS:
        assert 0.0 <= delayed[name].min() < delayed[name].max() <= 3e-3


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_the_loss_by_delays_is_its_central_difference(kind):
    settings = learning(kind)
    values, data = initial_weights(settings), labelled(16, 42, settings)
    for name in DELAYS:
        values[name] += 1e-3  # so that no step leaves the allowed range
    _, derivative, run = loss_and_run(settings, values, data)
    index = run.spikes["out"].first_index()
    cotangent = np.zeros(run.spikes["out"].n_events)
    cotangent[index[index >= 0]] = derivative[index >= 0]
    gradient = run.gradient(spike_times={"out": cotangent}).delay
    rng, h = np.random.default_rng(3), 1e-7
    for name, key in DELAYS.items():
        direction = rng.normal(size=values[name].shape)
        near = [
            loss_and_run(settings, {**values, name: values[name] + factor * h * direction}, data)[0]
            for factor in (-2.0, -1.0, 1.0, 2.0)
        ]
        difference = (near[0] - 8.0 * near[1] + 8.0 * near[2] - near[3]) / (12.0 * h)
        assert np.vdot(gradient[key], direction) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_moves_delays_by_their_own_learning_rate(kind):
    settings = learning(kind, delay_learning_rate=2e-5, delay_init=0.0)
    data = labelled(16, 42, settings)
    one = learner.make_learner("numpy", settings)
    before = one.weights()
    # half the learning rate of the weights: half that of the delays
    one.step(data.stimulus, data.labels, 0.5 * settings.learning_rate)
    after = one.weights()
    moved = {name: after[name] - before[name] for name in after}
    # Adam's first step is its learning rate, down the gradient; a delay of 0 that would fall stays
    for name in DELAYS:
        assert after[name].min() == 0.0 and moved[name].max() == pytest.approx(1e-5, rel=1e-3)
    for name in PROJECTIONS:
        assert np.abs(moved[name]).max() == pytest.approx(0.5 * settings.learning_rate, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_delays_never_become_negative(kind):
    done = train(learning(kind, delay_learning_rate=1e-3))
    for name in DELAYS:
        assert done.weights[name].min() == 0.0 < done.weights[name].max()


@pytest.mark.parametrize("kind", KINDS)
def test_front_ends_agree(kind):
    with_torch()
    settings = learning(kind, delay_init=0.5e-3)
    data = labelled(48, 42, settings)
    learners = [learner.make_learner(name, settings) for name in ("numpy", "torch")]
    for at in range(0, 48, 16):
        for one in learners:
            one.step(data.stimulus[at : at + 16], data.labels[at : at + 16], 5e-3)
    ours, theirs = (one.weights() for one in learners)
    assert list(ours) == list(theirs)
    assert any((ours[name] == 0.0).any() for name in DELAYS)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=0, atol=1e-9 if name in PROJECTIONS else 1e-12)


@pytest.mark.parametrize("frontend", ["numpy", "torch"])
@pytest.mark.parametrize("kind", KINDS)
def test_resumed_run_is_the_uninterrupted_one(tmp_path, kind, frontend):
    if frontend == "torch":
        with_torch()
    settings, folder = learning(kind), ResultFolder(tmp_path / "run")
    whole = train(settings, frontend=frontend)
    train(dataclasses.replace(settings, epochs=2), folder, frontend=frontend)
    resumed = train(settings, folder, frontend=frontend)
    assert set(resumed.weights) == {*PROJECTIONS, *DELAYS}
    for name, values in whole.weights.items():
        assert np.array_equal(values, resumed.weights[name])


def test_scores_are_those_of_the_delayed_network():
    settings = learning("synaptic", held_out_points=60)
    values, data = initial_weights(settings), labelled(60, 41, settings)
    with_delays = evaluate(settings, values, data)
    without = evaluate(settings, {name: values[name] for name in PROJECTIONS}, data)
    assert with_delays.loss != without.loss


def test_command(tmp_path):
    out = tmp_path / "run"
    small = ["--hidden", "20", "--train-points", "48", "--batch", "16", "--epochs", "1", "--no-fresh", "--no-figures"]
    given = ["run", "yinyang", "--out", str(out), "--json", "--delays", "axonal", "--delay-learning-rate", "2e-4"]
    result = CliRunner().invoke(cli, [*given, *small])
    record = json.loads(result.stdout)
    assert record["delays"] == "axonal" and record["parameters"] == 8 * 20 + 5 + 20
    stored = ResultFolder(out).read_json("config")["config"]
    assert stored["delays"] == "axonal" and stored["delay_learning_rate"] == 2e-4
