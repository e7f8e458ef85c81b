"""HAPT-6 and spoken digits: encodings against loops, divisions, training, and their rows on all backends."""

import dataclasses
import json
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.bss2.placement import place
from saltation.cli import cli
from saltation.data import Sequences, Windows, features, level_crossing
from saltation.engine import Exact, simulate
from saltation.errors import MissingDataError, ParameterError
from saltation.experiments.neurobench import signals as rows
from saltation.experiments.neurobench import task_of
from saltation.experiments.neurobench.task import Options
from saltation.experiments.readout_learner import ReadoutLearner
from saltation.experiments.results import ResultFolder
from saltation.experiments.signals import Settings, in_the_loop, recipe, task
from saltation.experiments.signals.settings import READOUTS
from saltation.experiments.signals.training import train
from saltation.model import MaxVoltage, Spikes, VoltageIntegral

TINY = {"hidden": 12, "epochs": 2}


def windows(part, root=None, *, original=True):
    """Windows whose class is in the means of channels and their swing; people 1 to 5 train, 6 and 7 test."""
    people = np.arange(1, 6) if part == "train" else np.arange(6, 8)
    subjects = np.repeat(people, 24)
    rng = np.random.default_rng(len(people))
    labels = np.tile(np.arange(6), len(subjects) // 6)
    noise = rng.normal(size=(len(labels), 128, 6))
    means = np.random.default_rng(9).normal(size=(3, 6))
    values = means[labels % 3][:, None] + noise * np.where(labels < 3, 0.3, 1.0)[:, None, None]
    return Windows(values, labels, tuple("abcdef"), tuple("uvwxyz"), 50.0, subjects)


@pytest.fixture
def activities(monkeypatch):
    task._features.cache_clear()
    monkeypatch.setattr(task, "hapt", windows)
    yield
    task._features.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Spoken digits in the form of the file: each digit has a coefficient of its own that rises."""
    root = tmp_path_factory.mktemp("fsdd")
    rng = np.random.default_rng(3)
    labels = np.arange(100) % 10
    lengths = rng.integers(6, 12, 100)
    frames = rng.normal(size=(lengths.sum(), 13))
    frames[np.arange(len(frames)), np.repeat(labels, lengths)] += 4.0
    np.savez(root / "digits.npz", X=frames.astype(np.float32), y=labels, lengths=lengths)
    return root


def test_features_are_two_spikes_each(activities):
    settings = dataclasses.replace(recipe("hapt"), held_out=0.4)
    sets = task.load(settings)
    whole = windows("train")
    trained, held_out = whole[whole.subjects <= 3], whole[whole.subjects > 3]
    assert len(sets.train) == len(trained) and len(sets.validation) == len(held_out) and len(sets.test) == 48
    # nothing is taken from people who are not trained on
    mean, deviation = features(trained).mean(axis=0), features(trained).std(axis=0)
    for data, given in ((sets.validation, held_out), (sets.test, windows("test"))):
        np.testing.assert_array_equal(data.labels, given.labels)
        first = data.stimulus.first()
        for i in (0, 7):
            for k, value in enumerate(features(given)[i]):
                x = min(max(0.5 + (value - mean[k]) / deviation[k] / (2 * settings.clip), 0.0), 1.0)
                assert first[i, k] == pytest.approx(settings.t_late * x, abs=1e-12)
                assert first[i, 63 + k] == pytest.approx(settings.t_late * (1 - x), abs=1e-12)
            assert first[i, 126] == 0.0
    assert data.stimulus.n_units == task.n_inputs(settings) == 127
    assert task.load(recipe("hapt")).validation is None


def test_copies_are_later_spikes_of_other_units():
    rng = np.random.default_rng(1)
    given = [(np.sort(rng.uniform(0, 0.1, n)), rng.integers(0, 5, n)) for n in (7, 0, 4)]
    found = task.with_copies(Spikes.from_lists(given, n_units=5), 3, 7e-3)
    assert found.n_units == 15 and found.batch == 3
    for i, (times, units) in enumerate(given):
        wanted = sorted((t + k * 7e-3, u + 5 * k) for t, u in zip(times, units, strict=True) for k in range(3))
        part = slice(found.offsets[i], found.offsets[i + 1])
        assert list(zip(found.times[part].tolist(), found.units[part].tolist(), strict=True)) == wanted


def test_clips_are_cut_and_standardised_by_what_is_trained_on(folder):
    settings = dataclasses.replace(recipe("spoken-digits"), held_out=0.25, frames=8, copies=1)
    sets = task.load(settings, folder, original=False)
    assert [len(each) for each in (sets.train, sets.validation, sets.test)] == [60, 20, 20]
    for each, n in ((sets.train, 6), (sets.validation, 2), (sets.test, 2)):
        assert np.bincount(each.labels).tolist() == [n] * 10
    last = settings.frames * settings.interval
    assert all(each.stimulus.times.max() <= last for each in (sets.train, sets.test))
    one = Sequences(np.array([[0.5], [3.2], [9.0]]), np.array([0, 3]), np.array([0]), ("a",), 10e-3)
    cut = dataclasses.replace(settings, frames=2, threshold=1.0)
    same = level_crossing([[[0.5], [3.2]]], settings.interval, 1.0)
    np.testing.assert_array_equal(task.crossings(one, cut).times, same.times)


def test_fewer_samples_are_spread(folder):
    settings = dataclasses.replace(recipe("spoken-digits"), train_limit=20)
    assert np.bincount(task.load(settings, folder, original=False).train.labels, minlength=10).max() <= 5


@pytest.mark.parametrize("dataset", ["hapt", "spoken-digits"])
def test_networks_fit_on_one_chip(dataset):
    settings = recipe(dataset)
    placed = place(task.make_network(settings, task.initial_weights(settings)))
    used, there = placed.usage()["neuron circuits"]
    assert used <= there


@pytest.mark.parametrize("readout", READOUTS)
def test_gradients_are_slopes_of_the_loss(folder, readout):
    settings = dataclasses.replace(recipe("spoken-digits"), hidden=12, readout=readout)
    data = task.load(settings, folder, original=False).train[:10]
    # large ones, so that there are many spikes
    before, found = {name: 3.0 * weights for name, weights in task.initial_weights(settings).items()}, {}

    def keep(gradients):
        found.update(gradients)
        return gradients

    network, by = task.make_network(settings, before), task.read_by(settings)
    learner = ReadoutLearner(network, task.PROJECTIONS, Exact(), settings.duration, by, keep)
    step = learner.step(data, 1e-3)

    def loss(weights):
        network = task.make_network(settings, weights)
        record = MaxVoltage() if readout == "largest" else VoltageIntegral()
        run = simulate(network, {"in": data.stimulus}, settings.duration, record={"out": record})
        score = run.voltage["out"] if readout == "largest" else run.voltage["out"] / 20e-3
        chosen = score[np.arange(len(data)), data.labels]
        return np.mean(np.log(np.exp(score).sum(axis=1)) - chosen)

    assert step.loss == pytest.approx(loss(before))
    rng = np.random.default_rng(1)
    for name, weights in before.items():
        direction = rng.normal(size=weights.shape)
        ends = [loss(before | {name: weights + sign * 1e-6 * direction}) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / 2e-6
        assert abs(slope) > 1e-3
        assert np.vdot(found[name], direction) == pytest.approx(slope, rel=1e-3)


@pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")
def test_training_learns_and_a_chip_goes_on_from_it(activities, tmp_path):
    settings = dataclasses.replace(recipe("hapt"), hidden=80, epochs=6, batch=8)
    sets = task.load(settings)
    done = train(settings, sets)
    assert done.history[-1]["train_accuracy"] > 0.8 > done.history[0]["train_accuracy"]
    looped = dataclasses.replace(in_the_loop(settings, 3), epochs=1, learning_rate=1e-9, calibrated=False, batch=60)
    assert looped.exact_epochs == 6 and looped.serial == 3
    few = task.Sets(sets.train[:60], None, sets.test)
    after = train(looped, few, weights=done.weights).weights
    for name, values in done.weights.items():
        np.testing.assert_allclose(after[name], values, atol=1e-8)
        assert not np.array_equal(after[name], values)


def bench(*arguments):
    return CliRunner().invoke(cli, ["bench", "neurobench", *map(str, arguments)])


@pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")
def test_rows_of_all_backends_of_spoken_digits(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "load", partial(task.load, root=folder, original=False))
    monkeypatch.setattr(rows, "recipe", lambda name: dataclasses.replace(recipe(name), calibrated=False))
    monkeypatch.setattr(rows, "_QUICK", TINY | {"train_limit": 40})
    rows._loaded.cache_clear()
    result = bench("--quick", "--task", "spoken-digits", "--in-the-loop", "--out", tmp_path / "out", "--json")
    rows._loaded.cache_clear()
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["rows"]
    chip = "chip 1, uncalibrated"
    wanted = [(training, backend) for training in ("exact", "loop") for backend in ("exact", "grid", chip)]
    assert [("loop" if "loop" in row["training"] else "exact", row["backend"]) for row in found] == wanted
    assert found[3]["training"] == "exact, 2 epochs, then in the loop of chip 1, 2 epochs of 40 samples"
    assert {row["model"] for row in found} == {"104-12-10"}
    # 150 ms in steps of 1 ms
    assert all(row["SynapticOperations"]["Dense"] == 150 * (104 * 12 + 12 * 10) for row in found)
    assert all((row["Synapse_Events"] is None) == ("chip" not in row["backend"]) for row in found)
    # the numbers of the first row, from the parts
    settings = dataclasses.replace(recipe("spoken-digits"), calibrated=False, train_limit=40, **TINY)
    sets = task.load(settings, folder, original=False)
    weights = ResultFolder(tmp_path / "out" / "models" / "spoken-digits-exact-seed1").load_checkpoint().arrays
    network = task.make_network(settings, weights)
    run = simulate(network, {"in": sets.test.stimulus}, settings.duration, record={"out": MaxVoltage()})
    right = np.mean(run.voltage["out"].argmax(axis=1) == sets.test.labels)
    assert found[0]["ClassificationAccuracy"] == pytest.approx(right)
    into = sets.test.stimulus.n_events * 12
    spikes = run.spikes["hid"].n_events
    assert found[0]["SynapticOperations"]["Effective_ACs"] == pytest.approx((into + spikes * 10) / len(sets.test))


def test_hapt_that_is_not_there(tmp_path, monkeypatch):
    def absent(settings):
        raise MissingDataError("HAPT is not on this machine. Looked into: nothing")

    monkeypatch.setattr(rows, "load", absent)
    rows._loaded.cache_clear()
    with pytest.raises(MissingDataError, match="HAPT is not on this machine"):
        task_of("hapt").plan(Options(quick=True), tmp_path, print)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"dataset": "hapr"}, "must be one of hapt, spoken-digits"),
        ({"held_out": 1.0}, r"Settings\.held_out"),
        ({"interval": 0.0}, r"Settings\.interval"),
        ({"dataset": "spoken-digits", "copies": 9}, "must hold all inputs"),
        ({"copies": 0}, r"Settings\.copies"),
    ],
)
def test_settings_that_are_not_allowed(changed, message):
    with pytest.raises(ParameterError, match=message):
        Settings(**changed)
