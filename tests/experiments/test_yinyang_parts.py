"""The parts of the Yin-Yang experiment: loss, optimiser, front ends, training and its resumption."""

import dataclasses
import sys

import numpy as np
import pytest

from saltation.errors import FileFormatError, GradientError, MissingDependencyError, ParameterError
from saltation.experiments.results import Checkpoint, ResultFolder
from saltation.experiments.yinyang import RECIPES, Settings, evaluate, learner, readout, train, training
from saltation.experiments.yinyang.evaluation import evaluate_fresh, observe, run_network
from saltation.experiments.yinyang.loss import softmax, ttfs_cross_entropy, winner
from saltation.experiments.yinyang.task import initial_weights, labelled, orders

SMALL = Settings(epochs=4, hidden=20, train_points=48, held_out_points=20, batch=16)
LOSS = {"tau0": 0.5e-3, "tau1": 6.4e-3, "alpha": 3e-3}


def with_torch():
    return pytest.importorskip("torch")


@pytest.fixture
def folder(tmp_path):
    return ResultFolder(tmp_path / "run")


@pytest.fixture
def first():
    """First spike times with silence of every kind: none, others, the label's, all."""
    rng = np.random.default_rng(5)
    times = rng.uniform(15e-3, 35e-3, (200, 3))
    times[rng.random(times.shape) < 0.3] = np.inf
    times[:3] = np.inf
    return times, rng.integers(0, 3, 200)


# --------------------------------------------------------------------------------------------------- loss
def test_loss_is_that_of_the_formula():
    times, labels = np.array([[20e-3, 20.3e-3, 21e-3]]), np.array([1])
    p = np.exp(-times / LOSS["tau0"]) / np.exp(-times / LOSS["tau0"]).sum()
    wanted = -np.log(p[0, 1]) + 3e-3 * (np.exp(20.3 / 6.4) - 1)
    assert ttfs_cross_entropy(times, labels, **LOSS)[0] == pytest.approx(wanted, rel=1e-12)


def test_derivative_of_the_loss_is_its_central_difference(first):
    times, labels = first
    derivative = ttfs_cross_entropy(times, labels, **LOSS)[1]
    h = 1e-9
    for n in range(3):
        finite = np.isfinite(times[:, n])
        assert not derivative[~finite, n].any()
        for row in np.flatnonzero(finite)[:20]:
            up, down = times.copy(), times.copy()
            up[row, n] += h
            down[row, n] -= h
            one = slice(row, row + 1)
            difference = ttfs_cross_entropy(up[one], labels[one], **LOSS)[0]
            difference -= ttfs_cross_entropy(down[one], labels[one], **LOSS)[0]
            assert derivative[row, n] * len(labels) == pytest.approx(difference / (2 * h), rel=1e-6, abs=1e-3)


def test_silent_labels_count_in_the_mean_and_nowhere_else():
    times = np.array([[1e-3, 2e-3, np.inf], [np.inf, 2e-3, 3e-3]])
    loss, derivative = ttfs_cross_entropy(times, np.array([0, 0]), **LOSS)
    assert loss == pytest.approx(ttfs_cross_entropy(times[:1], np.array([0]), **LOSS)[0] / 2, rel=1e-15)
    assert not derivative[1].any()
    loss, derivative = ttfs_cross_entropy(np.full((2, 3), np.inf), np.array([0, 1]), **LOSS)
    assert loss == 0 and not derivative.any()


def test_loss_agrees_with_torch(first):
    torch = with_torch()
    from saltation.torch import ttfs_cross_entropy as in_torch

    times = torch.from_numpy(first[0]).requires_grad_()
    loss = in_torch(times, torch.from_numpy(first[1]), **LOSS)
    loss.backward()
    ours, derivative = ttfs_cross_entropy(*first, **LOSS)
    assert ours == pytest.approx(loss.item(), rel=1e-13)
    np.testing.assert_allclose(derivative, times.grad.numpy(), rtol=1e-12, atol=1e-12 * np.abs(derivative).max())


def test_winner_and_accuracy_agree_with_torch(first):
    torch = with_torch()
    from saltation.torch import ttfs_accuracy

    times, labels = np.round(first[0], 3), first[1]  # rounded, so that there are ties
    assert (winner(times) == -1).any()
    wanted = ttfs_accuracy(torch.from_numpy(times), torch.from_numpy(labels)).item()
    assert np.mean(winner(times) == labels) == wanted


def test_softmax(first):
    p = softmax(first[0], 0.5e-3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[:3], 1 / 3)
    answered = winner(first[0]) >= 0
    assert np.array_equal(p[answered].argmax(axis=1), winner(first[0])[answered])


# ---------------------------------------------------------------------------------------------- front ends
def test_front_ends_agree():
    with_torch()
    pytest.importorskip("jax")
    settings = Settings(hidden=50, train_points=320)
    data = labelled(settings.train_points, 42, settings)
    order = orders(settings).permutation(len(data))
    learners = [learner.make_learner(name, settings) for name in learner.FRONTENDS]
    losses = []
    for at in range(0, len(order), settings.batch):
        chosen = order[at : at + settings.batch]
        steps = [one.step(data.stimulus[chosen], data.labels[chosen], 5e-3) for one in learners]
        losses.append([step.loss for step in steps])
    losses = np.array(losses)
    for other in (1, 2):
        np.testing.assert_allclose(losses[:, 0], losses[:, other], rtol=1e-9)
        # before rounding has grown with the steps
        np.testing.assert_allclose(losses[:3, 1], losses[:3, other], rtol=1e-11)
        for name, weight in learners[0].weights().items():
            np.testing.assert_allclose(weight, learners[other].weights()[name], rtol=0, atol=1e-8)


def test_training_with_jax_goes_on_where_it_was_interrupted_and_makes_room(folder):
    pytest.importorskip("jax")
    whole = train(SMALL, frontend="jax")
    train(dataclasses.replace(SMALL, epochs=2), folder, frontend="jax")
    resumed = train(SMALL, folder, frontend="jax")
    for name, weight in whole.weights.items():
        assert np.array_equal(weight, resumed.weights[name])
    data = labelled(48, 42, SMALL)
    one, other = (learner.make_learner("jax", SMALL) for _ in range(2))
    other._make_room(data.stimulus[:16])
    other._room = dict.fromkeys(other._room, 1)
    other._compile()  # as if the first batch had hardly spiked
    for model in (one, other):
        model.step(data.stimulus[:16], data.labels[:16], 5e-3)
    assert all(np.array_equal(weight, other.weights()[name]) for name, weight in one.weights().items())
    assert other._room["hid"] > 1


def test_unknown_front_end():
    with pytest.raises(ParameterError, match="numpy, torch, jax"):
        train(SMALL, frontend="tensorflow")


def test_front_end_that_is_not_installed(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("saltation.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "saltation.experiments.yinyang.learner_torch", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails, as if it were not there
    with pytest.raises(MissingDependencyError, match="pip install"):
        train(SMALL, frontend="torch")


# ------------------------------------------------------------------------------------------- task, scores
def test_seed_sets_weights_and_order():
    weights = [initial_weights(Settings(seed=seed))["weight_in_hid"] for seed in (1, 1, 2)]
    assert np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[0], weights[2])
    shuffled = [orders(Settings(seed=seed)).permutation(50) for seed in (1, 1, 2)]
    assert np.array_equal(shuffled[0], shuffled[1]) and not np.array_equal(shuffled[0], shuffled[2])


def test_published_recipe_has_the_published_numbers():
    settings = RECIPES["published"]
    assert (settings.epochs, settings.batch, settings.learning_rate, settings.decay) == (100, 32, 5e-3, 0.95)
    weights = initial_weights(settings)
    assert weights["weight_in_hid"].shape == (5, 200) and weights["weight_hid_out"].shape == (200, 3)
    assert abs(weights["weight_in_hid"].mean() - 1.5) < 0.1 and abs(weights["weight_hid_out"].mean() - 0.93) < 0.02


def test_the_window_is_long_enough():
    data = labelled(100, 42, Settings())
    runs = [
        run_network(settings, initial_weights(settings), data.stimulus)
        for settings in (Settings(), Settings(duration=1.0))
    ]
    for name in ("hid", "out"):
        assert np.array_equal(runs[0].spikes[name].times, runs[1].spikes[name].times)


def test_scores():
    settings = dataclasses.replace(SMALL, held_out_points=60)
    weights, data = initial_weights(settings), labelled(60, 41, settings)
    scores = evaluate(settings, weights, data)
    first = observe(settings, weights, data.points[:, :2])
    assert scores.accuracy == np.mean(winner(first) == data.labels)
    assert scores.silent_fraction == np.mean(np.isinf(first)) and scores.samples == 60
    assert scores.loss == pytest.approx(ttfs_cross_entropy(first, data.labels, **LOSS)[0], rel=1e-12)


def test_fresh_points_are_scored_in_batches(monkeypatch):
    weights, heard = initial_weights(SMALL), []
    whole = evaluate_fresh(SMALL, weights, 250)
    monkeypatch.setattr("saltation.experiments.yinyang.evaluation._AT_ONCE", 100)
    parts = evaluate_fresh(SMALL, weights, 250, done=heard.append)
    assert heard == [100, 100, 50]
    assert dataclasses.astuple(parts) == pytest.approx(dataclasses.astuple(whole), rel=1e-12)


def test_learning_rates_fall_along_a_cosine_or_by_a_factor():
    settings = Settings(epochs=4, learning_rate=2.0, decay=0.5)
    assert [settings.learning_rate_of(e) for e in range(4)] == [2.0, 1.0, 0.5, 0.25]
    settings = dataclasses.replace(settings, schedule="cosine")
    want = [2.0, 1.0 + 0.5**0.5, 1.0, 1.0 - 0.5**0.5]
    assert np.allclose([settings.learning_rate_of(e) for e in range(4)], want, rtol=1e-15)
    with pytest.raises(ParameterError, match="schedule must be one of exponential, cosine; got 'linear'"):
        Settings(schedule="linear")


@pytest.mark.parametrize("hidden", [20, 500])
def test_output_neurons_need_the_same_share_of_any_number_of_hidden_neurons(hidden):
    weights = initial_weights(Settings(hidden=hidden, out_sum=20.0, out_std=0.0))
    assert np.allclose(weights["weight_hid_out"].sum(axis=0), 20.0)
    with pytest.raises(ParameterError, match="out_sum"):
        Settings(out_sum=float("nan"))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": 0.0}, {"duration": 0.01}, {"tau0": -1.0}])
def test_wrong_settings(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Settings(**wrong)


def test_settings_as_a_dict():
    assert Settings.from_dict(SMALL.to_dict()) == SMALL
    with pytest.raises(ParameterError, match="colour"):
        Settings.from_dict({"colour": 1})


# ----------------------------------------------------------------------------------------------- training
@pytest.mark.parametrize("frontend", learner.FRONTENDS)
def test_resumed_run_is_the_uninterrupted_one(folder, frontend):
    if frontend == "torch":
        with_torch()
    whole = train(SMALL, frontend=frontend)
    train(dataclasses.replace(SMALL, epochs=2), folder, frontend=frontend)
    resumed = train(SMALL, folder, frontend=frontend)
    assert resumed.epoch == whole.epoch == 4
    for name, weight in whole.weights.items():
        assert np.array_equal(weight, resumed.weights[name])
    for ours, theirs in zip(resumed.history, whole.history, strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_result_does_not_depend_on_the_number_of_threads():
    one, two = (train(dataclasses.replace(SMALL, epochs=1), threads=threads) for threads in (1, 2))
    assert all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)


def test_training_learns():
    settings = Settings(epochs=4, hidden=60, train_points=400, held_out_points=200, batch=8)
    history = train(settings).history
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]
    assert history[-1]["validation_accuracy"] > 0.6


@pytest.mark.slow
def test_published_learning_curve():
    history = train(dataclasses.replace(RECIPES["published"], epochs=3)).history
    assert history[-1]["validation_accuracy"] > 0.9


def test_more_epochs_behind_than_wanted(folder):
    train(dataclasses.replace(SMALL, epochs=2), folder)
    with pytest.raises(ParameterError, match="at least 2"):
        train(dataclasses.replace(SMALL, epochs=1), folder)


@pytest.mark.parametrize("frontend", learner.FRONTENDS)
def test_weights_that_overflow_stop_training(folder, frontend):
    if frontend == "torch":
        with_torch()
    with pytest.raises(GradientError, match=r"epoch 1, batch 2, learning rate 1e\+306.*smaller learning rate"):
        train(dataclasses.replace(SMALL, learning_rate=1e306), folder, frontend=frontend)
    assert folder.load_checkpoint().epoch == 0


def test_a_loss_that_is_nan_stops_training(monkeypatch):
    monkeypatch.setattr(readout, "ttfs_cross_entropy", lambda first, labels, **_: (np.nan, np.zeros(first.shape)))
    with pytest.raises(GradientError, match="the loss is not finite"):
        train(SMALL)


def test_a_derivative_that_is_nan_stops_training(monkeypatch):
    monkeypatch.setattr(readout, "ttfs_cross_entropy", lambda first, labels, **_: (0.0, np.full(first.shape, np.nan)))
    with pytest.raises(GradientError, match="batch 1"):
        train(SMALL)


def test_silence_stops_training():
    with pytest.raises(GradientError, match="no neuron of a label spiked"):
        train(dataclasses.replace(SMALL, hidden_mean=0.01, hidden_std=0.0))


def test_checkpoint_of_something_else(folder):
    folder.save_checkpoint(Checkpoint(1, {"w": np.zeros(2)}, extra={}))
    with pytest.raises(FileFormatError, match="not one of this experiment"):
        train(SMALL, folder)


def test_an_interrupted_epoch_leaves_the_one_before(folder, monkeypatch):
    real = training._epoch

    def interrupted(*arguments):
        if arguments[4] == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training, "_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(SMALL, folder)
    assert folder.load_checkpoint().epoch == 1
