"""Yin-Yang in the matrix mode: phases, resumption, and the command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from saltation.bss2.mac import MockParameter, get_mock_parameter
from saltation.cli import cli
from saltation.errors import ParameterError
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang_mac import Settings, evaluate, train
from saltation.experiments.yinyang_mac.training import labelled

SMALL = Settings(mock_epochs=2, chip_epochs=2, hidden=12, train_points=90, batch=30, held_out_points=50)
OPTIONS = ("--mock-epochs", "2", "--chip-epochs", "1", "--hidden", "12", "--train-points", "60", "--batch", "30")


def test_it_learns_in_the_ideal_mode_and_on_the_chip():
    settings = Settings(mock_epochs=25, chip_epochs=3, train_points=3000, serial=4)
    outcome = train(settings)
    test = labelled(settings, "test")
    for weights, mock in [
        (outcome.before, outcome.parameter),
        (outcome.before, None),
        (outcome.progress.weights, None),
    ]:
        accuracy, loss = evaluate(settings, weights, test, mock=mock)
        assert accuracy > 0.82 and loss < 0.5
    assert any((outcome.before[name] != value).any() for name, value in outcome.progress.weights.items())
    assert outcome.parameter.gain == pytest.approx(0.002, rel=0.02)
    assert [record["on_chip"] for record in outcome.progress.history] == [False] * 25 + [True] * 3
    # in the ideal mode with another gain, the network is another one: the mode matters to what is evaluated
    assert evaluate(settings, outcome.before, test, mock=MockParameter(gain=0.0004))[0] < 0.7
    assert get_mock_parameter() == MockParameter()


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path, stop):
    whole = train(SMALL)

    def interrupt(now):
        if now.epoch == stop:
            raise KeyboardInterrupt

    folder = ResultFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(SMALL, folder, on_epoch=interrupt)
    again = train(SMALL, folder)
    for name, value in whole.progress.weights.items():
        np.testing.assert_array_equal(again.progress.weights[name], value)
        np.testing.assert_array_equal(again.before[name], whole.before[name])
    assert whole.progress.history[-1]["train_loss"] == again.progress.history[-1]["train_loss"]


def test_settings():
    assert SMALL.epochs == 4 and [SMALL.in_loop(epoch) for epoch in range(4)] == [False, False, True, True]
    assert [SMALL.learning_rate_of(epoch) for epoch in range(4)] == pytest.approx([1.0, 0.5, 0.2, 0.2])
    for wrong in [{"unit": "real"}, {"hidden": 0}, {"learning_rate": 0.0}, {"noise_std": -1.0}, {"temperature": 0.0}]:
        with pytest.raises(ParameterError, match=rf"Settings\.{next(iter(wrong))}"):
            Settings(**wrong)


def test_the_command(tmp_path):
    out = ("--out", str(tmp_path / "run"))
    result = CliRunner().invoke(cli, ["run", "yinyang-mac", *out, *OPTIONS, "--no-figures", "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["experiment"] == "yinyang-mac" and record["epochs"] == 3
    assert record["parameters"] == 4 * 12 + 12 + 12 * 3 + 3
    assert all(0.0 <= record[f"{name}_accuracy"] <= 1.0 for name in ("mock", "deployed", "test"))
    assert record["gain"] == pytest.approx(0.002, rel=0.02) and record["noise_std"] == pytest.approx(2.0, rel=0.05)
    # more epochs on the chip, with all other settings from the folder; and the figures
    again = CliRunner().invoke(cli, ["run", "yinyang-mac", *out, "--resume", "--chip-epochs", "2"])
    assert again.exit_code == 0 and "Test accuracy" in again.stdout
    assert json.loads((tmp_path / "run" / "results.json").read_text())["data"]["epochs"] == 4
    if pytest.importorskip("matplotlib"):
        assert {"decision_map.png", "learning.png"} <= {path.name for path in (tmp_path / "run").iterdir()}
    refused = CliRunner().invoke(cli, ["run", "yinyang-mac", *out, "--resume", "--hidden", "20"])
    assert refused.exit_code != 0 and "hidden" in refused.stderr
