"""The commands of the matrix mode: what they print and write, and how they go on."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli
from saltation.data import yinyang
from saltation.experiments.results import ResultFolder

pytest.importorskip("torch")

from saltation.bss2.mac import FastModel, HagenCalibration, HagenTarget
from saltation.experiments.matrix import chips, stages

SMALL = ("--epochs", "40", "--quantised-epochs", "10", "--ideal-epochs", "0", "--loop-epochs", "10")
SMALL = (*SMALL, "--train-limit", "2000", "--circuits", "0", "--no-figures")
TINY = ("--epochs", "2", "--quantised-epochs", "1", "--ideal-epochs", "1", "--loop-epochs", "2")
TINY = (*TINY, "--train-limit", "400", "--circuits", "0", "--no-figures")


@pytest.fixture(autouse=True)
def without_calibration(monkeypatch):
    """A chip with gains and offsets of its own, which is not measured: that takes some ten seconds."""

    def prepared(serial, folder):
        rng = np.random.default_rng(serial)
        column, synapse = np.zeros(512), (2, 2, 128, 256)
        columns = rng.normal(1.0, 0.15, (1, 2, 1, 256))
        model = FastModel(
            serial,
            offset=np.zeros((2, 128)),
            gain=0.002 * columns * np.ones(synapse),
            deviation=np.zeros(synapse),
            strength=np.full(2, 1e3),
            tau_syn=np.full((2, 512), 3e-7),
            low=column - 100.0,
            high=column + 100.0,
            rest=rng.normal(0.0, 8.0, 512),
            tau_mem=column + 1.0,
            noise=column + 1.0,
            growth=0.0,
        )
        calibration = HagenCalibration(serial, HagenTarget(), {}, {}, 0.0)
        return chips.Prepared(serial, calibration, model, chips.measure_mock_parameter(chips.Fast(model)))

    monkeypatch.setattr(stages, "prepared", prepared)


@pytest.fixture
def run(tmp_path):
    def run(*arguments, experiment="yinyang-mac", out=tmp_path / "run"):
        return CliRunner().invoke(cli, ["run", experiment, "--out", str(out), *arguments])

    return run


def accuracies(record):
    return {(row["stage"], row["serial"]): row["accuracy"] for row in record["stages"]}


def test_stages(run, tmp_path):
    result = run(*SMALL, "--serial", "1", "--serial", "4", "--json")
    assert result.exit_code == 0 and result.stderr == "", result.output
    record = json.loads(result.stdout)
    found = accuracies(record)
    assert list(found) == [
        ("float", None),
        ("converted", None),
        ("quantised", None),
        ("ideal", None),
        ("deployed", 1),
        ("in the loop", 1),
        ("deployed", 4),
        ("in the loop", 4),
    ]
    # two coordinates give about 64 % by a linear model
    assert found["float", None] > 0.85 and found["quantised", None] > 0.8
    for serial in (1, 4):
        # mismatch of columns and their offsets cost what training on the chip gets back
        assert found["deployed", serial] < found["quantised", None] - 0.03
        assert found["in the loop", serial] > found["deployed", serial] + 0.03
        confusion = np.array(record["confusion"][str(serial)])
        assert confusion.sum() == 1000 and np.trace(confusion) == 1000 * found["in the loop", serial]
    hardware = record["hardware"]
    # 4 x 128 and, with five neurons for each output, 128 x 15
    assert hardware["macs"] == 1000 * (4 * 128 + 128 * 15) and hardware["runs"] == 2
    assert hardware["seconds"] == pytest.approx(sum(row["seconds"] for row in hardware["operations"]))
    assert ResultFolder(tmp_path / "run").read_json("results") == record


def test_a_run_goes_on_behind_what_is_trained(run, tmp_path, monkeypatch):
    whole = json.loads(run(*TINY, "--json").stdout)
    real, calls = stages.fit, []

    def fit(*arguments, **named):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    other = tmp_path / "other"
    monkeypatch.setattr(stages, "fit", fit)
    stopped = run(*TINY, "--json", out=other)
    assert stopped.exit_code == 130 and f"saltation run yinyang-mac --resume --out {other}" in stopped.stderr
    calls.append(1)
    again = CliRunner().invoke(cli, ["run", "yinyang-mac", "--resume", "--out", str(other), "--no-figures", "--json"])
    assert again.exit_code == 0, again.output
    assert len(calls) == 6  # the loop alone was trained again
    record = json.loads(again.stdout)
    assert accuracies(record) == accuracies(whole) and record["confusion"] == whole["confusion"]
    refused = run("--resume", "--seed", "2", "--no-figures", out=other)
    assert refused.exit_code == 2 and "its configuration differs" in refused.output


class Zeros:
    """A chip on which nothing arrives."""

    def multiply(self, tiles, activations, *, num_sends=1, wait_between_events=5):
        return [np.zeros((len(x), tile.weights.shape[1]), np.int8) for tile, x in zip(tiles, activations, strict=True)]


def test_words_and_figures(run, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(chips.Prepared, "circuits", lambda chip, seed: Zeros())
    result = run("--quick", "--circuits", "90", "--epochs", "6", "--train-limit", "1500")
    assert result.exit_code == 0, result.output
    folder = ResultFolder(tmp_path / "run")
    (found,) = folder.read_json("results")["circuits"]
    # without a product there is the bias of the last layer, rounded down, whatever the sample
    answer = np.floor(folder.read_arrays("weights-loop-1")["2.bias"]).argmax()
    assert found["samples"] == 90 and found["right_circuits"] == (yinyang(90, 40)[1] == answer).sum()
    assert found["same_answers"] < found["same_answers_fast_again"] and found["right_fast"] > 40
    assert f"On the circuits of chip 1, {found['right_circuits']} of 90 test samples are right" in result.stdout
    assert "in the loop     1" in result.stdout and "1000 samples in one batch: 2.43e+06 MAC in 2 runs" in result.stdout
    for name in ("confusion", "times", "learning-float", "learning-quantised", "learning-ideal", "learning-loop-1"):
        assert (tmp_path / "run" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--serial", "2", "--serial", "2", "--out", "new"), "must be different chips"),
        (("--resume",), "which run?"),
    ],
)
def test_what_is_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["run", "har", *arguments])
    assert result.exit_code == 2 and message in result.output
    assert not list(tmp_path.iterdir())
