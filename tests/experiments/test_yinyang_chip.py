"""``saltation run yinyang --backend bss2``: trained on an emulated chip, and resumed there bit for bit."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.bss2 import Backend
from saltation.cli import cli
from saltation.errors import ParameterError
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang import RECIPES, Settings, learner, train
from saltation.experiments.yinyang.task import labelled

SETTINGS = dataclasses.replace(
    RECIPES["default"], backend="bss2", hidden=20, train_points=48, held_out_points=30, batch=4, epochs=2
)
pytestmark = pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")  # some weights reach the chip's limit


FRONT_ENDS = {"numpy": "numpy", "torch": "torch", "jax": "optax"}  # and what each needs


@pytest.mark.parametrize("frontend", FRONT_ENDS)
def test_a_resumed_training_meets_the_noise_that_it_would_have_met(tmp_path, frontend):
    pytest.importorskip(FRONT_ENDS[frontend])
    # an exponential schedule can be lengthened
    settings = dataclasses.replace(SETTINGS, schedule="exponential")
    whole = train(settings, frontend=frontend)
    folder = ResultFolder(tmp_path / "run")
    train(dataclasses.replace(settings, epochs=1), folder, frontend=frontend)
    resumed = train(settings, folder, frontend=frontend)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    assert [epoch["train_loss"] for epoch in whole.history] == [epoch["train_loss"] for epoch in resumed.history]


@pytest.mark.parametrize("gradient", ["eventprop", "surrogate"])
@pytest.mark.parametrize("frontend", ["torch", "jax"])
def test_front_ends_agree(frontend, gradient):
    pytest.importorskip(FRONT_ENDS[frontend])
    recipe = RECIPES["voltage" if gradient == "surrogate" else "default"]
    settings = dataclasses.replace(recipe, backend="bss2", gradient=gradient, dt=2e-3, hidden=20)
    data = labelled(48, 42, settings)
    learners = [learner.make_learner(name, settings) for name in ("numpy", frontend)]
    for one in learners:
        one.warm_up(data.stimulus[:1], data.labels[:1])
        losses = [one.step(data.stimulus[at : at + 16], data.labels[at : at + 16], 5e-3).loss for at in (0, 16, 32)]
        assert one.state()["runs"] == 3
        if one is learners[0]:
            expected = losses
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    for name, values in learners[0].weights().items():
        np.testing.assert_allclose(values, learners[1].weights()[name], rtol=0, atol=1e-8)


def test_jax_runs_a_batch_again_with_more_room_and_the_same_noise():
    pytest.importorskip("optax")
    data = labelled(16, 42, SETTINGS)
    one, other = (learner.make_learner("jax", SETTINGS) for _ in range(2))
    other.warm_up(data.stimulus[:1], data.labels[:1])
    other._room = dict.fromkeys(other._room, 1)
    other._compile()  # as if the first batch had hardly spiked
    losses = [each.step(data.stimulus, data.labels, 5e-3).loss for each in (one, other)]
    assert losses[0] == losses[1] and other._room["hid"] > 1
    assert [each.state()["runs"] for each in (one, other)] == [1, 1]
    for name, values in one.weights().items():
        np.testing.assert_array_equal(values, other.weights()[name])


def test_an_interrupt_inside_of_a_program_of_jax_is_one(monkeypatch):
    pytest.importorskip("optax")
    data = labelled(16, 42, SETTINGS)
    one = learner.make_learner("jax", SETTINGS)
    one.warm_up(data.stimulus, data.labels)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Backend, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one.step(data.stimulus, data.labels, 5e-3)


def test_chips_differ():
    one, other = (train(dataclasses.replace(SETTINGS, epochs=1, serial=serial)) for serial in (1, 2))
    assert one.history[0]["train_loss"] != other.history[0]["train_loss"]


@pytest.mark.parametrize("frontend", ["numpy", "jax"])
def test_the_command_on_a_chip(tmp_path, frontend):
    pytest.importorskip(FRONT_ENDS[frontend])
    out = tmp_path / "run"
    arguments = ["run", "yinyang", "--backend", "bss2", "--serial", "3", "--epochs", "1", "--hidden", "60"]
    arguments += ["--train-points", "32", "--no-fresh", "--no-figures", "--json", "--out", str(out)]
    result = CliRunner().invoke(cli, [*arguments, "--frontend", frontend], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["frontend"] == frontend
    assert (told["backend"], told["readout"]) == ("bss2", "first_spike") and 0.0 <= told["test_accuracy"] <= 1.0
    config = ResultFolder(out).read_json("config")["config"]
    assert (config["backend"], config["serial"], config["rows"]) == ("bss2", 3, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--serial", "3"), "--serial belongs to a chip"),
        (("--backend", "bss2", "--delays", "axonal"), "a chip has no programmable delays"),
        (("--backend", "bss2", "--dt", "1e-3"), "--dt belongs to the grid"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, arguments, message):
    result = CliRunner().invoke(cli, ["run", "yinyang", "--out", str(tmp_path / "run"), *arguments])
    assert result.exit_code == 2 and message in result.stderr and not (tmp_path / "run").exists()


def test_settings():
    assert not SETTINGS.surrogate_gradients
    with pytest.raises(ParameterError, match=r"Settings\.delays must be 'none' with backend 'bss2'"):
        Settings(backend="bss2", delays="synaptic")
    with pytest.raises(ParameterError, match=r"rows"):
        Settings(backend="bss2", rows=0)


def test_with_surrogate_gradients(tmp_path):
    out = tmp_path / "run"
    arguments = ["run", "yinyang", "--backend", "bss2", "--gradient", "surrogate", "--dt", "2e-3", "--imperfections"]
    arguments += ["noise", "--epochs", "2", "--hidden", "60", "--train-points", "160", "--no-fresh", "--no-figures"]
    result = CliRunner().invoke(cli, [*arguments, "--json", "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["recipe"], told["readout"]) == ("voltage", "max_voltage")
    config = ResultFolder(out).read_json("config")["config"]
    assert (config["gradient"], config["imperfections"]) == ("surrogate", "noise")
    history = ResultFolder(out).read_json("history")
    assert history[1]["train_loss"] < history[0]["train_loss"]


@pytest.mark.parametrize("experiment", [("yinyang",), ("mnist", "--dataset", "digits")])
def test_imperfections_are_checked_before_anything_is_made(experiment, tmp_path):
    out = tmp_path / "run"
    arguments = ["run", *experiment, "--backend", "bss2", "--imperfections", "noize", "--out", str(out)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2 and "no 'noize' is among those of a chip; did you mean 'noise'" in result.stderr
    assert not out.exists()


def test_what_is_not_among_the_imperfections():
    with pytest.raises(ParameterError, match=r"no 'variation\.leek' is among those of a chip; did you mean 'leak'"):
        train(dataclasses.replace(SETTINGS, imperfections="variation.leek"))
