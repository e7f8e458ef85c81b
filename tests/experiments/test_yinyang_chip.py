"""``saltation run yinyang --backend bss2``: trained on an emulated chip, and resumed there bit for bit."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli
from saltation.errors import ParameterError
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang import RECIPES, Settings, train

SETTINGS = dataclasses.replace(
    RECIPES["default"], backend="bss2", hidden=20, train_points=48, held_out_points=30, batch=4, epochs=2
)
pytestmark = pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")  # some weights reach the chip's limit


@pytest.mark.parametrize("frontend", ["numpy", "torch"])
def test_a_resumed_training_meets_the_noise_that_it_would_have_met(tmp_path, frontend):
    if frontend == "torch":
        pytest.importorskip("torch")
    # an exponential schedule can be lengthened
    settings = dataclasses.replace(SETTINGS, schedule="exponential")
    whole = train(settings, frontend=frontend)
    folder = ResultFolder(tmp_path / "run")
    train(dataclasses.replace(settings, epochs=1), folder, frontend=frontend)
    resumed = train(settings, folder, frontend=frontend)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    assert [epoch["train_loss"] for epoch in whole.history] == [epoch["train_loss"] for epoch in resumed.history]


def test_chips_differ():
    one, other = (train(dataclasses.replace(SETTINGS, epochs=1, serial=serial)) for serial in (1, 2))
    assert one.history[0]["train_loss"] != other.history[0]["train_loss"]


def test_the_command_on_a_chip(tmp_path):
    out = tmp_path / "run"
    arguments = ["run", "yinyang", "--backend", "bss2", "--serial", "3", "--epochs", "1", "--hidden", "60"]
    arguments += ["--train-points", "32", "--no-fresh", "--no-figures", "--json", "--out", str(out)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["backend"], told["readout"]) == ("bss2", "first_spike") and 0.0 <= told["test_accuracy"] <= 1.0
    config = ResultFolder(out).read_json("config")["config"]
    assert (config["backend"], config["serial"], config["rows"]) == ("bss2", 3, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--serial", "3"), "--serial belongs to a chip"),
        (("--backend", "bss2", "--frontend", "jax"), "--frontend jax does not run on a chip"),
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


def test_what_is_not_among_the_imperfections():
    with pytest.raises(ParameterError, match=r"no 'variation\.leek' is among those of a chip; did you mean 'leak'"):
        train(dataclasses.replace(SETTINGS, imperfections="variation.leek"))
