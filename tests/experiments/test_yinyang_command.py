"""The command ``saltation run yinyang``: what it prints, writes, and how it ends."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli, summary
from saltation.experiments import EXPERIMENTS
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang import training

SMALL = ("--hidden", "20", "--train-points", "48", "--batch", "16")
BRIEF = ("--no-fresh", "--no-figures")


@pytest.fixture
def run(tmp_path):
    def run(*arguments, out=tmp_path / "run"):
        return CliRunner().invoke(cli, ["run", "yinyang", "--out", str(out), *arguments])

    return run


@pytest.fixture
def interrupt(monkeypatch):
    """Press Ctrl-C in the second epoch."""
    real = training._epoch

    def interrupted(*arguments):
        if arguments[4] == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training, "_epoch", interrupted)
    return monkeypatch


def test_json_is_all_there_is_on_stdout(run, tmp_path):
    result = run(*SMALL, *BRIEF, "--epochs", "1", "--seed", "3", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    record = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert record["experiment"] == "yinyang" and record["frontend"] == "numpy" and record["backend"] == "exact"
    assert record["seed"] == 3 and record["epochs"] == 1 and record["parameters"] == 8 * 20
    assert 0 <= record["test_accuracy"] <= 1 and record["train_seconds"] > 0
    assert record["prepare_seconds"] > 0
    assert record["spikes_per_sample"] > 0 and 0 <= record["silent_fraction"] <= 1
    assert record["fresh_accuracy"] is None and record["out"] == str(tmp_path / "run")


def test_folder(run, tmp_path):
    pytest.importorskip("matplotlib")
    load_file = pytest.importorskip("safetensors.numpy").load_file
    result = run(*SMALL, "--no-fresh", "--epochs", "1")
    assert result.exit_code == 0
    assert "Test accuracy" in result.stdout and "of 1000 points" in result.stdout
    assert "validation accuracy" in result.stderr  # the progress bar
    folder = ResultFolder(tmp_path / "run")
    assert folder.read_json("config")["config"]["hidden"] == 20
    assert folder.read_json("history")[0]["epoch"] == 1
    assert folder.read_json("results")["test"]["samples"] == 1000
    weights = load_file(folder.path / "weights.safetensors")
    checkpoint = folder.load_checkpoint()
    assert {name: array.shape for name, array in weights.items()} == {
        "weight_in_hid": (5, 20),
        "weight_hid_out": (20, 3),
    }
    assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in weights.items())
    for name in ("learning", "raster", "decision_map"):
        assert (folder.path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_fresh_points(run, monkeypatch):
    monkeypatch.setattr("saltation.experiments.yinyang.commandline.FRESH", 300)
    result = run(*SMALL, "--no-figures", "--epochs", "1")
    assert "On 300 fresh points" in result.stdout
    fresh = json.loads(run("--resume", "--no-figures", "--json").stdout)["fresh_accuracy"]
    assert round(300 * fresh) == pytest.approx(300 * fresh)


def test_weights_without_safetensors(run, tmp_path, monkeypatch):
    monkeypatch.setattr("saltation.experiments.output.importlib.util.find_spec", lambda name: None)
    assert run(*SMALL, "--no-fresh", "--epochs", "1").exit_code == 0  # nor with matplotlib
    assert set(ResultFolder(tmp_path / "run").read_arrays("weights")) == {"weight_in_hid", "weight_hid_out"}
    assert not (tmp_path / "run" / "learning.png").exists()


def test_resume_takes_the_settings_of_the_folder(run, tmp_path):
    # of the recipe whose learning rates do not depend on the number of epochs
    first = (*SMALL, *BRIEF, "--recipe", "published", "--seed", "5")
    whole = json.loads(run(*first, "--epochs", "4", "--json", out=tmp_path / "whole").stdout)
    assert run(*first, "--epochs", "2").exit_code == 0
    resumed = json.loads(run("--resume", "--epochs", "4", *BRIEF, "--json").stdout)
    own = ("train_seconds", "prepare_seconds", "out")
    assert {k: v for k, v in resumed.items() if k not in own} == {k: v for k, v in whole.items() if k not in own}
    folders = [ResultFolder(tmp_path / name).load_checkpoint() for name in ("whole", "run")]
    for name, array in folders[0].arrays.items():
        assert np.array_equal(array, folders[1].arrays[name])


@pytest.mark.parametrize("other", [("--seed", "6"), ("--recipe", "published"), ("--frontend", "torch")])
def test_resume_refuses_other_settings(run, other):
    run(*SMALL, *BRIEF, "--epochs", "1")
    result = run(*SMALL, *BRIEF, "--epochs", "2", "--resume", *other)
    assert result.exit_code == 2 and "differs" in result.stderr and other[0].strip("-") in result.stderr


def test_folder_in_use(run):
    run(*SMALL, *BRIEF, "--epochs", "1")
    result = run(*SMALL, *BRIEF, "--epochs", "1")
    assert result.exit_code == 2 and "already holds a run" in result.stderr


def test_interruption_leaves_a_folder_to_go_on_with(run, interrupt, tmp_path):
    result = run(*SMALL, *BRIEF, "--epochs", "3", "--json")
    assert result.exit_code == 130 and result.stdout == ""
    assert "Interrupted after epoch 1 of 3" in result.stderr
    assert f"saltation run yinyang --resume --out {tmp_path / 'run'}" in result.stderr
    interrupt.undo()
    assert json.loads(run("--resume", *BRIEF, "--json").stdout)["epochs"] == 3


def test_damaged_checkpoint(run, tmp_path):
    run(*SMALL, *BRIEF, "--recipe", "published", "--epochs", "1")
    path = tmp_path / "run" / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-2000])
    result = run("--resume", "--epochs", "2", *BRIEF)
    assert result.exit_code == 2 and "checkpoint.npz is damaged" in result.stderr


def test_configuration_of_another_experiment(run, tmp_path):
    ResultFolder(tmp_path / "run").write_json("config", {"experiment": "mnist", "config": {"seed": 1}})
    result = run("--resume", *BRIEF)
    assert result.exit_code == 2 and "not hold the configuration of a run of yinyang" in result.stderr


def test_numbers_that_overflow_are_a_plain_message(run):
    result = run(*SMALL, *BRIEF, "--learning-rate", "1e306")
    assert result.exit_code == 2 and result.stdout == ""
    assert "training stopped in epoch 1" in result.stderr and "Traceback" not in result.stderr


def test_help_is_answered_without_the_compiler():
    code = (
        "import sys, runpy\n"
        "from saltation.cli import cli\n"
        "cli(['run', 'yinyang', '--help'], standalone_mode=False)\n"
        "heavy = {'numba', 'torch', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--resume" in result.stdout


def test_summary_in_the_list():
    assert summary(EXPERIMENTS["yinyang"]).startswith("Yin-Yang")


def test_a_decay_without_its_schedule_is_refused(run):
    result = run(*SMALL, *BRIEF, "--decay", "0.5")
    assert result.exit_code == 2 and "--decay belongs to the exponential schedule" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dt", "1e-3"), "--dt belongs to the grid"),
        (("--gradient", "eventprop"), "--gradient belongs to the grid"),
        (("--dt", "1e-3", "--gradient", "surrogate"), "--dt and --gradient belong to the grid"),
        (("--delay-learning-rate", "1e-4"), "--delay-learning-rate belongs to delays that are learned"),
    ],
)
def test_options_that_would_change_nothing_are_refused(run, tmp_path, options, message):
    result = run(*SMALL, *BRIEF, *options)
    assert result.exit_code == 2 and message in result.stderr and "or take --" in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_resumed_may_be_what_uses_an_option(run):
    chosen = ("--backend", "grid", "--dt", "2e-3", "--recipe", "voltage")
    assert run(*SMALL, *BRIEF, *chosen, "--epochs", "1").exit_code == 0
    assert run("--resume", *BRIEF, "--dt", "2e-3").exit_code == 0


def test_a_cosine_is_not_made_longer_afterwards(run):
    assert run(*SMALL, *BRIEF, "--epochs", "2").exit_code == 0
    result = run("--resume", "--epochs", "4", *BRIEF)
    assert result.exit_code == 2 and "epochs" in result.stderr


def test_a_place_that_cannot_be_written_is_a_plain_message(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    result = CliRunner().invoke(cli, ["run", "yinyang", *SMALL, "--out", str(blocked / "below")])
    assert result.exit_code == 2 and "Not a directory" in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
